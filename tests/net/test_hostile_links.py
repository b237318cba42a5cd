"""What a proved world may say that is not so: its connection or its link ends, with a reason."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from swingset.net import syrup
from swingset.net.limits import Limits
from swingset.net.links import CODES
from swingset.net.locators import Locator
from swingset.net.values import Record, Ref, Symbol
from tests.net.auditing import audit
from tests.net.bench import Cable, Network, Peer, cables
from tests.net.linked import Linked, run

ID, LIFE, NOTHING, NONCE = b"i" * 32, b"l" * 16, bytes(32), b"n" * 32
START = Record(Symbol("op:start-session"), ())


class Liar(Peer):
    """A proved world whose link a test speaks byte by byte."""

    bond = b""

    def accept(self, cable: Cable, who: Locator | None = None) -> None:
        super().accept(cable)

    def dial(self, world: Linked) -> str:
        mine, other = cables(self.network)
        self.accept(mine)
        self.why = None
        return world.device.accept(other, self.here)

    def hello(self, *fields: Any) -> None:
        """Say what link there is; what is not given is that of a new one."""
        new = (2, ID, LIFE, 0, NOTHING, 0, False, NONCE, False)
        self.send("op:link", *fields, *new[len(fields) :])

    def answered(self) -> tuple[Any, ...]:
        """What the world has answered, which binds what the liar says from now on."""
        ((*said, nonce, answers),) = self.took("op:link")
        assert answers == NONCE
        self.bond = hashlib.sha256(NONCE + nonce).digest()[:16]
        return tuple(said)

    def bound(self, label: str, *fields: Any) -> None:
        """Say something that is bound to this connection."""
        self.send(label, self.bond, *fields)

    def took(self, label: str) -> list[tuple[Any, ...]]:
        run(self.network, redial=False)
        return self.take(label)


@pytest.fixture
def world() -> Linked:
    return Linked(Network(), "here", Limits())


@pytest.fixture
def liar(world: Linked) -> Liar:
    """It has dialled, and nothing was said."""
    liar = Liar(world.network, "liar")
    liar.dial(world)
    return liar


@pytest.fixture
def linked(world: Linked, liar: Liar) -> Liar:
    """A new link was agreed on, and the liar has to begin its session."""
    liar.hello()
    assert liar.answered()[:2] == (2, ID)
    liar.bound("op:ack", 0)
    run(world.network, redial=False)
    assert world.link()["state"] == "hello"
    return liar


def deliver(target: int = 0) -> Record:
    return Record(Symbol("op:deliver"), (Record(Symbol("desc:export"), (target,)), [], False, False))


def asked(args: list[Any], answer: Any = False, resolver: Any = False) -> Record:
    """A message to the bootstrap object, which each stranger finds."""
    return Record(Symbol("op:deliver"), (Record(Symbol("desc:export"), (0,)), args, answer, resolver))


OBJECT = Record(Symbol("desc:import-object"), (9,))
KEPT: dict[str, list[Record]] = {
    "an answer": [asked([Symbol("fetch"), b"wrong" * 6], 5)],
    "a resolver": [asked([Symbol("fetch"), b"wrong" * 6], False, OBJECT)],
    "a gift": [asked([Symbol("deposit-gift"), b"g" * 32, OBJECT])],
    "a part": [asked([], 5), Record(Symbol("op:index"), (Record(Symbol("desc:answer"), (5,)), 0, 6))],
}
"""What a stranger can have kept for it, which no object of a vat is in."""


@pytest.mark.parametrize("kept", KEPT)
def test_strangers_take_no_place_of_those_that_have_something(kept: str) -> None:
    """All places are theirs, and a friend gets in; one of its objects is worth more than all they keep."""
    network = Network()
    world, friend = Linked(network, "here", Limits(sessions=2)), Linked(network, "friend")
    for name in ("one", "two"):
        other = Linked(network, name)
        other.fetch(world.here, b"x" * 32)
        run(network, redial=False)
        row = other.hub._core().links.row(other.link()["connection"]) or {}
        for number, message in enumerate(KEPT[kept], row["sent"] + 1):
            bond = bytes.fromhex(row["bond"])
            frame = Record(Symbol("op:frame"), (bond, number, NOTHING, row["received"], message))
            other.device.cables[row["conn"]].send(syrup.write(frame))
        run(network, redial=False)
        network.worlds.remove(other)
        other.cut()
        run(network, redial=False)
    assert [peer["state"] for peer in world.hub.peers()] == ["cut", "cut"]
    promise = friend.fetch(world.here, world.swissnum)
    run(network, redial=False)
    assert isinstance(friend.outcome(promise), Ref)
    left = [peer["peer"].partition(".")[0].removeprefix("ocapn://") for peer in world.hub.peers()]
    assert left == ["two", "friend"]
    friend.cut()
    run(network, redial=False)
    world.hub.part(world.hub.peers()[0]["connection"], "ended", "no")
    for name in ("three", "four", "five"):
        other = Linked(network, name)
        found = other.fetch(world.here, b"x" * 32)
        run(network, redial=False)
        assert other.outcome(found) is not ...
        network.worlds.remove(other)
        other.cut()
        run(network, redial=False)
    assert "friend" in world.hub.peers()[0]["peer"]
    audit(world)


@pytest.mark.parametrize(
    ("label", "fields", "why"),
    [
        ("op:frame", (b"b" * 16, 1, NOTHING, 0, START), "op:link comes first"),
        ("op:ack", (b"b" * 16, 0), "op:link comes first"),
        ("op:link-end", (b"b" * 16, ID, "diverged", "no"), "op:link comes first"),
        ("op:start-session", (), "each message is in a frame"),
        ("op:deliver", (), "each message is in a frame"),
        ("op:link", (1, ID, LIFE, 0, NOTHING, 0, False, NONCE, False), "version 2 of links only"),
        ("op:link", (True, ID, LIFE, 0, NOTHING, 0, False, NONCE, False), "version 2 of links only"),
        ("op:link", (2, b"short", LIFE, 0, NOTHING, 0, False, NONCE, False), "named by 32 bytes"),
        ("op:link", (2, False, LIFE, 0, NOTHING, 0, False, NONCE, False), "who dials names a link"),
        ("op:link", (2, ID, b"", 0, NOTHING, 0, False, NONCE, False), "has a life"),
        ("op:link", (2, ID, "life", 0, NOTHING, 0, False, NONCE, False), "has a life"),
        ("op:link", (2, ID, LIFE, -1, NOTHING, 0, False, NONCE, False), "not negative"),
        ("op:link", (2, ID, LIFE, True, NOTHING, 0, False, NONCE, False), "not negative"),
        ("op:link", (2, ID, LIFE, 2**60, NOTHING, 0, False, NONCE, False), "not negative"),
        ("op:link", (2, ID, LIFE, 0, b"h", 0, False, NONCE, False), "a hash"),
        ("op:link", (2, ID, LIFE, 0, NOTHING, "0", False, NONCE, False), "not negative"),
        ("op:link", (2, ID, LIFE, 0, NOTHING, 0, ["diverged"], NONCE, False), "a code and a reason"),
        ("op:link", (2, ID, LIFE, 0, NOTHING, 0, False, b"short", False), "a nonce has 32 bytes"),
        ("op:link", (2, ID, LIFE, 0, NOTHING, 0, False, NONCE, True), "a nonce has 32 bytes"),
        ("op:link", (2, ID, LIFE, 0, NOTHING, 0, False), "op:link has 9 fields, not 7"),
        ("op:link", (1, ID, LIFE, 0, NOTHING, 0, False), "version 2 of links only"),
        ("op:link", (), "version 2 of links only"),
    ],
)
def test_what_is_no_hello_ends_its_connection(
    world: Linked, liar: Liar, label: str, fields: tuple[Any, ...], why: str
) -> None:
    """The reason is told, and nothing of it is left."""
    liar.send(label, *fields)
    run(world.network, redial=False)
    assert liar.why is not None
    assert why in liar.why
    assert why in world.events[-1]["why"]
    assert world.rows("carrier.") == world.rows("link.") == world.hub.peers() == []


@pytest.mark.parametrize(
    "said", [b"nonsense", b"<7'op:link", syrup.write([1]), syrup.write(Record(b"x", ()))]
)
def test_what_is_no_message_ends_its_connection(world: Linked, liar: Liar, said: bytes) -> None:
    """Whatever its bytes are."""
    liar.raw(said)
    run(world.network, redial=False)
    assert liar.why is not None
    assert world.rows("carrier.") == []


@pytest.mark.parametrize(
    "fields",
    [
        (2, ID, LIFE, 5),
        (2, ID, LIFE, 0, NOTHING, 3),
        (2, ID, LIFE, 2**52, b"x" * 32, 2**52),
    ],
)
def test_a_link_that_this_side_knows_nothing_of_is_refused(
    world: Linked, liar: Liar, fields: tuple[Any, ...]
) -> None:
    """Who says that much was exchanged is told that it has diverged, and cannot go on as if nothing were."""
    liar.hello(*fields)
    *_, refused = liar.answered()
    assert refused[0] == "diverged"
    liar.bound("op:ack", 0)
    run(world.network, redial=False)
    assert world.hub.peers() == []
    assert liar.why is not None


@pytest.mark.parametrize(
    ("number", "tail", "taken", "why"),
    [
        (2, NOTHING, 0, "frame 1 is missing: 2 came"),
        (0, NOTHING, 0, "op:frame has a bond, a number"),
        (-1, NOTHING, 0, "op:frame has a bond, a number"),
        ("1", NOTHING, 0, "op:frame has a bond, a number"),
        (True, NOTHING, 0, "op:frame has a bond, a number"),
        (1, b"short", 0, "op:frame has a bond, a number"),
        (1, NOTHING, 7, "never sent was acknowledged"),
        (1, NOTHING, -1, "never sent was acknowledged"),
        (1, NOTHING, "0", "never sent was acknowledged"),
    ],
)
def test_a_frame_that_cannot_be_is_not_taken(
    world: Linked, linked: Liar, number: Any, tail: Any, taken: Any, why: str
) -> None:
    """The connection ends with a reason, and the link stays."""
    linked.bound("op:frame", number, tail, taken, START)
    run(world.network, redial=False)
    assert why in str(linked.why)
    assert world.link()["state"] == "cut"
    audit(world)


def test_an_acknowledgement_from_the_future_ends_its_connection(world: Linked, linked: Liar) -> None:
    """What was never sent cannot have been taken."""
    linked.bound("op:ack", 1)
    run(world.network, redial=False)
    assert "never sent was acknowledged" in str(linked.why)
    assert world.link()["state"] == "cut"


def test_a_hello_in_the_middle_ends_its_connection(world: Linked, linked: Liar) -> None:
    """Each connection has one."""
    linked.hello()
    run(world.network, redial=False)
    assert "op:link came twice" in str(linked.why)


def test_a_hello_alone_changes_nothing(world: Linked, linked: Liar) -> None:
    """Only the third message does: a link is neither ended nor taken over by what may be old or repeated."""
    before = world.link()
    other = Liar(world.network, "liar")
    for fields in ((2, ID), (2, b"o" * 32), (2, ID, LIFE, 9, b"x" * 32, 0), (2, ID, b"another life")):
        other.dial(world)
        other.hello(*fields)
        assert len(other.took("op:link")) == 1
        assert world.link() == before
        assert linked.why is None
    assert not [each for each in world.events if each.get("code") in CODES]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((ID, "diverged", "no"), "diverged"),
        ((ID, "expired", "no"), "expired"),
        ((ID, "a joke", "no"), "ended"),
    ],
)
def test_a_link_that_its_peer_ends_has_ended(
    world: Linked, linked: Liar, fields: tuple[Any, ...], code: str
) -> None:
    """With one of the codes that there are, and its words marked as the peer's."""
    linked.bound("op:link-end", *fields)
    run(world.network, redial=False)
    assert world.hub.peers() == []
    assert [each["code"] for each in world.events if each["event"] != "cut"][-1] == code


@pytest.mark.parametrize("fields", [(b"o" * 32, "diverged", "no"), (ID, 5, "no"), (ID, "diverged", 5)])
def test_a_link_is_not_ended_by_what_does_not_name_it(
    world: Linked, linked: Liar, fields: tuple[Any, ...]
) -> None:
    """The connection ends, and the link stays."""
    linked.bound("op:link-end", *fields)
    run(world.network, redial=False)
    assert world.link()["state"] == "cut"


def test_what_breaks_the_rules_within_a_frame_ends_the_link(world: Linked, linked: Liar) -> None:
    """It would break them again each time the frame came, so the session ends, with the reason."""
    linked.bound("op:frame", 1, NOTHING, 0, deliver())
    ((_, _, code, why),) = linked.took("op:link-end")
    assert (code, why) == ("ended", "the session has not begun: op:start-session comes first")
    assert world.hub.peers() == []
    audit(world)


@pytest.mark.parametrize("bond", [b"b" * 16, b"", bytes(17), "text", 5])
@pytest.mark.parametrize(
    ("label", "fields"),
    [
        ("op:frame", (1, NOTHING, 0, START)),
        ("op:ack", (0,)),
        ("op:link-end", (ID, "diverged", "no")),
    ],
)
@pytest.mark.parametrize("attached", [True, False], ids=["later", "as the third message"])
def test_what_was_said_on_another_connection_is_not_taken(
    world: Linked, linked: Liar, attached: bool, label: str, fields: tuple[Any, ...], bond: Any
) -> None:
    """Another bond ends the connection, and nothing else comes of it."""
    before = world.link()
    liar = linked
    if not attached:
        liar = Liar(world.network, "liar")
        liar.dial(world)
        liar.hello()
        liar.took("op:link")
    liar.send(label, bond, *fields)
    run(world.network, redial=False)
    assert "said on another connection" in str(liar.why)
    assert world.link() == {**before, "state": "cut" if attached else "hello"}
    audit(world)


@pytest.mark.parametrize("answers", [b"o" * 32, False])
@pytest.mark.parametrize("refused", [False, ["diverged", "no"]])
def test_an_answer_to_another_hello_ends_no_link(
    world: Linked, linked: Liar, answers: Any, refused: Any
) -> None:
    """It may be old: who dialled takes none that does not repeat its nonce."""
    world.cut()
    run(world.network, redial=False)
    liar = world.network.listeners[linked.here.peer] = Liar(world.network, "liar")
    before = world.link()
    world.redial()
    liar.took("op:link")
    liar.hello(2, ID, LIFE, 9, b"x" * 32, 9, refused, NONCE, answers)
    run(world.network, redial=False)
    assert "said on another connection" in str(liar.why)
    assert world.link() == before
