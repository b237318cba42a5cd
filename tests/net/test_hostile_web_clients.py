"""A client that breaks the rules ends its own session, and nothing else.

Bytes are sent that are no message, and valid conversations with one thing wrong. No input raises, no row of
an ended session stays, no count is off, and another client goes on as if nothing had happened.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swingset.net.limits import Limits
from tests.net.auditing import audit
from tests.net.bench import World
from tests.net.test_web_clients import Home
from tests.net.webbing import Client

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=1_500)

MALFORMED: list[tuple[Any, str]] = [
    (b"", "is JSON"),
    (b"\xff", "in UTF-8"),
    (b"nonsense", "is JSON"),
    (b"[NaN]", "is JSON"),
    (b"[" * 100_000, "nested at most 200"),
    (b'["push",' + b'"\\"' + b'\\"' * 400_000, "is JSON"),
    (b'["pull",' + b"1" * 5_000 + b"]", "is JSON"),
    ({"push": 1}, "is an array"),
    ([], "is an array"),
    ([1], "is an array"),
    (["shout", 1], "no message 'shout' with 1 parts"),
    (["push"], "no message 'push' with 0 parts"),
    (["push", 1, 2], "no message 'push' with 2 parts"),
    (["pull", 7], "nothing is exported at 7"),
    (["pull", "1"], "has a number"),
    (["pull", True], "has a number"),
    (["pull", 2**60], "has a number"),
    (["pull", 0.5], "has a number"),
    (["release", 0, 1], "0 is released more often"),
    (["release", 1, 2], "1 is released more often"),
    (["release", 1, 0], "1 is released more often"),
    (["release", 1, -1], "1 is released more often"),
    (["release", 1, "1"], "1 is released more often"),
    (["resolve", 5, 1], "5 is no promise of this session"),
    (["resolve", -9, 1], "-9 is no promise of this session"),
    (["resolve", 0, 1], "0 is no promise of this session"),
    (["resolve", -1, 1], "-1 is an object, and no promise"),
    (["push", ["import", 9]], "nothing is exported at 9"),
    (["push", ["pipeline", -9, ["x"], []]], "nothing is exported at -9"),
    (["push", ["pipeline", 0, "x", []]], "a path has"),
    (["push", ["pipeline", 0, [["x"]], []]], "a path has names"),
    (["push", ["pipeline", 0, ["x"] * 101]], "a path has at most 100"),
    (["push", ["pipeline", 0, ["x"], {}]], "arguments are an array"),
    (["push", ["pipeline", 0, ["x"], [["export", 1]]]], "exports at negative numbers"),
    (["push", ["pipeline", 0, ["x"], [["export", "a"]]]], "exports at negative numbers"),
    (["push", ["pipeline", 0, ["x"], [["promise", -1]]]], "given out before"),
    (["push", ["pipeline", 0, ["x"], [["promise", -2], ["promise", -2]]]], "given out before"),
    (["push", ["pipeline", 0, ["x"], [["promise", -2], ["export", -2]]]], "given out before"),
    (["push", ["remap", 0, [], {}, []]], "captures and instructions"),
    (["push", ["remap", 0, [], [], []]], "captures and instructions"),
    (["push", ["remap", 0, [], [["pipeline", 0]], [1]]], "a capture of a map"),
    (["push", ["remap", 0, [], [["import", 9]], [1]]], "nothing is exported at 9"),
]


@pytest.mark.parametrize(("message", "said"), MALFORMED, ids=lambda value: ascii(value)[:50])
def test_a_malformed_message_ends_its_session_with_a_reason(message: Any, said: str) -> None:
    """The client and the owner are told why; another client goes on."""
    home = Home()
    client, other = Client(home.world), Client(home.world)
    client.call(0, "take", ["export", -1])
    client.raw(message if isinstance(message, bytes) else json.dumps(message).encode())
    assert said in client.take("abort")[0][1][2]
    assert said in home.world.events[-1]["why"]
    assert home.world.hub.connections() == [other.conn]
    assert other.value(other.call(0, "same", 5)) == 5


CONVERSATION: list[Any] = [
    ["push", ["pipeline", 0, ["data"], []]],
    ["push", ["pipeline", 0, ["later"], [["export", -1], {"a": [["bytes", "AAEC"]]}]]],
    ["pull", 1],
    ["push", ["pipeline", 1, ["list", 1, "deep"]]],
    ["push", ["pipeline", 0, ["tell"], [["export", -1], "call", ["pipeline", 3], ["promise", -2]]]],
    ["resolve", -2, {"x": ["export", -3]}],
    ["resolve", 1, [[["import", 0], ["date", 5]]]],
    ["push", ["remap", 1, ["numbers"], [["import", 0], ["export", -3]], [
        ["pipeline", -1, ["same"], [["pipeline", 0], ["import", -2]]], {"r": ["pipeline", 1]},
    ]]],
    ["pull", 5],
    ["stream", ["pipeline", 0, ["same"], [["import", 2]]]],
    ["pipe"],
    ["push", ["pipeline", 0, ["other"], []]],
    ["pull", 8],
    ["push", ["pipeline", -1, ["hello"], [["error", "TypeError", "no", None, {"code": "c"}]]]],
    ["push", ["pipeline", 0, ["fail"], ["text"]]],
    ["pull", 10],
    ["release", 1, 1],
    ["release", -1, 1],
    ["push", ["import", 0]],
    ["pull", 11],
    ["abort", ["error", "Error", "enough"]],
]  # fmt: skip


def test_the_conversation_is_valid() -> None:
    """Without anything wrong it is served to its end, and every message is answered."""
    home = Home()
    client = Client(home.world)
    for message in CONVERSATION:
        client.raw(json.dumps(message).encode())
    assert home.world.events[-1]["why"] == "the client aborted: enough"
    assert {each[0] for each in client.got} == {"push", "pull", "resolve", "reject", "release"}
    assert [each for each in client.got if each[:2] == ["resolve", 5]] == [
        ["resolve", 5, [[{"r": 1}, {"r": 2}, {"r": 3}]]]
    ]


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a tree of JSON."""
    found = [path]
    items = enumerate(tree) if isinstance(tree, list) else tree.items() if isinstance(tree, dict) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


PLACES = [place for place in places(CONVERSATION) if place]
WRONG = st.one_of(
    st.sampled_from([None, True, 0, 1, -1, 5, -7, 2**53, -(2**53), 1.5, "", "x", "\ud800", [], [[]], {}]),
    st.sampled_from(
        [["import", 0], ["pipeline", 2], ["export", -4], ["promise", -5], ["export", -1], ["undefined"]]
    ),
    st.sampled_from(["push", "pull", "resolve", "reject", "release", "stream", "pipe", "abort", "remap"]),
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)


def with_one_thing_wrong(place: tuple[Any, ...], wrong: Any, how: str) -> list[Any]:
    """The conversation, with something else at a place, nothing there, or the same twice."""
    changed = copy.deepcopy(CONVERSATION)
    *above, last = place
    holder: Any = changed
    for key in above:
        holder = holder[key]
    if how == "other":
        holder[last] = wrong
    elif how == "twice" and isinstance(holder, list):
        holder.insert(last, copy.deepcopy(holder[last]))
    else:
        del holder[last]
    return changed


def survives(messages: list[bytes], *, batch: bool = False) -> None:
    """Whatever is said, nothing raises, the counts are right, and another client is served."""
    home = Home()
    other = Client(home.world)
    if batch:
        Client(home.world, batch=b"\n".join(messages))
    client = Client(home.world)
    for message in messages:
        client.raw(message)
    while home.promises:
        home.world.settle(home.promises.pop(), False, 5)
    home.world.network.run()
    audit(home.world)
    assert other.value(other.call(0, "same", 5)) == 5
    home.world.hub.closed(client.conn, "over")
    home.world.network.run()
    audit(home.world)


def sent(message: Any) -> bytes:
    return json.dumps(message).encode()


CHANGES = given(st.sampled_from(PLACES), WRONG, st.sampled_from(["other", "twice", "none"]))
HALF = "\ud800"
LATER = ["push", ["pipeline", 0, ["later"], []]]
DATA = ["push", ["pipeline", 0, ["data"], []]]
HALVES: list[tuple[list[Any], ...]] = [
    (["push", ["pipeline", 0, [HALF], []]],),
    (["push", ["pipeline", 0, [HALF], [["export", -1]]]],),
    (["push", ["pipeline", 0, ["same", HALF], []]],),
    (["push", ["pipeline", 0, [HALF, "same"]]],),
    (DATA, ["push", ["pipeline", 1, [HALF]]]),
    (DATA, ["push", ["pipeline", 1, [HALF], []]]),
    (LATER, ["push", ["pipeline", 1, [HALF]]]),
    (LATER, ["push", ["pipeline", 1, ["a", HALF], [1]]]),
    (DATA, ["push", ["remap", 1, [HALF], [], [["pipeline", 0]]]]),
    (DATA, ["push", ["remap", 1, [], [], [["pipeline", 0, [HALF]]]]]),
    (DATA, ["push", ["remap", 1, [], [["import", 0]], [["pipeline", -1, [HALF], [["pipeline", 0]]]]]]),
    (LATER, ["push", ["remap", 1, [], [], [{HALF: ["pipeline", 0]}]]]),
    (["push", ["pipeline", 0, ["same"], [HALF]]],),
    (["push", ["pipeline", 0, ["same"], [{HALF: 1}]]],),
    (["push", ["pipeline", 0, ["same"], [["error", HALF, "no"]]]],),
    (["push", ["pipeline", 0, ["same"], [["error", "E", "no", None, {"code": HALF}]]]],),
    (["push", ["pipeline", 0, ["tell"], [["export", -1], HALF]]],),
    (["push", [HALF, 0]],),
    (["push", ["pipeline", 0, ["same"], [["bytes", HALF]]]],),
]


@pytest.mark.parametrize("messages", HALVES, ids=ascii)
def test_half_of_a_surrogate_pair_rejects_what_it_stands_in(messages: tuple[list[Any], ...]) -> None:
    """Wherever a message has a text, the client goes on, and no vat and no file gets the text."""
    home = Home()
    client = Client(home.world)
    for message in messages:
        client.raw(sent(message))
    client.send("pull", len(messages))
    for promise in home.promises:
        home.world.settle(promise, False, [1])
    home.world.network.run()
    client.asked = len(messages)
    assert client.value(client.call(0, "same", 5)) == 5
    assert repr(HALF)[1:-1] not in repr(home.got)
    audit(home.world)


def with_half(place: tuple[Any, ...], *, key: bool) -> list[Any]:
    """The conversation, with half of a pair at the end of a text, or of a key."""
    changed = copy.deepcopy(CONVERSATION)
    *above, last = place
    holder: Any = changed
    for each in above:
        holder = holder[each]
    if key and isinstance(holder, dict):
        holder[last + HALF] = holder.pop(last)
    elif isinstance(holder[last], str):
        holder[last] += HALF
    return changed


@pytest.mark.parametrize("key", [False, True])
def test_half_of_a_surrogate_pair_in_each_text(key: bool) -> None:
    """In no text of a whole conversation it raises, or passes."""
    for place in PLACES:
        changed = with_half(place, key=key)
        if changed != CONVERSATION:
            survives([sent(message) for message in changed])


TEXTS = given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.tuples(st.sampled_from(CONVERSATION), st.integers(0, 60), st.binary(max_size=4)).map(
                lambda cut: sent(cut[0])[: cut[1]] + cut[2]
            ),
        ),
        max_size=6,
    )
)


@QUICK
@CHANGES
def test_a_conversation_with_one_thing_wrong(place: tuple[Any, ...], wrong: Any, how: str) -> None:
    """It is refused, or served: and nobody else notices."""
    survives([sent(message) for message in with_one_thing_wrong(place, wrong, how)])


@QUICK
@TEXTS
def test_bytes_that_are_no_messages(messages: list[bytes]) -> None:
    """Whatever is not a message ends the session of who sent it."""
    survives(messages, batch=True)


@pytest.mark.slow
@LONG
@CHANGES
def test_many_conversations_with_one_thing_wrong(place: tuple[Any, ...], wrong: Any, how: str) -> None:
    """The same, for many more."""
    survives([sent(message) for message in with_one_thing_wrong(place, wrong, how)])


@pytest.mark.slow
@LONG
@TEXTS
def test_many_bytes_that_are_no_messages(messages: list[bytes]) -> None:
    """The same, for many more."""
    survives(messages, batch=True)


def test_an_address_leaves_room_for_others() -> None:
    """Who has one takes some places, those of other addresses and of worlds are not among them."""
    home = Home(Limits(sessions=2, clients=4, clients_of_address=2))
    world, another = home.world, hashlib.sha256(b"another").hexdigest()
    world.hub.share(another, home.other)
    clients = [Client(world) for _ in range(3)]
    assert [client.why for client in clients[:2]] == [None, None]
    assert "2 connections by this address" in str(clients[2].why)
    others = [Client(world, another) for _ in range(2)]
    assert all(client.why is None for client in others)
    for name in ("one", "two"):
        peer = World(world.network, name)
        found = peer.fetch(world.here, b"x" * 32)
        world.network.run()
        assert "this string opens nothing" in peer.outcome(found)[1].message
    audit(world)
    world.hub.closed(clients[0].conn, "over")
    assert Client(world).why is None
    audit(world)
