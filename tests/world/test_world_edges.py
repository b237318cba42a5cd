"""The world file to the letter: what a digest covers, which pages an image may have, what is turned off."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw
import pytest

from swingset.model.heap import HEAP_PAGE
from swingset.world import DamagedWorld, WorldFile, heaps, schema
from swingset.world.opening import is_pending
from tests.meddling import altered

CHANGES: list[str] = [
    "insert into counters values ('a', 1)",
    "insert into counters values ('a', 2)",
    "insert into counters values ('a', 12)",
    "insert into counters values ('b', 1)",
    "insert into vatstore values ('v1', 'k', 'v')",
    "insert into vatstore values ('v1', 'k', '')",
    "insert into vatstore values ('v1', 'kv', '')",
    "insert into vatstore values ('v1k', '', 'v')",
    "insert into vatstore values ('v1', 'k', 'v'), ('v2', 'k', 'v')",
    "insert into panics values ('v1', 'k')",
]


@pytest.mark.usefixtures("unrecorded")
def test_each_change_of_the_state_has_a_digest_of_its_own() -> None:
    """Numbers, texts, where one value ends and the next begins, and the table they stand in."""
    digests = set()
    for change in ("select 1", *CHANGES):
        with WorldFile.open(None) as world:
            world.execute(change)
            digests.add(world.digest())
    assert len(digests) == 1 + len(CHANGES)


PAGES = 4
NUMBERS: list[tuple[list[int], bool]] = [
    ([], True),
    ([0], True),
    ([PAGES - 1], True),
    ([0, 1, 2, 3], True),
    ([PAGES], False),
    ([PAGES + 1], False),
    ([1, 0], False),
    ([1, 1], False),
    ([0, 0], False),
]


@pytest.mark.parametrize(("numbers", "right"), NUMBERS)
def test_pages_of_an_image_are_in_order_and_within_it(
    world: WorldFile, numbers: list[int], right: bool
) -> None:
    """A table of pages that no engine wrote is refused, by whoever loads it and by whoever checks it."""
    content = bytes(range(256)) * (HEAP_PAGE // 256)
    digest = hashlib.sha256(content).digest()
    table = b"".join(heaps._RECORD.pack(number, digest) for number in numbers)
    size = PAGES * HEAP_PAGE
    snapshot = heaps._id("v1", "base", size, table)
    world.execute("insert into heap_pages values (?, ?)", (digest, heaps.compress(content)))
    row = (snapshot, "v1", "base", size, heaps.compress(table), 0, 0)
    world.execute("insert into snapshots values (?, ?, ?, ?, ?, ?, ?)", row)
    if right:
        world.heaps.check(snapshot)
        image = world.heaps.load(snapshot, vat="v1", most=size)
        assert dict(image.pages) == dict.fromkeys(numbers, content)
        return
    for read in (world.heaps.check, world.heaps.load):
        with pytest.raises(DamagedWorld, match="is out of order or outside of its 16,384 bytes"):
            read(snapshot)


@pytest.mark.parametrize(
    ("change", "words"), [("vat = 'v2'", "another hash"), ("new_pages = 2", "new_pages")]
)
def test_an_altered_snapshot_is_found_by_a_check(world: WorldFile, change: str, words: str) -> None:
    """Whatever its row says is held against its id and its pages."""
    content = bytes(HEAP_PAGE)
    digest = hashlib.sha256(content).digest()
    table = heaps._RECORD.pack(1, digest)
    snapshot = heaps._id("v1", "base", PAGES * HEAP_PAGE, table)
    world.execute("insert into heap_pages values (?, ?)", (digest, heaps.compress(content)))
    row = (snapshot, "v1", "base", PAGES * HEAP_PAGE, heaps.compress(table), 1, 1)
    world.execute("insert into snapshots values (?, ?, ?, ?, ?, ?, ?)", row)
    world.heaps.check(snapshot)
    altered(world, f"update snapshots set {change}")
    with pytest.raises(DamagedWorld, match=words):
        world.heaps.check(snapshot)


LOGS: list[tuple[bytes | None, bool]] = [(None, False), (b"", False), (b"x", True)]


@pytest.mark.parametrize(("content", "pending"), LOGS)
def test_work_is_in_a_log_that_is_not_empty(tmp_path: Path, content: bytes | None, pending: bool) -> None:
    """An empty log beside a world is none."""
    path = tmp_path / "my.world"
    if content is not None:
        Path(f"{path}-wal").write_bytes(content)
    assert is_pending(str(path)) is pending


OFF = ("TRUSTED_SCHEMA", "ENABLE_TRIGGER", "ENABLE_VIEW", "ENABLE_ATTACH_CREATE", "ENABLE_ATTACH_WRITE")
SETTINGS: list[tuple[str, int]] = [("DEFENSIVE", 1), *((name, 0) for name in OFF)]


@pytest.mark.parametrize(("name", "wanted"), SETTINGS)
def test_a_file_is_data_only(name: str, wanted: int) -> None:
    """What SQLite would do for a file's own sake is turned off before anything of it is read."""
    db = apsw.Connection(":memory:")
    schema.harden(db)
    option: Any = getattr(apsw, f"SQLITE_DBCONFIG_{name}")
    assert db.config(option, -1) == wanted
    db.close()
