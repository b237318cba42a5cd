"""Vatstores: each vat's ordered store of texts, which holds all durable state of the vat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from swingset.world.holdings import Holdings, size
from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class StoredKey(NamedTuple):
    """A key of one vat, and its value."""

    vat: str
    key: str
    value: str


_VATSTORE = Table("vatstore", StoredKey, heavy=("key", "value"), small=False)


class VatStore:
    """The table `vatstore`. Keys of one vat are ordered by their UTF-8 bytes."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _VATSTORE)
        self._holdings = Holdings(world)

    def get(self, vat: str, key: str) -> str | None:
        """The value at `key`, or None."""
        found = self._rows.get(vat, key)
        return None if found is None else found.value

    def size(self, vat: str, key: str) -> int | None:
        """The size of the value at `key` in bytes, or None."""
        value = self.get(vat, key)
        return None if value is None else size(value)

    def set(self, vat: str, key: str, value: str) -> None:
        """Store `value` at `key`."""
        before = self.get(vat, key)
        if before != value:
            more = size(key) if before is None else -size(before)
            self._holdings.change(vat, size(value) + more)
            self._rows.put(StoredKey(vat, key, value))

    def delete(self, vat: str, key: str) -> None:
        """Delete `key`, if it exists."""
        before = self.size(vat, key)
        if before is not None:
            self._holdings.change(vat, -before - size(key))
            self._rows.delete(vat, key)

    def rows_of(self, vat: str) -> list[tuple[str, str]]:
        """All that a vat stores, in the order of its keys."""
        found = self._rows.select("where vat = ? order by key", vat)
        return [(stored.key, stored.value) for stored in found]

    def copy(self, vat: str, to: str) -> None:
        """Store all that a vat stores for another one too, which stores nothing yet."""
        self.fill(to, self.rows_of(vat))

    def fill(self, vat: str, rows: Iterable[tuple[str, str]]) -> None:
        """Store these keys and values for a vat that stores nothing yet; no key comes twice."""
        total = 0
        for key, value in rows:
            self._rows.add(StoredKey(vat, key, value))
            total += size(key) + size(value)
        self._holdings.change(vat, total)

    def forget(self, vat: str, key: str) -> None:
        """Delete `key` of a terminated vat, for which nothing is counted."""
        self._rows.delete(vat, key)

    def next_key(self, vat: str, prior: str) -> str | None:
        """The first key after `prior`, or None."""
        query = "SELECT key from vatstore where vat = ? and key > ? order by key limit 1"
        for (key,) in self._world.rows(query, (vat, prior)):
            return str(key)
        return None

    def count(self, vat: str, prefix: str = "") -> int:
        """How many keys begin with `prefix`."""
        query = "SELECT count(*) from vatstore where vat = ? and key >= ? and key < ?"
        return int(self._world.rows(query, (vat, prefix, prefix + "\U0010ffff"))[0][0])
