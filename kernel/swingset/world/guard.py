"""Prevents readers in the same process from harming the world that they read.

A notebook reads its own world with `sqlite3` or pandas, and that is a second SQLite in one process.
SQLite's own locks belong to the process on POSIX, so the two do not see each other's. The reader considers
itself the only user, empties the shared index when it opens the file, and deletes the write-ahead log when it
closes it. Commits made after that would be lost in the next crash.

Every process sees the locks of an *open file description*, also the same process, and closing another
descriptor does not release them. While a world is open, the guard holds two of them in SQLite's own places:
one says "this database is being read", and prevents that its log is deleted; the other says "the shared index
is in use". The guard works against readers only; a second writer is misuse.

It also tells whether a query of another reader is running. The log must not be folded into the file then,
because that reader would see pages of two moments.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .descriptors import bytes_are_locked, close_descriptor, lock_bytes, open_descriptor, unlock_bytes

_SHARED = (0x40000002, 510)  # in the database: SHARED_FIRST and SHARED_SIZE
_IN_USE = (128, 1)  # in the shared index: the "dead man's switch"
_READING = (123, 5)  # in the shared index: the marks of readers
_OPEN_FILES = Path("/proc/self/fd")
_OURS = 2  # of the shared index, that are open: the world's, and the guard's


class Guard:
    """Both locks for one open world. Take it once SQLite has the file open, and `lift` it before closing."""

    def __init__(self, path: str) -> None:
        self._held: list[tuple[int, int, int]] = []
        self._index: int | None = None
        self._index_path = path + "-shm"
        for name, (start, length) in ((path, _SHARED), (path + "-shm", _IN_USE)):
            with contextlib.suppress(OSError):
                fd = open_descriptor(name, os.O_RDWR)
                self._held.append((fd, start, length))
                if start == _IN_USE[0]:
                    self._index = fd
                lock_bytes(fd, start, length)

    def somebody_reads(self) -> bool:
        """Whether a query of another reader may be running; call it when this world itself runs none.

        Other processes hold locks while they read. The locks of another SQLite in this process are lost with
        the next lock of this one, so for it the answer is whether it has the file open at all.
        """
        with contextlib.suppress(OSError):
            if self._index is not None and bytes_are_locked(self._index, *_READING):
                return True
        found = 0
        with contextlib.suppress(OSError):
            for name in os.listdir(_OPEN_FILES):
                with contextlib.suppress(OSError):
                    found += os.readlink(_OPEN_FILES / name) == self._index_path
        return found > _OURS

    def lift(self) -> None:
        """Release the locks, so that SQLite can delete its files when it closes."""
        for fd, start, length in self._held:
            with contextlib.suppress(OSError):
                unlock_bytes(fd, start, length)

    def close(self) -> None:
        """Close the descriptors; only after SQLite closed, because that drops the process's other locks."""
        for fd, _, _ in self._held:
            close_descriptor(fd)
        self._held.clear()
        self._index = None
