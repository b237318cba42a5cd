"""A notebook that opens a file in which something was altered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[tuple[Kernel, Path]]:
    """A kernel, and the file of a world that it has closed."""
    with Kernel(tmp_path) as kernel:
        kernel.open_bank("bank.world")
        kernel.run("alice = await E(bank).open_purse('alice')")
        kernel.run("%swingset pause")
        kernel.run("E.send_only(alice).deposit(5)")
        assert kernel.run("%swingset verify").plain.splitlines()[0] == "0 problems found"
        kernel.run("%swingset close")
        yield kernel, tmp_path / "bank.world"


def alter(path: Path, statement: str) -> None:
    """Change a closed file with another program."""
    db = sqlite3.connect(path)
    db.execute(statement)
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()


def test_a_damaged_table_is_named_when_the_file_is_opened(closed: tuple[Kernel, Path]) -> None:
    """The cell ends in one line that says which row of which table, without a frame of machinery."""
    kernel, path = closed
    alter(path, "UPDATE vats SET options = '[]'")
    said = kernel.run("%swingset open bank.world --worker local").traceback
    assert "table vats, row v" in said
    assert ".py" not in said


def test_a_damaged_event_is_named_when_it_is_met(closed: tuple[Kernel, Path]) -> None:
    """The world can be looked at; what meets the event says where it is, and verify finds it."""
    kernel, path = closed
    alter(path, f"UPDATE queue SET item = '{'[' * 100_000}'")
    kernel.run("%swingset open bank.world --worker local")
    assert "bank" in kernel.run("%swingset vats").plain
    for line in ("%swingset queue", "%swingset run", "%swingset step", "%swingset picture"):
        said = kernel.run(line).traceback
        assert "table queue, row " in said, line
        assert "site-packages" not in said, line
    assert "queue, " in kernel.run("%swingset verify").plain


def test_a_deep_descriptor_is_looked_past(closed: tuple[Kernel, Path]) -> None:
    """C-lists, picture and panel are drawn without what cannot be read."""
    kernel, path = closed
    alter(path, f"UPDATE vatstore SET value = '{'[' * 100_000}' WHERE key LIKE 'vom.dkind.%.descriptor'")
    kernel.run("%swingset open bank.world --worker local")
    for line in ("%swingset clists", "%swingset picture", "%swingset panel", "%swingset"):
        assert not kernel.run(line).traceback, line
