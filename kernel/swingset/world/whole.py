"""The world file is the whole world whenever nobody writes it.

SQLite commits to a log beside the file, and by itself leaves the work of hours there. People copy, move,
link and download the one file that they see. So after each commit the log is folded into the file, and is
empty. (`benchmarks/commits.py` measures it: less than a rollback journal, and a millisecond on a common
disk.)

Between a commit and its fold, or while somebody else's query keeps the log from being folded, the file
alone is not the whole world. Then it carries a mark in its header, at a place that SQLite keeps free, and a
marked file without a log is refused. The mark is written first and taken away last. SQLite writes the first
page from its own memory while it folds, so its copy of that page has to carry the mark too, always: else a
process killed in the middle of a fold would leave a file half old, half new and without a mark.
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
    """Whether a file that begins so needs its log."""
    return header[_AT : _AT + len(_MARK)] == _MARK


def unmarked(image: bytes, journal_mode: int) -> bytes:
    """The same database without a mark, for use with a log (2) or without one (1)."""
    after = _AT + len(_MARK)
    modes = bytes((journal_mode, journal_mode))
    return b"".join((image[:18], modes, image[20:_AT], bytes(len(_MARK)), memoryview(image)[after:]))


def mark(fd: int) -> None:
    """Say in the file that it needs its log."""
    os.pwrite(fd, _MARK, _AT)


class Folding:
    """Keeps one open file whole. `fd` is a descriptor of the file that may write it."""

    def __init__(self, db: apsw.Connection, fd: int, guard: Guard) -> None:
        self._db = db
        self._fd = fd
        self._guard = guard
        self._folded = False
        self.renew()

    def renew(self) -> None:
        """Have SQLite's own copy of the first page carry the mark: at the start, and after a VACUUM."""
        self.fold()
        mark(self._fd)
        self._db.release_memory()
        self._db.execute("SELECT 1 FROM meta").fetchall()
        self.fold()

    def before_commit(self) -> None:
        """From here on, and until the fold, the log is needed."""
        self._folded = False
        mark(self._fd)

    def fold(self) -> bool:
        """Make the file whole; answers whether it is. It is not while somebody reads, or on a full disk."""
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
