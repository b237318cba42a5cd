"""Vatstores: each vat's small ordered store of text, the only durable thing a vat has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swingset.world.holdings import Holdings, size

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class VatStore:
    """The table `vatstore`. Keys of one vat are ordered by their UTF-8 bytes."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._holdings = Holdings(world)

    def get(self, vat: str, key: str) -> str | None:
        """The value at `key`, or None."""
        for (value,) in self._world.rows("SELECT value from vatstore where vat = ? and key = ?", (vat, key)):
            return str(value)
        return None

    def size(self, vat: str, key: str) -> int | None:
        """How many bytes the value at `key` has, or None."""
        query = "SELECT octet_length(value) from vatstore where vat = ? and key = ?"
        row = self._world.row(query, (vat, key))
        return int(row[0]) if row else None

    def set(self, vat: str, key: str, value: str) -> None:
        """Store `value` at `key`."""
        before = self.size(vat, key)
        self._holdings.change(vat, size(value) + size(key) if before is None else size(value) - before)
        self._world.execute(
            "insert into vatstore values (?, ?, ?)"
            " on conflict (vat, key) do update set value = excluded.value",
            (vat, key, value),
        )

    def delete(self, vat: str, key: str) -> None:
        """Forget `key`; nothing happens where it is not."""
        before = self.size(vat, key)
        if before is None:
            return
        self._holdings.change(vat, -before - size(key))
        self._world.execute("delete from vatstore where vat = ? and key = ?", (vat, key))

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
