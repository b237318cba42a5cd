"""The state between two commits, which is kept in memory and written to the file as net changes.

A run works on the rows that its tables hold (`swingset.world.held`). They are written into the open
transaction at a commit, when a statement needs to see them, or when too many are dirty. So a row that changes
in every crank costs one statement per commit.

A savepoint is a `Level`: the old value of each row that changed since. Rolling back restores these values, in
memory only. It does not matter whether some rows were written meanwhile, because a restored row is dirty
again. SQLite opens savepoints too, only if a statement changes state that is not held here (`open_in_file`).

`changed` returns the net changes of a level; the record of a crank or request is made of them.

New rows of bulk tables, which are addressed by their content, wait in a `Pile` until they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .errors import WorldMisuse, unrecorded
from .held import Held
from .schema import STATE_NAMES
from .unread import Key, Unread

if TYPE_CHECKING:
    from .file import WorldFile
    from .tables import Table

Change = tuple[str, Key, tuple[Any, ...] | None]
"""A row that changed: its table, its key, and the whole new row as in the file, None if it was deleted."""

MOST_DIRTY = 100_000
"""How many changes of rows may wait in memory; more are written to the file at once."""

MOST_CONTENT = 16 << 20
"""How many bytes of bulk rows may wait in memory; more are written to the file at once."""

CONTENT = ("transcript", "heap_pages", "snapshots", "bundles")
"""The tables of content whose rows may wait."""

_WORD = re.compile(r"\w+")
_WRITES = re.compile(
    r"\s*(?:insert(?: or \w+)? into|update(?: or \w+)?|delete from|replace into)\s+(\w+)", re.I
)


class Level:
    """One savepoint: the old values of the rows that changed since, and the bulk rows that were added."""

    __slots__ = ("before", "in_file", "laid", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.before: dict[Held, dict[Key, Any]] = {}
        self.laid: list[tuple[Pile, str | bytes]] = []
        self.in_file = False
        """Whether SQLite has the savepoint too."""


class Pile:
    """New rows of one bulk table that are not written yet, by address."""

    def __init__(self, inserting: str) -> None:
        self.inserting = inserting
        self.waiting: dict[str | bytes, tuple[Any, ...]] = {}


class Memory:
    """The state of one world that is in memory, and its savepoints."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._held: dict[str, Held] = {}
        self._piles: dict[str, Pile] = {}
        self._levels: list[Level] = []
        self._dirty = 0
        self.content_bytes = 0
        self.changed_bytes = 0
        """About how many bytes were changed so far, each change counted; it never decreases."""

    def of(self, table: Table[Any]) -> Held:
        """The held rows of a table."""
        held = self._held.get(table.name)
        if held is None:
            held = self._held[table.name] = Held(self._world, table)
        return held

    def note(self, held: Held, key: Key, before: Any, weight: int) -> None:
        """Note the old value of a row that is about to change; `weight` is the bytes of old and new value.

        Raises `WorldMisuse` outside of a crank and of a request.
        """
        if self._levels:
            level = self._levels[-1].before
            noted = level.get(held)
            if noted is None:
                level[held] = {key: before}
            else:
                noted.setdefault(key, before)
        else:
            self.refuse_unrecorded()
        self.changed_bytes += weight
        self._dirty += 1
        if self._dirty > MOST_DIRTY:
            self.flush()

    def pile(self, table: str, columns: int) -> Pile:
        """The pile of a bulk table with that many columns, of which the first is the address."""
        if table not in self._piles:
            marks = ", ".join("?" * columns)
            self._piles[table] = Pile(f"insert or ignore into {table} values ({marks})")
        return self._piles[table]

    def lay(self, pile: Pile, row: tuple[Any, ...]) -> None:
        """Add a row to a pile. It is written later, unless a savepoint is rolled back before."""
        if row[0] not in pile.waiting:
            if self._levels:
                self._levels[-1].laid.append((pile, row[0]))
            pile.waiting[row[0]] = row
            self.content_bytes += sum([len(value) for value in row if value.__class__ in (str, bytes)])
            if self.content_bytes > MOST_CONTENT:
                self._write_piles()

    # Savepoints

    @property
    def names(self) -> list[str]:
        """The savepoints that are open, outermost first."""
        return [level.name for level in self._levels]

    def refuse_open(self, what: str) -> None:
        """Raise `WorldMisuse` if a savepoint is open; `what` is the operation that needs it closed."""
        if self._levels:
            inside = self._levels[-1].name
            raise WorldMisuse(f"cannot {what} while {inside!r} is open: release it or roll back")

    def refuse_unrecorded(self) -> None:
        """Raise `WorldMisuse` outside of a crank or request, because a change would get no record."""
        if not self._levels:
            raise unrecorded(self._world.name)

    def find(self, name: str) -> int:
        """The place of an open savepoint among the others. Raises `WorldMisuse` if none has that name."""
        for at, level in enumerate(self._levels):
            if level.name == name:
                return at
        raise WorldMisuse(f"no savepoint {name!r} is open")

    def open(self, name: str) -> None:
        """Open a savepoint inside the others. Raises `WorldMisuse` for a name that is invalid or in use."""
        if not name.isidentifier() or name in self.names:
            raise WorldMisuse(f"{name!r} is not the name of a new savepoint")
        self._levels.append(Level(name))

    def release(self, name: str) -> None:
        """End a savepoint and those inside it, and keep their changes."""
        for at in reversed(range(self.find(name), len(self._levels))):
            level, outer = self._levels[at], self._levels[at - 1] if at else None
            if level.in_file and self._world.db.in_transaction:
                self._world.db.execute(f"RELEASE {level.name}")
            if outer is not None:
                for held, noted in level.before.items():
                    known = outer.before.setdefault(held, noted)
                    if known is not noted:
                        for key, before in noted.items():
                            known.setdefault(key, before)
                outer.laid += level.laid
            self._levels.pop()

    def rollback_to(self, name: str) -> None:
        """Roll back all changes since a savepoint, which stays open; those inside it end."""
        level = self._levels[self.find(name)]
        if level.in_file:
            if self._world.db.in_transaction:  # otherwise SQLite itself rolled back the run
                self._world.db.execute(f"ROLLBACK TO {name}")
            self._forget_clean()
        while self._levels:
            level = self._levels[-1]
            for held, noted in level.before.items():
                for key, before in noted.items():
                    held.restore(key, before)
            for pile, address in level.laid:
                # A bulk row that was written already stays in the file, unreferenced, until a prune.
                pile.waiting.pop(address, None)
            level.before, level.laid = {}, []
            if level.name == name:
                break
            self._levels.pop()

    def open_in_file(self) -> None:
        """Have SQLite open the savepoints too, before a statement that changes rows not held here."""
        if not all(level.in_file for level in self._levels):
            # Content as well: what was kept before may not be written inside and be rolled back with it.
            self.flush_all()
            for inner, outer in zip(reversed(self._levels), reversed(self._levels[:-1]), strict=False):
                # The file has the changes of inner savepoints before it opens the outer ones, so a rollback
                # to one of those has to take them back in memory, also if the inner one was undone before.
                if not outer.in_file:
                    for held, noted in inner.before.items():
                        known = outer.before.setdefault(held, {})
                        for key, before in noted.items():
                            known.setdefault(key, before)
            for level in self._levels:
                if not level.in_file:
                    self._world.db.execute(f"SAVEPOINT {level.name}")
                    level.in_file = True

    def changed(self, name: str) -> Iterator[Change]:
        """The rows that differ from their values when the innermost savepoint, `name`, was opened."""
        level = self._levels[-1]
        assert level.name == name, f"{level.name} is open inside {name}"
        for held, noted in level.before.items():
            table = held.table
            for key, before in noted.items():
                found = held.look(key)
                if found is before:
                    continue
                if found.__class__ is Unread or before.__class__ is Unread:
                    if _row(held, found) == _row(held, before):
                        continue
                elif found == before:
                    continue
                row = _row(held, found)
                yield table.name, key, None if row is None else table.as_in_file(row)

    # Writing

    def flush(self) -> None:
        """Write the dirty rows into the open transaction."""
        for held in self._held.values():
            if held.dirty:
                held.flush()
        self._dirty = 0

    def flush_all(self) -> None:
        """Write the dirty rows and the piles."""
        self.flush()
        self._write_piles()

    def _write_piles(self) -> None:
        for pile in self._piles.values():
            if pile.waiting:
                self._world.db.executemany(pile.inserting, list(pile.waiting.values()))
                pile.waiting.clear()
        self.content_bytes = 0

    def flush_for(self, sql: str) -> None:
        """Write what waits for the tables that a SELECT names."""
        for name in _named(sql):
            held = self._held.get(name)
            if held is not None and held.dirty:
                held.flush()
            if name in self._piles:
                self._write_piles()

    def written(self, sql: str) -> None:
        """Prepare for a statement that changes a table in the file.

        This writes what waits for the table, and drops its held rows, which the statement makes stale. Raises
        `WorldMisuse` for a table of state outside of a crank or request.
        """
        self.flush_for(sql)
        table = _written(sql)
        if table is None or table in STATE_NAMES:
            self.refuse_unrecorded()
        for name, held in self._held.items():
            if table is None or name == table:
                held.flush()
                held.forget()

    def forget(self) -> None:
        """Drop everything in memory, savepoints too. The file then has the current state."""
        for pile in self._piles.values():
            pile.waiting.clear()
        self.content_bytes = 0
        self._levels.clear()
        self._dirty = 0
        for held in self._held.values():
            held.forget()

    def _forget_clean(self) -> None:
        # Dirty rows are restored next. Clean ones may have been read from what was rolled back.
        for held in self._held.values():
            held.forget()


def _row(held: Held, found: Any) -> tuple[Any, ...] | None:
    if found is None:
        return None
    row: tuple[Any, ...] = found.row if found.__class__ is Unread else held.table.row(found)
    return row


@lru_cache(maxsize=2_000)
def _named(sql: str) -> tuple[str, ...]:
    """The tables that a statement may name."""
    words = dict.fromkeys(_WORD.findall(sql.lower()))
    return tuple(word for word in words if word in STATE_NAMES or word in CONTENT)


@lru_cache(maxsize=1_000)
def _written(sql: str) -> str | None:
    """The table that a statement writes to, or None if its beginning does not name one."""
    found = _WRITES.match(sql)
    return found[1].lower() if found else None
