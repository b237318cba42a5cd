"""Causes that cross from one world to another, where the histories of both are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.core.errors import KernelError
from swingset.guest.sending.eventual import E
from tests.scenarios.linked import BANK, KEEPER, Side, settle, with_session


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """Alice has a bank; a keeper of Bob's calls a purse of it, for Bob's host."""
    folder = tmp_path_factory.mktemp("across")
    alice, bob = Side(folder / "alice.world"), Side(folder / "bob.world")
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    bob.other, alice.other = alice, bob
    theirs = bob.fetch(alice.shared())
    with_session(bob)
    bob.session.define("keeper", KEEPER)
    keeper = bob.session.root("keeper")
    bob.session.wait(E(keeper).keep("it", theirs))
    bob.session.wait(E(keeper).deposit("it", 5))
    settle(alice, bob)
    yield alice, bob
    for side in (alice, bob):
        side.session.close()
        side.world.close()


def crank(side: Side, said: str) -> int:
    """The last crank whose event is this message."""
    found = swingset.search(side.world, method="deposit", kind="send", most=100).steps
    return max(step.crank for step in found if step.summary.startswith(said))


def kinds(steps: Any) -> list[tuple[str, str]]:
    """The worlds of some steps, each with the beginning of what happened."""
    return [(each.world, each.step.summary.partition("(")[0][:9]) for each in steps]


def test_what_led_to_a_crank_is_followed_into_the_other_world(told: tuple[Side, Side]) -> None:
    """From the purse in the one world to the host of the other, through the messages between them."""
    alice, bob = told
    merged = swingset.merge_causes({"alice": alice.world, "bob": bob.world})
    found = merged.cause("alice", crank(alice, "deposit(5)"))
    assert kinds(found.up) == [
        ("alice", "a message"),
        ("bob", "deposit"),
        ("bob", "deposit"),
        ("bob", "vat noteb"),
    ]
    assert found.origin == "bob: it came into the world from its host"
    assert "to Purse" in str(found.step)


def test_what_came_of_a_crank_is_followed_there_and_back(told: tuple[Side, Side]) -> None:
    """The other world's steps stand below the one that sent them, and what they sent back below those."""
    alice, bob = told
    merged = swingset.merge_causes({"alice": alice.world, "bob": bob.world})
    found = merged.cause("bob", crank(bob, "deposit('it', 5)"))
    said = kinds(found.down)
    places = [said.index(each) for each in (("bob", "deposit"), ("alice", "a message"), ("alice", "deposit"))]
    assert places == sorted(places)
    assert ("bob", "a message") in said[places[-1] :]
    assert [each.depth for each in found.down if each.world == "alice"][:2] == [2, 3]
    assert merged.cause("bob", crank(bob, "deposit('it', 5)"), most=1).more
    assert [str(line).count("alice: ") for line in found.lines()].count(1) >= 2


def test_without_the_other_history_a_cause_ends_at_the_border(told: tuple[Side, Side]) -> None:
    """It says so, as does the history of a third world, in which nothing of it is."""
    alice, _ = told
    other = Side()
    for worlds in ({"alice": alice.world}, {"alice": alice.world, "other": other.world}):
        found = swingset.merge_causes(worlds).cause("alice", crank(alice, "deposit(5)"))
        assert kinds(found.up)[0] == ("alice", "a message")
        assert "whose history here has no record of it" in found.origin
    other.close()


@pytest.mark.parametrize("worlds", [{}, {5: None}, None])
def test_what_is_no_world_is_refused(worlds: Any) -> None:
    """Worlds are given by their names."""
    with pytest.raises(KernelError, match="give the worlds by their names"):
        swingset.merge_causes(worlds)


def test_a_world_that_is_not_there_is_named(told: tuple[Side, Side]) -> None:
    """So are those that are."""
    with pytest.raises(KernelError, match="no history of a world 'carol' is here; there are alice"):
        swingset.merge_causes({"alice": told[0].world}).cause("carol", 1)


def test_the_command_looks_at_the_file_of_the_other_world(
    told: tuple[Side, Side], capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be open elsewhere; two files of one name are refused."""
    alice, bob = told
    for side in told:
        side.world.commit("before it is looked at")
    asked = [str(alice.path), str(crank(alice, "deposit(5)"))]
    assert main(["cause", *asked, "--with", str(bob.path)]) == 0
    assert "bob: it came into the world from its host" in capsys.readouterr().out
    assert main(["cause", *asked, "--with", str(alice.path)]) != 0
    assert "two worlds called alice" in capsys.readouterr().err


def exchanged(folder: Path) -> tuple[Side, Side, Any]:
    alice, bob = Side(folder / "alice.world"), Side(folder / "bob.world")
    with_session(alice)
    alice.session.define("bank", BANK)
    alice.world.net.listen("in-process")
    bob.other, alice.other = alice, bob
    theirs = bob.fetch(alice.shared())
    assert bob.ask(theirs, "deposit", 1) == 1
    settle(alice, bob)
    return alice, bob, theirs


@pytest.mark.parametrize("end", ["pruned", "went back"])
def test_a_past_that_is_gone_is_not_guessed(tmp_path: Path, end: str) -> None:
    """Where the sender's history lacks the record, the cause ends; what is there is followed."""
    alice, bob, theirs = exchanged(tmp_path)
    bob.world.checkpoint("before")
    assert bob.ask(theirs, "deposit", 2) == 3
    settle(alice, bob)
    if end == "pruned":
        bob.world.history.delete_checkpoint("before")
        bob.world.history.prune(before=bob.world.crank)
    else:
        bob.world.history.go_back("before")
        bob.other = alice
    merged = swingset.merge_causes({"alice": alice.world, "bob": bob.world})
    found = merged.cause("alice", crank(alice, "deposit(2)"))
    assert kinds(found.up)[0][0] == "alice"
    assert not any(each.world == "bob" and "deposit(2)" in each.step.summary for each in found.up)
    assert "no record of it" in found.origin
    earlier = merged.cause("alice", crank(alice, "deposit(1)"))
    assert (earlier.origin == "bob: it came into the world from its host") is (end == "went back")
    for side in (alice, bob):
        side.session.close()
        side.world.close()
