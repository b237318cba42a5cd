"""What happens next: one object, so that another order can take its place.

The standing rules come first: what terminated vats left is cleaned up while the run allows it, then vats
are told what they no longer need to keep, then those that are due bring out their dead. What the host wants
at once goes ahead of the run-queue. Only then comes that, and its order is the part that a scheduler decides.

A start that this host has no worker for, or that its clock has stopped, is passed over. It stays where it
stands, and nothing is written about it: to the world it is the same as if its turn had not come, so a host
that may run it, or is faster, finds it in its place. Only what it would have come before has to wait with it:
a later upgrade of the same vat.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from swingset.core.store import KernelStore
from swingset.model.messages import CleanUp, Collect, CreateVat, Event, QueuedEvent, Reap, UpgradeVat

Runnable = Callable[[str], bool]
"""Whether the vat of that id can run now: it is neither suspended nor detached."""


class Scheduler(Protocol):
    """Chooses among the events of the run-queue."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        """The position and the event to run next, or None where nothing waits."""
        ...


class FirstComeFirstServed:
    """The event that has waited longest."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        """The head of the run-queue."""
        return store.queues.head()


class Table(Protocol):
    """Vats that wait for something of one sort, each in an entry after what it is sorted by."""

    added: set[Any]

    def waiting(self) -> list[Any]:
        """All entries."""
        ...

    def waits(self, entry: Any) -> bool:
        """Whether an entry still stands."""
        ...


class Waiting:
    """The first vat of a table that can run, found without looking at all that cannot.

    It keeps a heap of entries in memory. What the heap offers is checked against the table, and thrown out
    where it does not stand any more or its vat cannot run now. It may hold too much, then, but never too
    little: entries that are added come in, and all come in again when a vat's record has changed or state
    was undone.
    """

    def __init__(self, store: KernelStore, table: Table) -> None:
        self._store = store
        self._table = table
        self._heap: list[Any] = []
        self._seen = (-1, -1)

    def first(self, runnable: Runnable) -> str | None:
        """The vat to see to next, or None."""
        now = (self._store.vats.saved, self._store.world.rewound)
        if now != self._seen:
            self._seen, self._heap = now, sorted(self._table.waiting())
        else:
            for entry in self._table.added:
                heapq.heappush(self._heap, entry)
        self._table.added.clear()
        while self._heap:
            entry = self._heap[0]
            if self._table.waits(entry) and runnable(entry[1]):
                vat: str = entry[1]
                return vat
            heapq.heappop(self._heap)
        return None


@dataclass(frozen=True)
class PassedOver:
    """A start that is not chosen any more: the id of its vat, the vat's name if it is new, and why."""

    vat: str
    name: str | None
    why: str


class Agenda:
    """What a kernel does next."""

    def __init__(self, store: KernelStore, scheduler: Scheduler) -> None:
        self._store = store
        self._scheduler = scheduler
        self.to_tell = Waiting(store, store.gc)
        self.to_reap = Waiting(store, store.reaping)
        self._passed_over: dict[int, PassedOver] = {}

    def pass_over(self, seq: int, event: CreateVat | UpgradeVat, why: str) -> None:
        """Choose the event at that position of the run-queue no more."""
        name = event.name if isinstance(event, CreateVat) else None
        self._passed_over[seq] = PassedOver(event.vat, name, why)

    def why_passed_over(self, seq: int) -> str | None:
        """Why the event at that position is not chosen; None where it is."""
        passed = self._passed_over.get(seq)
        return passed.why if passed is not None else None

    def ahead_of(self, seq: int, vat: str) -> str | None:
        """Why an earlier start of the same vat was passed over, if one was."""
        ahead = [at for at, passed in self._passed_over.items() if passed.vat == vat and at < seq]
        return self._passed_over[min(ahead)].why if ahead else None

    def take_up(self, *, vat: str | None = None, name: str | None = None) -> bool:
        """Choose again what was passed over for a vat of that id, or a new one of that name; whether any."""
        found = [
            seq
            for seq, passed in self._passed_over.items()
            if passed.vat == vat or (name is not None and passed.name == name)
        ]
        for seq in found:
            del self._passed_over[seq]
        return bool(found)

    def look_again(self) -> None:
        """Pass over nothing: the world went to another commit, where a position may be another event's."""
        self._passed_over.clear()

    def choose(self, runnable: Runnable, *, clean_up: bool) -> tuple[int | None, Event] | None:
        """The next event, with its position where it comes from the run-queue."""
        if clean_up and (dead := self._store.graveyard.next()) is not None:
            return None, CleanUp(dead)
        if (vat := self.to_tell.first(runnable)) is not None:
            kind, krefs = self._store.gc.group(vat)
            return None, Collect(vat, kind, tuple(krefs))
        if (vat := self.to_reap.first(runnable)) is not None:
            return None, Reap(vat)
        passed = self._passed_over
        if not passed:
            return self._store.queues.urgent() or self._scheduler.choose(self._store)
        first = self._store.queues.first_but(passed.keys())
        if first is None or first[0] < 0:
            return first
        chosen = self._scheduler.choose(self._store)
        return first if chosen is None or chosen[0] in passed else chosen
