"""What the standard's own suite checks of a peer, spoken byte by byte to a world with the five objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.net import keys, syrup
from swingset.net.locators import located, to_record
from swingset.net.values import Record, Symbol
from tests.net.bench import TRANSPORT, Network, World, raw_key
from tests.net.standard import (
    Talk,
    answer,
    export,
    new_object,
    new_promise,
    sturdyref,
    symbol,
    talk,
)
from tests.net.wellknown import BUILDER, ECHO, ENLIVENER, GREETER, PAIR, publish


@pytest.fixture
def world() -> World:
    world = World(Network(), "world")
    publish(world)
    return world


@pytest.fixture
def peer(world: World) -> Talk:
    """A peer with a session."""
    peer = talk(world.network, "peer")
    peer.begin(world)
    return peer


# Starting.


def test_the_reply_to_a_start_is_valid(world: World) -> None:
    """A dialler gets a start-session whose location is signed by its key."""
    peer = talk(world.network, "peer")
    peer.begin(world)
    assert peer.aborted() is None


@pytest.mark.parametrize(
    ("begin", "why"),
    [
        (lambda peer: peer.start(version="not-a-version"), "version"),
        (lambda peer: peer.start(version=True), "version"),
        (lambda peer: peer.start(signature=b"\0" * 64), "signature"),
        (lambda peer: peer.send("op:start-session", "1.0"), "start-session"),
        (lambda peer: peer.deliver(export(0), []), "not begun"),
        (lambda peer: (peer.start(), peer.start()), "twice"),
        (lambda peer: (peer.start(), peer.send("op:deliver-only", export(0), [])), "no operation"),
    ],
)
def test_a_session_that_begins_wrongly_is_aborted(
    world: World, begin: Callable[[Talk], Any], why: str
) -> None:
    """Another version, a bad signature, a second start, or a message before it ends the session."""
    peer = talk(world.network, "peer")
    peer.answers = 0
    peer.dial(world)
    begin(peer)
    reason = peer.aborted()
    assert reason is not None
    assert why in reason
    assert world.hub.connections() == []


def test_a_message_without_an_answer_may_be_an_operation_of_its_own() -> None:
    """The main branch of the standard's suite has `op:deliver-only`: its dialect reads and writes it."""
    world = World(Network(), "world", dialect="suite")
    publish(world)
    peer = talk(world.network, "peer")
    peer.begin(world)
    peer.fetch(GREETER)
    ((target, (verb, greeter)),) = peer.take("op:deliver-only")
    assert (target, verb) == (export(1_001), symbol("fulfill"))
    peer.send("op:deliver-only", export(greeter.fields[0]), [new_object(7)])
    ((target, said, _, _),) = peer.take("op:deliver")
    assert (target, said) == (export(7), ["Hello"])


def test_an_abort_before_the_start_ends_the_connection(world: World) -> None:
    """A peer may abort before anything else; nothing is left of it."""
    peer = talk(world.network, "peer")
    peer.dial(world)
    peer.send("op:abort", "changed my mind")
    assert (peer.take("op:start-session"), world.hub.connections(), peer.why) == ([], [], "the peer aborted")


def _crossed(world: World, ours: str) -> tuple[Talk, Talk]:
    """A world that dials a peer, which dials the world at the same time with the key of a seed."""
    outbound, inbound = talk(world.network, "crossing"), talk(world.network, "crossing", ours)
    first = talk(world.network, "first")
    first.begin(world)
    first.deliver(first.object(ENLIVENER), [sturdyref(outbound.here, b"x" * 32)])
    assert first.told_at(0) is ...
    outbound.met()
    inbound.dial(world)
    inbound.start()
    return outbound, inbound


def test_of_crossed_hellos_the_lower_key_loses() -> None:
    """If both dial at once, the connection whose dialler has the lower public identifier is aborted."""
    lost = set()
    for seed in ("one", "two", "three", "four"):
        world = World(Network(), "world")
        publish(world)
        outbound, inbound = _crossed(world, seed)
        inbound_higher = keys.public_id(inbound.public) > keys.public_id(outbound.theirs)
        loser, winner = (outbound, inbound) if inbound_higher else (inbound, outbound)
        assert "crossed hellos" in (loser.aborted() or "")
        assert winner.aborted() is None
        if inbound_higher:
            inbound.met()
        else:
            outbound.start()
        wanted = winner.take("op:deliver")
        assert wanted[0][1] == [symbol("fetch"), b"x" * 32]  # what waited is asked of the one that stays
        lost.add(inbound_higher)
    assert lost == {True, False}


# Delivering.


def test_a_message_without_a_result_is_delivered(world: World, peer: Talk) -> None:
    """A message without answer position and resolver arrives, and nothing comes back."""
    greeter = peer.object(GREETER)
    peer.deliver(greeter, [new_object(7)], wants=False)
    ((target, args, position, resolver),) = peer.take("op:deliver")
    assert (target, args) == (export(7), ["Hello"])
    assert position != 0
    assert resolver.label == Symbol("desc:import-object")


def test_a_result_goes_to_the_resolver(peer: Talk) -> None:
    """The resolver of a message is told its result."""
    assert peer.told(peer.deliver(peer.object(ECHO), ["foo", 1, False, b"bar", ["baz"]])) == [
        *("foo", 1, False, b"bar"),
        ["baz"],
    ]


def test_three_messages_are_pipelined(peer: Talk) -> None:
    """Each message is sent to the answer of the one before, and the last result comes back."""
    builder = peer.fetch(BUILDER)
    factory = peer.deliver(answer(builder), [])
    car = peer.deliver(answer(factory), [[symbol("red"), symbol("zoomracer")]])
    assert peer.told(peer.deliver(answer(car), [])) == "Vroom! I am a red zoomracer car!"


def test_a_break_runs_down_a_pipeline(peer: Talk) -> None:
    """What is sent to the answer of a message that failed is broken too."""
    factory = peer.deliver(answer(peer.fetch(BUILDER)), [])
    car = peer.deliver(answer(factory), ["no list of two symbols"])
    drive = peer.deliver(answer(car), [])
    assert peer.told(car)[0] == "broken"
    assert peer.told(drive)[0] == "broken"


# Listening.


def _pair(peer: Talk) -> tuple[Record, Record]:
    promise, resolver = peer.told(peer.deliver(peer.object(PAIR), []))
    assert promise.label == Symbol("desc:import-promise")
    assert resolver.label == Symbol("desc:import-object")
    return export(promise.fields[0]), export(resolver.fields[0])


@pytest.mark.parametrize("settled_first", [False, True], ids=["before", "already"])
@pytest.mark.parametrize(("verb", "heard"), [("fulfill", 5), ("break", ("broken", "oh no"))])
def test_a_listener_is_told(peer: Talk, settled_first: bool, verb: str, heard: Any) -> None:
    """Who listens to a promise is told once how it was settled, before or after."""
    promise, resolver = _pair(peer)
    said = [symbol(verb), heard if verb == "fulfill" else heard[1]]
    if settled_first:
        peer.deliver(resolver, said, wants=False)
        peer.network.run()
    peer.send("op:listen", promise, new_object(2_000), False)
    if not settled_first:
        assert peer.told_at(2_000) is ...
        peer.deliver(resolver, said, wants=False)
    assert peer.told_at(2_000) == heard
    assert peer.told_at(2_000) is ...


# Collection.


def _freed(peer: Talk) -> dict[int, int]:
    counts: dict[int, int] = {}
    for positions, deltas in peer.take("op:gc-exports"):
        for position, delta in zip(positions, deltas, strict=True):
            counts[position] = counts.get(position, 0) + delta
    return counts


def _dropped(world: World) -> None:
    """The vats of a world hold no remote object any more."""
    world.network.run()
    world.hub.dropped([key.removeprefix("net.o.") for key in world.rows("o.")])
    world.network.run()


def test_an_export_that_is_not_kept_is_freed(world: World, peer: Talk) -> None:
    """One reference that is passed once is let go of once."""
    position = peer.deliver(peer.object(ECHO), [new_object(42)])
    peer.told(position)
    _dropped(world)
    assert 42 not in _freed(peer)  # the answer is kept, and may be asked for again
    peer.send("op:gc-answers", [position])
    assert _freed(peer)[42] == 1


@pytest.mark.parametrize("messages", [1, 4])
def test_a_reference_that_crossed_four_times_is_freed_four_times(
    world: World, peer: Talk, messages: int
) -> None:
    """The count of what is let go of is how often it came, within one message or over several."""
    echo = peer.object(ECHO)
    for _ in range(messages):
        peer.send("op:deliver", echo, [new_object(42)] * (4 // messages), False, new_object(2_000))
        assert peer.told_at(2_000) == [export(42)] * (4 // messages)
    _dropped(world)
    assert _freed(peer)[42] == 4


def test_an_answer_is_freed_once_its_result_is_known(peer: Talk) -> None:
    """After the result of the greeting has come, its answer position is let go of."""
    peer.deliver(peer.object(GREETER), [new_object(7)], wants=False)
    ((_, _, position, resolver),) = peer.take("op:deliver")
    assert peer.take("op:gc-answers") == []
    peer.deliver(export(resolver.fields[0]), [symbol("fulfill"), "hi"], wants=False)
    assert peer.take("op:gc-answers") == [([position],)]


@pytest.mark.parametrize("plural", ["s", ""])
def test_an_object_is_dropped_when_its_export_is_freed(world: World, peer: Talk, plural: str) -> None:
    """What a peer has let go of as often as it got it is no longer held for it."""
    factory = peer.told(peer.deliver(peer.object(BUILDER), [])).fields[0]
    made = f"o-{len(world.objects)}"
    peer.send(f"op:gc-answer{plural}", [2])
    peer.network.run()
    assert made not in world.dropped
    peer.send(f"op:gc-export{plural}", [factory], [1])
    peer.network.run()
    assert made in world.dropped


# Parts.


@pytest.mark.parametrize(
    ("value", "operation", "key", "heard"),
    [
        ({"a": 1, "b": [2]}, "op:get", "b", [2]),
        ([7, 8], "op:index", 1, 8),
        (Record(Symbol("desc:tagged"), (Symbol("usd"), 5)), "op:untag", "usd", 5),
        ({"a": 1}, "op:get", "c", None),
        ([7], "op:index", 1, None),
        ([7], "op:index", -1, None),
        ([7], "op:get", "a", None),
        ({"a": 1}, "op:index", 0, None),
        (Record(Symbol("desc:tagged"), (Symbol("usd"), 5)), "op:untag", "eur", None),
        (5, "op:untag", "eur", None),
    ],
)
@pytest.mark.parametrize("settled_first", [True, False], ids=["already", "before"])
def test_a_part_of_a_value_is_an_answer(
    peer: Talk, value: Any, operation: str, key: Any, heard: Any, settled_first: bool
) -> None:
    """A part is found in the value of a promise; it breaks if the value has none."""
    promise, resolver = _pair(peer)
    if settled_first:
        peer.deliver(resolver, [symbol("fulfill"), value], wants=False)
    peer.send(operation, promise, key, 77)
    if not settled_first:
        peer.deliver(resolver, [symbol("fulfill"), value], wants=False)
    peer.send("op:listen", answer(77), new_object(2_000), False)
    told = peer.told_at(2_000)
    assert told == heard if heard is not None else told[0] == "broken"


def test_parts_are_taken_of_answers_and_of_parts(peer: Talk) -> None:
    """What `op:index` finds in an answer is an answer of its own, and takes messages."""
    wrapped = peer.deliver(peer.object(ECHO), [peer.object(ECHO)])
    peer.send("op:index", answer(wrapped), 0, 77)
    assert peer.told(peer.deliver(answer(77), ["x"])) == ["x"]


def test_parts_that_are_kept_are_counted_in_bytes(peer: Talk) -> None:
    """Who has a large value taken apart again and again passes the limit of its session, and is told so."""
    promise, resolver = _pair(peer)
    peer.deliver(resolver, [symbol("fulfill"), ["x" * 900_000]], wants=False)
    for number in range(50):
        peer.send("op:index", promise, 0, 100 + number)
        peer.network.run()
    assert any("copied" in event["why"] for world in peer.network.worlds for event in world.events)


@pytest.mark.parametrize("operation", ["op:get", "op:index", "op:untag"])
def test_a_part_of_a_broken_promise_and_of_an_object_breaks(peer: Talk, operation: str) -> None:
    """A part of what is broken, or of an object, is broken."""
    promise, resolver = _pair(peer)
    peer.deliver(resolver, [symbol("break"), "gone"], wants=False)
    key = 0 if operation == "op:index" else "a"
    peer.send(operation, promise, key, 77)
    peer.send("op:listen", answer(77), new_object(2_000), False)
    assert peer.told_at(2_000) == ("broken", "gone")
    peer.send(operation, peer.object(ECHO), key, 78)
    peer.send("op:listen", answer(78), new_object(2_001), False)
    assert peer.told_at(2_001)[0] == "broken"


# Handoff.


def give(gifter: Talk, receiver_key: bytes, exporter: World | Talk, session: bytes, side: bytes) -> Record:
    """A certificate, as a gifter makes it."""
    inner = Record(
        Symbol("desc:handoff-give"),
        (keys.key_to_value(receiver_key), to_record(exporter.here), session, side, b"my gift"),
    )
    return gifter.envelope(inner)


@pytest.mark.parametrize("known", [False, True], ids=["dials", "has a session"])
def test_the_world_receives_a_gift(world: World, known: bool) -> None:
    """The world withdraws a gift from its exporter, over a session that it has or makes."""
    gifter, exporter = talk(world.network, "gifter"), talk(world.network, "exporter")
    gifter.begin(world)
    if known:
        exporter.begin(world)
    certificate = give(gifter, gifter.theirs, exporter, b"s" * 32, b"g" * 32)
    position = gifter.deliver(gifter.object(ECHO), [certificate])
    if not known:
        exporter.met()
        exporter.start()
    ((target, args, _, resolver),) = exporter.take("op:deliver")
    assert (target, args[0]) == (export(0), symbol("withdraw-gift"))
    received, signature = args[1].fields
    session, side, count, inner = received.fields
    assert (session, side, count) == (exporter.session, keys.public_id(exporter.theirs), 0)
    assert inner == certificate
    raw = keys.signature_from_value(signature)
    assert world.device.verify(gifter.theirs, syrup.write(received), raw)
    (promise,) = gifter.told(position)
    assert promise.label == Symbol("desc:import-promise")
    exporter.deliver(export(resolver.fields[0]), [symbol("fulfill"), new_object(9)], wants=False)
    gifter.deliver(export(promise.fields[0]), ["ping"], wants=False)
    ((target, args, _, _),) = exporter.take("op:deliver")
    assert (target, args) == (export(9), ["ping"])


class Exporting:
    """A gifter and a receiver that both have a session with the world, which exports."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.gifter, self.receiver = talk(world.network, "gifter"), talk(world.network, "receiver")
        self.gifter.begin(world)
        self.receiver.begin(world)
        self.secret = "receiver's key with the gifter"
        public = raw_key(self.secret).public_key().public_bytes_raw()
        self.certificate = give(self.gifter, public, world, self.gifter.session, self.gifter.side)

    def deposit(self) -> None:
        echo = self.gifter.object(ECHO)
        self.gifter.deliver(export(0), [symbol("deposit-gift"), b"my gift", echo], wants=False)

    def withdraw(self, count: int = 0, seed: str | None = None, **other: Any) -> int:
        parts = {"session": self.receiver.session, "side": self.receiver.side, "give": self.certificate}
        parts |= other
        inner = Record(
            Symbol("desc:handoff-receive"), (parts["session"], parts["side"], count, parts["give"])
        )
        signed = self.receiver.envelope(inner, seed or self.secret)
        return self.receiver.deliver(export(0), [symbol("withdraw-gift"), signed])

    def told(self, position: int) -> Any:
        return self.receiver.told(position)


@pytest.mark.parametrize("first", ["gift", "receiver"])
def test_the_world_exports_a_gift(world: World, first: str) -> None:
    """A receiver gets the gift that was deposited for it, whichever comes first."""
    talk = Exporting(world)
    if first == "gift":
        talk.deposit()
        position = talk.withdraw()
    else:
        position = talk.withdraw()
        assert talk.told(position) is ...
        talk.deposit()
    gift = talk.told(position)
    assert gift.label == Symbol("desc:import-object")
    assert talk.told(talk.receiver.deliver(export(gift.fields[0]), [5])) == [5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": "another"},
        {"session": b"s" * 32},
        {"side": b"s" * 32},
        {"count": -1},
        {"give": 5},
        {"count": "0"},
    ],
    ids=str,
)
def test_a_withdrawal_that_is_not_right_is_broken(world: World, wrong: dict[str, Any]) -> None:
    """A bad signature, another session or another side gets no gift, and the session goes on."""
    talk = Exporting(world)
    talk.deposit()
    assert talk.told(talk.withdraw(**wrong))[0] == "broken"
    assert talk.told(talk.withdraw(count=1)).label == Symbol("desc:import-object")


def test_a_certificate_that_another_signed_is_broken(world: World) -> None:
    """Only the gifter can give."""
    talk = Exporting(world)
    talk.deposit()
    inner = talk.certificate.fields[0]
    assert talk.told(talk.withdraw(give=talk.receiver.envelope(inner)))[0] == "broken"


def test_a_count_is_used_once(world: World) -> None:
    """A withdrawal that is sent again is broken, even if another gift waits."""
    talk = Exporting(world)
    talk.deposit()
    assert talk.told(talk.withdraw(count=3)).label == Symbol("desc:import-object")
    talk.deposit()
    assert talk.told(talk.withdraw(count=3))[0] == "broken"
    assert talk.told(talk.withdraw(count=2)).label == Symbol("desc:import-object")


def test_the_world_gives(world: World) -> None:
    """An object of one peer that is passed to another is deposited with the first, and certified."""
    exporter, receiver = talk(world.network, "exporter"), talk(world.network, "receiver")
    exporter.begin(world)
    receiver.begin(world)
    promise, resolver = _pair(exporter)
    exporter.deliver(resolver, [symbol("fulfill"), [new_object(9)]], wants=False)
    listed = receiver.deliver(receiver.object(ENLIVENER), [sturdyref(exporter.here, b"x" * 32)])
    ((_, args, _, back),) = [each for each in exporter.take("op:deliver") if each[0] == export(0)]
    assert args == [symbol("fetch"), b"x" * 32]
    exporter.deliver(export(back.fields[0]), [symbol("fulfill"), new_object(9)], wants=False)
    certificate = receiver.told(listed)
    ((_, (verb, gift, left), *_),) = exporter.take("op:deliver")
    assert (verb, left) == (symbol("deposit-gift"), export(9))
    inner, signature = certificate.fields
    key, location, session, side, named = inner.fields
    assert (keys.key_from_value(key), location) == (receiver.public, to_record(exporter.here))
    assert (session, side, named) == (exporter.session, keys.public_id(exporter.theirs), gift)
    raw = keys.signature_from_value(signature)
    assert world.device.verify(exporter.theirs, syrup.write(inner), raw)
    assert promise != resolver


def test_a_locator_has_no_meaning_in_the_hints(world: World) -> None:
    """Two locators that differ in their hints are one peer, which has one session."""
    peer = talk(world.network, "peer")
    peer.begin(world)
    other = talk(world.network, "peer", "another key")
    other.here = located(TRANSPORT, "peer", {"host": "127.0.0.1", "port": "99"})
    other.dial(world)
    other.start()
    assert "session with this peer already" in (other.aborted() or "")
    assert new_promise(1) != new_object(1)
