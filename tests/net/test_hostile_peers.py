"""A peer that breaks the rules ends its own session, and nothing else.

Valid conversations are spoken with one thing wrong, and bytes are sent that are none. No input raises, no row
of an ended session stays, no count is off, and another peer goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swingset.net import keys, syrup
from swingset.net.descriptors import Descriptors
from swingset.net.limits import Limits
from swingset.net.locators import to_record
from swingset.net.names import Names
from swingset.net.values import Malformed, Record, Ref, Symbol
from tests.net.auditing import audit
from tests.net.bench import Network, World
from tests.net.standard import Talk, answer, export, new_object, new_promise, sturdyref, symbol, talk
from tests.net.wellknown import BUILDER, ECHO, ENLIVENER, GREETER, PAIR, publish

QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=500)


def worlds(limits: Limits | None = None) -> World:
    world = World(Network(), "world", limits)
    publish(world)
    return world


def begun(world: World, name: str = "peer") -> Talk:
    peer = talk(world.network, name)
    peer.begin(world)
    return peer


def conversation(peer: Talk) -> Iterator[Record]:
    """Messages of every kind, each of which is valid where it is sent."""
    resolver = new_object(500)
    yield Record(symbol("op:deliver"), (export(0), [symbol("fetch"), ECHO], 1, resolver))
    value = [
        1,
        {"a": [b"x", new_object(8), new_promise(9)]},
        Record(symbol("void")),
        sturdyref(peer.here, b"s"),
    ]
    yield Record(symbol("op:deliver"), (answer(1), value, 2, new_object(501)))
    yield Record(symbol("op:deliver"), (answer(2), [export(1)], False, False))
    yield Record(symbol("op:deliver"), (export(0), [symbol("fetch"), PAIR], 3, False))
    yield Record(symbol("op:deliver"), (answer(3), [], 4, new_promise(502)))
    yield Record(symbol("op:index"), (answer(4), 0, 5))
    yield Record(symbol("op:index"), (answer(4), 1, 6))
    yield Record(symbol("op:listen"), (answer(5), new_object(503), False))
    yield Record(symbol("op:deliver"), (answer(6), [symbol("fulfill"), {"x": 1}], False, False))
    yield Record(symbol("op:get"), (answer(5), "x", 7))
    yield Record(symbol("op:untag"), (answer(5), "x", 8))
    yield Record(
        symbol("op:deliver"), (export(0), [symbol("deposit-gift"), b"gift", export(1)], False, False)
    )
    yield Record(symbol("op:gc-answers"), ([1, 2],))
    yield Record(symbol("op:gc-exports"), ([1], [1]))
    yield Record(symbol("op:abort"), ("bye",))


OTHERS = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 3, 10**6, 2**60, 1.5, "", "text", b"", b"bytes", symbol("fulfill")),
        *([], [1], {}, {"a": 1}, export(0), export(1), export(2), export(99), answer(1), answer(99)),
        *(new_object(0), new_object(8), new_promise(8), new_object(-1), Record(symbol("desc:export"))),
        *(Record(symbol("desc:export"), ("1",)), Record(symbol("desc:sig-envelope"), (1, 2)), Record(5)),
        *(
            Record(symbol("ocapn-sturdyref"), (1, b"x")),
            Record(symbol("desc:tagged"), (1, 2)),
            Record(symbol("x")),
        ),
        Record(symbol("desc:error"), (5,)),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, Record):
        yield (*path, "label")
        for at, field in enumerate(value.fields):
            yield from places(field, (*path, at))
    elif type(value) is list:
        for at, item in enumerate(value):
            yield from places(item, (*path, at))
    elif type(value) is dict:
        for key, item in value.items():
            yield from places(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    head, rest = path[0], path[1:]
    if isinstance(value, Record):
        if head == "label":
            return replace(value, label=other)
        fields = [changed(item, rest, other) if at == head else item for at, item in enumerate(value.fields)]
        return replace(value, fields=tuple(fields))
    copy = value.copy()
    copy[head] = changed(value[head], rest, other)
    return copy


_OPPOSED: list[tuple[World, Talk]] = []


def opposed() -> tuple[World, Talk, Talk]:
    """A world that hostile peers come to, one after the other; a peer that does no harm; the next one."""
    if not _OPPOSED or _OPPOSED[0][1].why is not None:
        world = worlds()
        _OPPOSED[:] = [(world, begun(world, "witness"))]
    world, witness = _OPPOSED[0]
    hostile = talk(world.network, f"hostile{world.network.made}")
    hostile.begin(world)
    return world, witness, hostile


def spelled(value: Any) -> bytes | None:
    try:
        return syrup.write(value)
    except Malformed:
        return None


def check(world: World, hostile: Talk, witness: Talk) -> None:
    """The world is whole, and a peer that did nothing notices nothing."""
    assert witness.aborted() is None
    assert witness.told(witness.deliver(witness.object(ECHO), ["still here"])) == ["still here"]
    if hostile.aborted() is None and hostile.cable is not None:
        hostile.cable.close("the test is over")
    world.network.run()
    assert len(world.hub.connections()) == 1
    audit(world)


def test_the_conversation_is_valid() -> None:
    """Without anything wrong, it ends with its own abort."""
    world = worlds()
    peer = begun(world)
    messages = list(conversation(peer))
    for message in messages[:-1]:
        peer.raw(syrup.write(message))
    assert peer.aborted() is None
    assert len(peer.take("op:deliver")) == 4
    peer.raw(syrup.write(messages[-1]))
    world.network.run()
    assert world.hub.connections() == []


@QUICK
@given(st.data())
def test_a_conversation_with_one_thing_wrong(data: st.DataObject) -> None:
    """Another value anywhere in a message ends at most the session that it came from."""
    one_thing_wrong(data)


@pytest.mark.slow
@LONG
@given(st.data())
def test_many_conversations_with_one_thing_wrong(data: st.DataObject) -> None:
    """The same, many more times."""
    one_thing_wrong(data)


def one_thing_wrong(data: st.DataObject) -> None:
    world, witness, hostile = opposed()
    messages = list(conversation(hostile))
    at = data.draw(st.integers(0, len(messages) - 1))
    path = data.draw(st.sampled_from(list(places(messages[at]))))
    wrong = spelled(changed(messages[at], path, data.draw(OTHERS)))
    for place, message in enumerate(messages):
        sent = wrong if place == at else syrup.write(message)
        if sent is not None:
            hostile.raw(sent)
    check(world, hostile, witness)


@QUICK
@given(st.lists(st.integers(0, 14), max_size=25))
def test_a_conversation_in_any_order(order: list[int]) -> None:
    """Messages that are left out, repeated or out of order end at most the session that they came from."""
    world, witness, hostile = opposed()
    messages = [syrup.write(message) for message in conversation(hostile)]
    for at in order:
        hostile.raw(messages[at])
    check(world, hostile, witness)


@QUICK
@given(st.integers(0, 13), st.integers(0, 10**6), st.binary(max_size=3), st.booleans())
def test_a_message_with_other_bytes(at: int, where: int, put: bytes, cut: bool) -> None:
    """Bytes that are changed, left out or put in end at most the session that they came from."""
    world, witness, hostile = opposed()
    for place, message in enumerate(conversation(hostile)):
        data = syrup.write(message)
        if place == at:
            where %= len(data)
            data = data[:where] + put + data[where + (len(put) or 1) * cut :]
        hostile.raw(data)
    check(world, hostile, witness)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"\0",
            b"t",
            b"5+",
            b"[",
            b"[" * 10_000,
            b"<" * 10_000,
            b"<>",
            b"<1'x>",
            b'<1"x>',
            b"9" * 5_000,
        ),
        *(b"<10'op:deliver>", b"<10'op:deliver1+2+3+4+>", b"<16'op:start-session>", b"<10'op:listen>"),
    ],
    ids=lambda data: repr(data[:24]),
)
@pytest.mark.parametrize("live", [True, False], ids=["live", "before the start"])
def test_bytes_that_are_no_message_end_the_session(data: bytes, live: bool) -> None:
    """The reason is said, and the connection closed."""
    world = worlds()
    witness, hostile = begun(world, "witness"), talk(world.network, "hostile")
    if live:
        hostile.begin(world)
    else:
        hostile.dial(world)
    hostile.raw(data)
    assert hostile.aborted()
    assert hostile.why
    check(world, hostile, witness)


# Limits.


def _deliver(position: int, value: Any) -> Callable[[Talk], None]:
    return lambda peer: peer.send("op:deliver", export(1), value, position, False)


LIMITED: list[tuple[Limits, str, Callable[[Talk], Any]]] = [
    (Limits(values=60), "60 values", lambda peer: peer.deliver(export(1), [[] for _ in range(60)])),
    (Limits(message_bytes=600), "600 bytes", lambda peer: peer.raw(b'600"' + b"x" * 600)),
    (
        Limits(session_bytes=2_000),
        "2000 bytes",
        lambda peer: [peer.deliver(export(1), [b"x" * 400]) for _ in range(9)],
    ),
    (Limits(imports=5), "5 imports", lambda peer: peer.deliver(export(1), [new_object(n) for n in range(9)])),
    (
        Limits(imports=5),
        "5 imports",
        lambda peer: peer.deliver(export(1), [new_promise(n) for n in range(9)]),
    ),
    (Limits(answers=5), "5 answers", lambda peer: [peer.deliver(export(1), []) for _ in range(9)]),
    (Limits(exports=5), "5 exports", lambda peer: [peer.deliver(answer(1), []) for _ in range(9)]),
    (
        Limits(gifts=3),
        "3 gifts",
        lambda peer: [
            peer.deliver(export(0), [symbol("deposit-gift"), b"%d" % n, export(1)], wants=False)
            for n in range(9)
        ],
    ),
    (Limits(held=3), "3 wait", lambda peer: _waiting(peer, "op:listen", lambda n: (new_object(n), False))),
    (Limits(held=3), "3 wait", lambda peer: _waiting(peer, "op:index", lambda n: (0, n))),
]


def _waiting(peer: Talk, operation: str, more: Callable[[int], tuple[Any, ...]]) -> None:
    """Have many wait for a promise that its holder never settles."""
    peer.send("op:deliver", export(0), [symbol("fetch"), PAIR], 70, False)
    peer.send("op:deliver", answer(70), [], 71, False)
    peer.send("op:index", answer(71), 0, 72)
    peer.network.run()
    for number in range(100, 109):
        peer.send(operation, answer(72), *more(number))


@pytest.mark.parametrize(
    ("limits", "why", "ask"), LIMITED, ids=lambda value: value if type(value) is str else ""
)
def test_a_peer_that_asks_for_too_much_is_told_its_limit(
    limits: Limits, why: str, ask: Callable[[Talk], Any]
) -> None:
    """Each limit ends the session that passes it, by name."""
    world = worlds(limits)
    witness, hostile = begun(world, "witness"), begun(world, "hostile")
    hostile.told(hostile.fetch(BUILDER))
    ask(hostile)
    assert why in (hostile.aborted() or "")
    world.network.run()
    assert witness.aborted() is None


def test_only_so_many_connections_are_taken() -> None:
    """One more than the limit is closed at once."""
    world = worlds(Limits(sessions=2))
    peers = [talk(world.network, f"peer{number}") for number in range(3)]
    for peer in peers:
        peer.dial(world)
    world.network.run()
    assert [peer.why is not None for peer in peers] == [False, False, True]
    assert len(world.hub.connections()) == 2


def test_only_so_many_messages_wait_for_a_peer() -> None:
    """While a peer is dialled, one more than the limit is rejected by name."""
    world = worlds(Limits(held=2))
    peer = talk(world.network, "peer")
    promise = world.fetch(peer.here, b"x" * 32)
    results = [world.call(promise, "m") for _ in range(3)]
    world.network.run()
    assert "no more may" in world.outcome(results[2])[1].message
    assert world.outcome(results[0]) is ...


def test_gifts_that_nobody_fetches_are_dropped_with_age() -> None:
    """What waits through the third interval is dropped, and a receiver that waits is told."""
    world = worlds()
    peer = begun(world)
    echo = peer.object(ECHO)
    peer.deliver(export(0), [symbol("deposit-gift"), b"gift", echo], wants=False)
    for expected in (1, 1, 1):
        world.network.run()
        assert world.hub.peers()[0]["gifts"] == expected
        world.hub.age()
    assert world.hub.peers()[0]["gifts"] == 0


def test_a_peer_names_only_what_it_was_given() -> None:
    """A position that was never given ends the session; one that was let go of is broken."""
    world = worlds()
    peer = begun(world)
    echo = peer.object(ECHO)
    peer.send("op:gc-exports", [echo.fields[0]], [1])
    told = peer.told(peer.deliver(echo, ["x"]))
    assert told[0] == "broken"
    peer.deliver(export(echo.fields[0] + 7), ["x"])
    assert "never given" in (peer.aborted() or "")


def test_a_peer_cannot_take_the_name_of_one_that_is_proved() -> None:
    """An inbound session whose location is not proved displaces none."""
    network = Network()
    world = World(network, "world")
    publish(world)
    real = begun(world, "bank")
    world.device.world.proven = False
    thief = talk(network, "bank", "another key")
    thief.dial(world)
    thief.start()
    assert "already" in (thief.aborted() or "")
    assert real.aborted() is None


def test_an_unproved_session_is_not_used_to_fetch() -> None:
    """A peer that only says where it is gets no sturdyref of ours: the location is dialled."""
    network = Network()
    world = World(network, "world", proven=False)
    publish(world)
    bank, thief = talk(network, "bank"), talk(network, "bank", "another key")
    thief.begin(world)
    world.fetch(bank.here, b"s" * 32)
    network.run()
    assert thief.take("op:deliver") == []
    assert bank.take("op:start-session")


def test_fetching_looks_the_same_for_what_is_revoked_and_what_never_was() -> None:
    """Nobody learns from an error whether something was ever shared."""
    world = worlds()
    peer = begun(world)
    digest = world.device.shared[GREETER].hex()
    world.device.revoked.add(digest)
    never = peer.told(peer.fetch(b"n" * 32))
    assert peer.told(peer.fetch(GREETER)) == never
    world.hub.unshare(digest)
    world.device.revoked.clear()
    assert peer.told(peer.fetch(GREETER)) == never
    assert peer.told(peer.fetch(digest.encode()[:32])) == never


def test_a_swissnum_is_in_no_row() -> None:
    """Neither one's own nor another's: a copy of the store opens nothing."""
    world = worlds()
    peer = begun(world)
    peer.object(ECHO)
    world.fetch(talk(world.network, "other").here, b"y" * 32)
    peer.deliver(peer.object(ECHO), [sturdyref(peer.here, b"z" * 32)])
    world.network.run()
    stored = "".join(world.store.table.values())
    for secret in (ECHO, ENLIVENER, b"y" * 32, b"z" * 32):
        assert secret.decode() not in stored
        assert secret.hex() not in stored


def test_a_sturdyref_comes_back_as_it_was() -> None:
    """The echo of a sturdyref has the same bytes, though the world never kept its secret."""
    world = worlds()
    peer = begun(world)
    reference = sturdyref(peer.here, b"z" * 32)
    assert peer.told(peer.deliver(peer.object(ECHO), [reference])) == [reference]
    assert Symbol("a") == symbol("a")


RESULTS = {
    "its own answer": [("op:deliver", ECHO, [1, answer(2)], 2)],
    "its own answer, deep in a value": [("op:deliver", ECHO, [{"x": [answer(2)]}], 2)],
    "one that waits, and was passed on": [
        ("op:deliver", PAIR, [], 2),
        ("op:index", answer(2), 0, 3),
        ("op:deliver", answer(3), [symbol("call")], 4),
        ("op:deliver", ECHO, [answer(4)], 5),
        ("op:index", answer(2), 1, 6),
        ("op:deliver", answer(6), [symbol("fulfill"), "an object"], 7),
    ],
    "one that waits, among its own arguments": [
        ("op:deliver", PAIR, [], 2),
        ("op:index", answer(2), 0, 3),
        ("op:deliver", answer(3), [symbol("call"), answer(4)], 4),
        ("op:index", answer(2), 1, 6),
        ("op:deliver", answer(6), [symbol("fulfill"), "an object"], 7),
    ],
}


@pytest.mark.parametrize("what", RESULTS)
def test_the_result_of_a_message_may_be_passed_on_before_it_is_sent(what: str) -> None:
    """What the kernel knows already is never named as the result of a new message, which would be fatal."""
    world = worlds()
    peer = begun(world)
    objects = {name: peer.object(name) for name in (ECHO, PAIR)}
    shift = 100  # the answers of this conversation, behind those that it took to fetch the objects

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(item) for item in value]
        if isinstance(value, dict):
            return {key: moved(item) for key, item in value.items()}
        if isinstance(value, Record) and value.label == symbol("desc:answer"):
            return answer(value.fields[0] + shift)
        return objects[ECHO] if value == "an object" else value

    for label, target, given_, position in RESULTS[what]:
        where = objects[target] if isinstance(target, bytes) else moved(target)
        resolver = (new_object(600 + position),) if label == "op:deliver" else ()
        peer.send(label, where, moved(given_), position + shift, *resolver)
        world.network.run()
    assert peer.aborted() is None
    assert peer.told(peer.deliver(objects[ECHO], ["still here"])) == ["still here"]


def test_a_value_that_is_too_long_is_refused_alone() -> None:
    """The message is rejected before anything of it is sent, and the session goes on."""
    world = worlds(Limits(message_bytes=5_000))
    peer = begun(world)
    echo = peer.object(ECHO)
    long = peer.deliver(echo, ["x" * 3_900])
    assert peer.told(long) == ["x" * 3_900]
    keeper: list[Ref] = []
    world.share(world.object(lambda _method, ref: keeper.append(ref)), b"k" * 32)
    peer.deliver(peer.object(b"k" * 32), [symbol("keep"), new_object(77)])
    world.network.run()
    for value in ("x" * 4_900, b"x" * 4_900, [1 << 9_000] * 2, {"k" * 4_900: 1}, [1.5] * 1_000, [None] * 500):
        promise = world.call(keeper[0].name, "take", value)
        world.network.run()
        _, failure = world.outcome(promise)
        assert "at most 5,000 bytes" in failure.message
        world.share(world.object(lambda _method, kept=value: kept), b"l" * 32)
        assert peer.told(peer.deliver(peer.object(b"l" * 32), [symbol("get")]))[0] == "broken"
    assert peer.told(peer.deliver(echo, ["still here"])) == ["still here"]


@pytest.mark.parametrize(("proven", "most", "dialled"), [(False, 50, 0), (True, 3, 3)])
def test_introductions_are_taken_from_peers_that_are_proved_and_only_so_many(
    proven: bool, most: int, dialled: int
) -> None:
    """A stranger cannot have this world dial anybody, and nobody can have it dial without end."""
    network = Network()
    world = World(network, "world", Limits(introductions=most), proven=proven)
    publish(world)
    peer = begun(world)
    named = [talk(network, f"named{number}") for number in range(5)]
    for other in named:
        row = world.hub.peers()[0]
        assert row["connection"]
        key = keys.key_to_value(peer.theirs)
        fields = (key, to_record(other.here), peer.session, peer.side, b"gift")
        gift = peer.envelope(Record(symbol("desc:handoff-give"), fields))
        peer.deliver(export(0), [symbol("fetch"), b"x" * 32], wants=False)
        peer.deliver(peer.object(ECHO), [gift])
    network.run()
    assert sum(bool(other.take("op:start-session")) for other in named) == dialled
    assert peer.told(peer.deliver(peer.object(ECHO), ["still here"])) == ["still here"]


KERNEL_INPUTS: dict[str, Callable[[World, str, str], Any]] = {
    "a message": lambda world, far, _: world.call(far, "m", Ref(far)),
    "an outcome": lambda world, far, promise: world.settle(promise, False, [Ref(far)]),
    "a drop": lambda world, far, _: world.hub.dropped([far]),
}


@pytest.mark.parametrize("what", KERNEL_INPUTS)
def test_an_input_of_the_kernel_never_raises(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this side fails over one, the sessions end, and the vat goes on."""
    world = worlds()
    peer = begun(world)
    kept: list[Ref] = []
    keeper = world.object(lambda _method, ref: kept.append(ref))
    world.share(keeper, b"k" * 32)
    peer.deliver(peer.object(b"k" * 32), [symbol("keep"), new_object(77)])
    promise = world.promise()
    world.share(world.object(lambda _method: Ref(promise)), b"l" * 32)
    peer.deliver(peer.object(b"l" * 32), [symbol("get")])
    world.network.run()

    def fail(*_args: object, **_named: object) -> None:
        raise RuntimeError("a fault of this side")

    monkeypatch.setattr(Names, "session_of", fail)
    monkeypatch.setattr(Names, "dropped", fail)
    monkeypatch.setattr(Descriptors, "write", fail)
    KERNEL_INPUTS[what](world, kept[0].name, promise)
    world.network.run()
    monkeypatch.undo()
    assert [event["why"] for event in world.events[1:]] == ["this side failed: RuntimeError"]
    world.events.clear()
    again = begun(world, "another")
    assert again.told(again.deliver(again.object(ECHO), ["still here"])) == ["still here"]
