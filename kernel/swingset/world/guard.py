"""Readers in the same process, kept from harming the world that they read.

A notebook reads its own world with `sqlite3` or pandas, and that is a second SQLite in one process.
SQLite's own locks belong to the process on POSIX, so the two do not see each other's: the reader
takes itself for the only user, empties the shared index when it opens the file, and deletes the
write-ahead log when it closes it. Commits made after that would be gone with the next crash.

Locks of an *open file description* are seen by everybody, the same process included, and no close of
another descriptor drops them. While a world is open, this holds two of them in SQLite's own places:
the one that says "somebody reads this database", without which no one deletes its log, and the one
that says "the shared index is in use". It guards against readers only; a second writer is misuse.
Where the system has no such locks (Windows has no need of them), it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys

from .lock import close_descriptor, open_descriptor

_SHARED = (0x40000002, 510)  # in the database: SHARED_FIRST and SHARED_SIZE
_IN_USE = (128, 1)  # in the shared index: the "dead man's switch"


class Guard:
    """Both locks for one open world. Take it once SQLite has the file open, and `lift` it before closing."""

    def __init__(self, path: str) -> None:
        self._held: list[tuple[int, int, int]] = []
        for name, (start, length) in ((path, _SHARED), (path + "-shm", _IN_USE)):
            with contextlib.suppress(OSError):
                fd = open_descriptor(name, os.O_RDWR)
                self._held.append((fd, start, length))
                _lock(fd, True, start, length)

    def lift(self) -> None:
        """Give the locks up, so that SQLite can tidy up when it closes."""
        for fd, start, length in self._held:
            with contextlib.suppress(OSError):
                _lock(fd, False, start, length)

    def close(self) -> None:
        """Close the descriptors; only after SQLite closed, because that drops the process's other locks."""
        for fd, _, _ in self._held:
            close_descriptor(fd)
        self._held.clear()


if sys.platform == "win32":

    def _lock(fd: int, take: bool, start: int, length: int) -> None:
        """Locks belong to descriptors here."""

else:
    import fcntl

    def _lock(fd: int, take: bool, start: int, length: int) -> None:
        command = getattr(fcntl, "F_OFD_SETLK", None)
        if command is not None:
            kind = fcntl.F_RDLCK if take else fcntl.F_UNLCK
            fcntl.fcntl(fd, command, struct.pack("hhqqi0q", kind, os.SEEK_SET, start, length, 0))
