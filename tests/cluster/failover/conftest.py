"""One PostgreSQL server for all tests of worlds that fail over, and names and files that no two share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.time.hosts import Server, running, why_no_postgres
from tests.time.packed import make

_names = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real server, where PostgreSQL is installed."""
    if (why := why_no_postgres()) is not None:
        pytest.skip(why)
    with running() as server:
        yield server


@pytest.fixture
def name() -> str:
    """The name of a lease that no other test takes."""
    return f"bank-{next(_names)}"


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a world of local vats."""
    path = tmp_path_factory.mktemp("packed") / "a.world"
    make(path)
    return path.read_bytes()


@pytest.fixture
def path(packed: bytes, tmp_path: Path) -> Path:
    """A copy of it."""
    (tmp_path / "a.world").write_bytes(packed)
    return tmp_path / "a.world"
