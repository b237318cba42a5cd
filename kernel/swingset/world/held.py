"""The current rows of one table, whether they are in the file already or not.

A row that was read or changed is held here by its key, and the held row is the current one: the file is
queried only for rows that are not held. A changed row is `dirty` until it is written
(`swingset.world.memory` says when). Before a row changes, its old value is noted, so that a rollback costs no
statement.

A small table is held completely, so even missing rows are known, and nothing is queried twice. So is a larger
one that is queried often. A table that outgrows its bound is held in part: clean rows may be dropped at any
time, and are read again.

A row stays as it was read (`Unread`) until its record is needed, so a damaged row fails only for callers that
need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import ValueRefused
from .indexes import Index, Order
from .rows import shown
from .unread import MOST, ROW, Key, Unread

if TYPE_CHECKING:
    from .file import WorldFile
    from .tables import Table


MOST_BYTES = 32 << 20
"""About how many bytes of one table may be held."""

FEW, FEW_BYTES = 500, 64 << 10
"""A table with at most that many rows and bytes is read whole at the first query."""

PATIENCE = 100
"""After that many queries a larger table is read whole, if it fits into `MOST_BYTES`."""

_NEW, _KNOWN = True, False
"""Whether the file certainly has no row with the key of a dirty row, or perhaps has one."""

_UNHEARD = object()


class Held:
    """The rows of one table of one world."""

    def __init__(self, world: WorldFile, table: Table[Any]) -> None:
        self._world = world
        self.table = table
        self.rows: dict[Key, Any] = {}
        """By key: a record, an `Unread`, or None for a missing row."""
        self.dirty: dict[Key, bool] = {}
        """The keys of rows that are not written yet: `_NEW` or `_KNOWN` each."""
        self.indexes: dict[tuple[str, ...], Index] = {}
        self.indexed: set[str] = set()
        """The columns that have an index."""
        self.order: Order | None = None
        self._all: list[Index | Order] = []
        self.whole: bool | None = None
        """Whether all rows are held; None until the first query."""
        self.inspect: Callable[[Any], None] | None = None
        """Called with each record that is read, to check rules beyond those of the table."""
        self._large = not table.small
        self._asked = 0
        self._bytes = 0

    # Looking

    def look(self, key: Key) -> Any:
        """Return the record at that key, an `Unread` for a row that was not decoded yet, or None."""
        found = self.rows.get(key, _UNHEARD)
        if found is not _UNHEARD:
            return found
        if self.is_whole() or self.asked():
            return self.rows.get(key)
        row = self._world.fetch(f"{self.table.selecting}where {self.table.key}", key)
        found = None if row is None else Unread(row)
        self._make_room()
        self.rows[key] = found
        self._bytes += self.table.weigh(found)
        return found

    def get(self, key: Key) -> Any:
        """Return the record at that key, or None. Raises `DamagedRow` for a row that breaks its rules."""
        found = self.rows.get(key, _UNHEARD)
        if found is _UNHEARD:
            found = self.look(key)
        if found.__class__ is not Unread:
            return found
        record = self.table.read(self._world.name, found.row)
        if self.inspect is not None:
            self.inspect(record)
        self.rows[key] = record
        return record

    def is_whole(self) -> bool:
        """Whether all rows are held. The first call reads them if they are few."""
        if self.whole is None:
            self._asked = 0
            self.whole = not self._large and self._read_all(FEW, FEW_BYTES)
        return self.whole

    def asked(self) -> bool:
        """Count a query of the file; returns whether all rows were read instead, after many queries."""
        self._asked += 1
        if self._asked > PATIENCE and not self._large:
            self.whole = self._read_all(MOST, MOST_BYTES)
            self._large = not self.whole
        return bool(self.whole)

    def _read_all(self, most: int, most_bytes: int) -> bool:
        found, size = {}, 0
        try:
            for row in self._world.db.execute(f"{self.table.selecting}limit {most + 1}"):
                unread = Unread(row)
                size += self.table.weigh(unread)
                found[self.table.key_of_row(row)] = unread
                if size > most_bytes or len(found) > most:
                    return False
        except UnicodeDecodeError:
            self._large = True  # the error is raised for a caller that queries that row
            return False
        for key, unread in found.items():
            if key not in self.dirty:
                self.rows.setdefault(key, unread)
        self._bytes = sum(map(self.table.weigh, self.rows.values()))
        for index in self._all:
            index.fill(self.rows)
        return True

    # Changing

    def set(
        self, key: Key, new: Any, *, fresh: bool = False, moves: bool = True, weighs: bool = True
    ) -> None:
        """Set the row at that key to a record or an `Unread`, or delete it with None.

        `fresh` says that the row must be new: raises `ValueRefused` if there is one. `moves` is False if no
        column with an index changes, and `weighs` is False if no column with a long text changes.
        """
        before = self.rows.get(key, _UNHEARD)
        if before is _UNHEARD:
            before = self.look(key)
        if before is None:
            if new is None:
                return
        elif fresh:
            words = f"there is a row {shown(*key)} in {self.table.name} already"
            raise ValueRefused(f"{self._world.name}: {words}; the world is as of its last commit: verify it")
        self._world.step("change")
        if weighs and self.table.heavy:
            weight, lighter = self.table.weigh(new), self.table.weigh(before)
            self._world.memory.note(self, key, before, weight + lighter)
            self._bytes += weight - lighter
        else:
            self._world.memory.note(self, key, before, ROW + ROW)
        if key not in self.dirty:
            self._make_room()
        self._replace(key, before, new, moves)

    def _replace(self, key: Key, before: Any, new: Any, moves: bool) -> None:
        # This order is safe if an interrupt falls in between: indexes may have too many keys, never too few.
        left = self._enter(key, before, new) if moves and self._all else ()
        if new is None:
            if self.dirty.get(key) is _NEW:
                self.rows[key] = None
                del self.dirty[key]
            else:
                self.dirty[key] = _KNOWN
                self.rows[key] = None
            if self.whole and key not in self.dirty:
                del self.rows[key]
        else:
            if key not in self.dirty:
                self.dirty[key] = _NEW if before is None else _KNOWN
            self.rows[key] = new
        for index, value in left:
            index.leave(key, value)

    def _enter(self, key: Key, before: Any, new: Any) -> list[tuple[Index | Order, Any]]:
        """Enter a row into the indexes under its new value; returns the indexes with its old values."""
        left = []
        for index in self._all:
            was, value = index.value(before), index.value(new)
            if was != value:
                if value is not None:
                    index.enter(key, value)
                if was is not None:
                    left.append((index, was))
        return left

    def restore(self, key: Key, before: Any) -> None:
        """Restore the old value of a row.

        It is dirty then, because a later value may have been written, or a change interrupted halfway.
        """
        flag = self.dirty.get(key)
        if flag is None:
            self.dirty[key] = _KNOWN
        now = self.rows.get(key)
        left = self._enter(key, now, before)
        self.rows[key] = before
        if before is None and flag is _NEW:
            del self.dirty[key]
            if self.whole:
                del self.rows[key]
        if self.table.heavy:
            self._bytes += self.table.weigh(before) - self.table.weigh(now)
        for index, value in left:
            index.leave(key, value)

    # Writing

    def flush(self) -> None:
        """Write the dirty rows into the open transaction. After an interrupt it can be called again."""
        if not self.dirty:
            return
        table, db = self.table, self._world.db
        gone: list[Key] = []
        known: list[tuple[Any, ...]] = []
        new: list[tuple[Any, ...]] = []
        for key, fresh in self.dirty.items():
            record = self.rows.get(key)
            if record is None:
                if not fresh:
                    gone.append(key)
                continue
            row = record.row if record.__class__ is Unread else table.row(record)
            (new if fresh else known).append(row)
        try:
            self._world.step("write")
            for statement, rows in ((table.deleting, gone), (table.putting, known), (table.inserting, new)):
                if rows:
                    db.executemany(statement, rows).fetchall()
            self.dirty.clear()
        except BaseException:
            for key in self.dirty:
                self.dirty[key] = _KNOWN
            raise
        if self.whole:
            for key in gone:
                del self.rows[key]

    def forget(self) -> None:
        """Drop all rows, dirty ones too. The file then has the current rows."""
        self.rows.clear()
        self.dirty.clear()
        self.whole = None
        self._bytes = 0
        for index in self._all:
            index.clear()

    def _make_room(self) -> None:
        """Drop the clean rows if too many bytes are held."""
        if len(self.rows) < MOST and self._bytes < MOST_BYTES:
            return
        self.flush()
        self.forget()
        self.whole, self._large = False, True

    # Finding

    def index(self, *columns: str) -> Index:
        """The index over these columns, whose values must be the same in a row and in its record."""
        if columns not in self.indexes:
            self.indexes[columns] = index = Index(self._world, self, columns)
            self._all.append(index)
            self.indexed |= set(columns)
            if self.whole:
                index.fill(self.rows)
        return self.indexes[columns]

    def ordered(self) -> Order:
        """The order of the keys, for a table whose key is one number."""
        if self.order is None:
            self.order = Order(self._world, self)
            self._all.append(self.order)
            if self.whole:
                self.order.fill(self.rows)
        return self.order
