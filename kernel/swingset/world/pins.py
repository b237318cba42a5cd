"""Pins: objects and promises that the host holds until it releases them."""

from __future__ import annotations

from typing import NamedTuple

from swingset.world.one_table import OneTable
from swingset.world.tables import Table


class Pin(NamedTuple):
    """One object or promise that the host holds."""

    kref: str


class Pins(OneTable[Pin]):
    """The table `pins`. The caller counts the references."""

    table = Table("pins", Pin)

    def has(self, kref: str) -> bool:
        """Whether the host holds it."""
        return self._rows.get(kref) is not None

    def add(self, kref: str) -> None:
        """Note that the host holds it."""
        self._rows.add(Pin(kref))

    def delete(self, kref: str) -> None:
        """Note that the host does not hold it any more."""
        self._rows.delete(kref)

    def all(self) -> list[str]:
        """Everything that the host holds, sorted by kref as text."""
        return sorted(pin.kref for pin in self._rows.all())
