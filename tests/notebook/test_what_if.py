"""The words that look into other presents and into the past, in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with the bank and a purse in it."""
    with Kernel(tmp_path_factory.mktemp("what_if")) as kernel:
        kernel.open_bank()
        kernel.run("purse = await E(bank).open_purse('alice')")
        yield kernel


def test_a_cell_runs_until_something_holds(opened: Kernel) -> None:
    """The world is paused after that crank, and `%swingset run` goes on."""
    before = opened.run("await E(purse).deposit(0)").plain
    opened.run("%swingset pause")
    opened.run("for amount in (1, 2, 3): E(purse).deposit(amount)")
    reached = opened.run("%swingset until \"method == 'deposit' and purse.balance >= 3\"").plain
    assert "holds after crank" in reached
    assert "stopped after 2 cranks" in reached
    assert "the world is paused here" in reached
    opened.run("%swingset run")
    assert opened.run("await E(purse).deposit(0)").plain == str(int(before) + 6)
    failed = opened.run("%swingset until purse()")
    assert failed.error is not None
    assert "is no predicate" in failed.error["evalue"]
