"""Which event runs next: one object, so that another order can take its place.

This one is first come, first served.
"""

from __future__ import annotations

from typing import Protocol

from swingset.core.store import KernelStore
from swingset.model.messages import Event


class Scheduler(Protocol):
    """Chooses the next event of the run-queue."""

    def choose(self, store: KernelStore) -> tuple[int, Event] | None:
        """The position and the event to run next, or None where nothing can run."""
        ...


class FirstComeFirstServed:
    """The event that has waited longest."""

    def choose(self, store: KernelStore) -> tuple[int, Event] | None:
        """The head of the run-queue."""
        return store.queues.head()
