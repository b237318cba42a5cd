"""One writer per world: an advisory lock on a file beside it.

The lock is the operating system's, so it ends with the process however that ends, and it is not on
the world file itself, so any SQLite tool may read the world meanwhile. The side file holds the
owner's process number for the message that a second opener gets; it is removed on release, and a
leftover one from a killed process means nothing.

A forked child inherits descriptors and with them the locks, and would keep a world locked after its
parent died; so a child closes the descriptors that are kept here as soon as it begins.
"""

from __future__ import annotations

import contextlib
import os
import sys

from .errors import WorldError, WorldLocked

_descriptors: set[int] = set()


def open_descriptor(path: str, flags: int) -> int:
    """A descriptor that no child keeps."""
    fd = os.open(path, flags, 0o644)
    _descriptors.add(fd)
    return fd


def close_descriptor(fd: int) -> None:
    """Close such a descriptor, unless this process is a child that has not got it."""
    if fd in _descriptors:
        _descriptors.remove(fd)
        os.close(fd)


def _forget_all() -> None:
    while _descriptors:
        os.close(_descriptors.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class WorldLock:
    """The right to write one world, held until `release` or the end of the process."""

    def __init__(self, world_path: str) -> None:
        self.path = world_path + "-lock"
        self._fd: int | None = None
        while self._fd is None:
            try:
                fd = open_descriptor(self.path, os.O_RDWR | os.O_CREAT)
            except OSError as problem:
                raise WorldError(
                    f"{world_path} cannot be opened for writing: {problem.strerror}: choose another path"
                ) from None
            try:
                _take(fd)
            except OSError:
                owner = _owner(fd)
                close_descriptor(fd)
                raise WorldLocked(
                    f"{world_path} is open in {owner}: close the world there, or end that process"
                ) from None
            # The former owner may have removed the file between the open and the lock.
            if _same_file(fd, self.path):
                self._fd = fd
            else:
                close_descriptor(fd)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next one in; harmless when done twice."""
        fd, self._fd = self._fd, None
        if fd in _descriptors:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            close_descriptor(fd)


def _owner(fd: int) -> str:
    with contextlib.suppress(OSError, ValueError):
        pid = int(os.pread(fd, 20, 0))
        return "this process" if pid == os.getpid() else f"process {pid}"
    return "another process"


def _same_file(fd: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)


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
