"""Cards: what is believed of where a world has moved to, and which key has succeeded which."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.net import cards, syrup
from swingset.net.cards import Grant, Statement
from swingset.net.keys import key_of, named_by
from swingset.net.locators import Locator, located
from swingset.net.values import Malformed, Record, Refused, Symbol
from swingset.netlayers import NetlayerError, Succeeded, be_greeted, greet
from tests.net.bench import Network, World, raw_key, verified
from tests.net.test_worlds import Meeting


class Key:
    """A key of a test."""

    def __init__(self, seed: str) -> None:
        self.secret = raw_key(seed)
        self.public = self.secret.public_key().public_bytes_raw()
        self.name = named_by(self.public)

    def sign(self, data: bytes) -> bytes:
        return self.secret.sign(data)

    def at(self, port: int, number: int, transport: str = "tcp-testing-only") -> bytes:
        """A statement of where the key is reached."""
        where = located(transport, self.name, {"port": str(port)})
        return Statement(self.public, number, where).signed(self.sign)

    def to(self, other: Key, number: int = 1) -> bytes:
        """A statement that another key succeeds this one."""
        return Statement(self.public, number, None, other.public).signed(self.sign, other.sign)


A, B, C, D = (Key(seed) for seed in "ABCD")


@pytest.fixture
def world() -> World:
    return World(Network(), "world")


def follow(world: World, *statements: bytes) -> int:
    return world.hub.moved(syrup.write(list(statements)))


def place(world: World, key: Key, transport: str = "tcp-testing-only") -> tuple[str, str | None]:
    found = world.hub._core().moves.place(Locator(transport, key.name))
    return found.designator, found.hint("port")


TAKEN: list[tuple[str, list[list[bytes]], tuple[str, str | None]]] = [
    ("nothing", [], (A.name, None)),
    ("an address", [[A.at(1, 1)]], (A.name, "1")),
    ("a newer one", [[A.at(1, 1)], [A.at(2, 2)]], (A.name, "2")),
    ("another transport", [[A.at(1, 1)], [A.at(2, 2, "unix")]], (A.name, "1")),
    ("a successor", [[A.to(B)]], (B.name, None)),
    ("a successor that moved", [[A.to(B)], [B.at(7, 9)]], (B.name, "7")),
    ("both in one card", [[B.at(7, 9), A.to(B)]], (B.name, "7")),
    ("two successors, one after the other", [[C.at(3, 5), B.to(C), A.to(B)]], (C.name, "3")),
    ("the same, told backwards", [[B.to(C)], [A.to(B)], [C.at(3, 5)]], (C.name, "3")),
]


@pytest.mark.parametrize(("told", "expected"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_refers_to_a_key_follows_it(
    world: World, told: list[list[bytes]], expected: tuple[str, str | None]
) -> None:
    """The newest statement about a transport counts, and that of the successor."""
    for said in told:
        assert follow(world, *said)
    assert place(world, A) == expected


def forged(at: int, change: Callable[[Any], Any]) -> bytes:
    """A signed statement in which one field is changed afterwards."""
    found = syrup.read(A.to(B))
    said = list(found.fields[0].fields)
    said[at] = change(said[at])
    return syrup.write(Record(found.label, (Record(found.fields[0].label, tuple(said)), *found.fields[1:])))


def unsigned(first: Any, second: Any) -> bytes:
    found = syrup.read(A.to(B))
    return syrup.write(Record(found.label, (found.fields[0], first, second)))


REFUSED: list[tuple[str, list[bytes], list[bytes], str]] = [
    ("an older address", [A.at(2, 2)], [A.at(1, 1)], ""),
    ("a replayed address", [A.at(2, 2)], [A.at(2, 2)], ""),
    ("another address with the same number", [A.at(2, 2)], [A.at(5, 2)], ""),
    ("a replayed succession", [A.to(B)], [A.to(B)], ""),
    ("an address of a key that was succeeded", [A.to(B)], [A.at(1, 10**9)], "not believed any more"),
    ("a second successor", [A.to(B)], [A.to(C, 10**9)], "not believed any more"),
    ("a ring of one", [], [A.to(A)], "in a ring"),
    ("a ring of two", [A.to(B)], [B.to(A)], "in a ring"),
    ("a ring of three", [A.to(B), B.to(C)], [C.to(A)], "in a ring"),
    ("a ring within one card", [], [A.to(B), B.to(C), C.to(A)], "in a ring"),
    ("a successor that has not signed", [], [forged(3, lambda _: C.public)], "not signed by"),
    ("a key that has not signed", [], [forged(0, lambda _: C.public)], "not signed by the key"),
    ("another number", [], [forged(1, lambda _: 7)], "not signed"),
    ("a number that is none", [], [forged(1, lambda _: -1)], "not negative"),
    ("a number that is a text", [], [forged(1, lambda _: "1")], "not negative"),
    ("a key that is short", [], [forged(0, lambda _: b"x")], "32 bytes"),
    ("no signature", [], [unsigned(False, False)], "not signed"),
    ("only that of the key", [], [unsigned(syrup.read(A.to(B)).fields[1], False)], "not signed"),
    ("both or neither", [], [forged(3, lambda _: False)], "where a world is reached, or which key"),
    ("no statement", [], [b""], "."),
    ("another record", [], [syrup.write(Record(Symbol("x"), (1, 2, 3)))], "is signed"),
    ("no statements at all", [], [], "1 to 20 statements"),
    ("too many", [], [A.at(1, n) for n in range(21)], "1 to 20 statements"),
    (
        "the address of another key",
        [],
        [Statement(A.public, 1, located("unix", B.name, {"path": "/x"})).signed(A.sign)],
        "of no other",
    ),
]


@pytest.mark.parametrize(("before", "said", "why"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_forged_old_or_a_ring_is_refused(
    world: World, before: list[bytes], said: list[bytes], why: str
) -> None:
    """Nothing of it is taken, not even what is right in the same card."""
    if before:
        follow(world, *before)
    kept = dict(world.store.table)
    if why:
        with pytest.raises(Refused, match=why):
            follow(world, *said, *([C.at(9, 9)] if 0 < len(said) < 20 else []))
    else:
        assert follow(world, *said) == 0
    assert {**kept, "net.moves": ""} == {**world.store.table, "net.moves": ""}


def test_the_bytes_of_a_card_are_read_or_refused() -> None:
    """Any text and any bytes; an error has nothing of them."""

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60), st.booleans())
    def tried(data: bytes, spelled: bool) -> None:
        text = base64.urlsafe_b64encode(data).decode() if spelled else data.decode("latin-1")
        for begins, read in ((cards.CARD, cards.read_card), (cards.GRANT, cards.read_grant)):
            with pytest.raises(Malformed):
                read(begins + text, verified)  # type: ignore[operator]

    tried()


def test_keys_succeed_each_other_so_often_and_no_more(world: World) -> None:
    """A chain is looked through up to a limit."""
    keys = [Key(str(number)) for number in range(40)]
    told = [first.to(second) for first, second in pairwise(keys)]
    for said in told[32:][::-1]:
        assert follow(world, said)
    for said in told[8:32][::-1]:
        assert follow(world, said)
    with pytest.raises(Refused, match="at most 32 keys"):
        follow(world, told[7])


def test_of_so_many_keys_of_peers_is_kept_where_they_are() -> None:
    """Then no peer is believed that is not known, known ones still move, and a person is believed always."""
    world = World(Network(), "world")

    def said(key: Key, number: int, port: int) -> int:
        core = world.hub._core()
        found = core.moves.follow(syrup.write([key.at(number, port)]), key.name, most=2)
        core.finish()
        return found

    for key in (A, B):
        said(key, 1, 1)
    with pytest.raises(Refused, match="2 keys have said"):
        said(C, 1, 1)
    assert said(A, 2, 2) == 1
    assert follow(world, C.at(1, 1)) == 1


def test_a_succeeded_key_is_refused() -> None:
    """A session with it is aborted, whoever dials."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    row = '{"at":{},"next":"elsewhere"}'
    here.store.set("net.m.there", row)
    there.fetch(here.here, meeting.swissnum(here))
    meeting.network.run()
    assert here.hub.connections() == []
    assert any("was succeeded by another" in event["why"] for event in here.events)


def test_a_peer_says_of_itself_only_where_it_is() -> None:
    """What it says of others is refused, and changes nothing; so is what is said without proof."""
    meeting = Meeting("here", "there")
    here, there = meeting.worlds
    meeting.home(here, there)
    (conn,) = here.hub.connections()
    before = {key: value for key, value in here.store.table.items() if key.startswith("net.m.")}
    for said in ([A.at(1, 1)], [A.to(B)], [b"?"]):
        core = here.hub._core()
        with pytest.raises(Refused):
            core.moves.heard(conn, syrup.write(said))
        core.finish()
    assert before == {key: value for key, value in here.store.table.items() if key.startswith("net.m.")}


def test_a_grant_is_signed_by_its_giver() -> None:
    """It comes back as it was; one bit otherwise, and it is none."""
    grant = Grant(located("unix", A.name, {"path": "/x"}), b"s" * 32, B.public)
    text = grant.signed(A.sign)
    assert cards.read_grant(text, verified) == grant
    assert cards.read_grant(f"{text[:60]}\n {text[60:]}\n", verified) == grant
    with pytest.raises(Malformed, match="not signed by its giver"):
        cards.read_grant(grant.signed(C.sign), verified)
    for at in range(len(cards.GRANT), len(text), 7):
        with pytest.raises(Malformed):
            cards.read_grant(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :], verified)


@pytest.mark.parametrize(
    "designator", ["", "a", "a" * 51, "a" * 52 + "b", A.name.upper(), "ä" * 52, "1" * 52]
)
def test_what_names_no_key_has_none(designator: str) -> None:
    """A designator of another kind is no key, and one has one spelling."""
    assert key_of(designator) is None
    assert key_of(A.name) == A.public


class Known:
    """The identity of a world with one of the keys, and what it says its former ones have signed."""

    def __init__(self, key: Any, past: list[bytes]) -> None:
        self.designator, self.public, self.sign, self.past = key.name, key.public, key.sign, past
        self.verify = verified

    def random(self) -> bytes:
        return bytes(32)


class Line:
    """One end of a talk."""

    def __init__(self, to: asyncio.Queue[bytes], come: asyncio.Queue[bytes]) -> None:
        self._to, self._come = to, come

    async def say(self, data: bytes) -> None:
        await self._to.put(data)

    async def hear(self) -> bytes:
        return await self._come.get()


async def dialled(listens: Known) -> None:
    """Dial the first key where a world listens."""
    one: asyncio.Queue[bytes] = asyncio.Queue()
    two: asyncio.Queue[bytes] = asyncio.Queue()
    task = asyncio.ensure_future(be_greeted(Line(two, one), listens))
    try:
        here = located("unix", D.name, {"path": "/d"})
        await greet(Line(one, two), Known(D, []), here, located("unix", A.name, {"path": "/a"}))
    finally:
        task.cancel()


def test_who_is_dialled_by_an_old_key_says_what_has_succeeded_it() -> None:
    """Of all that it says, the statements that lead from the one key to the other are taken."""
    with pytest.raises(Succeeded) as caught:
        asyncio.run(dialled(Known(C, [B.to(C), A.to(B), D.to(B)])))
    assert caught.value.card == syrup.write([A.to(B), B.to(C)])


@pytest.mark.parametrize(
    "past",
    [[], [A.to(B)], [B.to(C)], [A.to(B), B.to(A)], [forged(3, lambda _: C.public)], [A.at(1, 1)], [b"?"]],
    ids=["nothing", "too short", "of another", "a ring", "not signed", "a place", "nonsense"],
)
def test_who_has_not_succeeded_a_key_is_another_world(past: list[bytes]) -> None:
    """It is not dialled again by its own key, and nothing is followed."""
    with pytest.raises(NetlayerError, match="another world than the one that was dialled") as caught:
        asyncio.run(dialled(Known(C, past)))
    assert not isinstance(caught.value, Succeeded)
