"""The tables of a mirror, in a database of the host: SQLite or PostgreSQL, over Python's database interface.

A mirror has each table of a world under a name of its own, `swingset_NAME_vats` and so on, with the same
columns, so a host queries them like any table of its own. One more, `swingset_NAME_mirror`, says which commit
the others have. Names are checked before they get into a statement; values are always parameters.

A text may hold a character with the number 0, which PostgreSQL cannot store. Such a text, and one that begins
with the mark, is stored with the mark before it and escaped; all others are stored as they are.

This module never commits. Everything runs in the transaction that is open on the host's connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any, Protocol

import apsw

from swingset.model.visible import one_line
from swingset.world import schema
from swingset.world.errors import WorldError
from swingset.world.feed import CONTENT

STATE = dict(schema.STATE_TABLES)
COPIED = (*STATE, *CONTENT, "commits", "labels")
"""The tables of a world that a mirror has."""

POSTGRES_TYPES = {"BLOB": "BYTEA", "INTEGER": "BIGINT"}
"""The types of columns that have another name there."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}\Z", re.ASCII)
_MARK = "\x01"
_MARKED = re.compile("\x01(.)")
_AT_ONCE = 500

Row = tuple[Any, ...]


class HostConnection(Protocol):
    """A connection of Python's database interface, such as one of `sqlite3` or `psycopg`."""

    def cursor(self) -> Any:
        """Return a cursor."""
        ...

    def commit(self) -> None:
        """Commit the transaction that is open."""
        ...

    def rollback(self) -> None:
        """Roll back the transaction that is open."""
        ...


class MirrorError(WorldError):
    """A mirror cannot take commits, or no world can be built from it; the text says what to do."""


@cache
def columns(table: str) -> tuple[tuple[str, str], ...]:
    """The columns of a table of a world, each with its type."""
    db = apsw.Connection(":memory:")
    try:
        schema.create(db, "", b"")
        return tuple((str(row[1]), str(row[2])) for row in db.execute(f"PRAGMA table_info({table})"))
    finally:
        db.close()


def key_of(table: str) -> tuple[str, ...]:
    """The columns of a table's key."""
    return STATE.get(table) or (columns(table)[0][0],)


def to_postgres(value: Any) -> Any:
    """A value of a row as PostgreSQL can store it."""
    if isinstance(value, str) and ("\0" in value or value.startswith(_MARK)):
        return _MARK + value.replace(_MARK, _MARK + _MARK).replace("\0", _MARK + "0")
    return value


def from_postgres(value: Any) -> Any:
    """The value that `to_postgres` stored."""
    if isinstance(value, str) and value.startswith(_MARK):
        return _MARKED.sub(lambda found: "\0" if found[1] == "0" else found[1], value[1:])
    return bytes(value) if isinstance(value, memoryview) else value


class MirrorTables:
    """The tables of one mirror, through one connection of the host."""

    def __init__(self, connection: HostConnection, name: str) -> None:
        if not isinstance(name, str) or not _NAME.match(name):
            words = "a mirror has a name of 1 to 30 letters, digits and underscores, such as 'bank'"
            raise MirrorError(f"{words}; got {one_line(str(name), 60)!r}")
        self.connection = connection
        self.name = name
        module = type(connection).__module__.partition(".")[0]
        self._postgres = module == "psycopg"
        if module not in ("sqlite3", "psycopg"):
            raise MirrorError(f"a mirror needs a connection of sqlite3 or psycopg, got one of {module}")
        if self._postgres and getattr(connection, "autocommit", False):
            raise MirrorError("the connection commits each statement by itself: set `autocommit` to False")
        self._mark = "%s" if self._postgres else "?"

    def table(self, table: str) -> str:
        """The name of a table in the host's database, quoted."""
        return f'"swingset_{self.name}_{table}"'

    def run(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement; `?` stands for a value. Returns the cursor."""
        self.begin()
        cursor = self.connection.cursor()
        cursor.execute(sql.replace("?", self._mark), [self._out(value) for value in values])
        return cursor

    def begin(self) -> None:
        """Open a transaction unless one is open; psycopg does so by itself."""
        if not self._postgres and not getattr(self.connection, "in_transaction", True):
            self.connection.cursor().execute("BEGIN IMMEDIATE")

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Read in one transaction; one that the host had not begun is ended without a trace."""
        if self._postgres:
            begun = bool(self.connection.info.transaction_status)  # type: ignore[attr-defined]
        else:
            begun = bool(getattr(self.connection, "in_transaction", False))
        try:
            yield
        finally:
            if not begun:
                self.connection.rollback()

    def make(self) -> None:
        """Make the tables that are not there."""
        types = POSTGRES_TYPES if self._postgres else {}
        for table in COPIED:
            made = [f'"{name}" {types.get(kind, kind)}' for name, kind in columns(table)]
            key = ", ".join(f'"{name}"' for name in key_of(table))
            self.run(f"CREATE TABLE IF NOT EXISTS {self.table(table)}({', '.join(made)}, PRIMARY KEY({key}))")
        own = f"CREATE TABLE IF NOT EXISTS {self.table('mirror')}(key TEXT PRIMARY KEY, value TEXT NOT NULL)"
        self.run(own)

    def exists(self) -> bool:
        """Whether the tables are there."""
        name = f"swingset_{self.name}_mirror"
        if self._postgres:
            found = self.run("SELECT to_regclass(?)", (f'"{name}"',)).fetchone()
            return found[0] is not None
        found = self.run("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,))
        return found.fetchone() is not None

    # Its own values

    def get(self, key: str) -> str | None:
        """A value of the mirror's own, or None. PostgreSQL locks it until the transaction ends."""
        locking = " FOR UPDATE" if self._postgres else ""
        row = self.run(f"SELECT value FROM {self.table('mirror')} WHERE key = ?{locking}", (key,)).fetchone()
        return None if row is None else str(self._in(row[0]))

    def put(self, key: str, value: str | None) -> None:
        """Set a value of the mirror's own, or delete it."""
        self.run(f"DELETE FROM {self.table('mirror')} WHERE key = ?", (key,))
        if value is not None:
            self.run(f"INSERT INTO {self.table('mirror')}(key, value) VALUES(?, ?)", (key, value))

    # Rows

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Insert rows; one whose key is there already stays as it is."""
        marks = ", ".join("?" * len(columns(table)))
        key = ", ".join(f'"{name}"' for name in key_of(table))
        sql = f"INSERT INTO {self.table(table)} VALUES({marks}) ON CONFLICT({key}) DO NOTHING"
        self._many(sql, rows)

    def delete(self, table: str, keys: Iterable[Row]) -> None:
        """Delete the rows of these keys."""
        where = " AND ".join(f'"{name}" = ?' for name in key_of(table))
        self._many(f"DELETE FROM {self.table(table)} WHERE {where}", keys)

    def clear(self, table: str) -> None:
        """Delete all rows of a table."""
        self.run(f"DELETE FROM {self.table(table)}")

    def rows(self, table: str, where: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows of a table, a few at a time."""
        names = ", ".join(f'"{name}"' for name, _ in columns(table))
        yield from self._fetched(f"SELECT {names} FROM {self.table(table)} {where}", values)

    def keys(self, table: str) -> set[Any]:
        """The first column of the key of each row."""
        return {row[0] for row in self._fetched(f'SELECT "{key_of(table)[0]}" FROM {self.table(table)}', ())}

    def _fetched(self, sql: str, values: Sequence[Any]) -> Iterator[Row]:
        cursor = self.run(sql, values)
        while found := cursor.fetchmany(_AT_ONCE):
            for row in found:
                yield tuple(self._in(value) for value in row)

    def _many(self, sql: str, rows: Iterable[Row]) -> None:
        self.begin()
        cursor, waiting = self.connection.cursor(), iter(rows)
        sql = sql.replace("?", self._mark)
        while some := list(islice(waiting, _AT_ONCE)):
            cursor.executemany(sql, [[self._out(value) for value in row] for row in some])

    def _out(self, value: Any) -> Any:
        return to_postgres(value) if self._postgres else value

    def _in(self, value: Any) -> Any:
        return from_postgres(value) if self._postgres else value
