"""What a fork has of its own, and what it reads from the world that it was made of.

A fork copies the state, and of each commit all but its changes and records. Changes, records and bulk never
change, so it borrows them: a row that it looks up by its key and does not have comes from its parent. A large
world is forked in the time that its state takes.

Rows of bulk that the parent has not committed are copied, because a rollback would delete them. Before the
parent is closed or pruned, its forks get a copy of its database instead of it. A fork that reads a table of
bulk as a whole, as when it is verified, exported or pruned, copies all rows first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

import apsw

from . import opening
from .history import History
from .schema import STATE_TABLES

if TYPE_CHECKING:
    from .file import WorldFile
    from .journal import Journal

BULK = ("transcript", "heap_pages", "snapshots", "bundles", "libraries")
"""The tables whose rows a fork borrows. It borrows changes and records of commits, too."""

Row = tuple[Any, ...]


class Lender(Protocol):
    """Where rows come from that a world does not have itself."""

    def row(self, sql: str, params: Row) -> Row | None:
        """The first row of a SELECT, or None."""
        ...

    def part(self, column: str, seq: int) -> bytes:
        """The changes or the records of a commit, empty if there is no such commit."""
        ...

    def all(self, sql: str) -> Iterator[Row]:
        """All rows of a SELECT, out of all that there is."""
        ...


class Parent:
    """An open world that lends. Only one thread at a time reads from it, or runs it."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def row(self, sql: str, params: Row) -> Row | None:
        """The first row of a SELECT, or None."""
        with self._world.guard():
            return self._world.lookup(sql, params)

    def part(self, column: str, seq: int) -> bytes:
        """The changes or the records of a commit."""
        with self._world.guard():
            return self._world.history.part(column, seq)

    def all(self, sql: str) -> Iterator[Row]:
        """All rows of a SELECT, out of all that there is."""
        with self._world.guard():
            self._world.make_whole()
            return iter(self._world.db.execute(sql).fetchall())


class Image:
    """A copy of the database of a world that is gone, or has less than its forks need."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = opening.in_memory(db.serialize("main"))
        self._lock = RLock()

    def row(self, sql: str, params: Row) -> Row | None:
        """The first row of a SELECT, or None."""
        with self._lock:
            return self._db.execute(sql, params).fetchone()

    def part(self, column: str, seq: int) -> bytes:
        """The changes or the records of a commit, empty if there is no such commit."""
        row = self.row(f"SELECT {column} FROM commits WHERE seq = ?", (seq,))
        return b"" if row is None else bytes(row[0])

    def all(self, sql: str) -> Iterator[Row]:
        """All rows of a SELECT, out of all that there is."""
        with self._lock:
            return iter(self._db.execute(sql).fetchall())


def lend(parent: WorldFile, twin: WorldFile) -> None:
    """Let a copy that `copied` made read from its parent what it lacks."""
    twin.lends_all = True
    twin.lender = Parent(parent)
    twin.history.borrow = lambda column, seq: twin.lender.part(column, seq) if twin.lender else b""
    parent.borrowers.add(twin)


def hand_over(parent: WorldFile) -> None:
    """Give the forks of a world a copy of its database, because it will be gone, or have less."""
    borrowers = [twin for twin in parent.borrowers if isinstance(twin.lender, Parent)]
    parent.borrowers.clear()
    if borrowers:
        parent.make_whole()
        image = Image(parent.db)
        for twin in borrowers:
            twin.lender = image


def copied(world: WorldFile, journal: Journal, changes: bytes, after: Mapping[str, int]) -> apsw.Connection:
    """Return a connection to a copy of a world in memory, without what it can borrow.

    If `changes`, the uncommitted changeset, is not empty, the copy gets one more commit, with these changes
    and the records of the journal. Rows of bulk after the positions `after` are copied: they are not
    committed.
    """
    db, twin = world.db, opening.in_memory()
    copy_state(db, twin)
    twin.execute("BEGIN")
    for table in ("meta", "labels"):
        _copy(db, twin, f"SELECT * FROM {table}", table)
    light = "seq, parent, crank, record, note, digest, seal, x'', x''"
    _copy(db, twin, f"SELECT {light} FROM commits WHERE seq > 0", "commits")
    for table, position in after.items():
        _copy(db, twin, f"SELECT * FROM {table} WHERE rowid > {position:d}", table)
    for (last,) in db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'commits'"):
        twin.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'commits'", (last,))
    twin.execute("COMMIT")
    history = History(twin, "a fork")
    history.stand_at(world.head)
    history.keep_log(None)  # a fork does not pass its commits to the log
    if changes:
        twin.execute("BEGIN")
        history.record(world.head, changes, journal, "uncommitted work a fork began with", None)
        twin.execute("COMMIT")
    return twin


def copy_state(db: apsw.Connection, twin: apsw.Connection) -> None:
    """Copy the rows of all state tables into a database that has none."""
    twin.execute("BEGIN")
    for table, _ in STATE_TABLES:
        _copy(db, twin, f"SELECT * FROM {table}", table)
    twin.execute("COMMIT")


def _copy(db: apsw.Connection, twin: apsw.Connection, query: str, table: str) -> None:
    cursor = db.execute(query)
    first = next(cursor, None)
    if first is not None:
        marks = ", ".join("?" * len(first))
        insert = f"INSERT OR REPLACE INTO {table} VALUES({marks})"
        twin.execute(insert, first)
        twin.executemany(insert, cursor)


def copy_lent(db: apsw.Connection, lender: Lender) -> None:
    """Copy all that a database borrows into it, inside the caller's transaction, if one is open."""
    for table in BULK:
        rows = list(lender.all(f"SELECT * FROM {table}"))
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f"INSERT OR IGNORE INTO {table} VALUES({marks})", rows)
    query = "UPDATE commits SET changeset = ?, records = ? WHERE seq = ? AND changeset = x''"
    db.executemany(query, lender.all("SELECT changeset, records, seq FROM commits"))


Guard = Callable[[], AbstractContextManager[Any]]
"""Returns what a thread holds while it reads from a world that lends."""
