"""The run-queue, and the places where the events of suspended vats are parked.

An event is stored with the number of the record in which it was sent (`swingset.world.journal`), wherever it
waits: who looks at what a crank did can go on from there to who caused it.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, NamedTuple

from swingset.model.messages import QueuedEvent
from swingset.world.counters import Counters
from swingset.world.tables import Rows, Table
from swingset.world.unread import Unread

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class Queued(NamedTuple):
    """An event in the run-queue, and where it stands."""

    seq: int
    item: QueuedEvent


class _Waiting(NamedTuple):
    """The same, and the number of the record in which it was sent."""

    seq: int
    item: QueuedEvent
    sender: int | None


class Parked(NamedTuple):
    """An event that was set aside for a vat, and where it stood."""

    vat: str
    seq: int
    item: QueuedEvent
    sender: int | None


_QUEUE, _PARKED = Table("queue", _Waiting, heavy=("item",)), Table("parked", Parked, heavy=("item",))


class Queues:
    """The tables `queue` and `parked`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._queue = Rows(world, _QUEUE)
        self._order = self._queue.order()
        self._parked = Rows(world, _PARKED)
        self._by_vat = self._parked.index("vat")
        self._counters = Counters(world)
        self.sender: int | None = None
        """The number of the record in which the event was sent that was taken off the run-queue last."""

    def append(self, event: QueuedEvent) -> None:
        """Put an event at the end of the run-queue."""
        self._add(self._counters.take("queue", 1), event)

    def _add(self, seq: int, event: QueuedEvent) -> None:
        self._queue.add(_Waiting(seq, event, self._world.journal.number))

    def append_item(self, item: str, sender: int | None) -> None:
        """Put an event that has waited elsewhere, as the text that it is stored as, at the end."""
        self._queue.add_row((self._counters.take("queue", 1), item, sender))

    def prepend(self, event: QueuedEvent) -> None:
        """Put an event before all others, those that are parked included."""
        self._add(-self._counters.take("queue.front", 1), event)

    def head(self) -> Queued | None:
        """The first event and its position, or None where nothing waits."""
        seq = self._order.first()
        return None if seq is None else self._at(seq)

    def _at(self, seq: int) -> Queued | None:
        found = self._queue.get(seq)
        return None if found is None else Queued(found.seq, found.item)

    def first_but(self, passed: Set[int]) -> Queued | None:
        """The first event that does not stand at one of these positions, or None."""
        for seq in self._order.some(len(passed) + 1):
            if seq not in passed:
                return self._at(seq)
        return None

    def urgent(self) -> Queued | None:
        """The first event that was put before all others, or None."""
        seq = self._order.first()
        return None if seq is None or seq >= 0 else self._at(seq)

    def soon(self, most: int) -> list[int]:
        """The positions of the first events, at most so many."""
        return self._order.some(most)

    def at(self, seq: int) -> QueuedEvent | None:
        """The event at that position of the run-queue, or None."""
        found = self._queue.get(seq)
        return None if found is None else found.item

    def take(self, seq: int) -> None:
        """Take the event at that position off the run-queue, and remember in `sender` who has sent it."""
        found = self._queue.held.look((seq,))
        sender = found.row[2] if isinstance(found, Unread) else found and found.sender
        self.sender = sender if type(sender) is int else None
        self._queue.delete(seq)

    def text_at(self, seq: int) -> str | None:
        """What lies at that position of the run-queue, read or not; None where nothing does."""
        row = self._queue.row(seq)
        return None if row is None else str(row[1])

    def length(self) -> int:
        """How many events wait."""
        return int(self._world.rows("SELECT count(*) from queue")[0][0])

    def all(self) -> list[Queued]:
        """Every waiting event with its position, first one first."""
        return [Queued(row.seq, row.item) for row in self._queue.select("order by seq")]

    def park(self, vat: str, seq: int, event: QueuedEvent) -> None:
        """Set aside the event that was taken last, which stood at `seq`, until `vat` runs again."""
        self._parked.add(Parked(vat, seq, event, self.sender))

    def parked(self, vat: str, limit: int = -1) -> list[Queued]:
        """The events set aside for `vat` with their positions, oldest first; all of them, or so many."""
        keys = sorted(self._by_vat.keys(vat))
        found = (self._parked.get(*key) for key in (keys if limit < 0 else keys[:limit]))
        return [Queued(parked.seq, parked.item) for parked in found if parked is not None]

    def drop_parked(self, vat: str, seq: int) -> None:
        """Forget one event that was set aside."""
        self._parked.delete(vat, seq)

    def unpark_one(self, vat: str, seq: int) -> None:
        """Put one event set aside for `vat` back where it stood."""
        row = self._parked.row(vat, seq)
        if row is not None:
            self._queue.add_row(row[1:])
            self._parked.delete(vat, seq)

    def unpark(self, vat: str) -> None:
        """Put the events set aside for `vat` back where they stood, ahead of all that came later."""
        for _, seq in sorted(self._by_vat.keys(vat)):
            self.unpark_one(vat, seq)
