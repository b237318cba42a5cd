"""What each commit hands to whoever keeps the state elsewhere: a log, an index, another machine.

A commit is handed out when it is certain, and before it is durable here: who takes it makes it durable first,
so this file may lag behind, and never leads. Where the taker raises, nothing is committed. Where the machine
fails just after the taker, its last commit was not kept here, and one of the same number is handed out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from .codec import Unpacking
from .records import Record, RowChange
from .schema import STATE_TABLES

_KEYS = dict(STATE_TABLES)


@dataclass(frozen=True)
class CommitFeed:
    """A commit as it is handed out: its number, the commit before it, its records and the rows it changed.

    `changes` are net, and have each row before and after. Where `parent` is not the commit that was handed
    out before, the world went back to that one first.
    """

    seq: int
    parent: int
    crank: int
    note: str
    records: tuple[Record, ...]
    changes: tuple[RowChange, ...]


Taker = Callable[[CommitFeed], None]
"""Takes a commit, or raises, and then there is none."""


def net_changes(db: apsw.Connection, changes: Unpacking) -> Iterator[RowChange]:
    """The rows that a changeset changes, of which the database has what they became."""
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
