"""What happens next: one object, so that another order can take its place.

The standing rules come first: what terminated vats left is cleaned up while the run allows it, then vats
are told what they no longer need to keep, then those that are due bring out their dead. Only then comes the
run-queue, and its order is the part that `FirstComeFirstServed` decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from swingset.core.store import KernelStore
from swingset.model.messages import CleanUp, Collect, Event, QueuedEvent, Reap

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


def choose(
    store: KernelStore, scheduler: Scheduler, runnable: Runnable, *, clean_up: bool
) -> tuple[int | None, Event] | None:
    """The next event, with its position where it comes from the run-queue."""
    if clean_up and (dead := store.graveyard.next()) is not None:
        return None, CleanUp(dead)
    for vat in store.gc.vats():
        if runnable(vat):
            kind, krefs = store.gc.group(vat)
            return None, Collect(vat, kind, tuple(krefs))
    for vat in store.reaping.due():
        if runnable(vat):
            return None, Reap(vat)
    return scheduler.choose(store)
