"""Cranks, savepoints and commits."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from swingset.world import DiskFull, UncommittedChanges, WorldError, WorldFile, WorldMisuse
from tests.meddling import altered


def put(world: WorldFile, key: str, value: str) -> None:
    """Write one row of state."""
    altered(world, "INSERT OR REPLACE INTO vatstore VALUES('v1', ?, ?)", (key, value))


def store(world: WorldFile) -> dict[str, str]:
    """The rows that `put` wrote."""
    return dict(world.execute("SELECT key, value FROM vatstore"))


def test_commit_survives_reopening(path: Path) -> None:
    """What was committed is there when the file is opened again."""
    with WorldFile.open(path) as world:
        put(world, "a", "1")
        seq = world.commit("first")
        digest = world.digest()
    with WorldFile.open(path) as world:
        assert (world.head, world.digest(), store(world)) == (seq, digest, {"a": "1"})
        assert [(c.seq, c.parent, c.note) for c in world.commits()] == [(0, None, ""), (1, 0, "first")]


def test_uncommitted_work_is_lost_at_close(path: Path) -> None:
    """Closing without a commit keeps nothing of the run."""
    with WorldFile.open(path) as world:
        put(world, "a", "1")
        world.begin_crank()
        put(world, "b", "2")
    with WorldFile.open(path) as world:
        assert store(world) == {}


def test_one_file_remains(path: Path) -> None:
    """A closed world is one file, with nothing beside it."""
    with WorldFile.open(path) as world:
        put(world, "a", "1")
        world.commit()
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_commits_wait_for_the_disk(path: Path) -> None:
    """The settings that durability rests on are on: a write-ahead log, synced at each commit."""
    with WorldFile.open(path) as world:
        assert world.db.pragma("journal_mode") == "wal"
        assert world.db.pragma("synchronous") == 2
        assert world.db.pragma("fullfsync") == 1


def test_crank_is_kept_or_undone_as_a_whole(world: WorldFile) -> None:
    """A rolled-back crank leaves the ones before and after it."""
    for key, keep in (("a", True), ("b", False), ("c", True)):
        world.begin_crank()
        put(world, key, "1")
        world.transcripts.append("v1", 0, 0, 0, None, key)
        world.release_crank() if keep else world.rollback_crank()
    world.commit()
    assert store(world) == {"a": "1", "c": "1"}
    assert world.row("SELECT count(*) FROM transcript") == (2,)


def test_savepoints_nest(world: WorldFile) -> None:
    """An inner savepoint is undone alone, an outer one with all that is inside it."""
    world.begin_crank()
    put(world, "a", "1")
    world.savepoint("inner")
    put(world, "b", "2")
    world.rollback_to("inner")
    put(world, "c", "3")
    world.release("inner")
    assert store(world) == {"a": "1", "c": "3"}
    world.savepoint("inner")
    world.rollback_crank()
    assert store(world) == {}
    world.begin_crank()


def test_steps_out_of_order_are_refused(world: WorldFile) -> None:
    """A second crank, an unknown savepoint and a commit inside a crank each say what is wrong."""
    world.begin_crank()
    with pytest.raises(WorldMisuse, match="cannot begin"):
        world.begin_crank()
    with pytest.raises(WorldMisuse, match="no savepoint 'other'"):
        world.release("other")
    with pytest.raises(WorldMisuse, match="cannot commit while 'crank' is open"):
        world.commit()
    with pytest.raises(WorldMisuse, match="not the name"):
        world.savepoint("a; DROP TABLE vats")
    world.release_crank()
    assert world.commit() is None


def test_nothing_changed_is_no_commit(world: WorldFile) -> None:
    """Changes that cancel out, and bulk that nothing refers to, make no commit."""
    assert world.commit() is None
    put(world, "a", "1")
    altered(world, "DELETE FROM vatstore")
    world.bundles.put([("bank", "pass")])
    assert not world.dirty
    assert world.commit() is None
    assert world.head == 0


def test_rollback_returns_to_the_last_commit(world: WorldFile) -> None:
    """A rolled-back run leaves the state of the head, and the next changeset knows nothing of it."""
    put(world, "a", "1")
    world.commit()
    before = world.digest()
    world.begin_crank()
    put(world, "a", "2")
    world.rollback()
    assert world.digest() == before
    put(world, "b", "2")
    world.commit()
    world.goto(1)
    assert world.digest() == before


def test_uncommitted_work_blocks_moves(world: WorldFile) -> None:
    """Labels, moves and prunes refuse to misname or lose uncommitted work."""
    put(world, "a", "1")
    for act in (lambda: world.label("x"), lambda: world.goto(0), world.prune, lambda: world.unlabel("x")):
        with pytest.raises(UncommittedChanges, match="commit or roll back"):
            act()
    assert store(world) == {"a": "1"}


def test_before_commit_writes_belong_to_the_commit(world: WorldFile) -> None:
    """What the last-chance hook writes is part of the commit and of its changeset."""
    world.before_commit = lambda: put(world, "summary", "done")
    put(world, "a", "1")
    world.commit()
    assert store(world) == {"a": "1", "summary": "done"}
    world.before_commit = None
    world.goto(0)
    assert store(world) == {}


def test_full_disk_loses_the_run_only(path: Path) -> None:
    """When a write fails for want of room, the world refuses more writes until it is rolled back."""
    with WorldFile.open(path) as world:
        put(world, "a", "1")
        world.commit()
        before = world.digest()
        pages = world.db.pragma("page_count")
        world.db.pragma("max_page_count", pages)
        world.begin_crank()
        with pytest.raises(DiskFull, match="make room, and run again"):
            put(world, "big", "x" * 300_000)
        if not world.db.in_transaction:
            with pytest.raises(DiskFull, match="make room, and run again"):
                put(world, "b", "1")
        world.rollback()
        assert world.digest() == before
        world.db.pragma("max_page_count", pages + 1000)
        put(world, "b", "2")
        world.commit()
        world.goto(1)
        assert world.digest() == before


def test_run_lost_by_sqlite_is_not_written_piecemeal(world: WorldFile) -> None:
    """When SQLite ended the transaction by itself, no statement is let through to be durable alone."""
    put(world, "a", "1")
    world.db.execute("ROLLBACK")
    for act in (lambda: put(world, "b", "2"), world.begin_crank, world.commit):
        with pytest.raises(WorldError, match="gave up on this run"):
            act()
    world.rollback()
    assert store(world) == {}


def test_a_crank_that_sqlite_has_undone_can_be_ended(world: WorldFile) -> None:
    """Rolling back a crank whose transaction SQLite has ended leaves no savepoint open."""
    world.begin_crank()
    world.savepoint("inner")
    world.db.execute("ROLLBACK")
    world.rollback_crank()
    with pytest.raises(WorldError, match="no savepoint 'crank' is open"):
        world.release_crank()


def test_any_tool_reads_the_file(path: Path) -> None:
    """Another program's SQLite reads the committed tables while the world is open."""
    with WorldFile.open(path) as world:
        put(world, "a", "1")
        world.commit()
        put(world, "a", "uncommitted")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
            assert other.execute("SELECT * FROM vatstore").fetchall() == [("v1", "a", "1")]
        other.close()


def test_digest_tells_values_apart(world: WorldFile) -> None:
    """Text moved from one column into the next, a number for its text, and null for empty differ."""
    seen = {world.digest()}
    rows = [
        ("a", "bc", "d"),
        ("ab", "c", "d"),
        ("a", "b", "cd"),
        ("", "abc", "d"),
        ("a", "bsc", "d"),
        ("asb", "c", "d"),
    ]
    for row in rows:
        altered(world, "INSERT INTO vatstore VALUES(?, ?, ?)", row)
        seen.add(world.digest())
        world.rollback()
    for fate in (None, "", "n"):
        altered(world, "INSERT INTO objects VALUES('ko1', 'v1', 1, 1, ?, NULL)", (fate,))
        seen.add(world.digest())
        world.rollback()
    altered(world, "INSERT INTO queue VALUES(1, 'x', null)")
    seen.add(world.digest())
    world.rollback()
    altered(world, "INSERT INTO counters VALUES('1', 1)")
    seen.add(world.digest())
    assert len(seen) == 1 + len(rows) + 3 + 2


def test_digest_is_that_of_the_state_alone(path: Path) -> None:
    """Two worlds that reached the same rows by other commits, orders and branches have one digest."""
    with WorldFile.open(path) as one, WorldFile.open(None) as two:
        for key in "abc":
            put(one, key, "1")
            one.commit()
        put(two, "zz", "branch")
        two.commit()
        two.goto(0)
        for key in "cab":
            put(two, key, "1")
        assert one.digest() == two.digest()
        two.commit()
        two.label("here")
        assert one.digest() == two.digest()
