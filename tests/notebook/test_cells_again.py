"""Cells of the notebook itself that define durable classes, and are run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import vat_sources
from tests.notebook.kernels import Kernel

PURSE = "from swingset.vat import durable\n" + vat_sources.PURSE

KEEPER = """@durable
class Keeper:
    purse: Purse

    def pay(self, amount: int) -> int:
        return self.purse.deposit(amount)
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A notebook with an open world and two durable classes of its own."""
    with Kernel(tmp_path) as kernel:
        kernel.run("%swingset open cells.world --worker local")
        assert kernel.run(PURSE).status == "ok"
        assert kernel.run(KEEPER).status == "ok"
        kernel.run("purse = Purse('alice')\nkeeper = Keeper(purse)")
        yield kernel


def test_objects_take_the_new_behaviour(kernel: Kernel) -> None:
    """The same objects with the same state answer as the cell now says, those of another cell too."""
    assert kernel.run("purse.deposit(5)").plain == "5"
    assert kernel.run(PURSE.replace("+= amount", "+= 10 * amount")).status == "ok"
    assert kernel.run("purse.deposit(1)").plain == "15"
    assert kernel.run("keeper.pay(1)").plain == "25"
    assert kernel.run("await E(purse).deposit(1)").plain == "35"
    assert kernel.run("isinstance(purse, Purse), keeper.purse is purse").plain == "(True, True)"
    assert kernel.run("keeper.purse = Purse('bob')\nkeeper.pay(2)").plain == "20"


def test_a_field_may_be_added(kernel: Kernel) -> None:
    """Objects that are older than a field with a default have it."""
    added = PURSE.replace("    balance: int = 0\n", "    balance: int = 0\n    note: str = 'none'\n")
    assert kernel.run(added).status == "ok"
    assert kernel.run("purse.note, Purse('bob', note='new').note").plain == "('none', 'new')"


def test_a_cell_that_does_not_fit_changes_nothing(kernel: Kernel) -> None:
    """What the store holds is not reinterpreted: the error says what it holds, and the old class goes on."""
    kernel.run("purse.deposit(5)")
    ran = kernel.run(PURSE.replace("balance: int = 0", "balance: str = ''"))
    assert ran.status == "error"
    assert "Purse.balance: expected int as stored, found str" in ran.traceback
    assert kernel.run("purse.deposit(1)").plain == "6"
    ran = kernel.run(PURSE.replace("durable", "virtual"))
    assert "kind 'Purse' was @durable at" in ran.traceback
    assert kernel.run("purse.deposit(1), type(purse) is Purse").plain == "(7, True)"


def test_a_later_notebook_goes_on_from_the_last_cell(kernel: Kernel, tmp_path: Path) -> None:
    """What is stored is one kind, whichever of the cells made it, for the next kernel too."""
    kernel.run(PURSE.replace("+= amount", "+= 10 * amount"))
    kernel.run("purse.deposit(1)\nkeeper.purse = Purse('bob', 3)")
    kernel.kill()
    with Kernel(tmp_path) as second:
        second.run("%swingset open cells.world --worker local")
        assert second.run(PURSE).status == "ok"
        assert second.run(KEEPER).status == "ok"
        assert second.run("purse.balance, keeper.purse.balance, keeper.pay(1)").plain == "(10, 3, 4)"
