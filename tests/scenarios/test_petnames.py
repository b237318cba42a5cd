"""Petnames: what is one, what is none, and where they are seen; and who has used what was given out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.eventual import E
from swingset.host.wires.asking import NetError
from swingset.host.worlds.opening import open_world
from swingset.lens.present.explain import Node, _Search, explain
from tests.scenarios.linked import BANK, Side, settle, with_session

KEY, OTHER = "a" * 51 + "b", "a" * 51 + "c"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Side, Side]]:
    """Alice, who has a bank and listens, and Bob; each is pumped while the other waits."""
    alice, bob = Side(), Side()
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    alice.other, bob.other = bob, alice
    yield alice, bob
    bob.close()
    alice.close()


@pytest.fixture
def named(pair: tuple[Side, Side]) -> Iterator[Any]:
    """The links of Bob's world, where one key is called mum; all names are gone afterwards."""
    net = pair[1].world.net
    net.name(KEY, "mum")
    yield net
    for name in net.names():
        net.name(name, None)


GOOD = ["Mum", "dad", "al's box", "Ünal", "o-neill_2", "Мама", "母", "שרה", "a", "x1" * 20, "clé", "नमस्ते"]


@pytest.mark.parametrize("petname", GOOD)
def test_a_petname_is_a_short_text_in_one_script(named: Any, petname: str) -> None:
    """It stands for a key until it has another, and one that is renamed is found by its new name."""
    named.name(KEY, petname)
    assert named.names() == {petname: KEY}
    named.name(petname, "other name")
    assert named.names() == {"other name": KEY}


BAD: list[tuple[Any, str]] = [
    ("", "1 to 40 characters"),
    ("x" * 41, "1 to 40 characters"),
    ("m\x1b[31mum", "letters, digits"),
    ("mum\n", "letters, digits"),
    ("mu\u202em", "letters, digits"),
    ("mu\u200bm", "letters, digits"),
    ("<b>mum", "begins with a letter"),
    ("m<b>", "letters, digits"),
    (" mum", "begins with a letter"),
    ("1mum", "begins with a letter"),
    ("mum ", "single spaces"),
    ("m  um", "single spaces"),
    ("m\u0335\u0335\u0335um", "two marks"),
    ("\uff4d\uff55\uff4d", "simpler spelling"),
    ("cafe\u0301", "simpler spelling"),
    ("m\u0443m", "scripts that look alike"),
    ("m\u05d0", "both directions"),
    ("abcdefghijkl", "beginning of a key"),
    ("another world", "meaning of its own"),
    ("World", "meaning of its own"),
    (5, "a text, or None"),
    ("\ud800", "letter"),
]


@pytest.mark.parametrize(("petname", "why"), BAD, ids=lambda value: ascii(value)[:20])
def test_what_could_deceive_is_no_petname(named: Any, petname: Any, why: str) -> None:
    """It is refused with what is wrong, made visible, and the names stay as they were."""
    with pytest.raises(NetError, match=why) as caught:
        named.name(KEY, petname)
    assert str(caught.value).isprintable()
    assert named.names() == {"mum": KEY}


@pytest.mark.parametrize("petname", ["mum", "Mum", "MUM"])
def test_two_worlds_have_not_one_name(named: Any, petname: str) -> None:
    """Capitals make no difference."""
    with pytest.raises(NetError, match="another world is called mum already"):
        named.name(OTHER, petname)


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        ("nobody", "no world is known here by it"),
        ("a", "no world is known here by it"),
        ("ocapn://nonsense", "no location of a world"),
        ("", "no world is known here by it"),
        (5, "a text"),
        ("aaaaaaaa", "several worlds begin so"),
    ],
)
def test_a_world_that_is_not_clear_is_refused(named: Any, peer: Any, why: str) -> None:
    """Nothing is named by guessing."""
    named.name(OTHER, "dad")
    with pytest.raises(NetError, match=why):
        named.name(peer, "aunt")


def test_a_petname_is_shown_where_the_world_is(pair: tuple[Side, Side]) -> None:
    """In the peers, and wherever an object of that world is named; no world learns it."""
    alice, bob = pair
    theirs = bob.fetch(alice.shared(label="gift"))
    kref = bob.session.kref_of(theirs)
    (peer,) = bob.world.net.peers()
    bob.world.net.name(peer, "Alice")
    assert [each.name for each in bob.world.net.peers()] == ["Alice"]
    called = "object of world Alice"
    lens = bob.world.lens
    assert lens.describe(kref).name == lens.label(kref) == called
    assert next(row.label for row in lens.objects() if row.kref == kref) == called
    assert called in str(explain(bob.world.kernel.store, kref))
    assert bob.world.net.designator_of("Alice") == alice.world.net.designator_of(peer.peer)
    with pytest.raises(RemoteError) as caught:
        bob.ask(theirs, "deposit", -1)
    assert not any("Alice" in part for part, *_ in caught.value.trace)
    bob.world.net.name("Alice", None)
    assert "Alice" not in lens.label(kref)


def test_an_object_is_of_the_world_that_has_it_whoever_shares_it(pair: tuple[Side, Side]) -> None:
    """A third world that fetches it from the second is told that it is the first one's."""
    alice, bob = pair
    theirs = bob.ask(bob.fetch(alice.shared(label="passed on")), "sub_purse")
    bob.world.net.listen("in-process")
    with_session(bob)
    uri = bob.session.net.share(theirs, label="of another")
    third = Side()
    third.other = bob

    def others() -> None:
        third.pump_other()
        bob.pump_other()

    third.session.awaits = others
    found = third.fetch(uri)
    assert third.ask(found, "deposit", 1) == 1
    designator = alice.world.net.designator_of(bob.world.net.peers()[0])
    assert third.world.lens.label(third.session.kref_of(found)) == f"object of world {designator[:12]}"
    third.close()


def test_a_share_says_who_has_used_it_and_how_often(pair: tuple[Side, Side]) -> None:
    """The peers that were proved, each with its uses, and when by the clock of the host."""
    alice, bob = pair
    uri = alice.shared(label="counted")
    third = Side()
    third.other = alice
    for side in (bob, bob, third):
        side.fetch(uri)
    (share,) = [each for each in alice.world.net.shared() if each.label == "counted"]
    assert [use.times for use in share.users] == [2, 1]
    assert all(use.first <= use.last <= (share.last_use or 0) for use in share.users)
    assert {use.peer for use in share.users} <= {
        peer.peer.removeprefix("ocapn://").partition("?")[0] for peer in alice.world.net.peers()
    }
    third.close()


def test_an_object_is_held_by_the_worlds_that_have_it(pair: tuple[Side, Side]) -> None:
    """What keeps it alive is said with their names, and that a string can be out by which it is fetched."""
    alice, bob = pair
    purse = alice.ask(alice.session.root("bank"), "purse")
    uri = alice.session.net.share(purse, label="held")
    kref = str(alice.session.kref_of(purse))
    settle(alice)
    held = [hold.words for hold in _Search(alice.world.kernel.store).holds(Node(kref))]
    assert f"{kref} (Purse of bank) is shared: 1 string can be out by which other worlds fetch it" in held
    theirs = bob.fetch(uri)
    bob.ask(theirs, "deposit", 1)
    alice.world.net.name(alice.world.net.peers()[0], "Bob")
    held = [hold.words for hold in _Search(alice.world.kernel.store).holds(Node(kref))]
    assert f"world Bob holds {kref} (Purse of bank)" in held
    assert not any("its heap" in words and "vat net" in words for words in held)
    said = alice.world.gc.explain(kref)
    assert f"world Bob holds {kref} (Purse of bank)" in (*said.hops, *said.notes)
    assert any("1 string can be out" in words for words in said.notes)  # though one way to it is enough
    alice.world.net.name("Bob", None)


def test_what_other_worlds_cost_is_set_apart(pair: tuple[Side, Side]) -> None:
    """The vat that speaks with them is among no vats and methods, and has its own line."""
    alice, bob = pair
    bob.fetch(alice.shared())
    found = swingset.costs_over_time(alice.world)
    assert found.net is not None
    assert found.net.deliveries > 5
    assert "net" not in {each.vat for each in (*found.vats, *found.methods)}
    assert "apart from that, for other worlds: vat net" in str(found)
    assert swingset.costs_over_time(alice.world, vat="net").net is None
    assert swingset.costs_over_time(alice.world, vat="net").deliveries == found.net.deliveries


def test_what_is_cut_off_is_rejected_with_its_code(pair: tuple[Side, Side]) -> None:
    """A message to it fails, at once and for good; a replay of either world comes to the same."""
    alice, bob = pair
    theirs = bob.fetch(alice.shared(label="borrowed"))
    inner = bob.ask(theirs, "sub_purse")
    alice.world.net.unshare("borrowed")
    settle(alice)
    assert bob.ask(theirs, "deposit", 1) == 1
    alice.world.net.unshare("borrowed", cut=True)
    settle(alice)
    with_session(bob)
    with pytest.raises(RemoteError, match="taken back") as caught:
        bob.session.wait(E(theirs).deposit(1))
    assert caught.value.code == "revoked"
    assert bob.ask(inner, "deposit", 3) == 3


def test_petnames_and_uses_are_there_when_a_world_is_opened_again(tmp_path: Path) -> None:
    """A petname is in the world, and who used what is in the file of secrets."""
    path = str(tmp_path / "my.world")
    with open_world(path, worker="local") as world:
        world.net.name(KEY, "mum")
    with open_world(path, worker="local") as world:
        assert world.net.names() == {"mum": KEY}
