"""Changed pasts in a notebook: a changed cell beside the world, and an upgrade that is undone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel, bank

TWICE = "self.balance += 2 * amount"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with the bank and a purse in it."""
    with Kernel(tmp_path_factory.mktemp("branches")) as kernel:
        kernel.open_bank()
        kernel.run("purse = await E(bank).open_purse('alice')")
        kernel.run("await E(purse).deposit(10)")
        yield kernel


def twice(options: str = "") -> str:
    """The bank's cell, which deposits twice as much."""
    return bank(options).replace("self.balance += amount", TWICE)


def test_a_changed_cell_runs_beside_the_world(opened: Kernel) -> None:
    """What it would have answered differently is listed, and the world stays as it is."""
    assert "has no changed cell" in str(opened.run("%swingset shadow bank").error)
    opened.run(twice())
    before = opened.run("%swingset digest").plain
    shown = opened.run("%swingset shadow bank").plain
    assert "one answer differs" in shown
    assert "deposit(): recorded 10, came 20" in shown
    assert opened.run("%swingset digest").plain == before


def test_an_upgrade_is_undone(opened: Kernel) -> None:
    """First it is listed what would change; `--yes` does it, names come back, and the old code goes on."""
    assert "has no upgrade to undo" in str(opened.run("%swingset undo upgrade bank").error)
    opened.run(twice("--upgrade"))
    assert opened.run("await E(purse).deposit(1)").plain == "12"
    listed = opened.run("%swingset undo upgrade bank").plain
    assert "deposit(): recorded 12, came 11" in listed
    assert "until then nothing has changed" in listed
    assert "withheld" not in listed
    assert opened.run("await E(purse).deposit(0)").plain == "12"
    done = opened.run("%swingset undo upgrade bank --yes").plain
    assert "the upgrade of bank is undone: incarnation 0" in done
    assert "names that came back" in done
    assert opened.run("await E(purse).deposit(0)").plain == "11"
    assert "0 problems" in opened.run("%swingset verify").plain
