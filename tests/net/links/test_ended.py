"""What ends a link: a lease that is over, and a message that cannot be taken. Both sides are told."""

from __future__ import annotations

import time

import pytest

from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.host.wires.asking import NetError
from tests.net.links.pairs import Pair
from tests.scenarios.linked import BANK, Side, settle, with_session

pytestmark = pytest.mark.unaudited  # both sides are, when they close


def test_a_message_that_cannot_be_taken_ends_its_link() -> None:
    """It is neither lost in silence nor sent for ever: both sides say why, and the vat goes on."""
    alice, bob = Side(worker="wasm"), Side()
    bob.other, alice.other = alice, bob
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    log = bob.fetch(alice.shared("log"))
    assert bob.ask(log, "add", "short") == 1
    alice.world.vats.change_options("net", {"computrons": 40_000_000})
    assert bob.ask(log, "add", "short") == 2
    with pytest.raises(
        RemoteError, match="could not take a message: the delivery used up its comp"
    ) as caught:
        bob.ask(log, "add", "x" * 900_000)
    assert caught.value.code == "ended"
    assert bob.ask(log, "add", "short") == 3
    settle(alice, bob)
    for side in (alice, bob):
        assert [each["code"] for each in side.world.net.events()].count("ended") == 1
        side.close()


def test_a_link_ends_when_its_lease_is_over(pair: Pair) -> None:
    """What waited is rejected with a code, the other side learns it later, and a string works anew."""
    assert pair.pay() == 1
    pair.rest()
    pair.alice.close()
    with_session(pair.bob)
    waiting = E(pair.bob.session.root("keeper")).deposit("inner", 1)
    pair.bob.session.settle()
    pair.bob.world.net.set_lease(0.001)
    time.sleep(0.01)
    with pytest.raises(RemoteError, match="its lease is over") as caught:
        pair.bob.session.wait(waiting)
    assert caught.value.code == "expired"
    assert pair.bob.world.net.peers() == []
    pair.bob.world.net.set_lease(1_000)
    pair.alice.open()
    with_session(pair.alice)
    pair.alice.world.net.listen("unix")
    pair.rest()
    assert pair.codes() == [{"expired"}, {"expired"}]
    assert pair.pay("it") == 1
    with pytest.raises(RemoteError) as caught:
        pair.pay()
    assert caught.value.code == "expired"


def test_the_lease_of_a_link_that_is_cut_is_shown(pair: Pair) -> None:
    """Until when it stays; while it is connected it has no end. What is no length of time is refused."""
    for seconds in (0, -1, float("nan"), "a week", None):
        with pytest.raises(NetError, match="`seconds` is"):
            pair.bob.world.net.set_lease(seconds)  # type: ignore[arg-type]
    pair.rest()
    assert [peer.expires for peer in pair.bob.world.net.peers()] == [None]
    pair.alice.close()
    pair.bob.world.net.wait(1.0)
    pair.bob.world.net.pump()
    (peer,) = pair.bob.world.net.peers()
    assert (peer.state, peer.lasting) == ("cut", True)
    assert peer.expires is not None
    assert 29 * 86_400 < peer.expires - time.time() <= 30 * 86_400
    pair.alice.open()


def test_gifts_that_nobody_fetches_are_dropped_while_the_worlds_are_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gift of a link waits as long as links last; a receiver that comes later still is told."""
    monkeypatch.setattr("swingset.host.wires.wire_tending.AGING", 0.02)
    alice, bob, carol = Side(), Side(), Side()
    purses = []
    for side in (bob, carol):
        with_session(side)
        side.session.define("bank", BANK)
        side.world.net.listen("in-process")
        side.world.net.set_lease(0.06)
        alice.other = side
        purses.append(alice.fetch(side.shared()))
        settle(alice, side)
    alice.other = carol
    with_session(alice)
    called = E(purses[0]).call_back(purses[1])
    pump(alice)
    assert pump(carol) == [(1, 0), (0, 0)]
    while not (seen := pump(carol)):
        pump(bob)
    assert seen == [(0, 1), (0, 0)]
    alice.other = bob
    with pytest.raises(RemoteError, match="the gift did not arrive"):
        alice.session.wait(called)
    for side in (alice, bob, carol):
        side.close()


def pump(side: Side) -> list[tuple[int, int]]:
    """Serve what comes until nothing has come for a while.

    Returns how many gifts waited for their receivers, and how many receivers for their gifts, as it changed.
    """
    side.session.settle()
    line, found = side.world.net._line, []
    while side.world.net.pump() or side.world.net.wait(0.1):
        now = len(list(line.below("net.g."))), len(list(line.below("net.v.")))
        found += [now] if now not in found[-1:] else []
    return [each for at, each in enumerate(found) if at or any(each)]
