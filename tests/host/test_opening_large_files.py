"""How much of a file is read when it is opened: as much of a large one as of a small one."""

from __future__ import annotations

from pathlib import Path

import pytest

from swingset.host.sessions import session
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.world.file import WorldFile
from tests.meddling import altered

LARGE = 8 << 20
ROWS = 2_000
COUNTED = Path("/proc/self/io")
"""Where Linux says how many bytes this process has read, from whatever file."""


def bytes_read() -> int:
    return int(COUNTED.read_text().split("rchar: ")[1].split()[0])


def fill(path: Path) -> None:
    """Give a world a large store, a long queue, a long history and many objects, promises and heap pages."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    size = LARGE // ROWS // 2
    with WorldFile.open(path) as world:
        for half in range(2):
            for table in (
                "vatstore SELECT 'v9', 'k' || ? || '.' || i, hex(randomblob(? / 2)) FROM n",
                "objects SELECT 'ko' || (10000000 * (1 + ?) + i), 'v9', 1, 1, null, hex(zeroblob(?)) FROM n",
                "parked SELECT 'v9', 10000000 * (1 + ?) + i, hex(zeroblob(? / 4)), null FROM n",
                "queue SELECT 10000000 * (1 + ?) + i, hex(zeroblob(? / 4)), null FROM n",
            ):
                into, select = table.split(" ", 1)
                altered(world, f"INSERT INTO {into} {numbers}{select}", (ROWS, half, size))
            world.commit()
        for number in range(200):
            altered(world, "INSERT INTO vatstore VALUES('v9', ?, 'v')", (f"single{number}",))
            world.commit()


@pytest.mark.unaudited
@pytest.mark.skipif(not COUNTED.exists(), reason="this system does not say what a process has read")
def test_opening_reads_a_bounded_part_of_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header, the schema and the small tables: a part that does not grow with the file."""
    monkeypatch.setattr(session, "MOST_DIGESTED", LARGE)
    counts = []
    for name in ("warm", "small", "large"):
        path = tmp_path / f"{name}.world"
        with open_world(path, worker="local") as world:
            Session(world)
        if name == "large":
            fill(path)
            assert path.stat().st_size > LARGE
        before = bytes_read()
        with open_world(path, worker="local") as world:
            assert (Session(world).found_digest is None) == (name == "large")
            counts.append(bytes_read() - before)
    _, small, large = counts
    assert large < small + 400_000
