"""Checks that an open world is still in its file, and keeps the file whole.

Before a commit, the file has to be the same file at the same path, under the same lock, and no other program
may have written it. After the commit, the log is folded into the file. A world in memory, or one that is
opened only to look at it, has no place, so nothing is checked.
"""

from __future__ import annotations

import apsw

from .errors import WorldMoved
from .guard import Guard
from .lock import WorldLock
from .whole import Folding

WAY_OUT = (
    "`%swingset export PATH`, or `controller.history.export(path)`, writes what was committed elsewhere; or"
    " close it, put the file back, and open it again"
)


class Place:
    """The file of one open world, its lock and its log."""

    def __init__(self, db: apsw.Connection, name: str, path: str | None, lock: WorldLock | None) -> None:
        self._db = db
        self._name = name
        self._lock = lock
        self._guard: Guard | None = None
        self._folding: Folding | None = None
        self._shaken = False  # after a failure, which may have changed the data version
        if path is not None and lock is not None and lock.main is not None:
            self._guard = Guard(path)
            self._folding = Folding(db, lock.main, self._guard)
        self._version = self._data_version()

    def _data_version(self) -> int:
        """A number that changes when another connection commits, and when SQLite rolls this one back."""
        return int(self._db.pragma("data_version"))

    def shaken(self) -> None:
        """Note that a failure, or a rewrite of the file, may have changed the data version."""
        self._shaken = True

    def written_by_others(self) -> bool:
        """Whether another connection has committed since."""
        version = self._data_version()
        if self._shaken:
            self._version, self._shaken = version, False
        return version != self._version

    def _trouble(self) -> str | None:
        return self._lock.trouble() if self._lock is not None else None

    def check(self) -> None:
        """Raise `WorldMoved` if the file, its lock or its content has been replaced since it was opened."""
        trouble = self._trouble()
        if trouble is None and self.written_by_others():
            trouble = "was written by another program since this process opened it"
        if trouble is not None:
            raise WorldMoved(f"{self._name} {trouble}. Nothing more can be committed to it: {WAY_OUT}")

    def is_another(self) -> WorldMoved:
        """The complaint about a file that holds another world than the one that is open."""
        words = "was written by another program since this process opened it, and is not what this one knows"
        return WorldMoved(f"{self._name} {words}: {WAY_OUT}")

    def before_commit(self) -> None:
        """Mark the file: from now on it needs its log, until the fold."""
        if self._folding is not None:
            self._folding.before_commit()

    def fold(self) -> None:
        """Fold the log into the file, if the file is in its place."""
        if self._folding is not None and self._trouble() is None and not self._folding.fold():
            self._shaken = True

    def shrink(self) -> None:
        """Free the room of deleted data; if that fails, the room stays in the file and is used again."""
        try:
            self.before_commit()
            self._db.execute("VACUUM")
            if self._folding is not None:
                self._folding.renew()
        except (apsw.FullError, apsw.BusyError, apsw.IOError):
            self.fold()
        finally:
            self._shaken = True

    def close(self) -> None:
        """Fold the log into the file, and close the connection and the file."""
        try:
            if self._folding is not None and self._trouble() is None:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._folding.settle()
            if self._guard is not None:
                self._guard.lift()
            self._db.close()  # which rolls back
        finally:
            if self._guard is not None:
                self._guard.close()
            if self._lock is not None:
                self._lock.release()
