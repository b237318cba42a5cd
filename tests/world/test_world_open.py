"""What may be opened, and what is refused and left as it was."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from swingset.world import (
    DamagedWorld,
    NewerFormat,
    NotAWorld,
    OlderFormat,
    WorldError,
    WorldFile,
    WorldLocked,
    WorldMissing,
    opening,
    schema,
)
from tests.meddling import altered
from tests.world.world_load import at, check, work


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder with their bytes."""
    return {found.name: found.read_bytes() for found in folder.iterdir()}


def refuse(path: Path, kind: type[WorldError], match: str) -> None:
    """Opening fails so, and neither the file nor its folder is any different."""
    before = files(path.parent)
    with pytest.raises(kind, match=match):
        WorldFile.open(path)
    assert files(path.parent) == before


def alter(path: Path, *statements: str) -> None:
    """Change a closed world with another program."""
    other = sqlite3.connect(path)
    other.execute("PRAGMA writable_schema=ON")
    for statement in statements:
        other.execute(statement)
    other.commit()
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()


@pytest.fixture
def made(path: Path) -> Path:
    """A closed world with some work in it."""
    with WorldFile.open(path) as world:
        work(world, 12)
    return path


def test_missing(path: Path) -> None:
    """A missing file is not made unless it may be, and a missing folder never is."""
    with pytest.raises(WorldMissing, match="there is no world at"):
        WorldFile.open(path, create=False)
    with pytest.raises(WorldMissing, match="there is no folder"):
        WorldFile.open(path.parent / "none" / "x.world")
    assert files(path.parent) == {}


@pytest.mark.parametrize("content", [b"", b"# notes\n", b"SQLite format 3\0", b"\0" * 5000, os.urandom(9000)])
def test_other_files(path: Path, content: bytes) -> None:
    """Text, noise, an empty file and a stub of a database are refused."""
    path.write_bytes(content)
    refuse(path, NotAWorld, "is not a world|is empty")


def test_folder_is_no_world(tmp_path: Path) -> None:
    """A folder is refused."""
    with pytest.raises(NotAWorld, match="cannot be read"):
        WorldFile.open(tmp_path)
    assert files(tmp_path) == {}


def test_other_databases(path: Path) -> None:
    """A database of another program is refused, whatever its tables are called."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE vats(id TEXT)")
    other.commit()
    other.close()
    refuse(path, NotAWorld, "database of another program")
    alter(path, f"PRAGMA application_id={schema.APPLICATION_ID}", f"PRAGMA user_version={schema.FORMAT}")
    refuse(path, NotAWorld, "has other tables")


def test_newer_and_older_formats(made: Path) -> None:
    """A file of another format is refused in words that name the version that made it."""
    alter(made, "PRAGMA user_version=7", "UPDATE meta SET value = '9.8.7' WHERE key = 'software'")
    refuse(
        made, NewerFormat, r"made by swingset-nb 9\.8\.7 in format 7.*install swingset-nb 9\.8\.7 or later"
    )
    alter(made, "PRAGMA user_version=0")
    refuse(made, OlderFormat, r"open it with swingset-nb 9\.8\.7")
    alter(made, "DROP TABLE meta")
    refuse(made, OlderFormat, "an unknown version")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON vats BEGIN DELETE FROM queue; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE extra(a)",
        "CREATE INDEX i ON queue(item)",
        "ALTER TABLE vats ADD COLUMN more TEXT",
        "DROP INDEX clists_vref",
        "DROP TABLE labels",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
    ],
)
def test_altered_schemas(made: Path, statement: str) -> None:
    """A file with one table, column, index, view or trigger more or less is refused."""
    alter(made, statement)
    refuse(made, NotAWorld, "other tables than a world has")


def test_other_encodings(path: Path) -> None:
    """The right tables in UTF-16 are refused, because their keys are in another order."""
    alter(
        path,
        "PRAGMA encoding='UTF-16'",
        f"PRAGMA application_id={schema.APPLICATION_ID}",
        f"PRAGMA user_version={schema.FORMAT}",
        *schema.SCHEMA,
    )
    refuse(path, NotAWorld, "other tables")
    path.unlink()
    alter(
        path,
        f"PRAGMA application_id={schema.APPLICATION_ID}",
        f"PRAGMA user_version={schema.FORMAT}",
        *schema.SCHEMA,
    )
    refuse(path, DamagedWorld, "which commit it stands at")


def test_altered_contents(made: Path) -> None:
    """A head that is no commit is refused."""
    alter(made, "UPDATE meta SET value = '99' WHERE key = 'head'")
    refuse(made, DamagedWorld, "which commit it stands at")


def test_wrong_types_in_strict_columns(made: Path) -> None:
    """Rows that were put in behind the schema's back, with values of another type, are refused."""
    alter(
        made,
        "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT, ', '') WHERE name = 'counters'",
        "PRAGMA schema_version = 900",
        "INSERT INTO counters VALUES('crank2', x'00ff')",
    )
    alter(
        made,
        "UPDATE sqlite_schema SET sql = replace(sql, ') ', ') STRICT, ') WHERE name = 'counters'",
        "PRAGMA schema_version = 901",
    )
    refuse(made, DamagedWorld, "counters, row crank2: value is no number")


@pytest.mark.parametrize("seed", range(12))
def test_overwritten_pages(made: Path, seed: int) -> None:
    """A world with a page overwritten is refused unharmed, or found out in reading, or was not hit."""
    chance = random.Random(seed)
    content = bytearray(made.read_bytes())
    page = chance.randrange(0, len(content) // 4096)
    start = 4096 * page + (100 if page == 0 else 0)
    content[start : start + 300] = chance.randbytes(300)
    made.write_bytes(bytes(content))
    before = files(made.parent)
    try:
        world = WorldFile.open(made)
    except NotAWorld:
        assert files(made.parent) == before
        return
    with world, contextlib.suppress(DamagedWorld, UnicodeDecodeError):
        check(world)
        for commit in reversed(world.commits()):
            world.goto(commit.seq)
            check(world)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_cut_off_files(made: Path, part: float) -> None:
    """A world whose end is missing is refused."""
    content = made.read_bytes()
    made.write_bytes(content[: int(len(content) * part)])
    refuse(made, NotAWorld, "damaged|cannot be read")


def test_orphaned_log(made: Path) -> None:
    """A write-ahead log without its world is not mixed into a new one."""
    made.unlink()
    log = made.with_name(made.name + "-wal")
    log.write_bytes(b"somebody's work")
    refuse(made, NotAWorld, "holds work of a world")


def test_a_world_in_use_elsewhere(path: Path) -> None:
    """A second process is told which process has the world, and gets it as soon as that one is killed."""
    code = f"""
import time
from swingset.world import WorldFile
world = WorldFile.open({str(path)!r})
world.begin_crank()
world.execute("INSERT INTO counters VALUES('crank', 5)")
world.release_crank()
world.commit()
print("open", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        with pytest.raises(WorldLocked, match=f"open in process {child.pid}"):
            WorldFile.open(path)
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    with WorldFile.open(path) as world:
        assert world.row("SELECT value FROM counters") == (5,)


def test_a_world_in_use_here(path: Path) -> None:
    """The same process cannot open a world twice, not by another name either, until it closes it."""
    link = path.with_name("link.world")
    world = WorldFile.open(path)
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(WorldLocked, match="open in this process"):
            WorldFile.open(name)
    world.close()
    world.close()
    WorldFile.open(link).close()


@contextlib.contextmanager
def another_program(path: Path, *statements: str) -> Iterator[None]:
    """A process of another program that did this to a world and has not closed it."""
    code = f"""
import sqlite3, sys
other = sqlite3.connect({str(path)!r}, isolation_level=None)
for statement in {statements!r}:
    other.execute(statement).fetchall()
print("done", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "done\n"
        yield
        child.communicate()


def test_another_program_in_the_middle_of_a_write(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program writes, a world can be opened and read but not written, and then it can."""
    monkeypatch.setattr(opening, "_BUSY_MS", 50)
    with another_program(made, "BEGIN IMMEDIATE"):
        world = WorldFile.open(made)
        check(world)
        with pytest.raises(WorldLocked, match="being written by another program"):
            altered(world, "DELETE FROM queue")
    altered(world, "DELETE FROM queue")
    assert world.commit() is not None
    world.close()


@pytest.mark.parametrize("write", ["SELECT 1", "INSERT INTO counters VALUES('other', 1)"])
def test_another_program_that_shares_with_nobody(
    made: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    """A world that another program has for itself alone is busy, not damaged."""
    monkeypatch.setattr(opening, "_BUSY_MS", 50)
    statements = ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN IMMEDIATE", write, "COMMIT")
    with (
        another_program(made, *statements),
        pytest.raises(WorldLocked, match="being used by another program"),
    ):
        WorldFile.open(made)
    WorldFile.open(made).close()


def test_readers_in_this_process_do_no_harm(path: Path) -> None:
    """Reading a world with another SQLite in the same process loses no commit, not even in a crash."""
    crashed = path.with_name("crashed.world")
    with WorldFile.open(path) as world:
        work(world, 4)
        for goal in (8, 12, 16):
            other = sqlite3.connect(path)
            assert other.execute("SELECT value FROM counters").fetchall() == [(goal - 4,)]
            other.close()
            path.read_bytes()
            work(world, goal)
        shutil.copy(path, crashed)
        shutil.copy(f"{path}-wal", f"{crashed}-wal")
    for name in (crashed, path):
        with WorldFile.open(name) as world:
            assert at(world) == 16
            check(world)
    assert set(files(path.parent)) == {path.name, crashed.name}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_do_not_keep_a_world(path: Path) -> None:
    """A child that outlives the process does not keep its world locked."""
    code = f"""
import os, signal, time
from swingset.world import WorldFile
world = WorldFile.open({str(path)!r})
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(20)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    try:
        WorldFile.open(path).close()
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


def test_file_code_does_not_run(made: Path) -> None:
    """Functions that a file could call into, and edits of its schema, are off."""
    with WorldFile.open(made) as world:
        for statement in (
            "SELECT load_extension('x')",
            "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = ''",
            "ATTACH 'other.db' AS other",
        ):
            with pytest.raises(apsw.Error):
                world.db.execute(statement)


def test_export_is_a_world(made: Path, path: Path) -> None:
    """An exported file opens elsewhere with the same state, history and labels, and replaces nothing."""
    copy = path.with_name("copy.world")
    with WorldFile.open(made) as world:
        world.label("here")
        world.export(copy)
        digest, commits = world.digest(), world.commits()
        with pytest.raises(WorldError, match="exists already"):
            world.export(copy)
        with WorldFile.open(copy) as other:
            assert (other.digest(), other.commits(), other.labels()) == (digest, commits, world.labels())
            check(other)


def test_moved_world(made: Path, tmp_path: Path) -> None:
    """A closed world is one file that can be moved anywhere, under a name with any letters."""
    other = tmp_path / "Ünï code %20 #?&.world"
    shutil.move(made, other)
    with WorldFile.open(other, create=False) as world:
        check(world)


def test_large_history_opens_quickly(path: Path) -> None:
    """The check of a file of some megabytes takes well below a second."""
    with WorldFile.open(path) as world:
        for number in range(400):
            world.bundles.put([("bank", f"{number}" * 4000)])
        world.commit()
    start = time.perf_counter()
    WorldFile.open(path).close()
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"], ids=["too long", "with a NUL"])
def test_a_name_that_no_file_can_have(path: Path, name: str) -> None:
    """What the system refuses as a file's name is refused in words that name the path."""
    with pytest.raises(WorldError, match=r"cannot be opened for writing|is no path"):
        WorldFile.open(str(path.parent / name))
