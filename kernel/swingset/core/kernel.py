"""The kernel as its host sees it: the cranks, and what the host may ask for between them.

Every request succeeds completely or changes nothing, like a crank. None commits: the host decides when to.
"""

from __future__ import annotations

import contextlib
from typing import Any

from swingset.core.budget import Budget
from swingset.core.cranks import Cranks
from swingset.core.errors import KernelError, NoSuchVat, VatExists
from swingset.core.kernel_options import checked
from swingset.core.lifecycle import LeftBehind
from swingset.core.options import NAME_WANTS, host_options, name_trouble, reserved
from swingset.core.syscalls import DeliverySyscalls
from swingset.core.translate import Translator
from swingset.core.warehouse import limits_of
from swingset.model import capdata, reasons, syscalls
from swingset.model.capdata import NOTHING, CapData
from swingset.model.foreign import Unreadable, read_json, shown
from swingset.model.messages import (
    ChangeVatOptions,
    CloneVat,
    CreateVat,
    Message,
    QueuedEvent,
    Send,
    UpgradeVat,
    answer_of,
    event_from_json,
)
from swingset.model.refs import is_called_well, is_kref, kref_type
from swingset.model.states import HeldPolicy
from swingset.model.visible import one_line
from swingset.model.wording import fit, named
from swingset.workers.base import Worker
from swingset.world.errors import DamagedRow
from swingset.world.promises import UNRESOLVED
from swingset.world.vats import ATTACHED, LIVE, SUSPENDED, TERMINATED, VatRecord

_COUNTERS = "idCounters"  # where a guest keeps them


class Kernel:
    """The kernel of one world: its cranks, the parts that others use of them, and the host's requests."""

    def __init__(self, cranks: Cranks) -> None:
        self.cranks = cranks
        self.world = cranks.world
        self.store = cranks.store
        self.options = cranks.options
        self.warehouse = cranks.warehouse
        self.agenda = cranks.agenda
        self.devices = cranks.devices
        self.ahead = cranks.ahead
        self.metering = cranks.metering
        self.administration = cranks.administration
        self.departures = cranks.departures
        self.request = cranks.request

    def vat(self, name: str) -> VatRecord:
        """The live or suspended vat of that name; raises `NoSuchVat`, which lists the existing names."""
        vat = self.store.vats.named(name)
        if vat is None:
            vats = self.store.vats.all()
            for gone in reversed(vats):
                if gone.name == name and (gone.reason or "").startswith(f"{reasons.MOVED}:"):
                    words = (gone.reason or "").partition(": ")[2]
                    raise NoSuchVat(f"{words}: references to its objects lead there")
            known = named((v.name for v in vats if v.state != TERMINATED), "none yet")
            raise NoSuchVat(f"there is no vat {name!r}; there are: {known}")
        return vat

    def has_root(self, name: str) -> bool:
        """Whether the kernel still knows a vat's root object, which is collected if nothing holds it."""
        return self.cranks.lifecycle.root_of(self.vat(name).id) is not None

    def root_of(self, name: str) -> str:
        """The kref of a vat's root object; raises `NoSuchVat` if it was collected."""
        root = self.cranks.lifecycle.root_of(self.vat(name).id)
        if root is None:
            raise NoSuchVat(
                f"the root object of vat {name} is gone, because nothing held it; the vat can be reached only"
                " through its other exports"
            )
        return root

    def queue_message(self, target: str, methargs: CapData, *, policy: HeldPolicy = "ignore") -> str:
        """Send a message from outside; the host holds the result promise, whose kref is returned."""
        with self.request("send", target=target, methargs=methargs.to_json(), policy=policy):
            result = self.store.new_promise(None, policy)
            self.store.hold(result)
            self.store.enqueue(Send(target, Message(methargs, result)))
        return result

    def queue_one_way(self, target: str, methargs: CapData) -> None:
        """Send a message from outside whose result nobody wants."""
        with self.request("send", target=target, methargs=methargs.to_json(), policy="none"):
            self.store.enqueue(Send(target, Message(methargs)))

    def queue_creation(
        self,
        name: str,
        worker: str,
        parts: tuple[tuple[str, str], ...],
        parameters: CapData,
        options: dict[str, Any],
        *,
        first: bool = False,
        service: bool = False,
    ) -> str:
        """Queue the start of a new vat; with `first`, at the front of the queue.

        Returns the promise for its root, which the host holds. Only a `service`, a vat that comes with the
        library, may have a reserved name. Raises `KernelError` for a name or an option that is not allowed.
        """
        if (trouble := name_trouble(name)) is not None:
            raise KernelError(f"{trouble}: {NAME_WANTS}")
        if not service and (taken := reserved(name)) is not None:
            raise KernelError(taken)
        if self.store.vats.named(name) is not None:
            raise VatExists(f"vat {name} exists; upgrade it, or give the new one another name")
        options = self.checked_options(name, options)
        self.warehouse.factory(worker)
        bundle = self.world.bundles.id_of(parts)
        given = {"name": name, "worker": worker, "bundle": bundle, "parameters": parameters.to_json()}
        with self.request("create-vat", **given, options=options, first=first, service=service):
            self.world.bundles.put(parts)
            result = self.store.new_promise(None, "ignore")
            self.store.hold(result)
            vat = self.store.new_vat_id()
            event = CreateVat(vat, name, worker, options, bundle, parameters, result)
            self.store.enqueue(event, first=first)
        return result

    def queue_upgrade(
        self,
        name: str,
        parts: tuple[tuple[str, str], ...],
        parameters: CapData | None,
        message: str,
        *,
        first: bool = False,
    ) -> str:
        """Queue an upgrade; with `first`, at the front of the queue.

        Returns the promise for `{"incarnationNumber": N}`, which the host holds.
        """
        vat = self.vat(name)
        if vat.attached:
            raise KernelError(f"vat {name} lives in the embedder's interpreter: restart that to upgrade it")
        self.warehouse.factory(vat.worker)
        given = parameters or NOTHING
        bundle = self.world.bundles.id_of(parts)
        asked = {"vat": vat.id, "bundle": bundle, "parameters": given.to_json(), "message": message}
        with self.request("upgrade-vat", **asked, first=first):
            self.world.bundles.put(parts)
            result = self.store.new_promise(None, "ignore")
            self.store.hold(result)
            self.store.enqueue(UpgradeVat(vat.id, bundle, given, message, result), first=first)
        return result

    def snapshot(self, vat: VatRecord) -> str | None:
        """Save the heap of a vat; see `Warehouse.snapshot`."""
        with self.request("snapshot-vat", vat=vat.id):
            return self.warehouse.snapshot(vat)

    def keep_sources(self, name: str, parts: tuple[tuple[str, str], ...]) -> None:
        """Keep the cells that a vat of that name is made of, or is to be."""
        with self.request("keep-sources", vat=name, parts=[list(part) for part in parts]):
            self.store.sources.replace(name, parts)

    def change_options(self, name: str, changes: dict[str, Any]) -> None:
        """Change options of a vat; None resets one to its default. Raises `KernelError` for a bad one."""
        vat = self.vat(name)
        changes = self.checked_options(name, changes, changing=True)
        with self.request("change-options", vat=vat.id, options=changes):
            self.administration.change_options(vat.id, changes)

    def change_kernel_options(self, changes: object) -> None:
        """Change options of the kernel. Raises `KernelError` for a bad one, and then changes none."""
        options = checked(changes)
        with self.request("change-kernel-options", options=options):
            self.options.change(options)

    def checked_options(self, name: str, options: object, *, changing: bool = False) -> dict[str, Any]:
        """Options of a vat in the kernel's spelling. Raises `KernelError` for a bad one."""
        found = host_options(name, options, changing=changing)
        if found.get("meter") is not None:
            self.metering.get(found["meter"])
        if found.get("account") is not None:
            if self.agenda.market is None:
                raise KernelError(f"vat {name}: option account wants a market, and this world has none")
            self.agenda.market.accounts.get(found["account"])
        return found

    def queue_options(self, name: str, options: dict[str, Any]) -> ChangeVatOptions:
        """Queue, at the front, the delivery of options to a vat; returns the event."""
        event = ChangeVatOptions(self.vat(name).id, options)
        with self.request("tell-options", vat=event.vat, options=options):
            self.store.enqueue(event, first=True)
        return event

    def withdraw_options(self, told: ChangeVatOptions) -> None:
        """Withdraw options that have not been delivered to a vat yet."""
        with self.request("withdraw-options", vat=told.vat, options=told.options):
            for seq, event in self.store.queues.all():
                if event == told:
                    self.store.queues.take(seq)

    def release_result(self, kref: str) -> None:
        """Release a promise that the host held."""
        with self.request("release", kref=kref):
            self.store.promises.set_policy(kref, None)
            self.store.release(kref)

    def pin(self, kref: str) -> None:
        """Hold an object for the host until it is unpinned."""
        with self.request("pin", kref=kref):
            if not self.store.pins.has(kref):
                self.store.pins.add(kref)
                self.store.hold(kref)

    def unpin(self, kref: str) -> None:
        """Release an object that the host had pinned. Raises `KernelError` for one that it had not."""
        if not self.store.pins.has(kref):
            raise KernelError(f"{kref} is not pinned")
        with self.request("unpin", kref=kref):
            self.store.pins.delete(kref)
            self.store.release(kref)

    def queued_starts(self) -> list[tuple[int, str, str]]:
        """The starts of code in the run-queue: position, description and kind of worker of each."""
        found = []
        for seq, event in self.store.queues.all():
            if isinstance(event, CreateVat):
                found.append((seq, f"the creation of vat {event.name}", event.worker))
            elif isinstance(event, CloneVat) and (vat := self.store.vats.get(event.vat)) is not None:
                found.append((seq, f"the clone {event.name} of vat {vat.name}", vat.worker))
            elif isinstance(event, UpgradeVat) and (vat := self.store.vats.get(event.vat)) is not None:
                found.append((seq, f"the upgrade of vat {vat.name}", vat.worker))
        return found

    def terminate(self, name: str, reason: str) -> None:
        """End a vat at once, from outside."""
        vat = self.vat(name)
        with self.request("terminate-vat", vat=vat.id, reason=reason):
            words = f"vat terminated: {reason}" if reason else "vat terminated"
            self.cranks.judge.end(vat, reasons.TERMINATED, words, capdata.data(reason) if reason else None)

    def position_of(self, vat: VatRecord) -> int:
        """The number of deliveries in the transcript of a vat.

        For a vat without a transcript, the number since it was last reaped.
        """
        if vat.recorded:
            return self.store.vats.span(vat.id).position
        return self.store.reaping.dirt(vat.id).deliveries

    def suspend(self, name: str, reason: str) -> None:
        """Suspend a vat: its events are parked instead of delivered."""
        vat, reason = self.vat(name), fit(reason)
        with self.request("suspend-vat", vat=vat.id, reason=reason):
            self.store.vats.save(vat.having(state=SUSPENDED, reason=reason))

    def resume(self, name: str) -> None:
        """Resume a suspended vat; its parked events come first.

        A start of it that was passed over is tried again, also the start of a vat that is not created yet.
        """
        if self.store.vats.named(name) is None and self.agenda.take_up(name=name):
            return
        vat = self.vat(name)
        self.agenda.take_up(vat=vat.id)
        with self.request("resume-vat", vat=vat.id):
            self.store.vats.save(vat.having(state=LIVE, reason=None))
            self.store.queues.unpark(vat.id)

    def resume_refused(self) -> list[str]:
        """Resume vats that were suspended for want of a worker and can have one now; returns their names."""
        found = []
        for vat in self.store.vats.suspended():
            if (vat.reason or "").startswith(f"{reasons.WORKER_REFUSED}:"):
                with contextlib.suppress(KernelError):
                    self.warehouse.factory(vat.worker, vat.id)
                    found.append(vat.name)
        for name in found:
            self.resume(name)
        return found

    def drop_parked(self, name: str) -> QueuedEvent | None:
        """Drop the first event that is parked for a suspended vat, and return it; None if there is none.

        A message is rejected to its sender with the reason `dropped`. If the event is a notification, the vat
        never learns that promise's outcome.
        """
        vat = self.vat(name)
        parked = self.store.queues.parked(vat.id, 1)
        if not parked:
            return None
        ((seq, event),) = parked
        with self.request("drop-parked", vat=vat.id):
            self.store.queues.drop_parked(vat.id, seq)
            if isinstance(event, Send):
                words = f"the host gave up this message, which waited while vat {name} was suspended"
                self.cranks.judge.reject(event.message, capdata.error("Error", words, code=reasons.DROPPED))
            self.store.consume(event)
        return event

    def drop_queued(self, seq: int) -> QueuedEvent | None:
        """Drop the event at a position of the run-queue; returns it, or None if it is damaged.

        The event's result is rejected with the reason `dropped`; a dropped notification is not delivered. The
        references of a damaged event cannot be read, so they stay counted; its result is rejected if the text
        still names it. Raises `KernelError` if nothing waits at the position.
        """
        store, event = self.store, None
        text = store.queues.text_at(seq)
        if text is None:
            raise KernelError(f"nothing waits in the run-queue at {seq}")
        with contextlib.suppress(ValueError):
            event = event_from_json(text)
        with self.request("drop-event", position=seq):
            store.queues.take(seq)
            answer = answer_of(text)
            promise = store.promises.get(answer) if answer is not None else None
            if promise is not None and promise.state == UNRESOLVED and promise.decider is None:
                rejection = capdata.error("Error", "the host gave up this event", code=reasons.DROPPED)
                store.resolve([(promise.kref, True, rejection)])
                if isinstance(event, CreateVat | CloneVat):
                    made = event.vat if isinstance(event, CreateVat) else event.clone
                    self.devices.vat_ended(made, True, rejection)
            if event is not None:
                store.consume(event)
        return event

    def add_device(self, name: str, kind: str) -> str:
        """The root node of the device of that name, which is made if there is none."""
        with self.request("add-device", name=name, kind=kind):
            return self.devices.ensure(name, kind).root

    # Attached vats: those whose interpreter is the embedder's own.

    def attach(self, name: str, worker: Worker, message: str) -> tuple[VatRecord, LeftBehind]:
        """Give a vat of that name the embedder's worker: a new vat, or the next incarnation of an old one."""
        if not is_called_well(name):
            raise KernelError(f"no vat can be called {shown(name)}: {NAME_WANTS}")
        vat = self.store.vats.named(name)
        left_behind = LeftBehind((), ())
        if vat is not None:
            self._check_counters(vat.id)
        with self.request("attach-vat", name=name, message=message):
            if vat is None:
                vat_id = self.store.new_vat_id()
                record = VatRecord(
                    vat_id, name, ATTACHED, LIVE, None, 0, None, NOTHING, {}, self.cranks.count
                )
                self.store.vats.add(record)
            elif not vat.attached:
                raise VatExists(f"vat {name} runs in a worker of its own and cannot be attached")
            else:
                vat_id = vat.id
                left_behind = self.cranks.lifecycle.restart_attached(vat_id, message)
                self.store.queues.unpark(vat_id)
        self.warehouse.attach(vat_id, worker)
        return self.store.vats.known(vat_id), left_behind

    def _check_counters(self, vat_id: str) -> None:
        """Raise `DamagedRow` unless the counters of an attached vat are numbers: this process reads them."""
        text = self.store.vatstore.get(vat_id, _COUNTERS)
        try:
            known = {} if text is None else read_json(text)
        except Unreadable:
            known = None
        if not isinstance(known, dict) or not all(
            type(value) is int and value > 0 for value in known.values()
        ):
            words = "value is no object of numbers from 1"
            raise DamagedRow(self.world.name, "vatstore", f"{vat_id} {_COUNTERS}", words)

    def unpark(self, vat_id: str) -> None:
        """Try again the events that wait for an attached vat's code, after some code was defined."""
        if self.store.queues.parked(vat_id):
            with self.request("unpark", vat=vat_id):
                self.store.queues.unpark(vat_id)

    def outside_syscall(self, vat_id: str, raw: list[Any]) -> list[Any]:
        """Serve a syscall that an attached vat makes between deliveries, for example from a cell."""
        syscall = syscalls.read(raw)
        handler = DeliverySyscalls(self.store, vat_id, self.devices)
        self._refuse_ended(vat_id)
        vat = self.store.vats.known(vat_id)
        with self.request("syscall", vat=vat_id, syscall=raw) as crank:
            self.store.budget = Budget(limits_of(vat))
            try:
                answer = handler(syscall)
            finally:
                self.store.budget = None
            if handler.illegal is not None or handler.over is not None:
                crank.undo()
            elif not str(raw[0]).startswith("vatstore"):
                self.cranks.deliverer.record(vat, ["turn"], handler.log, None, self.cranks.count)
            self.cranks.judge.terminate_marked()
        return answer

    def introduce(self, vat_id: str, kref: str) -> str:
        """Add a kref to a vat's c-list for the host; returns the vat's name for it.

        Raises `NoSuchVat`, and `KernelError` for what is not in the world: its count would have no row.
        """
        self._refuse_ended(vat_id)
        known = self.store.promises if is_kref(kref) and kref_type(kref) == "p" else self.store.objects
        if known.get(kref) is None:
            raise KernelError(f"there is no {one_line(kref, 60)} in this world: it is gone, or never was")
        with self.request("introduce", vat=vat_id, kref=kref):
            return Translator(self.store, vat_id).to_vat(kref)

    def take_capdata(self, vat_id: str, raw: dict[str, Any]) -> CapData:
        """Translate a vat's capdata to krefs; objects that are new to the kernel become the vat's exports."""
        self._refuse_ended(vat_id)
        with self.request("take-capdata", vat=vat_id, capdata=raw):
            return Translator(self.store, vat_id).capdata_to_kernel(CapData.from_json(raw))

    def _refuse_ended(self, vat_id: str) -> None:
        vat = self.store.vats.get(vat_id)
        if vat is None or vat.state == TERMINATED:
            name = vat.name if vat else vat_id
            raise NoSuchVat(f"vat {name} was terminated: nothing can be said or given in its name any more")

    def recognize(self, vat_id: str, vref: str) -> str | None:
        """The kref of a vat's own name, or None."""
        entry = self.store.clists.by_vref(vat_id, vref)
        return entry.kref if entry else None
