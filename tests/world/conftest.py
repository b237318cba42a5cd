"""What the tests of the world file share: a place for a world, and a world in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from swingset.world import WorldFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a world may be made."""
    return tmp_path / "swingset.world"


@pytest.fixture
def world() -> Iterator[WorldFile]:
    """An empty world in memory."""
    with WorldFile.open(None) as made:
        yield made
