"""A pair of worlds that have a link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.links import pairs


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[pairs.Pair]:
    """Alice's bank, and Bob, who keeps things of it."""
    made = pairs.made(tmp_path)
    yield made
    made.close()
