"""The feed of commits, for a taker that stores the state elsewhere: a log, an index, another machine.

The taker is called before the commit becomes durable in the file. It makes the commit durable on its side
first, so the file may be one commit behind the taker, but never ahead of it. If the taker raises, nothing is
committed. If the machine fails after the taker returned, the file may lack the taker's last commit; the next
commit then has the same number again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import apsw

from .codec import Unpacking
from .records import Record, RowChange
from .schema import STATE_TABLES

_KEYS = dict(STATE_TABLES)

CONTENT = ("transcript", "heap_pages", "snapshots", "bundles", "libraries")
"""The tables of bulk, whose rows never change and are addressed by their content."""


class ContentRow(NamedTuple):
    """A row of bulk: its table, and the whole row, the address first."""

    table: str
    row: tuple[Any, ...]


class StoredCommit(NamedTuple):
    """A commit as its file stores it; `changeset` and `records` are packed."""

    seq: int
    parent: int | None
    crank: int
    record: int
    note: str
    digest: str | None
    seal: str
    changeset: bytes
    records: bytes


@dataclass(frozen=True)
class CommitFeed:
    """A commit as a taker gets it: its number, its parent's number, its records and the rows it changed.

    `changes` are net: one for each row that differs, with the row before and after. If `parent` is not the
    commit of the last call, the world went back to `parent` in between.

    `stored` is the commit itself, with its seal. `content` are the rows of bulk that were written since the
    last call, such as transcripts and heap pages, and perhaps some that were taken before; it can be read
    during the call only. With both, the world can be built again elsewhere.
    """

    seq: int
    parent: int
    crank: int
    note: str
    records: tuple[Record, ...]
    changes: tuple[RowChange, ...]
    stored: StoredCommit
    content: Iterable[ContentRow]


class NewContent:
    """The rows of bulk after certain positions, read from the database whenever they are wanted."""

    def __init__(self, db: apsw.Connection, after: Mapping[str, int]) -> None:
        self._db = db
        self._after = after

    def __iter__(self) -> Iterator[ContentRow]:
        for table in CONTENT:
            query = f"SELECT * FROM {table} WHERE rowid > ? ORDER BY rowid"
            for row in self._db.execute(query, (self._after.get(table, 0),)):
                yield ContentRow(table, row)


def last_rows(db: apsw.Connection) -> dict[str, int]:
    """The position of the last row of each table of bulk."""
    found: dict[str, int] = {}
    for table in CONTENT:
        rows: list[Any] = db.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchall()
        found[table] = int(rows[0][0])
    return found


Taker = Callable[[CommitFeed], None]
"""A function that takes a commit. If it raises, nothing is committed."""


def net_changes(db: apsw.Connection, changes: Unpacking) -> Iterator[RowChange]:
    """The rows that a changeset changes. The database must already have the new rows."""
    for change in apsw.Changeset.iter(changes.reader()):
        table, old, new = change.name, change.old, change.new
        known = new if old is None else old
        key: tuple[Any, ...] = tuple((known or ())[at] for at in sorted(change.pk_columns))
        after: tuple[Any, ...] | None = None if new is None else tuple(new)
        before: tuple[Any, ...] | None = None if old is None else tuple(old)
        if before is not None and after is not None:
            where = " AND ".join(f"{column} = ?" for column in _KEYS[table])
            after = db.execute(f"SELECT * FROM {table} WHERE {where}", key).fetchone()
            assert after is not None, "the changeset was just made of this row"
            before = tuple(b if b is not apsw.no_change else a for b, a in zip(before, after, strict=True))
        yield RowChange(table, key, after, before)
