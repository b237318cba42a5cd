"""Named counters: where the next kref, vat id, queue position and crank number come from."""

from __future__ import annotations

from typing import NamedTuple

from swingset.world.one_table import OneTable
from swingset.world.tables import Table


class Counter(NamedTuple):
    """One counter."""

    name: str
    value: int


class Counters(OneTable[Counter]):
    """Integers by name, each starting at a value given on first use."""

    table = Table("counters", Counter)

    def get(self, name: str, start: int = 0) -> int:
        """The value of `name`, `start` where it was never set."""
        found = self._rows.get(name)
        return start if found is None else found.value

    def set(self, name: str, value: int) -> None:
        """Store `value` under `name`."""
        self._rows.put(Counter(name, value))

    def take(self, name: str, start: int) -> int:
        """The value of `name`, which is one higher the next time."""
        value = self.get(name, start)
        self.set(name, value + 1)
        return value

    def delete(self, name: str) -> None:
        """Forget `name`."""
        self._rows.delete(name)
