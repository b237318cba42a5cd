"""One writer per world: a lock on a file beside it, and one on the world itself.

The file beside the world holds the owner's process number, and the name of its notebook if it has one, for
the error that a second process gets. It works on every system. It is removed on release, and a leftover one
from a killed process has no meaning. But it can be deleted, and a world with two names has two of them. So if
the system has locks of open files, the owner also locks one byte of the world file itself, far behind those
that SQLite uses, so that any SQLite tool can still read the world. Both locks belong to the operating system,
and end with the process in any case.

A file system that cannot lock gets an error of its own, different from a lock that another process holds,
because there is no safe way to write a world there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys

from swingset.model.visible import one_line

from .descriptors import (
    HAS_LOCKS,
    close_descriptor,
    is_open,
    lock_bytes,
    open_descriptor,
    refuse_odd,
    same_file,
)
from .errors import CannotLock, CannotWrite, OddFile, WorldError, WorldLocked

_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""The system's errors if another process has the lock; any other error means that there are no locks."""

_OWNER = (0x40000400, 1)  # the byte of the world file that its owner holds; SQLite's end at 0x40000200
_LONGEST = 20 + 10 + 200
_CONTENT = re.compile(r"(?:([0-9]{1,20})(?: notebook ([^\n]{1,200}))?)?\Z", re.ASCII)
_notebook: str | None = None


def name_notebook(name: str | None) -> None:
    """Say in which notebook this process runs, for the errors of other processes."""
    global _notebook
    _notebook = name.replace("\n", " ")[:50] if name else None


class WorldLock:
    """The right to write one world, held until `release` or the end of the process."""

    def __init__(self, world_path: str) -> None:
        self.world_path = world_path
        self.path = world_path + "-lock"
        self.main: int | None = None
        """The descriptor of the world file, from `bind` on."""
        self._fd: int | None = None
        while self._fd is None:
            fd, made = self._open()
            try:
                _take(fd)
            except OSError as problem:
                held, owner = problem.errno in _HELD, _owner(fd)
                if made and not held:
                    os.unlink(self.path)
                close_descriptor(fd)
                if not held:
                    raise _no_locks(world_path, problem) from None
                raise _locked(world_path, owner) from None
            # The former owner may have removed the file between the open and the lock.
            if same_file(fd, self.path):
                self._fd = fd
            else:
                close_descriptor(fd)
        with contextlib.suppress(
            OSError
        ):  # the number is for people only; a full disk may have no room for it
            os.ftruncate(self._fd, 0)
            name = "" if _notebook is None else f" notebook {_notebook}"
            os.pwrite(self._fd, f"{os.getpid()}{name}".encode(errors="replace"), 0)

    def _open(self) -> tuple[int, bool]:
        """Open the file beside the world; returns its descriptor, and whether the file is new."""
        refuse_odd(self.path, alone=True)
        try:
            try:
                return open_descriptor(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
            except FileExistsError:
                fd = open_descriptor(self.path, os.O_RDWR)
        except FileNotFoundError:
            return self._open()
        except OSError as problem:
            raise CannotWrite(
                f"{self.world_path} cannot be opened for writing: {problem.strerror}: choose another path, or"
                " look at it with `swingset status`"
            ) from None
        if _content(fd) is None:
            close_descriptor(fd)
            raise OddFile(f"{self.path} is not a lock but somebody's file: move it away")
        return fd, False

    def bind(self) -> None:
        """Lock the world file itself, which exists by now."""
        try:
            self.main = open_descriptor(self.world_path, os.O_RDWR)
        except OSError as problem:
            raise CannotWrite(
                f"{self.world_path} cannot be written ({problem.strerror}): give yourself the right to write"
                " it, or look at it with `swingset status`"
            ) from None
        if not HAS_LOCKS and os.fstat(self.main).st_nlink > 1:
            raise OddFile(
                f"{self.world_path} has another name as well, by which a second program could write it:"
                " delete one of the names"
            )
        try:
            lock_bytes(self.main, *_OWNER, alone=True)
        except OSError as problem:
            if problem.errno in _HELD:
                raise _locked(self.world_path, "another program, maybe by another name") from None
            if problem.errno != errno.EINVAL:  # the kernel is older than these locks
                raise _no_locks(self.world_path, problem) from None

    def trouble(self) -> str | None:
        """What happened to the files since they were locked, as the end of a sentence; None if nothing."""
        if self.main is None or not same_file(self.main, self.world_path):
            if os.path.lexists(self.world_path):
                return "is another file now than the one that this process opened"
            return "is gone from its place: it was deleted or moved"
        if self._fd is None or not same_file(self._fd, self.path):
            return f"is not locked any more: {self.path} was deleted or replaced by somebody"
        return None

    def __enter__(self) -> WorldLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None and is_open(fd):
            with contextlib.suppress(OSError):
                if same_file(fd, self.path):
                    os.unlink(self.path)
            close_descriptor(fd)
        main, self.main = self.main, None
        if main is not None:
            close_descriptor(main)


def _locked(path: str, owner: str) -> WorldLocked:
    return WorldLocked(f"{path} is open in {owner}: close the world there, or end that process")


def _no_locks(path: str, problem: OSError) -> WorldError:
    return CannotLock(
        f"files cannot be locked where {path} is ({problem.strerror}), and nothing would keep a second"
        " program from writing it: put the world on a local disk"
    )


def _content(fd: int) -> re.Match[str] | None:
    """The content of a lock: a number, and perhaps the name of a notebook; None if it is none."""
    content = os.pread(fd, _LONGEST + 1, 0)
    return None if len(content) > _LONGEST else _CONTENT.match(content.decode(errors="replace"))


def _owner(fd: int) -> str:
    with contextlib.suppress(OSError):
        found = _content(fd)
        if found is not None and found[1] is not None:
            mine = int(found[1]) == os.getpid()
            process = "this process" if mine else f"process {int(found[1])}"
            return process if found[2] is None else f"the notebook {one_line(found[2], 60)} ({process})"
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> None:
        # A byte far behind the number, so that the number stays readable.
        os.lseek(fd, 1 << 20, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
