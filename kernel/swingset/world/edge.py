"""Turns the errors of SQLite and of the system into the exceptions of the world file.

For a user, a failure below the world file is one of a few: no room, a failing disk, no right to write, the
lock of another process, or content that contradicts itself. Each has an exception, and each message ends with
what helps. `WorldFile` rolls the world back to its last commit, so that the operation may be tried again.

This module also refuses forked children, because SQLite, its locks and the vats belong to the parent.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from .errors import (
    CannotLock,
    CannotWrite,
    DamagedWorld,
    DiskFailed,
    DiskFull,
    OutOfMemory,
    StorageError,
    ValueRefused,
    WorldError,
    WorldLocked,
    WorldMoved,
    WorldOfParent,
)

_P = ParamSpec("_P")
_R = TypeVar("_R")

_KEPT = "the world is as of its last commit"
_FULL = f"there is no room left to write ({{}}); {_KEPT}: make room, and run again"
_DISK = (
    f"the disk failed to read or write ({{}}); {_KEPT}: see to the disk, or export the world to another one"
)
_WRITE = f"it cannot be written ({{}}); {_KEPT}: give yourself the right to write the file and its folder"
_DAMAGED = "the file is damaged ({}): go back to a copy of it"

_SQLITE: tuple[tuple[type[apsw.Error], type[WorldError], str], ...] = (
    (apsw.ConnectionClosedError, WorldError, "this world was closed: open it again"),
    (apsw.FullError, DiskFull, _FULL),
    (apsw.IOError, DiskFailed, _DISK),
    (apsw.ReadOnlyError, CannotWrite, _WRITE),
    (apsw.PermissionsError, CannotWrite, _WRITE),
    (
        apsw.CantOpenError,
        CannotWrite,
        f"a file beside it cannot be opened ({{}}); {_KEPT}: see to its folder",
    ),
    (apsw.CorruptError, DamagedWorld, _DAMAGED),
    (apsw.NotADBError, DamagedWorld, _DAMAGED),
    (
        apsw.ConstraintError,
        ValueRefused,
        f"a row breaks a rule ({{}}); {_KEPT}: verify the file",
    ),
    (apsw.MismatchError, ValueRefused, f"a row breaks a rule ({{}}); {_KEPT}: verify the file"),
    (apsw.FormatError, DamagedWorld, _DAMAGED),
    (apsw.EmptyError, DamagedWorld, _DAMAGED),
    (apsw.BusyError, WorldLocked, "it is being used by another program ({}): end that first"),
    (apsw.LockedError, WorldLocked, "it is being used by another query ({}): end that first"),
    (apsw.ProtocolError, CannotLock, "its files cannot be locked ({}): put the world on a local disk"),
    (apsw.NoLFSError, DiskFailed, f"the system cannot handle so large a file ({{}}); {_KEPT}"),
    (apsw.NoMemError, OutOfMemory, f"there is not enough memory ({{}}); {_KEPT}: make room, and run again"),
    (
        apsw.TooBigError,
        ValueRefused,
        f"a value is larger than a world can hold ({{}}); {_KEPT}: store less at once",
    ),
    (
        apsw.SchemaChangeError,
        WorldMoved,
        "another program changed its tables ({}): open it again",
    ),
    (apsw.InterruptError, StorageError, f"a query was interrupted ({{}}); {_KEPT}"),
)

_SYSTEM: dict[int, tuple[type[WorldError], str]] = {
    errno.ENOSPC: (DiskFull, _FULL),
    errno.EDQUOT: (DiskFull, _FULL),
    errno.EFBIG: (DiskFull, _FULL),
    errno.EROFS: (CannotWrite, _WRITE),
    errno.EACCES: (CannotWrite, _WRITE),
    errno.EPERM: (CannotWrite, _WRITE),
    errno.ENOMEM: (OutOfMemory, f"there is not enough memory ({{}}); {_KEPT}"),
}


def in_words(problem: BaseException, name: str) -> WorldError | None:
    """The world's exception for an error of SQLite or of the system; None for any other exception."""
    if isinstance(problem, apsw.Error):
        for kind, ours, words in _SQLITE:
            if isinstance(problem, kind):
                return ours(f"{name}: {words.format(problem)}")
        return WorldError(f"{name}: SQLite refused a step ({problem}); {_KEPT}")
    if isinstance(problem, UnicodeDecodeError):
        return DamagedWorld(f"{name}: {_DAMAGED.format('it holds text that is not UTF-8')}")
    if isinstance(problem, OSError):
        ours, words = _SYSTEM.get(problem.errno or 0, (DiskFailed, _DISK))
        return ours(f"{name}: {words.format(problem.strerror or problem)}")
    return None


@contextmanager
def told_in_words(name: str) -> Iterator[None]:
    """Turn the errors of SQLite and of the system in the body into the world's exceptions."""
    try:
        yield
    except (apsw.Error, OSError, UnicodeDecodeError) as problem:
        raised = in_words(problem, name)
        assert raised is not None
        raise raised from problem


def at_the_edge(
    method: Callable[Concatenate[Any, _P], _R],
) -> Callable[Concatenate[Any, _P], _R]:
    """Decorate a method of a world file: turn its errors into the world's, and refuse a forked child."""

    @functools.wraps(method)
    def called(world: Any, /, *args: _P.args, **given: _P.kwargs) -> _R:
        if os.getpid() != world.process:
            refuse_child(world.name, world.process)
        try:
            return method(world, *args, **given)
        except (apsw.Error, OSError, UnicodeDecodeError) as problem:
            raised = in_words(problem, world.name)
            assert raised is not None
            world.failed(raised)
            raise raised from problem

    return called


def refuse_child(name: str, process: int) -> None:
    """Raise `WorldOfParent` in any process other than the one that opened the world."""
    here = os.getpid()
    if here != process:
        raise WorldOfParent(
            f"{name} belongs to process {process}, and this is process {here}, forked from it: send, run and"
            " close there; a child may open an exported copy"
        )


__all__: list[Any] = ["at_the_edge", "in_words", "refuse_child", "told_in_words"]
