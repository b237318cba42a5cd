"""The consequences of a delivery: for the vat itself, for the sender, and for the meter.

A delivery that failed is rolled back, and charged all the same. An illegal syscall terminates the vat, and so
does its own exit; an exit with a failure rolls the delivery back first. If the meter cannot pay, the delivery
is rolled back, and the vat is suspended or terminated, as its options say. Every termination goes through
this module, so everything that waits for one is notified: callers, the `done` promise, and the host if the
vat was critical.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from swingset.core.delivery import Delivered
from swingset.core.device_board import DeviceBoard
from swingset.core.kernel_options import KernelOptions
from swingset.core.lifecycle import Lifecycle
from swingset.core.metering import Metering
from swingset.core.options import TERMINATE
from swingset.core.report import CrankReport
from swingset.core.scheduler import Agenda
from swingset.core.store import KernelStore
from swingset.core.warehouse import Warehouse
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData
from swingset.model.messages import Event, Message, Notify, Send
from swingset.model.refs import kref_type
from swingset.model.reports import Fault
from swingset.world.gc import Dirt
from swingset.world.vats import SUSPENDED, TERMINATED, VatRecord


class Judge:
    """Carries out the consequences of deliveries. `undo` rolls back to just before the delivery."""

    def __init__(
        self,
        store: KernelStore,
        warehouse: Warehouse,
        agenda: Agenda,
        devices: DeviceBoard,
        metering: Metering,
        lifecycle: Lifecycle,
        options: KernelOptions,
        *,
        undo: Callable[[], None],
    ) -> None:
        self._store = store
        self._warehouse = warehouse
        self._agenda = agenda
        self._devices = devices
        self._metering = metering
        self._lifecycle = lifecycle
        self._options = options
        self._undo = undo

    def delivered(
        self,
        event: Event,
        vat: VatRecord,
        delivered: Delivered,
        number: int,
        *,
        deliveries: int = 1,
        krefs: int = 0,
    ) -> CrankReport:
        """Carry out the consequences of a delivery for the vat itself; the caller handles the sender."""
        result = delivered.result
        report = CrankReport(
            number, event, "delivered", vat.name, result.computrons, result.fault, result.console
        )
        if result.fault is not None:
            self._undo()
            self._metering.deduct(vat, result.computrons)
            if result.fault.code == reasons.ILLEGAL_SYSCALL:
                self.end(vat, reasons.ILLEGAL_SYSCALL, f"vat terminated: {result.fault.message}")
            return replace(report, outcome="refused")
        failed, info = delivered.exit_request or (False, None)
        if failed:
            self._undo()
        if not self._metering.charge(vat, result.computrons):
            self._undo()
            self._warehouse.discard(vat.id)
            return replace(report, outcome="starved", console=())
        if info is None:
            self._add_dirt(vat, Dirt(deliveries, krefs, result.computrons or 0))
            return report
        words = f"vat terminated: vat {vat.name} asked to end"
        self.end(vat, reasons.TERMINATED, words, self._last_words(info, failed), failed=failed)
        if failed and isinstance(event, Send):
            # Its delivery is undone, so the vat never came to decide the result.
            self.reject(event.message, capdata.error("Error", words, code=reasons.TERMINATED))
        return report

    def housekeeping(
        self,
        event: Event,
        vat: VatRecord,
        delivered: Delivered,
        number: int,
        *,
        deliveries: int = 1,
        krefs: int = 0,
    ) -> CrankReport:
        """The same for a delivery that must not be skipped: a vat that fails in one is suspended."""
        report = self.delivered(event, vat, delivered, number, deliveries=deliveries, krefs=krefs)
        if report.fault is not None and not self._store.is_dead(vat.id):
            # The notice is still pending, and the vat cannot go on without it.
            self._store.vats.save(vat.having(state=SUSPENDED, reason=str(report.fault)))
        return report

    def starved(self, seq: int | None, event: Event, report: CrankReport) -> CrankReport:
        """Suspend or terminate a vat whose meter could not pay for the crank, which is already undone."""
        vat = self._store.vats.named(report.vat or "")
        assert vat is not None
        if self._metering.starve(vat, report.computrons or 0) == TERMINATE:
            words = "meter underflow, vat terminated"
            self.end(vat, reasons.METER_EXHAUSTED, words)
            if isinstance(event, Send):
                self.reject(event.message, capdata.error("Error", words, code=reasons.METER_EXHAUSTED))
            return replace(report, outcome="refused", fault=Fault(reasons.METER_EXHAUSTED, words))
        starved = self._store.vats.get(vat.id)
        fault = Fault(reasons.METER_EXHAUSTED, (starved.reason if starved else None) or "")
        if seq is not None and isinstance(event, Send | Notify):
            self._store.queues.park(vat.id, seq, event)
        return replace(report, outcome="parked", fault=fault)

    def terminate_marked(self) -> None:
        """Terminate the vats that a device was asked to end in this crank."""
        while self._store.to_terminate:
            vat_id, outcome = next(iter(self._store.to_terminate.items()))
            del self._store.to_terminate[vat_id]
            vat = self._store.vats.get(vat_id)
            if vat is not None and vat.state != TERMINATED:
                self.end(vat, reasons.TERMINATED, "vat terminated", outcome)

    def end(
        self, vat: VatRecord, code: str, words: str, outcome: CapData | None = None, *, failed: bool = True
    ) -> None:
        """Terminate a vat. Its callers are rejected with the words; `outcome` settles its `done` promise."""
        told = outcome or capdata.error("Error", words, code=code)
        self._lifecycle.terminate(vat, code, words)
        self._devices.vat_ended(vat.id, failed, told)
        self._warehouse.discard(vat.id)
        self._agenda.take_up(vat=vat.id)
        if vat.options.get("critical"):
            self._store.panic.over_vat(vat.id, vat.name, words, outcome)

    def reject(self, message: Message, rejection: CapData) -> None:
        """Reject the result of a message."""
        if message.result is not None:
            self._store.resolve([(message.result, True, rejection)])

    def _add_dirt(self, vat: VatRecord, dirt: Dirt) -> None:
        """Count a vat's deliveries, references and computrons, and schedule a reaping when one is due."""
        total = self._store.reaping.add(vat.id, dirt)
        names = ("reap_interval", "reap_gc_krefs", "reap_computrons")
        limits = [vat.options[name] if name in vat.options else self._options.get(name) for name in names]
        reached = any(
            limit is not None and spent >= limit for limit, spent in zip(limits, total, strict=True)
        )
        if reached and not vat.options.get("never_reap", False):
            self._store.reaping.schedule(vat.id)

    def _last_words(self, told: CapData, failed: bool) -> CapData:
        """The value that a vat exited with, if its references still exist."""
        if failed and any(not self._exists(slot) for slot in told.slots):
            return capdata.error("Error", "the vat ended with a failure that names what was undone with it")
        return told

    def _exists(self, kref: str) -> bool:
        table = self._store.promises if kref_type(kref) == "p" else self._store.objects
        return table.get(kref) is not None
