"""Meters: the computrons that one or several vats may still spend."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.world.counters import Counters
from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


_METER_OF = "CASE WHEN json_valid({0}) THEN json_extract({0}, '{1}') END"


class Meter(NamedTuple):
    """One meter. `remaining` is None for an unlimited one.

    `keeper` is the kref that is notified when `remaining` falls below `threshold`, and when a vat starves.
    """

    id: str
    remaining: int | None
    threshold: int
    keeper: str | None


_METERS = Table("meters", Meter)


class Meters:
    """The table `meters`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _METERS)
        self._counters = Counters(world)

    def add(self, remaining: int | None, threshold: int) -> str:
        """Make a meter; returns its id."""
        meter = f"m{self._counters.take('m', 1)}"
        self._rows.add(Meter(meter, remaining, threshold, None))
        return meter

    def get(self, meter: str) -> Meter | None:
        """The meter of that id, or None."""
        return self._rows.get(meter)

    def all(self) -> list[Meter]:
        """Every meter, oldest first."""
        return sorted(self._rows.all(), key=lambda meter: int(meter.id[1:]))

    def delete(self, meter: str) -> None:
        """Delete a meter."""
        self._rows.delete(meter)

    def pays(self, meter: str) -> bool:
        """Whether a vat has the meter, or a queued creation gives it to a new vat."""
        vats = "SELECT 1 from vats where state <> 'terminated' and {} = ?".format(
            _METER_OF.format("options", "$.meter")
        )
        events = "SELECT 1 from queue where {} = ?".format(_METER_OF.format("item", "$.options.meter"))
        return any(self._world.row(query, (meter,)) is not None for query in (vats, events))

    def save(self, meter: Meter) -> None:
        """Store a changed meter."""
        self._rows.put(meter)
