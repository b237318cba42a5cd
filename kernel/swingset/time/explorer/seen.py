"""What a question about one thing needs: the state of a moment, its index, and the records up to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from swingset.core.store import KernelStore
from swingset.time.explorer.index import Index
from swingset.time.explorer.labels import Labels, Outlines
from swingset.time.explorer.queueing import Queue
from swingset.time.explorer.reel import Budget, Reel, Wanted
from swingset.time.explorer.ticks import Ticks
from swingset.world.records import Record


@dataclass(frozen=True)
class Seen:
    """A world at one moment: the present if `record` is None, else right after that record."""

    store: KernelStore
    index: Index
    labels: Labels
    outlines: Outlines
    reel: Reel
    ticks: Ticks
    crank: int
    record: int | None

    @property
    def is_present(self) -> bool:
        """Whether it is the present, so that something can be done."""
        return self.record is None

    def queue(self) -> Queue:
        """What waits at the moment."""
        return Queue(self.store, self.labels, self.target)

    def target(self, kref: str) -> tuple[str, str]:
        """The box that a thing is in; which row is only known in a picture."""
        group = self.index.group_of.get(kref)
        return ("", "") if group is None else (group.key.owner, "")

    def back(self, wanted: Wanted, budget: Budget) -> Iterator[Record]:
        """The records up to the moment whose line is wanted, newest first."""
        return self.reel.back(wanted, budget, None if self.record is None else self.record + 1)
