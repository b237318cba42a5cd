"""Pins: objects and promises that the host holds until it releases them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class Pin(NamedTuple):
    """One object or promise that the host holds."""

    kref: str


_PINS = Table("pins", Pin)


class Pins:
    """The table `pins`. The caller counts the references."""

    def __init__(self, world: WorldFile) -> None:
        self._rows = Rows(world, _PINS)

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
