"""The kernel's view of the world file: its tables, and the counts that tie them together.

A reference count is the number of holders of an object or a promise: each import in a c-list, and each
mention in a waiting event or in the outcome of a promise. Every change passes through here, so that `settle`,
called once at the end of a crank, can delete what nothing holds. Nothing is deleted in the middle of a crank,
where a count may be zero for a moment. Nothing reads a count there either, and most change there and back, so
changes are summed here, and their sums are stored at the end of a crank and before a savepoint inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from swingset.core.budget import MOST_WAITING, MOST_WAITING_BYTES, REFERENCE, SYSCALL, Budget
from swingset.core.effects import Effects
from swingset.core.options import option_wants
from swingset.core.order import Market
from swingset.core.panic import Panic
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData
from swingset.model.foreign import stored_size
from swingset.model.messages import Event, Notify, QueuedEvent, Send, event_to_json
from swingset.model.refs import FIRST, kref_type
from swingset.model.states import HeldPolicy
from swingset.world.activity import Activity
from swingset.world.clists import CLists
from swingset.world.counters import Counters
from swingset.world.device_records import Devices
from swingset.world.file import WorldFile
from swingset.world.footprints import Footprints
from swingset.world.gc import DROP_EXPORT, RETIRE_EXPORT, RETIRE_IMPORT, GCActions, Reaping
from swingset.world.graveyard import Graveyard
from swingset.world.holdings import Holdings, size
from swingset.world.meters import Meters
from swingset.world.objects import Objects
from swingset.world.pins import Pins
from swingset.world.promises import FORWARDED, FULFILLED, REJECTED, UNRESOLVED, PromiseRecord, Promises
from swingset.world.queues import Queues
from swingset.world.sources import Sources
from swingset.world.vats import TERMINATED, Vats
from swingset.world.vatstore import VatStore

PANIC = "panic"
"""The policy of a host's message whose rejection stops the kernel."""


_UNCHANGED = (0, 0)

LONG_WAY = 16
"""How many forwards in a row are followed without shortening the chain."""


class KernelStore:
    """All kernel state of one world."""

    def __init__(self, world: WorldFile) -> None:
        self.world = world
        self.counters = Counters(world)
        self.activity = Activity(world)
        self.vats = Vats(world, option_wants)
        self.objects = Objects(world)
        self.promises = Promises(world)
        self.clists = CLists(world)
        self.queues = Queues(world)
        self.vatstore = VatStore(world)
        self.holdings = Holdings(world)
        self.footprints = Footprints(world)
        self.sources = Sources(world)
        self.gc = GCActions(world)
        self.reaping = Reaping(world)
        self.graveyard = Graveyard(world)
        self.meters = Meters(world)
        self.devices = Devices(world)
        self.panic = Panic(world)
        self.pins = Pins(world)
        self.in_crank = False  # whether a crank has begun and not ended
        self.budget: Budget | None = None  # of the current delivery
        self.effects = Effects()  # of devices, in the current crank or request
        self.to_terminate: dict[str, CapData] = {}  # vats to terminate in this crank, with their last words
        self.node_gone: Callable[[str, CapData], None] | None = None
        """Called with the device and the state of each device node that nothing holds any more."""
        self.market: Market | None = None
        """The market of this world, which is told of messages; None without one."""
        self._touched: dict[str, tuple[int, int]] = {}
        """What `settle` has to look at, with what its counts change by: reachable and recognizable."""

    def write(self, bytes: int) -> None:
        """Count bytes that the current delivery, if any, adds to the world. Raises `OverLimit`."""
        if self.budget is not None:
            self.budget.write(bytes)

    def write_data(self, value: CapData) -> None:
        """Count a value that the current delivery, if any, stores. Raises `OverLimit`."""
        if self.budget is not None:
            self.budget.write(size_of(value))

    # Names

    def new_vat_id(self) -> str:
        """The next vat id."""
        return f"v{self.counters.take('v', FIRST['v'])}"

    def new_object(self, owner: str) -> str:
        """Make a new object of `owner`, which nothing holds yet; returns its kref."""
        kref = f"ko{self.counters.take('ko', FIRST['ko'])}"
        self.objects.add(kref, owner)
        self.touch(kref)
        return kref

    def new_promise(self, decider: str | None, policy: HeldPolicy | None = None) -> str:
        """Make a new unresolved promise, which nothing holds yet; returns its kref."""
        kref = f"kp{self.counters.take('kp', FIRST['kp'])}"
        self.promises.add(kref, decider, policy)
        self.touch(kref)
        return kref

    def new_device_node(self, device: str) -> str:
        """Make a new node of a device, which nothing holds yet; returns its kref."""
        kref = f"kd{self.counters.take('kd', FIRST['kd'])}"
        self.objects.add(kref, device)
        self.touch(kref)
        return kref

    def keep_for_device(self, device: str, key: str, value: CapData | None) -> None:
        """Store a value in a device's state, or delete it with None. References in it are held meanwhile."""
        before = self.devices.load(device, key)
        for data in (before, value):
            if data is not None:
                self.write_data(data)
        for slot in value.slots if value else ():
            self.hold(slot)
        for slot in before.slots if before else ():
            self.release(slot)
        self.devices.keep(device, key, value)

    # Counts

    def hold(self, kref: str) -> None:
        """Count a reachable reference that the kernel or a c-list holds."""
        self._count(kref, 1, 1)

    def release(self, kref: str) -> None:
        """Take back one `hold`."""
        self._count(kref, -1, -1)

    def set_reachable(self, vat: str, kref: str, reachable: bool, *, exported: bool) -> None:
        """Set whether `vat` can reach an object that it imported, or the kernel can reach an export of it.

        Only imports are counted.
        """
        self.clists.set_reachable(vat, kref, reachable)
        if not exported:
            self._count(kref, 1 if reachable else -1, 0)

    def forget(self, vat: str, kref: str, *, exported: bool, reachable: bool = True) -> None:
        """Delete a c-list entry, and release the count of an import or a promise."""
        self.clists.delete(vat, kref)
        if kref_type(kref) == "p" or not exported:
            self._count(kref, -1 if reachable else 0, -1)

    def touch(self, kref: str) -> None:
        """Have `settle` check an object or a promise even if its counts do not change."""
        self._touched.setdefault(kref, _UNCHANGED)

    def _count(self, kref: str, reachable: int, recognizable: int) -> None:
        before = self._touched.get(kref, _UNCHANGED)
        self._touched[kref] = before[0] + reachable, before[1] + recognizable

    def store_counts(self) -> None:
        """Store the counts as they are now."""
        for kref, change in self._touched.items():
            if change != _UNCHANGED:
                self._change_counts(kref, *change)
                self._touched[kref] = _UNCHANGED

    def _change_counts(self, kref: str, reachable: int, recognizable: int) -> None:
        if kref_type(kref) == "p":
            self.promises.count(kref, recognizable)
        else:
            self.objects.count(kref, reachable, recognizable)

    def savepoint(self, name: str) -> None:
        """Open a savepoint inside a crank or request; `rollback_to` then restores the counts too."""
        self.store_counts()
        self.world.savepoint(name)

    def rollback_to(self, name: str) -> None:
        """Roll back all changes since a savepoint that `savepoint` opened, which stays open."""
        self.world.rollback_to(name)
        self._touched = dict.fromkeys(self._touched, _UNCHANGED)

    def settle(self) -> None:
        """At the end of a crank, delete what nothing holds, and queue notifications for vats.

        The owner of an object that no vat can reach is notified to drop it, and to retire it if no vat can
        recognize it either. An orphan that no vat can reach is deleted, and vats that can recognize it are
        notified.
        """
        while self._touched:
            for kref in list(self._touched):
                change = self._touched.pop(kref)
                if change != _UNCHANGED:
                    self._change_counts(kref, *change)
                if kref_type(kref) == "p":
                    promise = self.promises.get(kref)
                    if promise is not None and promise.refcount == 0:
                        self._delete_promise(kref, promise.data)
                elif kref_type(kref) == "o":
                    self._settle_object(kref)
                else:
                    self._settle_device_node(kref)

    def _settle_object(self, kref: str) -> None:
        obj = self.objects.get(kref)
        if obj is None or obj.reachable > 0:
            return
        entry = self.clists.by_kref(obj.owner, kref) if obj.owner else None
        if entry is None or obj.owner is None or self.is_dead(obj.owner):
            if obj.owner is None:
                self.delete_object(kref)
            return
        if entry.reachable:
            self.gc.add(obj.owner, DROP_EXPORT, kref)
        if obj.recognizable == 0:
            self.gc.add(obj.owner, RETIRE_EXPORT, kref)

    def _settle_device_node(self, kref: str) -> None:
        """Delete a device node that nothing can reach, and release the references in its state."""
        node = self.objects.get(kref)
        if node is not None and node.reachable == 0:
            state = self.devices.load(node.owner, kref) if node.owner else None
            if node.owner is not None:
                self.keep_for_device(node.owner, kref, None)
            self.delete_object(kref)
            if node.owner is not None and state is not None and self.node_gone is not None:
                self.node_gone(node.owner, state)

    def delete_object(self, kref: str) -> None:
        """Delete an object; vats that can still recognize it are notified later."""
        for entry in self.clists.holders(kref):
            if "-" in entry.vref:
                self.gc.add(entry.vat, RETIRE_IMPORT, kref)
        self.objects.delete(kref)

    def orphan(self, kref: str, fate: str) -> None:
        """Take the owner of an object away; `fate` says why, to all who still send to it."""
        self.objects.orphan(kref, fate)
        if self.market is not None:
            self.market.settled(kref)

    def is_dead(self, vat: str) -> bool:
        """Whether the vat is terminated."""
        record = self.vats.get(vat)
        return record is None or record.state == TERMINATED

    def discard_touched(self) -> None:
        """Forget which counts change, after a rollback."""
        self._touched.clear()
        self.to_terminate.clear()

    def _delete_promise(self, kref: str, data: CapData | None) -> None:
        self.promises.delete(kref)
        for slot in data.slots if data else ():
            self.release(slot)

    # Events

    def enqueue(self, event: QueuedEvent, *, first: bool = False) -> int | None:
        """Put a new event into the run-queue, and hold the references in it.

        Returns its position if it is at the end.
        """
        self.write(SYSCALL)
        if self.market is not None:
            event = self.market.enqueued(event)
        for kref in event.refs():
            self.hold(kref)
        if isinstance(event, Send):
            self._count_waiting(event, 1)
        if not first:
            return self.queues.append(event)
        self.queues.prepend(event)
        return None

    def consume(self, event: Event) -> None:
        """Release the references in an event, after it was delivered or dropped."""
        if self.market is not None:
            self.market.dropped(event)
        for kref in event.refs():
            self.release(kref)
        if isinstance(event, Send):
            self._count_waiting(event, -1)

    def _count_waiting(self, send: Send, times: int) -> None:
        if send.sender is not None and self.footprints.follows(send.sender):
            self.footprints.sent(send.sender, times * size_of(send.message.methargs))

    def wait_for(self, promise: str, send: Send) -> bool:
        """Move a message from the run-queue to a promise, which it holds from then on.

        Returns False and changes nothing if the promise has as many waiting messages or bytes as it may.
        """
        waiting = replace(send, target=promise)
        count, kept = self.promises.waits(promise)
        if count >= MOST_WAITING or kept + size(event_to_json(waiting)) > MOST_WAITING_BYTES:
            return False
        if promise != send.target:
            self.hold(promise)
            self.release(send.target)
        self.promises.enqueue(promise, self.counters.take("queue", 1), waiting, self.queues.sender)
        return True

    # Promises

    def resolve(self, resolutions: Iterable[tuple[str, bool, CapData]]) -> None:
        """Settle promises: notify their subscribers, queue their waiting messages, and settle followers.

        A promise that is resolved to another promise follows it. Followers are settled after the promise that
        they follow, oldest first.
        """
        pending = list(resolutions)
        while pending:
            kref, rejected, outcome = pending.pop(0)
            target = None if rejected else capdata.sole_promise(outcome)
            if target is not None and kref_type(target) == "p":
                followed = self._follow(kref, target)
                if followed is None:
                    continue
                rejected, outcome = followed
            self._settle_promise(kref, rejected, outcome)
            pending[:0] = [
                (follower, *self._for_follower(rejected, outcome))
                for follower in self.promises.followers(kref)
            ]

    def _for_follower(self, rejected: bool, outcome: CapData) -> tuple[bool, CapData]:
        """The outcome for a follower: the same, or a rejection if the budget has no room for another copy."""
        if self.budget is None:
            return rejected, outcome
        self.budget.pass_on(SYSCALL)
        if self.budget.copy(size_of(outcome)):
            return rejected, outcome
        words = (
            "this promise followed another, and so many do that there is no room to give all of them the"
            f" outcome, which has {len(outcome.body):,} characters and {len(outcome.slots):,} references"
        )
        return True, capdata.error("Error", words, code=reasons.TOO_LARGE)

    def _follow(self, kref: str, target: str) -> tuple[bool, CapData] | None:
        """Forward a promise to an unsettled target and return None, or return the target's outcome."""
        promise = self.promises.get(target)
        if promise is None:
            raise self.promises.missing(target, f"{kref} is settled with it")
        promise = self.end_of(promise)
        if promise.kref == kref:
            words = f"promise {kref} cannot be forwarded to itself, directly or through other promises"
            return True, capdata.error("TypeError", words, code=reasons.PROMISE_CYCLE)
        if promise.state != UNRESOLVED and promise.data is not None:
            return promise.state == REJECTED, promise.data
        self.hold(promise.kref)
        self.promises.forward(kref, promise.kref)
        if self.market is not None:
            self.market.settled(kref)
        self._send_on(kref)
        self.touch(kref)
        return None

    def end_of(self, promise: PromiseRecord) -> PromiseRecord:
        """The last promise of a chain of forwards; a promise that follows none is returned itself.

        A long chain is walked only once: each promise in it is then forwarded to the last one directly, so
        that messages cannot make the host walk it again and again. Raises `DamagedRow` for a chain that has
        no end.
        """
        passed: dict[str, None] = {}
        while promise.state == FORWARDED and promise.decider is not None:
            passed[promise.kref] = None
            followed = self.promises.get(promise.decider)
            if followed is None or followed.kref in passed:
                raise self.promises.astray(promise)
            promise = followed
        if len(passed) > LONG_WAY:
            *first, _ = passed
            for kref, old in zip(first, list(passed)[1:], strict=True):
                self.hold(promise.kref)
                self.promises.forward(kref, promise.kref)
                self.release(old)
        return promise

    def _settle_promise(self, kref: str, rejected: bool, outcome: CapData) -> None:
        before = self.promises.get(kref)
        if before is None:
            raise self.promises.missing(kref, "it is to be settled")
        for slot in outcome.slots:
            self.hold(slot)
        for slot in before.data.slots if before.data else ():
            self.release(slot)
        subscribers = self.promises.subscribers(kref)
        self.promises.unsubscribe_all(kref)
        self.promises.settle(kref, REJECTED if rejected else FULFILLED, outcome)
        if self.market is not None:
            self.market.settled(kref)
        if rejected and before.policy == PANIC:
            self.panic.over_promise(kref)
        for vat in subscribers:
            self.enqueue(Notify(vat, kref))
        self._send_on(kref)
        self.touch(kref)

    def _send_on(self, kref: str) -> None:
        for item, sender in self.promises.waiting(kref):
            if self.budget is not None:
                self.budget.pass_on(size(item))
            if self.market is not None:
                item = self.market.rejoined(item)
            self.queues.append_item(item, sender)
        self.promises.forget_waiting(kref)


def size_of(value: CapData) -> int:
    """The bytes that a value counts for a budget."""
    return stored_size(value.body) + REFERENCE * len(value.slots)
