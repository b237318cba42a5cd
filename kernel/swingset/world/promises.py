"""Kernel promises: the decider, subscribers, waiting messages and outcome of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from swingset.model.capdata import CapData, promise_named
from swingset.model.messages import QueuedEvent, event_to_json
from swingset.model.states import HeldPolicy, PromiseState
from swingset.world.errors import DamagedRow
from swingset.world.holdings import size
from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

UNRESOLVED: Final = "unresolved"
FORWARDED: Final = "forwarded"
FULFILLED: Final = "fulfilled"
REJECTED: Final = "rejected"


class PromiseRecord(NamedTuple):
    """One promise.

    `decider` is a vat, or None for the kernel. For a forwarded promise it is the kref of the promise that it
    follows, which is also the one slot of its data. `policy` is set while the host holds the promise.
    """

    kref: str
    state: PromiseState
    decider: str | None
    refcount: int
    policy: HeldPolicy | None
    body: str | None = None
    slots: tuple[str, ...] | None = None

    @property
    def data(self) -> CapData | None:
        """The outcome, or a reference to the promise that it follows; None while it is unresolved."""
        return None if self.body is None else CapData(self.body, self.slots or ())


class Waiting(NamedTuple):
    """A message that waits for a promise."""

    promise: str
    seq: int
    item: QueuedEvent
    sender: int | None


class Subscriber(NamedTuple):
    """A vat that is notified when a promise is settled."""

    promise: str
    vat: str


class KeptPromise(NamedTuple):
    """A promise whose decider keeps it across an upgrade."""

    promise: str


_PROMISES, _QUEUE = (
    Table("promises", PromiseRecord, heavy=("body", "slots")),
    Table("promise_queue", Waiting, heavy=("item",)),
)
_SUBSCRIBERS, _KEPT = Table("subscribers", Subscriber), Table("kept", KeptPromise)


class Promises:
    """The tables `promises`, `subscribers`, `promise_queue` and `kept`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._rows = Rows(world, _PROMISES)
        self._queue = Rows(world, _QUEUE)
        self._subscribers = Rows(world, _SUBSCRIBERS)
        self._kept = Rows(world, _KEPT)
        self._by_decider = self._rows.index("decider")
        self._queued_to = self._queue.index("promise")
        self._subscribed_to = self._subscribers.index("promise")
        # Counts by promise, valid until state is next rolled back.
        self._waits: dict[str, tuple[int, int]] = {}
        self._counted = world.rewound

    def add(self, kref: str, decider: str | None, policy: HeldPolicy | None = None) -> None:
        """Record a new unresolved promise."""
        self._rows.add(PromiseRecord(kref, UNRESOLVED, decider, 0, policy))

    def get(self, kref: str) -> PromiseRecord | None:
        """The promise of that name, or None."""
        return self._rows.get(kref)

    def all(self) -> Iterator[PromiseRecord]:
        """Every promise."""
        return self._rows.select("order by kref")

    def decided_by(self, vat: str) -> list[str]:
        """The unresolved promises that `vat` decides, oldest first."""
        return _oldest_first(self._by_decider.keys(vat))

    def followers(self, kref: str) -> list[str]:
        """The promises that were forwarded to this one, oldest first."""
        return self.decided_by(kref)

    def forward(self, kref: str, target: str) -> None:
        """Forward a promise: from then on it follows `target`."""
        follows = promise_named(target)
        self._rows.change(kref, state=FORWARDED, decider=target, body=follows.body, slots=follows.slots)
        self.give_up(kref)

    def set_decider(self, kref: str, decider: str | None) -> None:
        """Set who may settle the promise: a vat, or the kernel (None)."""
        self._rows.change(kref, decider=decider)

    def set_policy(self, kref: str, policy: HeldPolicy | None) -> None:
        """Set what the host wants done with the outcome; None if the host does not hold the promise."""
        self._rows.change(kref, policy=policy)

    def count(self, kref: str, change: int) -> None:
        """Add to the reference count (negative to subtract)."""
        self._rows.count(kref, refcount=change)

    def settle(self, kref: str, state: PromiseState, data: CapData) -> None:
        """Store the outcome: `fulfilled` or `rejected`, with its data. The promise then has no decider."""
        self._rows.change(kref, state=state, decider=None, body=data.body, slots=data.slots)
        self.give_up(kref)

    def delete(self, kref: str) -> None:
        """Delete the promise and its subscribers."""
        self._rows.delete(kref)
        self.unsubscribe_all(kref)

    def subscribe(self, kref: str, vat: str) -> None:
        """Have `vat` notified once when the promise is settled, however often it subscribes."""
        self._subscribers.put(Subscriber(kref, vat))

    def subscribers(self, kref: str) -> list[str]:
        """The subscribed vats, sorted as strings (the reference's order)."""
        return sorted(found.vat for found in self._subscribers.of(self._subscribed_to, kref))

    def unsubscribe(self, kref: str, vat: str) -> None:
        """Delete the subscription of `vat`, if there is one."""
        self._subscribers.delete(kref, vat)

    def unsubscribe_all(self, kref: str) -> None:
        """Delete all subscriptions."""
        for key in self._subscribed_to.keys(kref):
            self._subscribers.delete(*key)

    def keep(self, kref: str) -> None:
        """Keep the promise for the next incarnation of its decider, if it is unsettled at the upgrade."""
        self._kept.put(KeptPromise(kref))

    def give_up(self, kref: str) -> None:
        """Undo `keep`, if it was called."""
        self._kept.delete(kref)

    def kept_by(self, vat: str) -> list[str]:
        """The promises that `vat` decides and keeps, oldest first."""
        return [kref for kref in self.decided_by(vat) if self._kept.has(kref)]

    def enqueue(self, kref: str, seq: int, event: QueuedEvent, sender: int | None = None) -> None:
        """Queue a message to the promise; `sender` is the number of the record that sent it."""
        count, kept = self.waits(kref)
        self._queue.add(Waiting(kref, seq, event, sender))
        self._waits[kref] = (count + 1, kept + size(event_to_json(event)))

    def waits(self, kref: str) -> tuple[int, int]:
        """How many messages wait for the promise, and how many bytes they have."""
        if self._counted != self._world.rewound:
            self._counted = self._world.rewound
            self._waits.clear()
        found = self._waits.get(kref)
        if found is None:
            query = (
                "SELECT count(*), coalesce(sum(octet_length(item)), 0) from promise_queue where promise = ?"
            )
            ((count, kept),) = self._world.rows(query, (kref,))
            found = self._waits[kref] = (int(count), int(kept))
        return found

    def waiting(self, kref: str) -> list[tuple[str, int | None]]:
        """The stored text and the sender of each message that waits for the promise, oldest first."""
        rows = (self._queue.row(*key) for key in sorted(self._queued_to.keys(kref)))
        return [(row[2], row[3]) for row in rows if row is not None]

    def waiting_events(self, kref: str) -> list[QueuedEvent]:
        """The messages that wait for the promise, oldest first, as events."""
        found = sorted(self._queue.of(self._queued_to, kref), key=lambda waiting: waiting.seq)
        return [waiting.item for waiting in found]

    def forget_waiting(self, kref: str) -> None:
        """Delete the messages that wait for the promise."""
        for key in self._queued_to.keys(kref):
            self._queue.delete(*key)
        self._waits.pop(kref, None)

    def missing(self, kref: str, why: str) -> DamagedRow:
        """Make the error for a promise whose row is missing; `why` says what refers to it."""
        return self._rows.missing(kref, why=why)

    def astray(self, promise: PromiseRecord) -> DamagedRow:
        """Make the error for a promise that follows a missing promise, or itself through others."""
        words = f"it is forwarded to {promise.decider}, which is missing or leads back to it"
        return DamagedRow(self._world.name, "promises", promise.kref, words)


def _oldest_first(keys: list[tuple[Any, ...]]) -> list[str]:
    return sorted((kref for (kref,) in keys), key=lambda kref: int(kref[2:]))
