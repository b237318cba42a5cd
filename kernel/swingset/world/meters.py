"""Meters: the computrons that one or several vats may still spend.

Meters form trees. A meter made below another has that one as its superior, and what is spent is deducted from
both. Which meter is whose superior, what a starved vat needs and what a keeper was asked for are counters:
they are few, and a world without them has no row of them.
"""

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

MOST_CHAIN = 20
"""How many meters, each below the next, pay for one vat at most."""

_MOST_NEED = 10**15 - 1


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
        for of in ("superior", "asked"):
            self._counters.delete(f"meter.{of}.{meter}")

    # Trees

    def set_superior(self, meter: str, superior: str) -> None:
        """Put a new meter below another."""
        self._counters.set(f"meter.superior.{meter}", int(superior[1:]))

    def superior(self, meter: str) -> str | None:
        """The meter above another, or None."""
        number = self._counters.get(f"meter.superior.{meter}")
        return f"m{number}" if number else None

    def chain(self, meter: str) -> list[Meter]:
        """A meter and those above it, lowest first; an altered file that leads in a ring ends somewhere."""
        found: list[Meter] = []
        at: str | None = meter
        while at is not None and len(found) < MOST_CHAIN and (row := self.get(at)) is not None:
            found.append(row)
            at = self.superior(at)
        return found

    def least(self, meter: str) -> int | None:
        """The least that remains in the chain of a meter; None if all are unlimited."""
        remaining = [row.remaining for row in self.chain(meter) if row.remaining is not None]
        return min(remaining) if remaining else None

    def below(self, meter: str) -> list[str]:
        """The meters right below one, oldest first."""
        query = "SELECT name from counters where name like 'meter.superior.%' and value = ? order by name"
        found = [str(name).rpartition(".")[2] for (name,) in self._world.rows(query, (int(meter[1:]),))]
        return sorted(found, key=lambda name: int(name[1:]))

    # Who waits for a refill

    def need(self, vat: str) -> int:
        """How many computrons a starved vat needs in each meter of its chain."""
        return self._counters.get(f"meter.need.{vat}")

    def set_need(self, vat: str, computrons: int) -> None:
        """Store what a starved vat needs; 0 forgets it."""
        if computrons:
            self._counters.set(f"meter.need.{vat}", min(computrons, _MOST_NEED))
        else:
            self._counters.delete(f"meter.need.{vat}")

    def asked(self, meter: str) -> int:
        """What a keeper was asked for and has not refilled yet, 0 if it was not."""
        return self._counters.get(f"meter.asked.{meter}")

    def set_asked(self, meter: str, computrons: int) -> None:
        """Store what a keeper was asked for; 0 forgets it."""
        if computrons:
            self._counters.set(f"meter.asked.{meter}", min(computrons, _MOST_NEED))
        else:
            self._counters.delete(f"meter.asked.{meter}")

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
