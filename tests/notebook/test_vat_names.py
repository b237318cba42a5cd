"""The name of a vat takes nothing from the user, and names are shown with what a restart makes of them."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel, bank

SMALL = """%%vat {}
from swingset.vat import remotable
@remotable
class Root:
    def hello(self): return "hello"
def build_root_object(): return Root()
"""


@pytest.fixture(scope="module")
def opened(kernel: Kernel) -> Kernel:
    """A kernel with a bank."""
    kernel.open_bank()
    return kernel


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("await E(bank).open_purse('alice')", "Purse of bank"),
        ("bank", "Bank, root of bank"),
        ("E(bank).open_purse('bob')", "promise for open_purse()"),
        ("5", "int 5"),
        ("[bank]", "list of 1"),
        ("__import__('json')", "module"),
    ],
)
def test_a_new_vat_takes_no_name_from_the_user(opened: Kernel, given: str, held: str) -> None:
    """It is refused with what the name holds, and made once the name is free."""
    opened.run(f"mine = {given}")
    refused = opened.run(SMALL.format("mine"))
    assert f"SwingSetError: the name mine holds {held}" in refused.traceback
    assert "→ or keep the value by another name first: `other = mine; del mine`" in refused.traceback
    assert "mine" not in opened.run("%swingset vats").plain
    opened.run("other = mine; del mine")
    assert "vat mine runs now" in opened.run(SMALL.format("mine")).plain
    opened.run("%swingset terminate mine")
    opened.run("del mine")


def test_a_vat_that_runs_leaves_the_name_as_well(opened: Kernel) -> None:
    """Its unchanged cell, a changed one and an upgrade go on, and say whose the name is."""
    opened.run("root = bank; bank = 'my own'")
    words = "the name bank stays yours, it holds str 'my own': `del bank`"
    assert words in opened.run(bank()).plain
    assert words in opened.run(bank() + "\n# more").plain
    assert words in opened.run(bank("--upgrade") + "\n# more").plain
    assert "SwingSetError: the name bank holds str 'my own'" in opened.run(bank("--replace")).traceback
    assert opened.run("bank").plain == "'my own'"
    opened.run("del bank")
    again = opened.run(bank() + "\n# more").plain
    assert "stays yours" not in again
    assert opened.run("bank is root").plain == "True"


def test_a_cell_that_is_run_again_keeps_its_name(opened: Kernel) -> None:
    """The root of a vat of that name is no property of the user's, not even after the vat has ended."""
    assert "vat small runs now" in opened.run(SMALL.format("small")).plain
    assert "nothing changed" in opened.run(SMALL.format("small")).plain
    opened.run("%swingset terminate small")
    assert "vat small runs now" in opened.run(SMALL.format("small")).plain
    assert opened.run("await E(small).hello()").plain == "'hello'"
    assert "vat small was ended" in opened.run(SMALL.format("small --replace")).plain


def test_a_reference_is_described_by_a_word(opened: Kernel) -> None:
    """By its name in the notebook or in the kernel; another name is refused, and Tab completes them."""
    opened.run("thing = await E(bank).open_purse('eve')")
    said = opened.run("%swingset describe thing").plain
    assert said.splitlines()[0] == "Purse of bank · owner 'eve' · balance 0 · methods deposit"
    assert said.splitlines()[1] == "  deposit(amount: int) -> int, line 9 of cell bank"
    assert said.splitlines()[-1] == "  class: line 5 of cell bank"
    kref = opened.run("%swingset names").plain.partition("Purse of bank, ")[2].split()[0]
    assert "Purse of bank" in opened.run(f"%swingset describe {kref}").plain
    refused = opened.run("%swingset describe nonesuch").traceback
    assert "'nonesuch' is no name of a reference" in refused
    assert "→ `%swingset names` lists those there are" in refused
    assert opened.complete("%swingset describe th") == ["thing"]
    assert opened.complete("%swingset explain th") == ["thing"]


def test_names_are_shown_with_their_future(opened: Kernel) -> None:
    """Each says what it stands for, and whether a restart brings it back."""
    opened.run(
        "account = await E(bank).open_purse('carol')\nsoon = E(bank).open_purse('dave')\nboth = [account]"
    )
    table = opened.run("%swingset names").plain
    rows = {line.split()[0]: line for line in table.splitlines() if line.split()}
    assert "Purse of bank, ko" in rows["account"]
    assert rows["account"].endswith("comes back")
    assert "promise for open_purse(), fulfilled with Purse of bank" in rows["soon"]
    assert rows["soon"].endswith("is a promise: await it and keep its value")
    assert "has references inside" in rows["both"]
