"""C-lists: for each vat, the two-way table between its own names (vrefs) and the kernel's (krefs).

A vref with a `+` was made by the vat itself, and counts towards what the vat holds (`holdings`). One with a
`-` is an import, and counts towards the room that a vat takes in all (`footprints`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.footprints import Footprints
from swingset.world.holdings import GIVEN_OUT, Holdings
from swingset.world.one_table import OneTable
from swingset.world.tables import Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class CListEntry(NamedTuple):
    """One row of a c-list. `reachable` is False if the vat can only recognize the object."""

    vat: str
    kref: str
    vref: str
    reachable: bool


CLISTS = Table("clists", CListEntry)


class CLists(OneTable[CListEntry]):
    """The table `clists`."""

    table = CLISTS

    def __init__(self, world: WorldFile) -> None:
        super().__init__(world)
        self._by_vref = self._rows.index("vat", "vref")
        self._by_kref = self._rows.index("kref")
        self._holdings = Holdings(world)
        self._footprints = Footprints(world)

    def add(self, vat: str, kref: str, vref: str) -> None:
        """Add a reachable entry: `vat` uses `vref` for `kref`."""
        self._rows.add(CListEntry(vat, kref, vref, True))
        if "+" in vref:
            self._holdings.change(vat, GIVEN_OUT)
        else:
            self._footprints.imported(vat, 1)

    def by_kref(self, vat: str, kref: str) -> CListEntry | None:
        """The entry of `vat` for `kref`, or None."""
        return self._rows.get(vat, kref)

    def by_vref(self, vat: str, vref: str) -> CListEntry | None:
        """The entry of `vat` for `vref`, or None."""
        return self._rows.one(self._by_vref, vat, vref)

    def set_reachable(self, vat: str, kref: str, reachable: bool) -> None:
        """Set whether the object of an entry is reachable."""
        self._rows.change(vat, kref, reachable=reachable)

    def delete(self, vat: str, kref: str) -> None:
        """Delete the entry of `vat` for `kref`, if there is one."""
        entry = self._rows.get(vat, kref)
        if entry is None:
            return
        self._rows.delete(vat, kref)
        if "+" in entry.vref:
            self._holdings.change(vat, -GIVEN_OUT)
        else:
            self._footprints.imported(vat, -1)

    def of(self, vat: str) -> list[CListEntry]:
        """The whole c-list of `vat`, sorted by kref as text."""
        return list(self._rows.select("where vat = ? order by kref", vat))

    def exports(self, vat: str) -> list[CListEntry]:
        """The entries whose vref `vat` made (its exports and its promises), sorted by kref as text."""
        return list(self._rows.select("where vat = ? and substr(vref, 2, 1) = '+' order by kref", vat))

    def holders(self, kref: str) -> list[CListEntry]:
        """The entry of every vat that has `kref` in its c-list, the owner included."""
        return sorted(self._rows.of(self._by_kref, kref))
