"""The pending notifications about dropped references, and the vats that are due for a reap.

The scheduler takes one vat at a time from each of the two tables. It keeps their entries in memory: it reads
`waiting` once, later only `added`, and calls `waits` before it uses an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from swingset.model.states import CollectionKind
from swingset.world.counters import Counters
from swingset.world.errors import DamagedRow
from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

DROP_EXPORT: Final = "dropExport"
RETIRE_EXPORT: Final = "retireExport"
RETIRE_IMPORT: Final = "retireImport"
PRIORITY: tuple[CollectionKind, ...] = (DROP_EXPORT, RETIRE_EXPORT, RETIRE_IMPORT)
"""The order in which the kinds of notifications are delivered to one vat."""

MOST_TOLD = 10_000
"""How many references one notification may have; without a limit, other vats would decide."""


class Dirt(NamedTuple):
    """What a vat has gone through since it was last reaped."""

    deliveries: int
    krefs: int
    computrons: int


class Action(NamedTuple):
    """One pending notification: its vat, its kind and its reference."""

    vat: str
    kind: CollectionKind
    kref: str


class Reap(NamedTuple):
    """The dirt of one vat, and its place among the vats that are due, or None if it is not due."""

    vat: str
    deliveries: int = 0
    krefs: int = 0
    computrons: int = 0
    due: int | None = None


_ACTIONS, _REAP = Table("gc_actions", Action), Table("reap", Reap)


class GCActions:
    """The table `gc_actions`. It is a set: a notification that is queued twice is delivered once."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _ACTIONS)
        self._by_vat, self._by_kind = self._rows.index("vat"), self._rows.index("vat", "kind")
        self.added: set[tuple[str, str]] = set()
        """The entries of `waiting` that were added since the scheduler last cleared this set."""

    def add(self, vat: str, kind: CollectionKind, kref: str) -> None:
        """Queue a notification of `vat` about `kref`."""
        self._rows.put(Action(vat, kind, kref))
        self.added.add((vat, vat))

    def waits(self, entry: tuple[str, str]) -> bool:
        """Whether the vat of an entry of `waiting` still has a pending notification."""
        return self._by_vat.any(entry[1])

    def waiting(self) -> list[tuple[str, str]]:
        """The vats with pending notifications, each as its sort key and its id; the key is the id as text."""
        return [(vat, vat) for (vat,) in self._by_vat.values()]

    def group(self, vat: str) -> tuple[CollectionKind, list[str]]:
        """The next notification of one vat: the first kind by `PRIORITY`, and at most `MOST_TOLD` krefs."""
        for kind in PRIORITY:
            keys = self._by_kind.lowest(MOST_TOLD, vat, kind)
            if keys:
                for key in keys:
                    self._rows.get(*key)
                return kind, [kref for _, _, kref in keys]
        raise DamagedRow(self._world.name, "gc_actions", vat, f"its kind is none of {', '.join(PRIORITY)}")

    def remove(self, vat: str, kind: CollectionKind, last: str) -> None:
        """Delete the krefs of a kind that `group` returned, up to and with `last`."""
        while told := [key for key in self._by_kind.lowest(MOST_TOLD, vat, kind) if key[2] <= last]:
            for key in told:
                self._rows.delete(*key)

    def forget_vat(self, vat: str) -> None:
        """Delete the pending notifications of a vat that is terminated."""
        for key in self._by_vat.keys(vat):
            self._rows.delete(*key)

    def all(self) -> list[tuple[str, CollectionKind, str]]:
        """Every pending notification, as (vat, kind, kref)."""
        return sorted((found.vat, found.kind, found.kref) for found in self._rows.all())


class Reaping:
    """The table `reap`: the dirt of each vat, and which vats are due for `bringOutYourDead`."""

    def __init__(self, world: WorldFile) -> None:
        self._rows = Rows(world, _REAP)
        self._by_due = self._rows.index("due", "vat")
        self._counters = Counters(world)
        self.added: set[tuple[int, str]] = set()
        """The entries of `waiting` that were added since the scheduler last cleared this set."""

    def dirt(self, vat: str) -> Dirt:
        """What the vat has gone through since it was last reaped."""
        return Dirt(*self._of(vat)[1:4])

    def _of(self, vat: str) -> Reap:
        return self._rows.get(vat) or Reap(vat)

    def add(self, vat: str, dirt: Dirt) -> Dirt:
        """Add to the dirt of a vat; returns the sum."""
        found = self._of(vat)
        total = Dirt(
            found.deliveries + dirt.deliveries, found.krefs + dirt.krefs, found.computrons + dirt.computrons
        )
        self._rows.put(Reap(vat, *total, found.due))
        return total

    def schedule(self, vat: str) -> None:
        """Put the vat at the end of those that are due, unless it is due already, and reset its dirt."""
        place, due = self._counters.take("reap", 1), self._of(vat).due
        due = place if due is None else due
        self._rows.put(Reap(vat, due=due))
        self.added.add((due, vat))

    def waits(self, entry: tuple[int, str]) -> bool:
        """Whether the vat of an entry of `waiting` is still due, at the same place."""
        due, vat = entry
        return self._of(vat).due == due

    def waiting(self) -> list[tuple[int, str]]:
        """The vats that are due, each as its place and its id, first one first."""
        found = [self._of(vat) for _, vat in self._by_due.values()]
        return sorted((reap.due, reap.vat) for reap in found if reap.due is not None)

    def done(self, vat: str) -> None:
        """Note that the vat was reaped: it is not due any more."""
        self._rows.change(vat, due=None)

    def forget(self, vat: str) -> None:
        """Delete the row of a vat that is terminated."""
        self._rows.delete(vat)
