"""Manners between worlds: signs of life, limits that a world sets, and what each peer has used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.guest.base.errors import RemoteError
from swingset.host.wires.asking import NetError
from swingset.host.wires.keys import Key
from swingset.host.wires.wire_meters import Meters
from swingset.host.wires.wire_pulse import Pulse
from swingset.host.wires.wire_secrets import Secrets
from swingset.net import locators, syrup
from swingset.net.limits import Limits
from swingset.net.locators import located
from swingset.net.values import Malformed, Record, Symbol
from tests.scenarios.linked import BANK, Side, settle, with_session

THERE = locators.to_record(located("unix", "peer", {"path": "/x"}))


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Side, Side]]:
    """Alice, who has a bank and listens, and Bob, who has a purse of it."""
    alice, bob = Side(), Side()
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    alice.other, bob.other = bob, alice
    yield alice, bob
    bob.close()
    alice.close()


class Quick(asyncio.SelectorEventLoop):
    """An event loop with a time of its own, in which waiting takes none."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def beat(told: Callable[[Pulse, bytes, Quick], None], silence: int = 90) -> tuple[float, float]:
    """Have a pulse that says what is told; returns for how long there was silence, and when it ended."""
    loop = Quick()

    async def run() -> float:
        pulse = Pulse(lambda data: told(pulse, data, loop))
        pulse.begin()
        return await pulse.beat(lambda: silence)

    try:
        return loop.run_until_complete(run()), loop.now
    finally:
        loop.close()


def test_who_is_silent_for_long_is_found_out() -> None:
    """After the time that a world allows, and not before. In each third of it, this side shows itself."""
    said: list[bytes] = []
    assert beat(lambda pulse, data, loop: said.append(data)) == (90, 120)
    assert said == [b"<7'op:ping%d+>" % number for number in range(1, 5)]


def test_who_says_anything_is_not_silent() -> None:
    """Any bytes are a sign of life, and nobody is silent while this side does not read."""

    def told(pulse: Pulse, data: bytes, loop: Quick) -> None:
        if loop.now < 600:
            pulse.came()
            pulse.begin()
        else:
            pulse.reading = loop.now >= 1_200

    assert beat(told)[1] == 1_230


def test_an_answer_has_its_time() -> None:
    """That of the last question, once; another number, or a second answer, says nothing."""
    found: list[float | None] = []

    def told(pulse: Pulse, data: bytes, loop: Quick) -> None:
        if b"pong" in data:
            return
        for wait, answer in ((0.5, b"<7'op:pong999+>"), (1, data.replace(b"ping", b"pong")), (1.5, data)):
            loop.call_later(wait, lambda answer=answer: found.append(pulse.takes(answer) and pulse.latency))
        loop.call_later(1.7, pulse.takes, data.replace(b"ping", b"pong"))

    beat(told, silence=6)
    assert found[:3] == [None, 1.0, 1.0]
    assert {*found} == {None, 1.0}


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=40)
    | st.sampled_from([b"<7'op:ping1+", b"<7'op:ping-1+>", b"<7'op:ping" + b"1" * 16 + b"+>"])
)
def test_other_bytes_are_not_of_the_pulse(data: bytes) -> None:
    """They are for the world, which looks at them."""
    said: list[bytes] = []
    assert not Pulse(said.append).takes(data)
    assert said == []


def test_a_question_is_answered_at_once() -> None:
    """By the thread with the sockets; the world need not run."""
    said: list[bytes] = []
    assert Pulse(said.append).takes(b"<7'op:ping7+>")
    assert said == [b"<7'op:pong7+>"]


def test_peers_are_metered(pair: tuple[Side, Side]) -> None:
    """Bytes and latency of each are seen, and nothing of the pulse is in the journal."""
    alice, bob = pair
    theirs = bob.fetch(alice.shared())
    bob.ask(theirs, "deposit", 5)
    settle(alice, bob)
    (peer,) = alice.world.net.peers()
    assert peer.bytes_in >= peer.received > 0
    assert peer.computrons == 0
    assert peer.latency is not None
    assert 0 < peer.latency < 60
    assert "op:p" not in "".join(str(record) for record in alice.world.history.records())


LIMITS: list[tuple[dict[str, Any], str]] = [
    ({"pigeons": 1}, "no limit called pigeons: there are answers, "),
    ({"sessions": 0}, "a number from 1 to"),
    ({"sessions": -1}, "a number from 1 to"),
    ({"sessions": 1.5}, "a number from 1 to"),
    ({"sessions": True}, "a number from 1 to"),
    ({"sessions": "many"}, "a number from 1 to"),
    ({"sessions": 10**13}, "a number from 1 to"),
    ({"peer_bytes": -1}, "a number from 0 to"),
    ({"sessions": 5, "exports": None, "\x1b[31m": 1}, r"no limit called \\x1b\[31m"),
]


@pytest.mark.parametrize(("changes", "why"), LIMITS, ids=str)
def test_a_limit_that_is_none_is_refused(pair: tuple[Side, Side], changes: Any, why: str) -> None:
    """Then none of the changes holds."""
    net = pair[0].world.net
    before = net.limits()
    with pytest.raises(NetError, match=why):
        net.limits(**changes)
    assert net.limits() == before


def test_limits_are_a_part_of_the_world(pair: tuple[Side, Side]) -> None:
    """The vat has them from the next input on, and they can be set back."""
    net = pair[1].world.net
    assert net.limits(exports=7, silence=30) == Limits(exports=7, silence=30)
    settle(pair[1])
    stored = pair[1].world.kernel.store.vatstore.get(pair[1].world.kernel.vat("net").id, "net.limits")
    assert stored == '{"silence":30,"exports":7}'
    assert net.limits(exports=None, silence=None) == Limits()
    settle(pair[1])


@pytest.mark.parametrize("limit", ["peer_bytes"])
def test_a_peer_that_has_used_too_much_is_cut_off(limit: str) -> None:
    """Its session ends with the reason, whatever it says next does too, until it may use more."""
    alice, bob = Side(), Side()
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    alice.other, bob.other = bob, alice
    uri = alice.shared()
    theirs = bob.fetch(uri)
    alice.world.net.limits(**{limit: 50})
    settle(alice)
    with pytest.raises(RemoteError):
        bob.ask(theirs, "deposit", 1)
    assert any("over-limit: the messages of a peer may take 50 bytes" in why for why in alice.ended())
    alice.world.net.limits(**{limit: None})
    settle(alice, bob)
    assert bob.ask(bob.fetch(uri), "deposit", 1) >= 1
    bob.close()
    alice.close()


def test_computrons_are_counted_by_peer() -> None:
    """Over all connections of it; who is not proved is another peer on each."""
    meters = Meters({"c1": "bob", "c2": "bob", "c3": ""}.get)  # type: ignore[arg-type]
    limits = Limits(peer_computrons=100)
    assert meters.count("c1", 1, 60, limits) is None
    assert meters.count("c3", 1, 60, limits) is None
    assert "may take 100 computrons" in str(meters.count("c2", 1, 60, limits))
    assert (meters.of("bob").computrons, meters.of("bob").size, meters.of("c3").size) == (120, 2, 1)


def sturdyref(secret: bytes) -> bytes:
    return syrup.write([Record(Symbol("ocapn-sturdyref"), (THERE, secret))])


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15, 16, 40, 256])
def test_no_swissnum_of_another_world_stays_in_clear(size: int) -> None:
    """Of any length; its mark has the same, and leads back to it alone."""
    secrets = Secrets(None, Key())
    swissnums = [bytes([number]) * size for number in range(200)]
    marks = []
    for swissnum in swissnums:
        found = syrup.read(secrets.scrubbed(sturdyref(swissnum)))[0].fields[1]
        assert len(found) == size
        marks.append(found)
    assert len({*marks}) == len(marks)
    assert [secrets.foreign[secrets.hide(mark)] for mark in marks] == swissnums
    assert sum(mark == swissnum for mark, swissnum in zip(marks, swissnums, strict=True)) <= (
        4 if size == 1 else 0
    )


def test_an_empty_swissnum_is_left_to_the_vat() -> None:
    """Which refuses it."""
    assert Secrets(None, Key()).scrubbed(sturdyref(b"")) == sturdyref(b"")


def test_what_nothing_refers_to_is_forgotten_when_room_is_short() -> None:
    """What rows still have, and what came again meanwhile, stays."""
    side = Side()
    net = side.world.net
    net.listen("in-process")
    net.limits(foreign=20)
    held = net.fetch("ocapn://peer.in-process/s/" + "A" * 40)
    side.session.settle()
    secrets = side.world.net._line.secrets()
    (handle,) = secrets.foreign
    ref = side.world.net._line
    for number in range(19):
        secrets.scrubbed(sturdyref(b"%020d" % number))
    with pytest.raises(Malformed, match="20 references of other worlds are kept"):
        secrets.scrubbed(sturdyref(b"one more"))
    assert ref._forgetting.due(secrets)
    for _ in range(100):  # nothing is forgotten while something that came has not been looked at
        net.pump()
        if len(secrets.foreign) <= 1:
            break
        net.wait(0.05)
    assert len(secrets.foreign) <= 1
    assert secrets.scrubbed(sturdyref(b"one more"))
    again = secrets.keep(b"%020d" % 5)
    secrets.untouched()
    secrets.keep(b"%020d" % 5)
    assert secrets.forget([again, handle]) <= 1
    assert again in secrets.foreign
    assert held
    side.close()
