"""Named counters: the next kref, vat id and queue position, the number of cranks, and the like."""

from __future__ import annotations

from typing import NamedTuple

from swingset.world.one_table import OneTable
from swingset.world.tables import Table


class Counter(NamedTuple):
    """One counter: its name and its current value."""

    name: str
    value: int


COUNTERS = Table("counters", Counter)


class Counters(OneTable[Counter]):
    """The table `counters`: integers by name. The caller says where a new counter starts."""

    table = COUNTERS

    def get(self, name: str, start: int = 0) -> int:
        """The value of `name`, or `start` if it was never set."""
        found = self._rows.get(name)
        return start if found is None else found.value

    def set(self, name: str, value: int) -> None:
        """Store `value` under `name`."""
        self._rows.put(Counter(name, value))

    def take(self, name: str, start: int) -> int:
        """Return the value of `name` (`start` if it was never set), and store the next one."""
        value = self.get(name, start)
        self.set(name, value + 1)
        return value

    def delete(self, name: str) -> None:
        """Delete `name`, if it was set."""
        self._rows.delete(name)
