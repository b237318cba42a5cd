"""Readers in the same process, kept from harming the world that they read.

A notebook reads its own world with `sqlite3` or pandas, and that is a second SQLite in one process.
SQLite's own locks belong to the process on POSIX, so the two do not see each other's: the reader
takes itself for the only user, empties the shared index when it opens the file, and deletes the
write-ahead log when it closes it. Commits made after that would be gone with the next crash.

Locks of an *open file description* are seen by everybody, the same process included, and no close of
another descriptor drops them. While a world is open, this holds two of them in SQLite's own places:
the one that says "somebody reads this database", without which no one deletes its log, and the one
that says "the shared index is in use". It guards against readers only; a second writer is misuse.

It also tells whether anybody reads right now, in the middle of a query: the log must not be folded into the
file under such a reader, who would find pages of two moments.
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
        """Whether a query of somebody else's may be under way; for moments when this world has none itself.

        Other processes hold locks while they read. The locks of another SQLite in this one are lost with the
        next of ours, so there it counts whether it has the file open at all.
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
        """Give the locks up, so that SQLite can tidy up when it closes."""
        for fd, start, length in self._held:
            with contextlib.suppress(OSError):
                unlock_bytes(fd, start, length)

    def close(self) -> None:
        """Close the descriptors; only after SQLite closed, because that drops the process's other locks."""
        for fd, _, _ in self._held:
            close_descriptor(fd)
        self._held.clear()
        self._index = None
