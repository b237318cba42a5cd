"""The state of terminated vats, which is deleted a little at a time.

What makes the state large is deleted: names, stored keys, counters. A vat's record and its span stay, two
rows that say how it ended and where its transcript ends, so that it can still be inspected and replayed. The
transcript itself, the heap images and the code are bulk: every commit of the vat's lifetime needs them,
because the world can go back to it. They are deleted when pruning drops the last such commit (`prune`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.clists import CLISTS, CListEntry
from swingset.world.counters import Counters
from swingset.world.rows import Reader
from swingset.world.tables import Rows, Table
from swingset.world.vatstore import VatStore

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class Dead(NamedTuple):
    """A terminated vat whose state is not deleted completely."""

    vat: str


_DEAD = Table("dead", Dead)

MOST_BYTES = 16 << 20
"""How many bytes of a store are deleted at once, because history keeps them in one commit."""


class Graveyard:
    """The table `dead`, and the remaining rows of its vats."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._entries = Rows(world, CLISTS)
        self._dead = Rows(world, _DEAD)
        self._counters = Counters(world)
        self._vatstore = VatStore(world)

    def bury(self, vat: str) -> None:
        """Note that a vat is terminated and its state has to be deleted."""
        self._dead.put(Dead(vat))

    def next(self) -> str | None:
        """A vat with state left, or None."""
        if self._dead.surely_empty():
            return None
        return min((dead.vat for dead in self._dead.all()), default=None)

    def done(self, vat: str) -> None:
        """Note that all is deleted, and delete the vat's own counters; its id is never used again."""
        self._dead.delete(vat)
        for letter in "dop":
            self._counters.delete(f"{vat}.{letter}")

    def some_promises(self, vat: str, limit: int) -> list[str]:
        """Some promises that the vat decides, in the order of the index."""
        # Finding the oldest of all would take as long as there are promises.
        query = "SELECT kref from promises where decider = ? order by kref limit ?"
        krefs = [kref for (kref,) in self._world.rows(query, (vat, limit))]
        for kref in krefs:
            _PROMISE.check(self._world.name, (kref,))
        return sorted(krefs, key=lambda kref: int(kref[2:]))

    def some_entries(self, vat: str, limit: int) -> list[CListEntry]:
        """Some rows of the vat's c-list: exported objects first, then what it imported, promises last."""
        # Each range is read in the order of the index on (vat, vref), so rows outside are not read.
        found: list[CListEntry] = []
        for low, high in _PHASES:
            query = "where vat = ? and vref >= ? and vref < ? order by vref limit ?"
            found += self._entries.select(query, vat, low, high, limit - len(found))
        return found

    def delete_some_keys(self, vat: str, limit: int) -> tuple[int, bool]:
        """Delete some keys of the vat's store; returns how many, and whether the store is empty now."""
        query = "SELECT key, octet_length(value) from vatstore where vat = ? order by key limit ?"
        keys, size = self._world.rows(query, (vat, limit)), 0
        for count, (key, length) in enumerate(keys):
            if size > MOST_BYTES:
                return count, False
            self._vatstore.forget(vat, key)
            size += int(length)
        return len(keys), len(keys) < limit


_PROMISE = Reader("promises", "kref")

_PHASES = (("o+", "o,"), ("d", "e"), ("o-", "o."), ("p", "q"))
"""The ranges of the vrefs of exports, device nodes, imports and promises."""
