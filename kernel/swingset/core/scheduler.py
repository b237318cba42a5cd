"""Chooses the next event.

Fixed rules come first: terminated vats are cleaned up while the run allows it, then vats are notified of
dropped references, then vats that are due get a `bringOutYourDead`. Requests that the host wants at once come
before the run-queue. The run-queue is last, and a scheduler decides its order. In a world with a market its
messages bid for their turn (`swingset.core.escalators`), and now and then housekeeping waits for one of them.

A start for which this host has no worker, or that its clock has stopped, is passed over. It keeps its
position, and nothing is written about it: for the world its turn has not come, so another host that can run
it, or a faster one, finds it in its place. Only a later upgrade of the same vat has to wait with it.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from swingset.core.escalators import find_market
from swingset.core.store import KernelStore
from swingset.model.messages import (
    CleanUp,
    CloneVat,
    Collect,
    CreateVat,
    Event,
    Notify,
    QueuedEvent,
    Reap,
    Send,
    UpgradeVat,
)

Runnable = Callable[[str], bool]
"""Tells whether a vat, by id, can run now: it is neither suspended nor detached."""


class Scheduler(Protocol):
    """Chooses among the events of the run-queue."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        """Return the position and the event to run next, or None if nothing waits."""
        ...


class FirstComeFirstServed:
    """The event that has waited longest."""

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        """The head of the run-queue."""
        return store.queues.head()


class Shuffled:
    """Another order that the senders cannot tell from an accident: one of many, named by a seed.

    What one vat has sent comes in the order in which it was sent, and so do the notifications of one vat;
    between those the order is by chance. The chance is a hash of the seed and the position, so the order is
    the same on every host, whenever it is asked for. It looks at the whole run-queue in each crank.
    """

    def __init__(self, seed: int | str) -> None:
        self.seed = seed

    def choose(self, store: KernelStore) -> tuple[int, QueuedEvent] | None:
        """One of the first events of all flows."""
        first: dict[tuple[str, str | None], tuple[int, QueuedEvent]] = {}
        for seq, event in store.queues.all():
            first.setdefault(_flow(event), (seq, event))
        return min(first.values(), key=lambda found: self._chance(found[0]), default=None)

    def _chance(self, seq: int) -> bytes:
        return hashlib.sha256(f"{self.seed}:{seq}".encode()).digest()


def _flow(event: QueuedEvent) -> tuple[str, str | None]:
    """Events of one flow keep their order."""
    if isinstance(event, Send):
        return "sent by", event.sender
    return ("to", event.vat) if isinstance(event, Notify) else ("others", None)


class Table(Protocol):
    """A table of vats that wait for one sort of event; an entry is a sort key and a vat."""

    added: set[Any]

    def waiting(self) -> list[Any]:
        """All entries."""
        ...

    def waits(self, entry: Any) -> bool:
        """Whether an entry is still valid."""
        ...


class Waiting:
    """Finds the first vat of a table that can run, without looking at all that cannot.

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
        """The next vat that waits and can run, or None."""
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
    """A start that is passed over: the id of its vat, the vat's name if it is new, and the reason."""

    vat: str
    name: str | None
    why: str


class Agenda:
    """Chooses the events of one kernel."""

    def __init__(self, store: KernelStore, scheduler: Scheduler) -> None:
        self._store = store
        self._scheduler = scheduler
        self.market = find_market(store)
        """The order of a world that has a market; it comes in the place of the scheduler."""
        self.to_tell = Waiting(store, store.gc)
        self.to_reap = Waiting(store, store.reaping)
        self._passed_over: dict[int, PassedOver] = {}

    def pass_over(self, seq: int, event: CreateVat | CloneVat | UpgradeVat, why: str) -> None:
        """Pass over the event at a position of the run-queue from now on."""
        name = None if isinstance(event, UpgradeVat) else event.name
        vat = event.clone if isinstance(event, CloneVat) else event.vat
        self._passed_over[seq] = PassedOver(vat, name, why)

    def why_passed_over(self, seq: int) -> str | None:
        """Why the event at a position is passed over; None if it is not."""
        passed = self._passed_over.get(seq)
        return passed.why if passed is not None else None

    def ahead_of(self, seq: int, vat: str) -> str | None:
        """Why an earlier start of the same vat was passed over, if one was."""
        ahead = [at for at, passed in self._passed_over.items() if passed.vat == vat and at < seq]
        return self._passed_over[min(ahead)].why if ahead else None

    def take_up(self, *, vat: str | None = None, name: str | None = None) -> bool:
        """Stop passing over starts of a vat, by id or by a new vat's name; returns whether any was."""
        found = [
            seq
            for seq, passed in self._passed_over.items()
            if passed.vat == vat or (name is not None and passed.name == name)
        ]
        for seq in found:
            del self._passed_over[seq]
        return bool(found)

    def look_again(self) -> None:
        """Begin anew: the world went to another commit, where positions mean other events."""
        self._passed_over.clear()
        self.find_market()

    def find_market(self) -> None:
        """Take the order of the world's market, if it has one."""
        self.market = find_market(self._store)

    def choose(self, tellable: Runnable, *, clean_up: bool) -> tuple[int | None, Event] | None:
        """The next event, with its position where it comes from the run-queue.

        `tellable` tells whether a vat can have housekeeping now.
        """
        market = self.market
        if market is None or not market.is_due():
            if clean_up and (dead := self._store.graveyard.next()) is not None:
                return None, CleanUp(dead)
            if (vat := self.to_tell.first(tellable)) is not None:
                kind, krefs = self._store.gc.group(vat)
                return None, Collect(vat, kind, tuple(krefs))
            if (vat := self.to_reap.first(tellable)) is not None:
                return None, Reap(vat)
        passed = self._passed_over
        if market is not None:
            first = self._store.queues.first_but(passed.keys())
            return first if first is not None and first[0] < 0 else market.choose(passed.keys())
        if not passed:
            return self._store.queues.urgent() or self._scheduler.choose(self._store)
        first = self._store.queues.first_but(passed.keys())
        if first is None or first[0] < 0:
            return first
        chosen = self._scheduler.choose(self._store)
        return first if chosen is None or chosen[0] in passed else chosen
