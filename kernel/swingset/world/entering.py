"""Enters a world file: to write it, alone, or to look at it, even while another process writes it.

If anything fails, the connection is closed and the lock is released, and the file stays as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from . import opening
from .edge import told_in_words
from .errors import WorldError, WorldMissing
from .history import History
from .journal import Journal
from .lock import WorldLock


@contextmanager
def to_write(
    path: str | os.PathLike[str], *, create: bool
) -> Iterator[tuple[apsw.Connection, str, WorldLock]]:
    """The world in this file, made if there is none and it may be: its connection, real path and lock.

    They are closed and released where the body fails.
    """
    # Through links, so that two names of one file meet at one lock.
    where = opening.real(path)
    if not os.path.lexists(where) and not create:
        raise WorldMissing(f"there is no world at {where}: check the path, or let one be created")
    opening.check_folder(where)
    opening.check_kind(where)
    with told_in_words(where):
        lock = WorldLock(where)
        db = None
        try:
            if not os.path.lexists(where):
                opening.make(where)
            lock.bind()
            opening.inspect(where)
            db = opening.on_disk(where)
            yield db, where, lock
        except BaseException:
            if db is not None:
                db.close()
            lock.release()
            raise


@contextmanager
def to_look(path: str | os.PathLike[str]) -> Iterator[tuple[apsw.Connection, str]]:
    """The world in this file as it is now: its connection and real path. Takes no lock, writes nothing."""
    where = opening.real(path)
    if not os.path.lexists(where):
        raise WorldMissing(f"there is no world at {where}: check the path")
    opening.check_kind(where)
    with told_in_words(where):
        db = opening.look(where)
        try:
            db.execute("BEGIN")
            yield db, where
        except BaseException:
            db.close()
            raise


def forked(db: apsw.Connection, head: int, journal: Journal, changes: bytes) -> apsw.Connection:
    """A connection to a copy in memory; uncommitted `changes` are its last commit, with their records."""
    twin = opening.in_memory(db.serialize("main"))
    history = History(twin, "a fork")
    history.keep_log(None)  # what happens in a fork concerns no log
    if changes:
        twin.execute("BEGIN")
        history.record(head, changes, journal, "uncommitted work a fork began with", None)
        twin.execute("COMMIT")
    return twin


def write_copy(db: apsw.Connection, path: str | os.PathLike[str]) -> None:
    """Write what a connection has committed to a new file. Raises `WorldError` where there is one already."""
    where = opening.real(path)
    if os.path.lexists(where):
        raise WorldError(f"{where} exists already: choose another path")
    opening.check_folder(where)
    with told_in_words(where):
        lock = WorldLock(where)
        try:
            opening.write_new(where, db.serialize("main"))
        finally:
            lock.release()
