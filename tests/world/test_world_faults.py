"""What SQLite and the system fail with comes in the project's words, and the world goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from swingset.world import (
    CannotLock,
    CannotWrite,
    DamagedWorld,
    DiskFailed,
    DiskFull,
    OutOfMemory,
    WorldError,
    WorldFile,
    WorldLocked,
    WorldMoved,
)
from swingset.world.errors import StorageError, ValueRefused
from tests.meddling import altered
from tests.world.world_load import at, check, crank, expected, work

CODES: dict[str, tuple[BaseException, type[WorldError]]] = {
    "full": (apsw.FullError("full"), DiskFull),
    "io": (apsw.IOError("io"), DiskFailed),
    "read-only": (apsw.ReadOnlyError("ro"), CannotWrite),
    "permission": (apsw.PermissionsError("perm"), CannotWrite),
    "cannot open": (apsw.CantOpenError("open"), CannotWrite),
    "corrupt": (apsw.CorruptError("corrupt"), DamagedWorld),
    "not a database": (apsw.NotADBError("not"), DamagedWorld),
    "busy": (apsw.BusyError("busy"), WorldLocked),
    "locked": (apsw.LockedError("locked"), WorldLocked),
    "protocol": (apsw.ProtocolError("protocol"), CannotLock),
    "no memory": (apsw.NoMemError("memory"), OutOfMemory),
    "too big": (apsw.TooBigError("big"), ValueRefused),
    "constraint": (apsw.ConstraintError("constraint"), ValueRefused),
    "mismatch": (apsw.MismatchError("mismatch"), ValueRefused),
    "schema": (apsw.SchemaChangeError("schema"), WorldMoved),
    "interrupted": (apsw.InterruptError("interrupt"), StorageError),
    "any other": (apsw.SQLError("sql"), WorldError),
    "no space": (OSError(errno.ENOSPC, "no space"), DiskFull),
    "quota": (OSError(errno.EDQUOT, "quota"), DiskFull),
    "too large": (OSError(errno.EFBIG, "large"), DiskFull),
    "read-only system": (OSError(errno.EROFS, "ro"), CannotWrite),
    "no right": (OSError(errno.EACCES, "no"), CannotWrite),
    "bad disk": (OSError(errno.EIO, "io"), DiskFailed),
    "no memory left": (OSError(errno.ENOMEM, "memory"), OutOfMemory),
}

ACTS: dict[str, Callable[[WorldFile], object]] = {
    "row": lambda world: world.row("SELECT value FROM counters"),
    "rows": lambda world: world.rows("SELECT * FROM counters"),
    "execute": lambda world: altered(world, "DELETE FROM queue"),
    "crank": lambda world: crank(world, 5),
    "commit": lambda world: work(world, 6),
    "goto": lambda world: world.goto(1),
    "label": lambda world: world.label("here"),
    "unlabel": lambda world: world.unlabel("there"),
    "labels": lambda world: world.labels(),
    "commits": lambda world: world.commits(),
    "digest": lambda world: world.digest(),
    "prune": lambda world: world.prune(),
    "snapshot": lambda world: world.heaps.stats("h1-x"),
    "transcript": lambda world: world.transcripts.read("x"),
}


def failing(problem: BaseException) -> Callable[[object, str, object], bool]:
    """Have every statement fail so, but for those that lead back."""

    def fail(_cursor: object, statement: str, _params: object) -> bool:
        if statement.startswith(("ROLLBACK", "PRAGMA")):
            return True
        raise problem

    return fail


@pytest.mark.parametrize("act", ACTS)
def test_every_failure_comes_in_words(path: Path, act: str) -> None:
    """Whatever fails in whatever is asked, the error names the world, and nothing is half done."""
    with WorldFile.open(path) as world:
        work(world, 4)
        world.label("there")
        digest, head = world.digest(), world.head
        for name, (problem, kind) in CODES.items():

            def fail(
                _cursor: object, statement: str, _params: object, problem: BaseException = problem
            ) -> bool:
                if statement.startswith(("ROLLBACK", "PRAGMA")):
                    return True
                raise problem

            world.db.exec_trace = fail
            try:
                with pytest.raises(kind) as told:
                    ACTS[act](world)
            finally:
                world.db.exec_trace = None
            assert str(told.value).startswith(f"{path}"), name
            world.rollback()
            assert (world.digest(), world.head) == (digest, head), name
        work(world, 6)
        assert world.digest() == expected(6)
        check(world)


def test_a_file_that_may_not_grow(path: Path) -> None:
    """Where the disk has no more room every act says so, and with room again the same world goes on."""
    code = f"""
import os, resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from swingset.world import StorageError, WorldFile
from tests.world.world_load import at, expected, work
path = {str(path)!r}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
world = WorldFile.open(path)
work(world, 4)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
acts = (lambda: work(world, 6), lambda: world.label("x"), lambda: world.export(path + "2"), world.prune)
for act in acts:
    try:
        act()
        print("no error")
    except StorageError as problem:
        print(type(problem).__name__)
    world.rollback()
    assert world.digest() == expected(4)
    assert not os.path.exists(path + "2-new") and not os.path.exists(path + "2")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
work(world, 6)
assert world.digest() == expected(6)
world.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    # A prune that finds nothing to drop needs no room.
    assert set(done.stdout.splitlines()[:3]) <= {"DiskFull", "DiskFailed"}
    with WorldFile.open(path) as world:
        assert at(world) == 6
        check(world)


def test_an_export_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of an export is told in words; no file, draft or lock is left."""

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with WorldFile.open(path) as world:
        work(world, 4)
        before = {found.name for found in path.parent.iterdir()}
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull, match="make room"):
            world.export(path.with_name("copy.world"))
        assert {found.name for found in path.parent.iterdir()} == before
