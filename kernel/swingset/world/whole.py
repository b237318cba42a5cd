"""Keeps the world file whole, except during a commit.

SQLite commits to a log beside the file, and may leave the commits of hours there. But people copy, move, link
and download only the file that they see. So after each commit the log is folded into the file, and is empty.
(`benchmarks/commits.py` measures it: less than a rollback journal, and a millisecond on a common disk.)

Between a commit and its fold, or while another program's query prevents the fold, the file alone is not the
whole world. Then it has a mark in its header, at a place that SQLite does not use, and a marked file without
a log is refused. The mark is written first and removed last. It is removed durably before SQLite deletes the
log of a world that is closed; otherwise a power failure could leave a mark and no log. SQLite writes the
first page from its own memory while it folds, so its copy of that page must always have the mark too.
Otherwise a process that is killed in the middle of a fold would leave a file that is half old, half new and
has no mark.
"""

from __future__ import annotations

import contextlib
import os

import apsw

from .guard import Guard

_AT = 72  # the header's last field that is free, and always zero
_MARK = b"LOG+"
_BUSY_MS = 5_000


def is_marked(header: bytes) -> bool:
    """Whether a file with this header needs its log."""
    return header[_AT : _AT + len(_MARK)] == _MARK


def unmarked(image: bytes, journal_mode: int) -> bytes:
    """The bytes of the database without a mark, for use with a log (2) or without one (1)."""
    after = _AT + len(_MARK)
    modes = bytes((journal_mode, journal_mode))
    return b"".join((image[:18], modes, image[20:_AT], bytes(len(_MARK)), memoryview(image)[after:]))


def mark(fd: int) -> None:
    """Mark the file: it needs its log."""
    os.pwrite(fd, _MARK, _AT)


class Folding:
    """Keeps one open file whole. `fd` is a descriptor with which the file can be written."""

    def __init__(self, db: apsw.Connection, fd: int, guard: Guard) -> None:
        self._db = db
        self._fd = fd
        self._guard = guard
        self._folded = False
        self.renew()

    def renew(self) -> None:
        """Put the mark into SQLite's own copy of the first page: at the start, and after a VACUUM."""
        self.fold()
        mark(self._fd)
        self._db.release_memory()
        self._db.execute("SELECT 1 FROM meta").fetchall()
        self.fold()

    def before_commit(self) -> None:
        """Mark the file: from now on it needs its log, until the fold."""
        self._folded = False
        mark(self._fd)

    def fold(self) -> bool:
        """Fold the log; returns whether the file is whole. It is not during a query, or on a full disk."""
        if not self._guard.somebody_reads():
            self._db.set_busy_timeout(0)
            try:
                with contextlib.suppress(apsw.Error):  # what is committed is safe in the log
                    self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                    self._folded = True
            finally:
                self._db.set_busy_timeout(_BUSY_MS)
        with contextlib.suppress(OSError):
            if self._folded:
                os.pwrite(self._fd, bytes(len(_MARK)), _AT)
            else:
                mark(self._fd)  # a fold that failed may have written the first page
        return self._folded

    def settle(self) -> None:
        """Fold the log, and have the removal of the mark reach the disk, because the log will be deleted."""
        if self.fold():
            with contextlib.suppress(OSError):
                os.fsync(self._fd)
