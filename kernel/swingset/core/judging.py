"""The consequences of a delivery: for the vat itself, for the sender, and for the meter.

A delivery that failed is rolled back, and charged all the same. An illegal syscall terminates the vat, and so
does its own exit; an exit with a failure rolls the delivery back first. If the meter cannot pay, the delivery
is rolled back, and the vat is suspended or terminated, as its options say. Every termination goes through
this module, so everything that waits for one is notified: callers, the `done` promise, and the host if the
vat was critical.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from swingset.core.crank_parts import CrankParts
from swingset.core.delivery import Delivered
from swingset.core.kernel_options import KernelOptions
from swingset.core.options import TERMINATE
from swingset.core.report import CrankReport
from swingset.core.rooms import is_followed
from swingset.core.scheduler import Agenda
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData
from swingset.model.messages import Event, Message, Notify, Send
from swingset.model.refs import kref_type
from swingset.model.reports import DeliveryResult, Fault
from swingset.model.states import Reason
from swingset.world.gc import Dirt
from swingset.world.vats import SUSPENDED, TERMINATED, VatRecord

_DUE_AFTER = ("reap_interval", "reap_gc_krefs", "reap_computrons")
"""The options that say after how much of each sort of dirt a vat is reaped."""


@dataclass(frozen=True)
class Judge(CrankParts):
    """Carries out the consequences of deliveries."""

    agenda: Agenda
    options: KernelOptions

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
        result = self._in_room(event, vat, delivered.result) if is_followed(vat) else delivered.result
        report = CrankReport(
            event, "delivered", vat.name, result.computrons, result.fault, result.console, number=number
        )
        if result.fault is not None and result.fault.code == reasons.METER_EXHAUSTED:
            self.undo()
            return replace(report, outcome="starved", fault=None, console=())
        if result.fault is not None:
            self.undo()
            self.metering.deduct(vat, result.computrons)
            if result.fault.code == reasons.ILLEGAL_SYSCALL:
                self.end(vat, reasons.ILLEGAL_SYSCALL, f"vat terminated: {result.fault.message}")
            return replace(report, outcome="refused")
        failed, info = delivered.exit_request or (False, None)
        if failed:
            self.undo()
        if "meter" in vat.options and not self.metering.charge(vat, result.computrons):
            self.undo()
            self.warehouse.discard(vat.id)
            return replace(report, outcome="starved", console=())
        if info is None:
            self._add_dirt(vat, Dirt(deliveries, krefs, result.computrons or 0))
            return report
        words = f"vat terminated: vat {vat.name} asked to end"
        self.end(vat, reasons.TERMINATED, words, self._last_words(info, failed), failed=failed)
        if failed and isinstance(event, Send):
            # The delivery was rolled back, so the vat is not the decider of the result.
            self.reject(event.message, capdata.error("Error", words, code=reasons.TERMINATED))
        return report

    def _in_room(self, event: Event, vat: VatRecord, result: DeliveryResult) -> DeliveryResult:
        """The same delivery once its vat has paid its rent; failed, if it cannot or takes too much room."""
        if result.fault is not None:
            return result
        words, market = self.lifecycle.rooms.trouble(event, vat), self.store.market
        if words is None and market is not None and "account" in vat.options:
            pays = isinstance(event, Send) or self.lifecycle.rooms.grows(event, vat)
            words = market.rented(vat, pays=pays)
        if words is None:
            return result
        self.warehouse.discard(vat.id)
        return replace(result, fault=Fault(reasons.STORE_FULL, words))

    def housekeeping(self, vat: VatRecord, report: CrankReport) -> CrankReport:
        """Suspend a vat if a housekeeping delivery, which must not be skipped, failed by `report`."""
        if report.fault is not None and not self.store.is_dead(vat.id):
            # The delivery is still pending, and the vat must not run without it.
            self.store.vats.save(vat.having(state=SUSPENDED, reason=str(report.fault)))
        return report

    def starved(self, seq: int | None, event: Event, report: CrankReport) -> CrankReport:
        """Suspend or terminate a vat whose meter could not pay for a crank, which is rolled back already."""
        vat = self.store.vats.named(report.vat or "")
        assert vat is not None
        if self.metering.starve(vat, report.computrons or 0) == TERMINATE:
            words = "meter underflow, vat terminated"
            self.end(vat, reasons.METER_EXHAUSTED, words)
            if isinstance(event, Send):
                self.reject(event.message, capdata.error("Error", words, code=reasons.METER_EXHAUSTED))
            return replace(report, outcome="refused", fault=Fault(reasons.METER_EXHAUSTED, words))
        starved = self.store.vats.get(vat.id)
        fault = Fault(reasons.METER_EXHAUSTED, (starved.reason if starved else None) or "")
        if seq is not None and isinstance(event, Send | Notify):
            self.store.queues.park(vat.id, seq, event)
        return replace(report, outcome="parked", fault=fault)

    def terminate_marked(self) -> None:
        """Terminate the vats that devices marked for termination in this crank."""
        while self.store.to_terminate:
            vat_id, outcome = next(iter(self.store.to_terminate.items()))
            del self.store.to_terminate[vat_id]
            vat = self.store.vats.get(vat_id)
            if vat is not None and vat.state != TERMINATED:
                self.end(vat, reasons.TERMINATED, "vat terminated", outcome)

    def end(
        self, vat: VatRecord, code: Reason, words: str, outcome: CapData | None = None, *, failed: bool = True
    ) -> None:
        """Terminate a vat. Its promises are rejected with `words`; `outcome` settles its `done` promise."""
        told = outcome or capdata.error("Error", words, code=code)
        self.lifecycle.terminate(vat, code, words)
        self.store.meters.set_need(vat.id, 0)
        self.devices.vat_ended(vat.id, failed, told)
        self.warehouse.discard(vat.id)
        self.agenda.take_up(vat=vat.id)
        if vat.options.get("critical"):
            self.store.panic.over_vat(vat.id, vat.name, words, outcome)

    def reject(self, message: Message, rejection: CapData) -> None:
        """Reject the result of a message."""
        if message.result is not None:
            self.store.resolve([(message.result, True, rejection)])

    def _add_dirt(self, vat: VatRecord, dirt: Dirt) -> None:
        """Count a vat's deliveries, references and computrons, and schedule a reaping when one is due."""
        total = self.store.reaping.add(vat.id, dirt)
        for name, spent in zip(_DUE_AFTER, total, strict=True):
            if not spent:
                continue
            limit = vat.options[name] if name in vat.options else self.options.get(name)
            if limit is not None and spent >= limit:
                if not vat.options.get("never_reap", False):
                    self.store.reaping.schedule(vat.id)
                return

    def _last_words(self, told: CapData, failed: bool) -> CapData:
        """The value that a vat exited with, if its references still exist."""
        if failed and any(not self._exists(slot) for slot in told.slots):
            return capdata.error("Error", "the vat ended with a failure that names what was undone with it")
        return told

    def _exists(self, kref: str) -> bool:
        table = self.store.promises if kref_type(kref) == "p" else self.store.objects
        return table.get(kref) is not None
