"""The pending notifications about dropped references, and the vats that are due for a reap."""

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
"""The order in which one vat is notified."""

MOST_TOLD = 10_000
"""The most references of one such delivery, because other vats decide how many there are."""


class Dirt(NamedTuple):
    """What a vat has gone through since it was last reaped."""

    deliveries: int
    krefs: int
    computrons: int


class Action(NamedTuple):
    """A reference that a vat is to be told of."""

    vat: str
    kind: CollectionKind
    kref: str


class Reap(NamedTuple):
    """The dirt of one vat, and its place among those that are to be reaped, None where it is none of them."""

    vat: str
    deliveries: int = 0
    krefs: int = 0
    computrons: int = 0
    due: int | None = None


_ACTIONS, _REAP = Table("gc_actions", Action), Table("reap", Reap)


class GCActions:
    """The table `gc_actions`: a set, so that a repeated action is notified once."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _ACTIONS)
        self._by_vat, self._by_kind = self._rows.index("vat"), self._rows.index("vat", "kind")
        self.added: set[tuple[str, str]] = set()
        """Entries of `waiting` since whoever remembers them has looked."""

    def add(self, vat: str, kind: CollectionKind, kref: str) -> None:
        """Queue a notification of `vat` about `kref`."""
        self._rows.put(Action(vat, kind, kref))
        self.added.add((vat, vat))

    def waits(self, entry: tuple[str, str]) -> bool:
        """Whether the vat still has a pending notification."""
        return self._by_vat.any(entry[1])

    def waiting(self) -> list[tuple[str, str]]:
        """The vats there is something to tell, each after what it is sorted by: its id as text."""
        return [(vat, vat) for (vat,) in self._by_vat.values()]

    def group(self, vat: str) -> tuple[CollectionKind, list[str]]:
        """What to tell one vat next: a kind, by `PRIORITY`, and its krefs, at most `MOST_TOLD` of them."""
        for kind in PRIORITY:
            keys = self._by_kind.lowest(MOST_TOLD, vat, kind)
            if keys:
                for key in keys:
                    self._rows.get(*key)
                return kind, [kref for _, _, kref in keys]
        raise DamagedRow(self._world.name, "gc_actions", vat, f"its kind is none of {', '.join(PRIORITY)}")

    def remove(self, vat: str, kind: CollectionKind, last: str) -> None:
        """Forget one group, which ends with `last`."""
        while told := [key for key in self._by_kind.lowest(MOST_TOLD, vat, kind) if key[2] <= last]:
            for key in told:
                self._rows.delete(*key)

    def forget_vat(self, vat: str) -> None:
        """Forget all that was to be told to a vat that is gone."""
        for key in self._by_vat.keys(vat):
            self._rows.delete(*key)

    def all(self) -> list[tuple[str, CollectionKind, str]]:
        """Every action, as (vat, kind, kref)."""
        return sorted((found.vat, found.kind, found.kref) for found in self._rows.all())


class Reaping:
    """The table `reap`: dirt by vat, and who is due for bringOutYourDead."""

    def __init__(self, world: WorldFile) -> None:
        self._rows = Rows(world, _REAP)
        self._by_due = self._rows.index("due", "vat")
        self._counters = Counters(world)
        self.added: set[tuple[int, str]] = set()
        """Entries of `waiting` since whoever remembers them has looked."""

    def dirt(self, vat: str) -> Dirt:
        """What the vat has gone through since it was last reaped."""
        return Dirt(*self._of(vat)[1:4])

    def _of(self, vat: str) -> Reap:
        return self._rows.get(vat) or Reap(vat)

    def add(self, vat: str, dirt: Dirt) -> Dirt:
        """Add to the dirt; returns the sum."""
        found = self._of(vat)
        total = Dirt(*(known + more for known, more in zip(found[1:4], dirt, strict=True)))
        self._rows.put(Reap(vat, *total, found.due))
        return total

    def schedule(self, vat: str) -> None:
        """Put the vat at the end of those to be reaped, once, and begin to count anew."""
        place, due = self._counters.take("reap", 1), self._of(vat).due
        due = place if due is None else due
        self._rows.put(Reap(vat, due=due))
        self.added.add((due, vat))

    def waits(self, entry: tuple[int, str]) -> bool:
        """Whether the vat is still due, at that place."""
        due, vat = entry
        return self._of(vat).due == due

    def waiting(self) -> list[tuple[int, str]]:
        """The vats to reap, each after its place, first one first."""
        found = [self._of(vat) for _, vat in self._by_due.values()]
        return sorted((reap.due, reap.vat) for reap in found if reap.due is not None)

    def done(self, vat: str) -> None:
        """The vat is not due any more."""
        self._rows.change(vat, due=None)

    def forget(self, vat: str) -> None:
        """Forget a vat that is gone."""
        self._rows.delete(vat)
