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
    shown = opened.run("%swingset shadow").plain  # the only vat with such a cell
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


def test_the_world_goes_on_from_a_crank_and_back(opened: Kernel) -> None:
    """First it is listed what stays behind; `--yes` does it; the commit that was left leads there again."""
    at = opened.run("import swingset_nb\nswingset_nb.session().controller.crank").plain
    balance = int(opened.run("await E(purse).deposit(5)").plain)
    assert "which crank" in str(opened.run("%swingset go-on").error)
    listed = opened.run(f"%swingset go-on {at}").plain
    assert "not in the world then: deposit(5)" in listed
    assert "until then nothing has changed" in listed
    assert int(opened.run("await E(purse).deposit(0)").plain) == balance
    done = opened.run(f"%swingset go-on {at} --yes").plain
    assert f"the world goes on from crank {at}" in done
    assert "names that came back" in done
    assert int(opened.run("await E(purse).deposit(0)").plain) == balance - 5
    there = done.rpartition("%swingset go-on --commit ")[2].split("`")[0]
    assert "leads to where it was" in opened.run(f"%swingset go-on --commit {there}").plain
    assert int(opened.run("await E(purse).deposit(0)").plain) == balance
    refused = opened.run("%swingset go-on --commit 99999")
    assert "99999" in str(refused.error)
    assert int(opened.run("await E(purse).deposit(0)").plain) == balance
    assert "there is no crank 77777" in str(opened.run("%swingset go-on 77777").error)
    assert "0 problems" in opened.run("%swingset verify").plain
