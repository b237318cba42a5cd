"""Records the changes since the last commit, with SQLite's session extension over the state tables.

From `begin` on, every change of a state table is recorded. A commit stores the changeset of all of them, and
going back undoes it.
"""

from __future__ import annotations

import ctypes
import os
import weakref

import apsw

from .errors import WorldMisuse
from .schema import STATE_TABLES


class Watching:
    """The changes of one world since its head."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._session: apsw.Session | None = None
        _open.add(self)

    def begin(self) -> None:
        """Begin a changeset, relative to the current state."""
        self.end()
        session = apsw.Session(self._db, "main")
        session.config(apsw.SQLITE_SESSION_OBJCONFIG_SIZE, True)
        for name, _ in STATE_TABLES:
            session.attach(name)
        self._session = session

    def end(self) -> None:
        """Stop recording."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def changes(self, name: str) -> bytes:
        """The changeset so far. Raises `WorldMisuse` for a world, called `name`, that is closed."""
        if self._session is None:
            raise WorldMisuse(f"{name} is closed: open it again")
        return self._session.changeset()

    @property
    def size(self) -> int:
        """The approximate size of the changeset; it is never too small."""
        assert self._session is not None, "nothing is recorded"
        return int(self._session.changeset_size)


_open: weakref.WeakSet[Watching] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """Called in a forked child: make sure that it never closes what belongs to the parent, not even at exit.

    SQLite would tidy up shared memory that the parent uses.
    """
    for watching in _open:
        for thing in (watching._db, watching._session):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
