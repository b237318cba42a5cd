"""What the kernel has yet to tell vats about dropped references, and which vats are due to be reaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from swingset.model.states import CollectionKind
from swingset.world.counters import Counters
from swingset.world.errors import DamagedRow
from swingset.world.rows import Reader

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

DROP_EXPORT: Final = "dropExport"
RETIRE_EXPORT: Final = "retireExport"
RETIRE_IMPORT: Final = "retireImport"
PRIORITY: tuple[CollectionKind, ...] = (DROP_EXPORT, RETIRE_EXPORT, RETIRE_IMPORT)
"""The order in which one vat is told."""

MOST_TOLD = 10_000
"""How many references one delivery tells of: others decide how many there are, so it may not be too much."""


class Dirt(NamedTuple):
    """What a vat has gone through since it was last reaped."""

    deliveries: int
    krefs: int
    computrons: int


_ACTION, _TOLD = Reader("gc_actions", "vat, kind, kref"), Reader("gc_actions", "vat")
_DIRT, _DUE = Reader("reap", "vat, deliveries, krefs, computrons"), Reader("reap", "due, vat")


class GCActions:
    """The table `gc_actions`: a set, so that what is decided twice is told once."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self.added: set[tuple[str, str]] = set()
        """Entries of `waiting` since whoever remembers them has looked."""

    def add(self, vat: str, kind: CollectionKind, kref: str) -> None:
        """Have `vat` told of `kref`."""
        self._world.execute("insert or ignore into gc_actions values (?, ?, ?)", (vat, kind, kref))
        self.added.add((vat, vat))

    def waits(self, entry: tuple[str, str]) -> bool:
        """Whether there still is something to tell."""
        return self._world.row("SELECT 1 from gc_actions where vat = ? limit 1", (entry[1],)) is not None

    def waiting(self) -> list[tuple[str, str]]:
        """The vats there is something to tell, each after what it is sorted by: its id as text."""
        # From one vat to the next through the key, however much each of them is to be told.
        query = (
            "WITH RECURSIVE told(vat) AS (SELECT min(vat) from gc_actions UNION ALL"
            " SELECT (SELECT min(vat) from gc_actions where vat > told.vat) from told"
            " where told.vat is not null)"
            " SELECT vat from told where vat is not null"
        )
        vats = [vat for (vat,) in self._world.rows(query)]
        for vat in vats:
            _TOLD.check(self._world.name, (vat,))
        return [(vat, vat) for vat in vats]

    def group(self, vat: str) -> tuple[CollectionKind, list[str]]:
        """What to tell one vat next: a kind, by `PRIORITY`, and its krefs, at most `MOST_TOLD` of them."""
        query = "SELECT kref from gc_actions where vat = ? and kind = ? order by kref limit ?"
        for kind in PRIORITY:
            rows = self._world.rows(query, (vat, kind, MOST_TOLD))
            if rows:
                for (kref,) in rows:
                    _ACTION.check(self._world.name, (vat, kind, kref))
                return kind, [kref for (kref,) in rows]
        raise DamagedRow(self._world.name, "gc_actions", vat, f"its kind is none of {', '.join(PRIORITY)}")

    def remove(self, vat: str, kind: CollectionKind, last: str) -> None:
        """Forget one group, which ends with `last`."""
        query = "delete from gc_actions where vat = ? and kind = ? and kref <= ?"
        self._world.execute(query, (vat, kind, last))

    def forget_vat(self, vat: str) -> None:
        """Forget all that was to be told to a vat that is gone."""
        self._world.execute("delete from gc_actions where vat = ?", (vat,))

    def all(self) -> list[tuple[str, CollectionKind, str]]:
        """Every action, as (vat, kind, kref)."""
        rows = self._world.rows("SELECT vat, kind, kref from gc_actions order by vat, kind, kref")
        for row in rows:
            _ACTION.check(self._world.name, row)
        return [(vat, kind, kref) for vat, kind, kref in rows]


class Reaping:
    """The table `reap`: dirt by vat, and who is due for bringOutYourDead."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._counters = Counters(world)
        self.added: set[tuple[int, str]] = set()
        """Entries of `waiting` since whoever remembers them has looked."""

    def dirt(self, vat: str) -> Dirt:
        """What the vat has gone through since it was last reaped."""
        row = self._world.row("SELECT vat, deliveries, krefs, computrons from reap where vat = ?", (vat,))
        if row is None:
            return Dirt(0, 0, 0)
        _DIRT.check(self._world.name, row)
        return Dirt(*row[1:])

    def add(self, vat: str, dirt: Dirt) -> Dirt:
        """Add to the dirt; returns the sum."""
        rows: list[Any] = self._world.execute(
            "insert into reap values (?, ?, ?, ?, null) on conflict (vat) do update set deliveries ="
            " deliveries + excluded.deliveries, krefs = krefs + excluded.krefs,"
            " computrons = computrons + excluded.computrons returning deliveries, krefs, computrons",
            (vat, *dirt),
        )
        return Dirt(*rows[0])

    def schedule(self, vat: str) -> None:
        """Put the vat at the end of those to be reaped, once, and begin to count anew."""
        rows: list[Any] = self._world.execute(
            "insert into reap values (?1, 0, 0, 0, ?2) on conflict (vat) do update set deliveries = 0,"
            " krefs = 0, computrons = 0, due = coalesce(due, excluded.due) returning due",
            (vat, self._counters.take("reap", 1)),
        )
        self.added.add((rows[0][0], vat))

    def waits(self, entry: tuple[int, str]) -> bool:
        """Whether the vat is still due, at that place."""
        due, vat = entry
        return self._world.row("SELECT 1 from reap where vat = ? and due = ?", (vat, due)) is not None

    def waiting(self) -> list[tuple[int, str]]:
        """The vats to reap, each after its place, first one first."""
        rows = self._world.rows("SELECT due, vat from reap where due is not null order by due")
        for row in rows:
            _DUE.check(self._world.name, row)
        return [(due, vat) for due, vat in rows]

    def done(self, vat: str) -> None:
        """The vat is not due any more."""
        self._world.execute("update reap set due = null where vat = ?", (vat,))

    def forget(self, vat: str) -> None:
        """Forget a vat that is gone."""
        self._world.execute("delete from reap where vat = ?", (vat,))
