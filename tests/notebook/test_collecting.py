"""Garbage is collected from a notebook, and what the notebook itself holds is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with the bank in it."""
    with Kernel(tmp_path_factory.mktemp("collecting")) as kernel:
        kernel.open_bank()
        yield kernel


def test_what_a_cell_deletes_is_collected_in_the_same_cell(opened: Kernel) -> None:
    """Nothing of the extension holds a value whose name is gone, in this life or an earlier one."""
    opened.run("purse = await E(bank).open_purse('alice')")
    assert "1 object is gone" in opened.run("del purse\n%swingset collect").plain
    opened.run("purse = await E(bank).open_purse('bob')")
    opened.run("%swingset checkpoint here")
    opened.run("%swingset go-back here")
    assert "1 object is gone" in opened.run("del purse\n%swingset collect").plain


def test_what_a_cell_has_shown_is_held_by_ipython(opened: Kernel) -> None:
    """IPython keeps what a cell returns in `Out`: the output says so, and how to let go of it."""
    opened.run("purse = await E(bank).open_purse('carol')\npurse")
    said = opened.run("del purse\n%swingset collect").plain
    assert "nothing to collect" in said
    assert "`%swingset collect --shown`" in said
    said = opened.run("%swingset collect --shown").plain
    assert "1 object is gone" in said
    assert "--shown" not in said


def test_a_paused_world_collects_nothing(opened: Kernel) -> None:
    """The refusal says what to type first."""
    opened.run("%swingset pause")
    refused = opened.run("%swingset collect")
    assert refused.error is not None
    assert "the world is paused" in refused.error["evalue"]
    opened.run("%swingset run")
