"""Kernel objects: who owns each kref, and how many hold it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from swingset.world.one_table import OneTable
from swingset.world.tables import Table


class ObjectRecord(NamedTuple):
    """One object. `owner` is None once orphaned, and `fate` then says why: a code and words.

    `reachable` counts the imports and kernel-held references that could send to it; `recognizable`
    those that could at least tell it apart. The owner's own export is not counted. `iface` is what its
    owner called it when it first let it out: words for people, on which nothing depends.
    """

    kref: str
    owner: str | None
    reachable: int
    recognizable: int
    fate: str | None
    iface: str | None = None


class Objects(OneTable[ObjectRecord]):
    """The table `objects`."""

    table = Table("objects", ObjectRecord, heavy=("fate", "iface"))

    def add(self, kref: str, owner: str) -> None:
        """Record a new object, which nothing holds yet."""
        self._rows.add(ObjectRecord(kref, owner, 0, 0, None))

    def get(self, kref: str) -> ObjectRecord | None:
        """The object of that name, or None."""
        return self._rows.get(kref)

    def count(self, kref: str, reachable: int, recognizable: int) -> None:
        """Add to both counts (negative to subtract)."""
        self._rows.count(kref, reachable=reachable, recognizable=recognizable)

    def orphan(self, kref: str, fate: str) -> None:
        """Take the owner away, and remember why."""
        self._rows.change(kref, owner=None, fate=fate)

    def adopt(self, kref: str, owner: str) -> None:
        """Give the object an owner, in the place of the one it had, or of none."""
        self._rows.change(kref, owner=owner, fate=None)

    def set_iface(self, kref: str, iface: str) -> None:
        """Note what the owner calls the object."""
        self._rows.change(kref, iface=iface)

    def delete(self, kref: str) -> None:
        """Forget the object."""
        self._rows.delete(kref)

    def all(self) -> Iterator[ObjectRecord]:
        """Every object."""
        return self._rows.all()
