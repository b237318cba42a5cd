"""The run-queue, and the places where the events of suspended vats are parked."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

from swingset.model.messages import QueuedEvent, event_from_json, event_to_json
from swingset.world.counters import Counters
from swingset.world.rows import Reader

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


_QUEUED, _PARKED = Reader("queue", "seq, item"), Reader("parked", "vat, seq, item")


class Queues:
    """The tables `queue` and `parked`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._counters = Counters(world)

    def append(self, event: QueuedEvent) -> None:
        """Put an event at the end of the run-queue."""
        seq = self._counters.take("queue", 1)
        self._world.execute("insert into queue values (?, ?)", (seq, event_to_json(event)))

    def append_item(self, item: str) -> None:
        """Put an event, as the text that it was stored as, at the end of the run-queue."""
        self._world.execute("insert into queue values (?, ?)", (self._counters.take("queue", 1), item))

    def prepend(self, event: QueuedEvent) -> None:
        """Put an event before all others, those that are parked included."""
        seq = -self._counters.take("queue.front", 1)
        self._world.execute("insert into queue values (?, ?)", (seq, event_to_json(event)))

    def head(self) -> tuple[int, QueuedEvent] | None:
        """The first event and its position, or None where nothing waits."""
        for seq, item in self._world.rows("SELECT seq, item from queue order by seq limit 1"):
            return seq, self._event((seq, item))
        return None

    def first_but(self, passed: Set[int]) -> tuple[int, QueuedEvent] | None:
        """The first event that does not stand at one of these positions, or None."""
        rows = self._world.rows("SELECT seq from queue order by seq limit ?", (len(passed) + 1,))
        for seq in (seq for (seq,) in rows if seq not in passed):
            return seq, self._event(self._world.rows("SELECT seq, item from queue where seq = ?", (seq,))[0])
        return None

    def urgent(self) -> tuple[int, QueuedEvent] | None:
        """The first event that was put before all others, or None."""
        for seq, item in self._world.rows("SELECT seq, item from queue where seq < 0 order by seq limit 1"):
            return seq, self._event((seq, item))
        return None

    def remove(self, seq: int) -> None:
        """Take the event at that position off the run-queue."""
        self._world.execute("delete from queue where seq = ?", (seq,))

    def text_at(self, seq: int) -> str | None:
        """What lies in the file at that position of the run-queue, read or not; None where nothing does."""
        row = self._world.row("SELECT item from queue where seq = ?", (seq,))
        return None if row is None else str(row[0])

    def length(self) -> int:
        """How many events wait."""
        return int(self._world.rows("SELECT count(*) from queue")[0][0])

    def all(self) -> list[tuple[int, QueuedEvent]]:
        """Every waiting event with its position, first one first."""
        rows = self._world.rows("SELECT seq, item from queue order by seq")
        return [(seq, self._event((seq, item))) for seq, item in rows]

    def _event(self, row: tuple[Any, ...]) -> QueuedEvent:
        _QUEUED.check(self._world.name, row)
        return event_from_json(row[1])

    def park(self, vat: str, seq: int, event: QueuedEvent) -> None:
        """Set aside an event that stood at `seq`, until `vat` runs again."""
        self._world.execute("insert into parked values (?, ?, ?)", (vat, seq, event_to_json(event)))

    def parked(self, vat: str, limit: int = -1) -> list[tuple[int, QueuedEvent]]:
        """The events set aside for `vat` with their positions, oldest first; all of them, or so many."""
        query = "SELECT seq, item from parked where vat = ? order by seq limit ?"
        rows = self._world.rows(query, (vat, limit))
        for row in rows:
            _PARKED.check(self._world.name, (vat, *row))
        return [(seq, event_from_json(item)) for seq, item in rows]

    def drop_parked(self, vat: str, seq: int) -> None:
        """Forget one event that was set aside."""
        self._world.execute("delete from parked where vat = ? and seq = ?", (vat, seq))

    def unpark_one(self, vat: str, seq: int) -> None:
        """Put one event set aside for `vat` back where it stood."""
        query = "insert into queue select seq, item from parked where vat = ? and seq = ?"
        self._world.execute(query, (vat, seq))
        self.drop_parked(vat, seq)

    def unpark(self, vat: str) -> None:
        """Put the events set aside for `vat` back where they stood, ahead of all that came later."""
        self._world.execute("insert into queue select seq, item from parked where vat = ?", (vat,))
        self._world.execute("delete from parked where vat = ?", (vat,))
