"""Whether an open world still is the one that was opened, and whether its file is whole.

Before anything becomes durable, the file has to be the same file at the same path, under the same lock, and
written by nobody else since. After it, what is in the log is folded into the file. A world in memory, and
one that is only looked at, has no place: nothing can happen to it.
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
        self._shaken = False  # by a failure, with which the data version may have changed
        if path is not None and lock is not None and lock.main is not None:
            self._guard = Guard(path)
            self._folding = Folding(db, lock.main, self._guard)
        self._version = self._data_version()

    def _data_version(self) -> int:
        """Changes when another connection commits, and when SQLite gave up on what this one did."""
        return int(self._db.pragma("data_version"))

    def shaken(self) -> None:
        """Something has failed or was made anew: the data version may have changed with it."""
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
        """Raise `WorldMoved` where the file, its lock or its content is not what was opened."""
        trouble = self._trouble()
        if trouble is None and self.written_by_others():
            trouble = "was written by another program since this process opened it"
        if trouble is not None:
            raise WorldMoved(f"{self._name} {trouble}. Nothing more can be committed to it: {WAY_OUT}")

    def before_commit(self) -> None:
        """The log is needed from here on, and until the fold."""
        if self._folding is not None:
            self._folding.before_commit()

    def fold(self) -> None:
        """Make the file whole by itself, if it is in its place."""
        if self._folding is not None and self._trouble() is None and not self._folding.fold():
            self._shaken = True

    def shrink(self) -> None:
        """Give back the room of what was deleted; where that fails it stays in the file, to be used again."""
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
        """Let go of the connection and of the file, which is made whole before."""
        try:
            if self._folding is not None and self._trouble() is None:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._folding.fold()
                self._folding = None
            if self._guard is not None:
                self._guard.lift()
            self._db.close()  # which rolls back
        finally:
            if self._guard is not None:
                self._guard.close()
            if self._lock is not None:
                self._lock.release()
