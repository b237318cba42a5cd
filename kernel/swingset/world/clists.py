"""C-lists: for each vat, the two-way table between its own names and the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from swingset.world.holdings import GIVEN_OUT, Holdings
from swingset.world.rows import Reader

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class CListEntry(NamedTuple):
    """One row of a c-list. `reachable` is False once the vat could only recognize the object."""

    kref: str
    vref: str
    reachable: bool


_ENTRY = Reader("clists", "kref, vref, reachable")


class CLists:
    """The table `clists`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._holdings = Holdings(world)

    def add(self, vat: str, kref: str, vref: str) -> None:
        """Let `vat` know `kref` as `vref`, reachable."""
        self._world.execute("insert into clists values (?, ?, ?, 1)", (vat, kref, vref))
        if "+" in vref:
            self._holdings.change(vat, GIVEN_OUT)

    def by_kref(self, vat: str, kref: str) -> CListEntry | None:
        """What `vat` knows as `kref`, or None."""
        query = "SELECT kref, vref, reachable from clists where vat = ? and kref = ?"
        for row in self._world.rows(query, (vat, kref)):
            return self._entry(row)
        return None

    def by_vref(self, vat: str, vref: str) -> CListEntry | None:
        """What `vat` names `vref`, or None."""
        query = "SELECT kref, vref, reachable from clists where vat = ? and vref = ?"
        for row in self._world.rows(query, (vat, vref)):
            return self._entry(row)
        return None

    def set_reachable(self, vat: str, kref: str, reachable: bool) -> None:
        """Note whether the vat can still reach what it imported."""
        self._world.execute(
            "update clists set reachable = ? where vat = ? and kref = ?", (int(reachable), vat, kref)
        )

    def delete(self, vat: str, kref: str) -> None:
        """Let `vat` forget `kref`."""
        query = "delete from clists where vat = ? and kref = ? returning vref"
        for (vref,) in self._world.execute(query, (vat, kref)):
            if "+" in str(vref):
                self._holdings.change(vat, -GIVEN_OUT)

    def of(self, vat: str) -> list[CListEntry]:
        """The whole c-list of `vat`, by kref as text."""
        query = "SELECT kref, vref, reachable from clists where vat = ? order by kref"
        return [self._entry(row) for row in self._world.rows(query, (vat,))]

    def exports(self, vat: str) -> list[CListEntry]:
        """What `vat` has named itself, by kref as text: its exports and the promises it made."""
        query = (
            "SELECT kref, vref, reachable from clists"
            " where vat = ? and substr(vref, 2, 1) = '+' order by kref"
        )
        return [self._entry(row) for row in self._world.rows(query, (vat,))]

    def holders(self, kref: str) -> list[tuple[str, CListEntry]]:
        """Every vat that has `kref` in its c-list, the owner included."""
        query = "SELECT vat, kref, vref, reachable from clists where kref = ? order by vat"
        return [(row[0], self._entry(row[1:])) for row in self._world.rows(query, (kref,))]

    def _entry(self, row: tuple[Any, ...]) -> CListEntry:
        _ENTRY.check(self._world.name, row)
        return CListEntry(row[0], row[1], bool(row[2]))
