"""What the kernel tells an order of the run-queue in which messages bid.

The tables tell it what is queued, settled and dropped, and know nothing of how it chooses. A world without a
market has none, and calls nothing here.
"""

from __future__ import annotations

from typing import Protocol

from swingset.model.messages import Event, QueuedEvent
from swingset.world.vats import VatRecord


class Market(Protocol):
    """What an order of the run-queue in which messages bid is told by the tables."""

    def enqueued(self, event: QueuedEvent) -> QueuedEvent:
        """The event as it is to be queued."""
        ...

    def rejoined(self, item: str) -> str:
        """The stored text of a message that comes back from a promise, as it is to be queued."""
        ...

    def settled(self, kref: str) -> None:
        """A promise was settled or follows another, or an object lost its owner."""
        ...

    def ended(self, vat: str) -> None:
        """A vat was terminated."""
        ...

    def dropped(self, event: Event) -> None:
        """An event was delivered or dropped."""
        ...

    def end(self) -> None:
        """No crank is under way any more."""
        ...

    def rented(self, vat: VatRecord, *, pays: bool) -> str | None:
        """A delivery has ended; returns why its vat cannot pay its rent, or None."""
        ...

    @property
    def fuel(self) -> int | None:
        """How many computrons the delivery of this crank may spend at most; None for no limit."""
        ...

    def stopped(self, most: int | None) -> str | None:
        """What to say of a delivery that spent all of that, in a vat that may spend `most`."""
        ...
