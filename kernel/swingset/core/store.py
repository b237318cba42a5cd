"""The kernel's view of the world file: its tables, and the counts that tie them together.

Reference counts say how many hold an object or a promise: each import in a c-list, and each mention by
an event that waits or by the outcome of a promise. Every change passes through here, so that `settle`,
called once at the end of a crank, can forget what nobody holds. Nothing is ever forgotten in the middle
of a crank, where a count may touch zero for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from swingset.model.capdata import CapData
from swingset.model.messages import Event, Notify, Send, event_from_json, event_to_json
from swingset.model.refs import FIRST, kref_type
from swingset.world.clists import CLists
from swingset.world.counters import Counters
from swingset.world.file import WorldFile
from swingset.world.objects import Objects
from swingset.world.promises import FULFILLED, REJECTED, Promises
from swingset.world.queues import Queues
from swingset.world.sources import Sources
from swingset.world.vats import Vats
from swingset.world.vatstore import VatStore


class KernelStore:
    """All kernel state of one world."""

    def __init__(self, world: WorldFile) -> None:
        self.world = world
        self.counters = Counters(world)
        self.vats = Vats(world)
        self.objects = Objects(world)
        self.promises = Promises(world)
        self.clists = CLists(world)
        self.queues = Queues(world)
        self.vatstore = VatStore(world)
        self.sources = Sources(world)
        self._touched: dict[str, None] = {}

    # Names

    def new_vat_id(self) -> str:
        """The next vat id."""
        return f"v{self.counters.take('v', FIRST['v'])}"

    def new_object(self, owner: str) -> str:
        """A new object of `owner`, which nobody holds yet."""
        kref = f"ko{self.counters.take('ko', FIRST['ko'])}"
        self.objects.add(kref, owner)
        self._touched[kref] = None
        return kref

    def new_promise(self, decider: str | None, policy: str | None = None) -> str:
        """A new unresolved promise, which nobody holds yet."""
        kref = f"kp{self.counters.take('kp', FIRST['kp'])}"
        self.promises.add(kref, decider, policy)
        self._touched[kref] = None
        return kref

    # Counts

    def hold(self, kref: str) -> None:
        """Count a reference that the kernel or a c-list holds, reachable."""
        self._count(kref, 1, 1)

    def release(self, kref: str) -> None:
        """Take back one `hold`."""
        self._count(kref, -1, -1)

    def set_reachable(self, vat: str, kref: str, reachable: bool) -> None:
        """Note whether `vat` can still reach an object that it imported, and count it."""
        self.clists.set_reachable(vat, kref, reachable)
        self._count(kref, 1 if reachable else -1, 0)

    def forget(self, vat: str, kref: str, *, exported: bool, reachable: bool = True) -> None:
        """Delete a c-list entry, with the count that an import or a promise has."""
        self.clists.delete(vat, kref)
        if kref_type(kref) == "p" or not exported:
            self._count(kref, -1 if reachable else 0, -1)

    def touch(self, kref: str) -> None:
        """Have `settle` look at an object whose owner, not count, has changed."""
        self._touched[kref] = None

    def _count(self, kref: str, reachable: int, recognizable: int) -> None:
        if kref_type(kref) == "p":
            self.promises.count(kref, recognizable)
        else:
            self.objects.count(kref, reachable, recognizable)
        self._touched[kref] = None

    def settle(self) -> None:
        """Forget promises that nobody holds and orphans that nobody recognizes."""
        while self._touched:
            krefs, self._touched = list(self._touched), {}
            for kref in krefs:
                if kref_type(kref) == "p":
                    promise = self.promises.get(kref)
                    if promise is not None and promise.refcount == 0:
                        self._delete_promise(kref, promise.data)
                else:
                    obj = self.objects.get(kref)
                    if obj is not None and obj.owner is None and obj.recognizable == 0:
                        self.objects.delete(kref)

    def discard_touched(self) -> None:
        """Forget which counts changed, after a rollback has undone the changes."""
        self._touched.clear()

    def _delete_promise(self, kref: str, data: CapData | None) -> None:
        for item in self.promises.take_waiting(kref):
            raise AssertionError(f"{kref} has no holder but a message waits for it: {item[:200]}")
        self.promises.delete(kref)
        for slot in data.slots if data else ():
            self.release(slot)

    # Events

    def enqueue(self, event: Event, *, first: bool = False) -> None:
        """Put a new event into the run-queue; what it mentions is held from now on."""
        for kref in event.refs():
            self.hold(kref)
        if first:
            self.queues.prepend(event)
        else:
            self.queues.append(event)

    def consume(self, event: Event) -> None:
        """Let go of what an event held, once it has been dealt with."""
        for kref in event.refs():
            self.release(kref)

    def wait_for(self, promise: str, send: Send) -> None:
        """Let a message that was in the run-queue, and whose references are held, wait for a promise."""
        self.promises.enqueue(promise, self.counters.take("queue", 1), event_to_json(send))

    # Promises

    def resolve(self, resolutions: Iterable[tuple[str, bool, CapData]]) -> None:
        """Settle promises: tell their subscribers, and send on what waited for them."""
        for kref, rejected, outcome in resolutions:
            for slot in outcome.slots:
                self.hold(slot)
            subscribers = self.promises.subscribers(kref)
            self.promises.unsubscribe_all(kref)
            self.promises.settle(kref, REJECTED if rejected else FULFILLED, outcome)
            for vat in subscribers:
                self.enqueue(Notify(vat, kref))
            for item in self.promises.take_waiting(kref):
                self.queues.append(event_from_json(item))
            self._touched[kref] = None
