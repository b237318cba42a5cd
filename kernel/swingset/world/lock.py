"""One writer per world: an advisory lock on a file beside it.

The lock is the operating system's, so it ends with the process however that ends, and it is not on
the world file itself, so any SQLite tool may read the world meanwhile. The side file holds the
owner's process number for the message that a second opener gets; it is removed on release, and a
leftover one from a killed process means nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys

from .errors import WorldLocked


class WorldLock:
    """The right to write one world, held until `release` or the end of the process."""

    def __init__(self, world_path: str) -> None:
        self.path = world_path + "-lock"
        self._fd: int | None = None
        while self._fd is None:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _take(fd)
            except OSError:
                owner = _owner(fd)
                os.close(fd)
                raise WorldLocked(
                    f"{world_path} is open in {owner}: close the world there, or end that process"
                ) from None
            # The former owner may have removed the file between the open and the lock.
            if _same_file(fd, self.path):
                self._fd = fd
            else:
                os.close(fd)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next one in; harmless when done twice."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            os.close(self._fd)
            self._fd = None


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
