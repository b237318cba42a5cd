"""The run-queue, and the parked events of suspended vats.

An event is stored with its sender: the number of the record of the crank or request that sent it
(`swingset.world.journal`). So a reader of the records can follow each crank back to its cause.
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
    """An event in the run-queue, and its position."""

    seq: int
    item: QueuedEvent


class _Waiting(NamedTuple):
    """A row of the run-queue: the event, its position, and the number of the record that sent it."""

    seq: int
    item: QueuedEvent
    sender: int | None


class Parked(NamedTuple):
    """An event that is parked for a vat, with the position that it had in the run-queue."""

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
        """The sender of the event that was last taken off the run-queue: the number of a record, or None."""
        self.watched: list[int] | None = None
        """Where positions whose rows have changed are noted, if somebody wants to know."""

    def append(self, event: QueuedEvent) -> int:
        """Put an event at the end of the run-queue; returns its position."""
        seq = self._counters.take("queue", 1)
        self._add(seq, event)
        return seq

    def _add(self, seq: int, event: QueuedEvent) -> None:
        if self.watched is not None:
            self.watched.append(seq)
        self._queue.add(_Waiting(seq, event, self._world.journal.number))

    def append_item(self, item: str, sender: int | None) -> None:
        """Put an event that waited for a promise at the end, with its sender; `item` is its stored text."""
        seq = self._counters.take("queue", 1)
        if self.watched is not None:
            self.watched.append(seq)
        self._queue.add_row((seq, item, sender))

    def prepend(self, event: QueuedEvent) -> None:
        """Put an event before all others, including parked ones."""
        self._add(-self._counters.take("queue.front", 1), event)

    def head(self) -> Queued | None:
        """The first event and its position, or None if the run-queue is empty."""
        seq = self._order.first()
        return None if seq is None else self._at(seq)

    def _at(self, seq: int) -> Queued | None:
        found = self._queue.get(seq)
        return None if found is None else Queued(found.seq, found.item)

    def first_but(self, passed: Set[int]) -> Queued | None:
        """The first event whose position is not in `passed`, or None."""
        for seq in self._order.some(len(passed) + 1):
            if seq not in passed:
                return self._at(seq)
        return None

    def urgent(self) -> Queued | None:
        """The first event if `prepend` put it there, or None."""
        seq = self._order.first()
        return None if seq is None or seq >= 0 else self._at(seq)

    def soon(self, most: int) -> list[int]:
        """The positions of the first events, at most `most` of them."""
        return self._order.some(most)

    def at(self, seq: int) -> QueuedEvent | None:
        """The event at that position of the run-queue, or None."""
        found = self._queue.get(seq)
        return None if found is None else found.item

    def take(self, seq: int) -> None:
        """Take the event at that position off the run-queue, and put its sender into `sender`."""
        found = self._queue.held.look((seq,))
        sender = found.row[2] if isinstance(found, Unread) else found and found.sender
        self.sender = sender if type(sender) is int else None
        if self.watched is not None:
            self.watched.append(seq)
        self._queue.delete(seq)

    def replace(self, seq: int, event: QueuedEvent) -> None:
        """Put another event in the place of the one at that position."""
        if self.watched is not None:
            self.watched.append(seq)
        self._queue.change(seq, item=event)

    def text_at(self, seq: int) -> str | None:
        """The stored text of the event at that position, even if it is damaged; None if there is no event."""
        row = self._queue.row(seq)
        return None if row is None else str(row[1])

    def length(self) -> int:
        """How many events wait."""
        return int(self._world.rows("SELECT count(*) from queue")[0][0])

    def all(self) -> list[Queued]:
        """Every waiting event with its position, first one first."""
        return [Queued(row.seq, row.item) for row in self._queue.select("order by seq")]

    def park(self, vat: str, seq: int, event: QueuedEvent) -> None:
        """Park the event that was taken last, from position `seq`, until `vat` runs again."""
        self._parked.add(Parked(vat, seq, event, self.sender))

    def parked(self, vat: str, limit: int = -1) -> list[Queued]:
        """The parked events of `vat` with positions, oldest first; at most `limit` if it is not negative."""
        keys = sorted(self._by_vat.keys(vat))
        found = (self._parked.get(*key) for key in (keys if limit < 0 else keys[:limit]))
        return [Queued(parked.seq, parked.item) for parked in found if parked is not None]

    def drop_parked(self, vat: str, seq: int) -> None:
        """Delete one parked event."""
        self._parked.delete(vat, seq)

    def unpark_one(self, vat: str, seq: int) -> None:
        """Put one parked event of `vat` back at its position in the run-queue."""
        row = self._parked.row(vat, seq)
        if row is not None:
            if self.watched is not None:
                self.watched.append(seq)
            self._queue.add_row(row[1:])
            self._parked.delete(vat, seq)

    def unpark(self, vat: str) -> None:
        """Put all parked events of `vat` back at their positions, ahead of all later events."""
        for _, seq in sorted(self._by_vat.keys(vat)):
            self.unpark_one(vat, seq)
