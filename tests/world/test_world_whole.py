"""One file: whole at rest, and never committed to once it is not the file that was opened."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swingset.world import (
    LogMissing,
    LookOnly,
    WorldError,
    WorldFile,
    WorldLocked,
    WorldMissing,
    WorldMoved,
    WorldOfParent,
    whole,
)
from tests.meddling import altered
from tests.world.world_load import at, check, expected, work

WORK = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from swingset.world import WorldFile
from tests.world.world_load import work
world = WorldFile.open(sys.argv[1])
work(world, 6)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def opened_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has brought a world to crank 6, and has it open; killed at the end."""
    code = [sys.executable, "-c", WORK, str(path)]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            yield child
        finally:
            child.kill()


def stands_at_six(path: Path) -> None:
    """The file alone is the world at crank 6."""
    with WorldFile.open(path, create=False) as world:
        assert (at(world), world.digest()) == (6, expected(6))
        check(world)


ALONE: dict[str, Callable[[Path, Path], object]] = {
    "copied": shutil.copy,
    "renamed": os.rename,
    "linked": os.link,
}


@pytest.mark.parametrize("how", ALONE)
@pytest.mark.parametrize("killed", [False, True], ids=["while open", "after a kill"])
def test_the_file_alone_is_the_world(path: Path, how: str, killed: bool) -> None:
    """Copied, renamed or linked, by itself, while it is open or after its process was killed, it is whole."""
    other = path.with_name("other.world")
    with opened_elsewhere(path) as child:
        if killed:
            child.kill()
            child.wait()
        ALONE[how](path, other)
        if how == "linked" and not killed:
            with pytest.raises(WorldLocked, match="maybe by another name"):
                WorldFile.open(other)
        child.kill()
        child.wait()
        stands_at_six(other)


def test_the_mark_takes_four_bytes_that_sqlite_keeps_free(path: Path) -> None:
    """A mark is at bytes 72 to 75 of the header and changes nothing else; without it these are zero."""
    image = bytes(range(1, 201))
    path.write_bytes(image)
    with path.open("r+b") as file:
        whole.mark(file.fileno())
    marked = path.read_bytes()
    assert marked == image[:72] + b"LOG+" + image[76:]
    assert [whole.is_marked(header) for header in (image, marked)] == [False, True]
    assert whole.unmarked(marked, 2) == image[:18] + b"\2\2" + image[20:72] + bytes(4) + image[76:]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Somebody in the middle of a query, in this very process, with another SQLite."""
    other = sqlite3.connect(path)
    other.execute("BEGIN")
    other.execute("SELECT * FROM counters").fetchall()
    try:
        yield
    finally:
        other.close()


def test_a_file_that_needs_its_log_says_so(path: Path) -> None:
    """Copied without its log, while a reader keeps that from being folded in, it is refused."""
    copy = path.with_name("copy.world")
    with WorldFile.open(path) as world:
        work(world, 2)
        with reading(path):
            work(world, 4)
            shutil.copy(path, copy)
            with pytest.raises(LogMissing, match=r"copy\.world-wal.*%swingset export"):
                WorldFile.open(copy)
            with pytest.raises(LogMissing, match="is not whole"):
                WorldFile.look(copy)
            assert [found.name for found in path.parent.glob("copy*")] == ["copy.world"]
            shutil.copy(f"{path}-wal", f"{copy}-wal")
            with WorldFile.open(copy) as other:
                assert at(other) == 4
        work(world, 6)
        shutil.copy(path, copy)
        stands_at_six(copy)


def test_a_log_that_is_lost_for_good(path: Path) -> None:
    """Who says so with an empty log has what the file holds alone."""
    copy = path.with_name("copy.world")
    with WorldFile.open(path) as world:
        work(world, 2)
        with reading(path):
            work(world, 4)
            shutil.copy(path, copy)
    copy.with_name("copy.world-wal").touch()
    with WorldFile.open(copy) as other:
        assert at(other) == 2
        check(other)


def test_a_fold_under_way_is_marked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages that SQLite writes in a fold carry the mark, until all of them are written."""
    with WorldFile.open(path) as world:
        work(world, 40)
        world.prune()
        real = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda *_: 4)
        work(world, 80)
        header = path.read_bytes()[:100]
        monkeypatch.setattr(os, "pwrite", real)
    assert whole.is_marked(header)
    assert not whole.is_marked(path.read_bytes()[:100])


# ---- the world is another one than was opened


def _replaced(path: Path) -> None:
    WorldFile.open(path.with_name("new.world")).close()
    os.replace(path.with_name("new.world"), path)


def _written(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("INSERT INTO counters VALUES('other', 1)")
    other.commit()
    other.close()


def _lock_replaced(path: Path) -> None:
    lock = path.with_name(path.name + "-lock")
    lock.unlink()
    lock.touch()


HAPPENED: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (os.unlink, "gone from its place"),
    "renamed": (lambda path: path.rename(path.with_name("moved.world")), "gone from its place"),
    "folder renamed": (
        lambda path: path.parent.rename(path.parent.with_name("moved")),
        "gone from its place",
    ),
    "replaced": (_replaced, "is another file now"),
    "replaced by a link": (lambda path: (path.unlink(), path.symlink_to("x")), "is another file now"),
    "lock deleted": (lambda path: os.unlink(f"{path}-lock"), "not locked any more"),
    "lock replaced": (_lock_replaced, "not locked any more"),
    "written by another program": (_written, "was written by another program"),
}

COMMITTED: dict[str, Callable[[WorldFile], object]] = {
    "commit": lambda world: work(world, 6),
    "label": lambda world: world.label("here"),
    "goto": lambda world: world.goto(1),
    "prune": lambda world: world.prune(),
}


@pytest.mark.parametrize("act", COMMITTED)
@pytest.mark.parametrize("what", HAPPENED)
def test_nothing_is_committed_to_another_file(tmp_path: Path, what: str, act: str) -> None:
    """Whatever became of the file, the next commit says so, with the way out, and export saves the world."""
    path = tmp_path / "it" / "a.world"
    path.parent.mkdir()
    happens, words = HAPPENED[what]
    world = WorldFile.open(path)
    work(world, 4)
    digest, head = world.digest(), world.head
    happens(path)
    for _ in range(2):
        with pytest.raises(WorldMoved, match=words) as told:
            COMMITTED[act](world)
        assert "%swingset export PATH" in str(told.value)
        world.rollback()
    saved = tmp_path / "saved.world"
    world.export(saved)
    before = path.read_bytes() if path.is_file() else None
    world.close()
    assert before == (path.read_bytes() if path.is_file() else None)
    with WorldFile.open(saved) as again:
        check(again)
        if what != "written by another program":
            assert (again.digest(), again.head) == (digest, head)


def test_a_second_writer_is_kept_out_without_the_lock_file(path: Path) -> None:
    """When the file of the lock is deleted, the world itself is still locked."""
    with opened_elsewhere(path):
        os.unlink(f"{path}-lock")
        with pytest.raises(WorldLocked, match="another program"):
            WorldFile.open(path)
    stands_at_six(path)


# ---- children


USES: dict[str, Callable[[WorldFile], object]] = {
    "row": lambda world: world.row("SELECT 1"),
    "execute": lambda world: altered(world, "DELETE FROM queue"),
    "work": lambda world: work(world, 9),
    "commit": lambda world: world.commit(),
    "rollback": lambda world: world.rollback(),
    "digest": lambda world: world.digest(),
    "export": lambda world: world.export(f"{world.path}2"),
    "fork": lambda world: world.fork(),
    "goto": lambda world: world.goto(1),
    "close": lambda world: world.close(),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("dirty", [False, True], ids=["between runs", "in a run"])
def test_a_child_is_refused_and_harms_nothing(path: Path, dirty: bool) -> None:
    """A forked child is told whose world it is, whatever it tries, and the parent goes on."""
    world = WorldFile.open(path)
    work(world, 3)
    if dirty:
        altered(world, "INSERT INTO queue VALUES(99, 'x', null)")
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        for use in USES.values():
            try:
                use(world)
                said.append("no error")
            except WorldOfParent as problem:
                said.append("" if f"belongs to process {world.process}" in str(problem) else str(problem))
            except BaseException as problem:
                said.append(repr(problem))
        os.write(into, repr(said).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    assert os.read(out, 10_000).decode() == repr([""] * len(USES))
    os.close(out)
    if dirty:
        altered(world, "DELETE FROM queue WHERE seq = 99")
    work(world, 6)
    world.close()
    stands_at_six(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_ends_as_programs_do_harms_nothing(path: Path) -> None:
    """A child whose interpreter is torn down, in the middle of the parent's run, takes nothing with it."""
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from swingset.world import WorldFile
from tests.meddling import altered
from tests.world.world_load import at, crank, work
world = WorldFile.open({str(path)!r})
work(world, 4)
crank(world, 5)
world.db.execute("PRAGMA cache_size=1").fetchall()
altered(world, "INSERT INTO vatstore VALUES('v9', 'k', ?)", ("x" * 3_000_000,))
child = os.fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
altered(world, "DELETE FROM vatstore WHERE vat = 'v9'")
crank(world, 6)
world.commit()
print(world.digest())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == expected(6)
    stands_at_six(path)


# ---- looking


def test_looking_writes_nothing(path: Path) -> None:
    """A world can be read and not changed, without a lock and without a file beside it."""
    with WorldFile.open(path) as world:
        work(world, 6)
    os.chmod(path, stat_of := 0o444)
    before = path.read_bytes()
    with WorldFile.look(path) as world:
        assert [found.name for found in path.parent.iterdir()] == [path.name]
        assert world.digest() == expected(6)
        check(world)
        for act in (lambda: altered(world, "DELETE FROM queue"), world.begin_crank, world.prune):
            with pytest.raises(LookOnly, match="opened to be looked at"):
                act()
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == stat_of
    with pytest.raises(WorldMissing):
        WorldFile.look(path.with_name("none"))


def test_looking_while_another_process_writes(path: Path) -> None:
    """A world that another process has open can be looked at, and that process goes on."""
    with opened_elsewhere(path) as child:
        beside = sorted(found.name for found in path.parent.iterdir())
        for _ in range(2):
            with WorldFile.look(path) as world:
                assert at(world) == 6
        assert sorted(found.name for found in path.parent.iterdir()) == beside
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with WorldFile.look(path) as world:
            assert at(world) == 6


def test_looking_sees_one_moment(path: Path) -> None:
    """What is committed meanwhile, in the same process, is not seen by who has begun to look."""
    with WorldFile.open(path) as world:
        work(world, 2)
        with WorldFile.look(path) as still:
            work(world, 4)
            assert (at(still), at(world)) == (2, 4)
        with WorldFile.look(path) as later:
            assert at(later) == 4
        work(world, 6)
    stands_at_six(path)


def test_a_closed_world_says_so(path: Path) -> None:
    """What is asked of a closed world is refused in words."""
    world = WorldFile.open(path)
    world.close()
    with pytest.raises(WorldError):
        work(world, 2)
