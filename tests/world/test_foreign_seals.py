"""A seal that is no text is told of in words, whatever needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from swingset.world import DamagedWorld, WorldFile
from tests.world.world_load import work

SPOILED = {
    "commits": "UPDATE commits SET seal = CAST(x'ff' AS TEXT) WHERE seq = (SELECT max(seq) FROM commits)",
    "labels": "UPDATE labels SET seal = CAST(x'ff' AS TEXT) WHERE name = 'kept'",
}


ACTS: dict[str, Callable[[WorldFile], object]] = {
    "label": lambda world: world.label("second"),
    "unlabel": lambda world: world.unlabel("first"),
}
CASES = [("commits", "label"), ("labels", "label"), ("labels", "unlabel")]
"""Taking a label away needs no seal of a commit."""


@pytest.mark.parametrize(("table", "act"), CASES)
def test_labels_of_a_spoiled_file(table: str, act: str, tmp_path: Path) -> None:
    """Giving and taking labels ends in words, and the world stays at its last commit."""
    path = tmp_path / "spoiled.world"
    with WorldFile.open(path) as world:
        work(world, 1)
        world.label("first")
        world.label("kept")
        work(world, 2)
    db = apsw.Connection(str(path))
    db.execute(SPOILED[table])
    db.close()
    with WorldFile.open(path) as world:
        head = world.head
        with pytest.raises(DamagedWorld, match="not UTF-8"):
            ACTS[act](world)
        world.rollback()
        assert world.head == head
