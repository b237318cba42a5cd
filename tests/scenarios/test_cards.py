"""Introduction the other way, worlds that move, and keys that are succeeded by others.

A public key goes out as a card, and authority comes back as a grant, which only its holder can use. Both may
be seen by anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.host.wires.asking import NetError
from swingset.host.wires.keys import verify
from swingset.host.wires.tables import looking
from swingset.host.wires.wire_secrets import Secrets
from swingset.net import cards, locators
from tests.scenarios.linked import BANK, Side, settle, with_session


@pytest.fixture
def sides() -> Iterator[Callable[..., Side]]:
    """Makes worlds, each of which is pumped while another waits."""
    made: list[Side] = []

    def make(*, bank: bool = False) -> Side:
        side = Side()
        if bank:
            with_session(side)
            side.session.define("bank", BANK)
        side.world.net.listen("in-process")
        for other in made:
            other.other = side
            side.other = other
        made.append(side)
        return side

    yield make
    for side in made:
        side.close()


def purse(side: Side) -> str:
    with_session(side)
    return str(side.session.kref_of(side.ask(side.session.root("bank"), "purse")))


def accepted(side: Side, grant: str) -> Any:
    """What a grant leads to, as a reference of a side's session."""
    kref = side.world.net.accept(grant)
    side.session.settle()
    while side.world.outcome(kref).status == "unresolved" and side.world.net.waits():
        side.pump_other()
        side.world.net.wait(0.03)
        side.world.net.pump()
        side.session.settle()
    return side.world.resolution(kref)


def test_a_key_goes_out_and_authority_comes_back(sides: Callable[..., Side]) -> None:
    """Who reads the card and the grant on their way gets nothing; the holder of the key has the object."""
    giver = sides(bank=True)
    thief = sides()
    receiver = sides()
    card = receiver.world.net.card()
    grant = giver.world.net.grant(card, purse(giver), label="for her")
    with pytest.raises(NetError, match="for another world"):
        thief.world.net.accept(grant)
    found = cards.read_grant(grant, verify)
    thief.other = giver
    with pytest.raises(RemoteError, match="this string opens nothing"):
        thief.fetch(locators.sturdyref_uri(found.giver, found.swissnum))
    receiver.other = giver
    got = accepted(receiver, grant)
    assert got.kref
    with_session(receiver)
    (share,) = giver.world.net.shared()
    me = receiver.world.net.listen("in-process").removeprefix("ocapn://")
    assert (share.uses, share.label, share.last_user) == (1, "for her", me)
    assert share.to == me.rpartition(".")[0]


def test_who_does_not_prove_the_key_gets_nothing(sides: Callable[..., Side]) -> None:
    """A netlayer that proves nobody carries no grant, and a claim over it opens none."""
    giver, receiver = sides(bank=True), sides()
    giver.world.net.listen("tcp-testing-only")
    card = receiver.world.net.card()
    with pytest.raises(NetError, match="does not listen by tcp-testing-only"):
        giver.world.net.grant(card, purse(giver), transport="tcp-testing-only")
    grant = cards.read_grant(giver.world.net.grant(card, purse(giver)), verify)
    over = locators.parse_uri(giver.world.net.listen("tcp-testing-only"))
    assert isinstance(over, locators.Locator)
    receiver.other = giver
    with pytest.raises(RemoteError, match="this string opens nothing"):
        receiver.fetch(locators.sturdyref_uri(over, grant.swissnum))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda net, other: net.grant("nothing", "ko20"), "no card: a card begins with ocapn-card:"),
        (lambda net, other: net.grant(net.card(), "ko20"), "of this world itself"),
        (lambda net, other: net.grant(other.card(), "kp999"), "an object of this world"),
        (lambda net, other: net.grant(other.card(), "ko20", seconds=-1), "`seconds` is more than 0"),
        (lambda net, other: net.grant(5, "ko20"), "a card is a string, or a path object"),
        (lambda net, other: net.accept("nothing"), "no grant: a grant begins with ocapn-grant:"),
        (lambda net, other: net.accept(Path("/nowhere/at/all")), "the grant cannot be read"),
        (lambda net, other: net.follow("ocapn-card:AAAA"), "no card"),
        (lambda net, other: net.follow(net.card()), "of this world itself"),
        (lambda net, other: net.card("pigeon"), "listen by pigeon first"),
    ],
)
def test_what_is_no_card_and_no_grant_is_refused(sides: Any, ask: Any, said: str) -> None:
    """With what it should be, and nothing is given out by it."""
    one, two = sides(), sides()
    with pytest.raises(NetError, match=said):
        ask(one.world.net, two.world.net)
    assert one.world.net.shared() == []


def test_a_world_without_a_place_has_no_card() -> None:
    """It would say nothing."""
    side = Side()
    with pytest.raises(NetError, match="have this one listen by a netlayer that proves"):
        side.world.net.card()
    side.close()


def test_references_follow_a_world_that_moves(sides: Callable[..., Side], tmp_path: Path) -> None:
    """A person brings its card, or it says so when it dials; a message that waits for it is answered then."""
    alice, bob = sides(bank=True), sides()
    net = alice.world.net
    net.close()
    net.listen("unix", path=str(tmp_path / "one.sock"))
    theirs = bob.fetch(alice.shared(transport="unix"))
    assert bob.ask(theirs, "deposit", 1) == 1
    net.close()
    net.listen("unix", path=str(tmp_path / "two.sock"))
    settle(alice, bob)
    assert bob.world.net.follow(net.card()) == bob.world.net.designator_of(net.listen("unix"))
    settle(bob)
    with pytest.raises(NetError, match="or known already"):
        bob.world.net.follow(net.card())
    assert bob.ask(theirs, "deposit", 1) == 2
    known = looking(bob.world.net._opened).place(str(bob.world.net.peers()[0].peer))
    assert "two.sock" in known


def test_a_key_is_succeeded_by_another(sides: Callable[..., Side]) -> None:
    """Petnames, references and grants for the old key are the new one's; the old one is refused."""
    alice, bob = sides(bank=True), sides()
    net = alice.world.net
    theirs = bob.fetch(alice.shared(label="kept"))
    (peer,) = bob.world.net.peers()
    bob.world.net.name(peer, "Alice")
    old = bob.world.net.designator_of("Alice")
    stale = alice.world.net.card()
    card = net.rotate()
    settle(alice, bob)
    assert bob.world.net.follow(card) == net.listen("in-process").removeprefix("ocapn://").rpartition(".")[0]
    settle(bob)
    assert bob.world.net.designator_of("Alice") != old
    assert bob.ask(theirs, "deposit", 1) == 1
    assert [each.name for each in bob.world.net.peers()] == ["Alice"]
    assert bob.world.lens.label(bob.session.kref_of(theirs)) == "object of world Alice"
    with pytest.raises(NetError, match="succeeded by another, and is not believed"):
        bob.world.net.follow(stale)
    bob.world.net.name("Alice", "Lis")
    assert bob.world.net.names() == {"Lis": bob.world.net.designator_of("Lis")}


@pytest.mark.parametrize("transport", ["in-process", "unix", "websocket", "http"])
def test_who_dials_an_old_key_finds_the_new_one(
    sides: Callable[..., Side], tmp_path: Path, transport: str
) -> None:
    """Nobody brings a card: what waits is rejected, and then references, petnames and strings follow."""
    alice, bob, carol = sides(bank=True), sides(), sides()
    net = alice.world.net
    if transport != "in-process":
        net.close()
        net.listen(transport, **({"path": str(tmp_path / "one.sock")} if transport == "unix" else {}))
    string = alice.shared(label="kept", transport=transport)
    bob.other = carol.other = alice
    theirs = bob.fetch(string)
    assert bob.ask(theirs, "deposit", 1) == 1
    (peer,) = bob.world.net.peers()
    bob.world.net.name(peer, "Alice")
    old = bob.world.net.designator_of("Alice")
    net.rotate()
    net.rotate()  # the old key has said what succeeded it, and so has that
    with pytest.raises(RemoteError, match="has another key now") as caught:
        bob.ask(theirs, "deposit", 1)
    assert caught.value.code == "ended"
    assert bob.ask(theirs, "deposit", 1) == 2
    assert bob.world.net.designator_of("Alice") == net.designator_of(net.listen(transport)) != old
    assert [each.name for each in bob.world.net.peers()] == ["Alice"]
    assert carol.ask(carol.fetch(string), "deposit", 1) == 3
    settle(alice, bob, carol)


def test_a_grant_for_a_key_is_its_successors(sides: Callable[..., Side]) -> None:
    """The successor says what it is when it asks, and is believed because both keys have signed it."""
    giver, receiver = sides(bank=True), sides()
    receiver.other = giver
    grant = giver.world.net.grant(receiver.world.net.card(), purse(giver))
    receiver.world.net.rotate()
    assert accepted(receiver, grant).kref
    (share,) = giver.world.net.shared()
    assert giver.world.net.designator_of(giver.world.net.peers()[0]) != share.to


def test_a_world_has_so_many_keys_and_no_more() -> None:
    """A succession is signed by both keys, and the oldest key is still known as its own."""
    secrets = Secrets.of(None)
    first = secrets.public
    for _ in range(19):
        secrets.rotate()
    assert secrets.is_mine(first)
    assert not secrets.is_mine(b"x" * 32)
    with pytest.raises(KernelError, match="at most 20 keys"):
        secrets.rotate()
