"""Since when something is true: found by bisection over moments of the past."""

from __future__ import annotations

from math import ceil, log2
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import swingset
from swingset.command.cli import main
from swingset.time.predicates.when import sender_of
from tests.conftest import MakeStage
from tests.staging import Stage

BANK = """
    from swingset.vat import durable, remotable

    @durable
    class Purse:
        owner: str
        balance: int = 0

        def deposit(self, amount: int) -> int:
            if amount == 13:
                raise ValueError("thirteen")
            self.balance += amount
            return self.balance

    @remotable
    class Bank:
        def open_purse(self, owner: str):
            return Purse(owner=owner)

    def build_root_object():
        return Bank()
"""

CLERK = """
    from swingset.vat import E, remotable

    @remotable
    class Clerk:
        def order(self, purse, amount):
            E(purse).deposit(amount)

    def build_root_object():
        return Clerk()
"""


@pytest.fixture
def stage(make_stage: MakeStage) -> tuple[Stage, Any]:
    """A bank, with a purse that the session holds."""
    stage = make_stage("local")
    bank = stage.define("bank", BANK)
    return stage, stage.ask(bank, "open_purse", "alice")


def paid(stage: Stage, purse: Any, *amounts: int) -> list[int]:
    """Deposit amounts; returns the crank of each."""
    kref = stage.session.kref_of(purse)
    assert kref is not None
    cranks = []
    for amount in amounts:
        stage.controller.queue_to_object(kref, "deposit", [amount])
        stage.controller.run()
        cranks.append(stage.controller.crank)
    return cranks


@pytest.mark.parametrize("place", [0, 13, 39])
def test_a_planted_bug_is_found_by_halving(stage: tuple[Stage, Any], place: int) -> None:
    """Wherever the bad message is among many, it takes as many looks as halving takes, and nothing moves."""
    world, purse = stage
    cranks = paid(world, purse, *(-10_000 if at == place else 1 for at in range(40)))
    before = world.controller.digest(), world.controller.history.head
    found = swingset.when(world.controller, "purse.balance < 0")
    assert found.crank == cranks[place]
    assert found.because[0].startswith("Purse o+d10/1 of bank: balance -")
    assert found.looks <= ceil(log2(world.controller.crank + 2))
    assert (world.controller.digest(), world.controller.history.head) == before


def test_who_sent_it_is_said(stage: tuple[Stage, Any]) -> None:
    """The chain goes up from the delivery through the vat that sent it to the request of the host."""
    world, purse = stage
    world.define("clerk", CLERK)
    kref, root = world.session.kref_of(purse), world.controller.vats.root("clerk")
    world.controller.queue_to_object(root, "order", [swingset.Ref(str(kref), "Purse"), -3])
    world.controller.run()
    found = swingset.when(world.controller, "purse.balance == -3")
    text = str(found)
    assert "deposit(-3) to Purse" in text
    assert "order(" in text
    assert "from its host" in text
    assert found.cause is not None
    (line,) = sender_of(world.controller, found)
    assert line.endswith("clerk, line 7, in Clerk.order: E(purse).deposit(amount)")
    assert found.cause.up[0].title == f"crank {(found.crank or 0) - 1}"


def test_what_began_several_times_is_found_at_its_newest_known_beginning(stage: tuple[Stage, Any]) -> None:
    """Bisection finds a crank before which it was false and after which it is true."""
    world, purse = stage
    cranks = paid(world, purse, *(-2, 4, 4, -9, 1, 1, 9, 9, -20, 1, 1))
    beginnings = {cranks[0], cranks[3], cranks[8]}
    found = swingset.when(world.controller, "purse.balance < 0")
    assert found.crank in beginnings
    with world.controller.at(found.crank - 1) as moment:
        assert moment.crank == found.crank - 1


def test_what_holds_no_more_is_said_with_its_end(stage: tuple[Stage, Any]) -> None:
    """The last time it held is looked for, further and further back."""
    world, purse = stage
    cranks = paid(world, purse, 1, 1, -5, -5, 20, 1, 1)
    found = swingset.when(world.controller, "purse.balance < 0")
    assert (found.crank, found.ended) == (cranks[2], cranks[4])
    assert f"until crank {cranks[4]}" in str(found)


def test_what_never_held_is_said(stage: tuple[Stage, Any]) -> None:
    """The moments that were looked at are counted, and names that mean nothing are named."""
    world, purse = stage
    paid(world, purse, 1, 1)
    found = swingset.when(world.controller, "purze.balance < 0")
    assert (found.crank, found.notes) == (None, ("purze means nothing in this world as it is now",))
    always = swingset.when(world.controller, "not purse.balance < 0")
    assert (always.crank, always.cause) == (0, None)
    assert "since the beginning" in str(always)


@pytest.mark.parametrize(
    ("text", "at", "looks"),
    [
        ('method == "deposit"', 5, 0),
        ("rejection", 2, 0),
        ('"thirteen" in rejection and vat == "bank"', 2, 0),
        ('method == "deposit" and purse.balance == 3', 2, 4),
        ("rejection and purse.balance == 3", 2, 1),
        ('method == "deposit" and purse.balance > 40', None, 6),
        ('object == "Purse" and purse.balance == 13', 3, 3),
    ],
)
def test_a_crank_is_searched_in_the_records(
    stage: tuple[Stage, Any], text: str, at: int | None, looks: int
) -> None:
    """The newest is found; a state is looked at only where the part about the crank holds."""
    world, purse = stage
    cranks = paid(world, purse, 1, 2, 13, 10, 1, 1)
    found = swingset.when(world.controller, text)
    assert found.crank == (None if at is None else cranks[at])
    if "object" not in text:
        assert found.looks == looks


def test_the_command_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`swingset when` looks at a file without changing it; its status says whether anything was found."""
    path = tmp_path / "my.world"
    with swingset.open_world(path, worker="local") as world:
        world.create_vat("bank", (("bank", dedent(BANK)),))
        purse = world.queue_to_root("bank", "open_purse", ["ann"])
        assert purse is not None
        for amount in (1, -2, 3):
            world.queue_to_object(purse, "deposit", [amount])
        world.run()
    before = path.read_bytes()
    assert main(["when", str(path), "purse.balance < 0"]) == 0
    printed = capsys.readouterr().out
    assert "until crank" in printed
    assert "deposit(-2)" in printed
    assert main(["when", str(path), "purse.balance > 9"]) == 1
    assert main(["when", str(path), "purse.balance("]) == 1
    assert "is no predicate" in capsys.readouterr().err
    assert path.read_bytes() == before
