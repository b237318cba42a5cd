"""Opens world files, copies them and forks them.

A writer locks the file. A reader takes no lock, so it can open a world that another process writes. If
anything fails, the connection is closed, the lock is released, and the file is unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from . import opening, paths
from .edge import told_in_words
from .errors import WorldMissing
from .lock import WorldLock


@contextmanager
def to_write(
    path: str | os.PathLike[str], *, create: bool
) -> Iterator[tuple[apsw.Connection, str, WorldLock]]:
    """Open a world file to write it; yields its connection, its real path and its lock.

    A missing file is created if `create` is true; otherwise this raises `WorldMissing`. If the body raises,
    the connection is closed and the lock is released.
    """
    # Links are resolved, so that two names of one file use the same lock.
    where = paths.real(path)
    if not os.path.lexists(where) and not create:
        raise WorldMissing(f"there is no world at {where}: check the path, or let one be created")
    paths.check_folder(where)
    paths.check_kind(where)
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
    """Open a world file to read it as of now; yields its connection and its real path.

    This takes no lock and writes nothing. Raises `WorldMissing` if there is no file.
    """
    where = paths.real(path)
    if not os.path.lexists(where):
        raise WorldMissing(f"there is no world at {where}: check the path")
    with told_in_words(where):
        db = opening.look(where)
        try:
            db.execute("BEGIN")
            yield db, where
        except BaseException:
            db.close()
            raise


def write_copy(db: apsw.Connection, path: str | os.PathLike[str]) -> None:
    """Write what a connection has committed to a new file. Raises `WorldError` if the file exists already."""
    where = paths.free(path)
    with told_in_words(where), WorldLock(where):
        opening.write_new(where, db.serialize("main"))
