"""Finds the keys of rows, held or not, by other columns or in order.

An index queries the file once for each value, and then updates its keys with every change. Because an
interrupt can fall between two lines of a change, an index may have too many keys, but never too few. So a key
whose row is held is checked against it before it is returned.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, nsmallest
from typing import TYPE_CHECKING, Any

from .unread import MOST, Key, Unread

if TYPE_CHECKING:
    from .file import WorldFile
    from .held import Held


class Index:
    """The keys of rows by other columns. Rows whose first such column is null are left out."""

    def __init__(self, world: WorldFile, held: Held, columns: tuple[str, ...]) -> None:
        self._world = world
        self._held = held
        self._keys: dict[Key, dict[Key, None]] = {}
        self._of_row, self._of_record = held.table.getters(columns)
        where = " and ".join(f"{column} = ?" for column in columns)
        self._asking = f"SELECT {', '.join(held.table.keys)} from {held.table.name} where {where}"
        self._values = (
            f"SELECT distinct {', '.join(columns)} from {held.table.name} where {columns[0]} is not null"
        )

    def keys(self, *value: Any) -> list[Key]:
        """The keys of the rows with this value, in no particular order."""
        found = self._keys.get(value)
        if found is None:
            if not (self._held.is_whole() or self._held.asked()):
                found = self._ask(value)
            elif (found := self._keys.get(value)) is None:
                return []
        rows = self._held.rows
        return [key for key in found if key not in rows or self.value(rows[key]) == value]

    def lowest(self, count: int, *value: Any) -> list[Key]:
        """The lowest keys of the rows with this value, at most `count`."""
        if value not in self._keys and not self._held.is_whole() and not self._held.asked():
            order = ", ".join(self._held.table.keys)
            return self._world.rows(f"{self._asking} order by {order} limit ?", (*value, count))
        return nsmallest(count, self.keys(*value))

    def any(self, *value: Any) -> bool:
        """Whether a row has this value."""
        return bool(self.lowest(1, *value))

    def values(self) -> list[Key]:
        """All values that rows have, sorted."""
        if self._held.is_whole():
            return sorted(value for value in list(self._keys) if self.any(*value))
        return sorted(self._world.rows(self._values))

    def value(self, found: Any) -> Key | None:
        """The value of a row in these columns; None for a missing row or a null in the first column."""
        if found is None:
            return None
        value = self._of_row(found.row) if found.__class__ is Unread else self._of_record(found)
        return None if value[0] is None else value

    def _ask(self, value: Key) -> dict[Key, None]:
        found = dict.fromkeys(self._world.rows(self._asking, value))
        if len(self._keys) >= MOST:
            self._keys.clear()
        if len(found) < MOST:
            self._keys[value] = found
        return found

    def enter(self, key: Key, value: Any) -> None:
        """Add a key, before its row gets this value."""
        found = self._keys.get(value)
        if found is not None:
            found[key] = None
        elif self._held.whole:
            self._keys[value] = {key: None}

    def leave(self, key: Key, value: Any) -> None:
        """Remove a key, after its row lost this value."""
        found = self._keys.get(value)
        if found is not None:
            found.pop(key, None)
            if not found and self._held.whole:
                del self._keys[value]

    def fill(self, rows: dict[Key, Any]) -> None:
        """Take the keys from `rows`, all rows of the table."""
        self._keys.clear()
        for key, found in rows.items():
            value = self.value(found)
            if value is not None:
                self._keys.setdefault(value, {})[key] = None

    def clear(self) -> None:
        """Drop all keys, because no row is held."""
        self._keys.clear()


class Order:
    """The keys of a table whose key is one number, lowest first."""

    def __init__(self, world: WorldFile, held: Held) -> None:
        self._world = world
        self._held = held
        self._heap: list[int] = []
        self._asking = f"SELECT {', '.join(held.table.keys)} from {held.table.name} order by 1 limit ?"

    def first(self) -> int | None:
        """The lowest key, or None."""
        if not self._held.is_whole() and not self._held.asked():
            found = self.some(1)
            return found[0] if found else None
        rows = self._held.rows
        while self._heap:
            if rows.get((self._heap[0],)) is not None:
                return self._heap[0]
            heappop(self._heap)
        return None

    def some(self, count: int) -> list[int]:
        """The lowest keys, at most `count`."""
        if not self._held.is_whole():
            return [key for (key,) in self._world.rows(self._asking, (count,))]
        return nsmallest(count, (key for (key,), found in self._held.rows.items() if found is not None))

    def value(self, found: Any) -> bool | None:
        """True for a row, None for a missing one."""
        return None if found is None else True

    def enter(self, key: Key, _value: Any) -> None:
        """Add a key, before its row is added."""
        if self._held.whole:
            heappush(self._heap, key[0])

    def leave(self, key: Key, _value: Any) -> None:
        """Do nothing: the key of a deleted row is skipped when it comes first."""

    def fill(self, rows: dict[Key, Any]) -> None:
        """Take the keys from `rows`, all rows of the table."""
        self._heap = [key for (key,), found in rows.items() if found is not None]
        heapify(self._heap)

    def clear(self) -> None:
        """Drop all keys, because no row is held."""
        self._heap = []
