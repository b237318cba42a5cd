"""The cranks in which code is started: that of a new vat, or of an old one's next incarnation.

A start happens completely or not at all. If it fails, it is rolled back, and only two things follow: its
promise is rejected with the reason, and the vat's meter pays for the computation, because otherwise code
could run for free as long as it fails in the end. If the meter holds less than the start has cost, the meter
is emptied and the start fails. It is not parked until a refill, as a delivery is: nothing waits for the vat
yet, and the caller can ask again.

An upgrade costs what both of its deliveries have cost, the one in which the old incarnation brings out its
dead and the one in which the new one starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from swingset.core.crank_parts import CrankParts
from swingset.core.lifecycle import incarnation_outcome
from swingset.core.report import CrankReport
from swingset.core.store import KernelStore
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData
from swingset.model.messages import CloneVat, CreateVat, UpgradeVat
from swingset.model.reports import Fault
from swingset.model.states import Reason
from swingset.world.vats import TERMINATED, VatRecord


@dataclass(frozen=True)
class Incarnations(CrankParts):
    """Creations and upgrades as cranks."""

    def create(self, event: CreateVat, number: int) -> CrankReport:
        """Start a new vat, and settle the event's promise with its root, or reject it with the reason."""
        if event.name == event.vat:
            event = replace(event, name=free_name(self.store, event.vat))
        if self.store.vats.named(event.name) is not None:
            taken = Fault(reasons.START_FAILED, f"vat {event.name} exists: choose another name", "Error")
            return self._not_created(
                event, CrankReport(event, "refused", event.name, fault=taken, number=number)
            )
        delivered = self.lifecycle.create(event, number)
        result = delivered.result
        report = CrankReport(
            event, "created", event.name, result.computrons, result.fault, result.console, number=number
        )
        vat = self.store.vats.get(event.vat)
        assert vat is not None
        report = self._paid(vat, report)
        if report.fault is None:
            root = self.lifecycle.root_of(event.vat)
            assert root is not None
            outcome = capdata.object_named(root, event.name)
            self.store.resolve([(event.result, False, outcome)])
            self.devices.vat_started(event.vat, root)
            return report
        return self._not_created(event, report)

    def _not_created(self, event: CreateVat, report: CrankReport) -> CrankReport:
        assert report.fault is not None
        rejection = rejection_of(report.fault, "Vat Creation Error", code=reasons.START_FAILED)
        self.store.resolve([(event.result, True, rejection)])
        self.devices.vat_ended(event.vat, True, rejection)
        return report

    def upgrade(self, event: UpgradeVat, number: int) -> CrankReport:
        """Start a vat's next incarnation, and settle the event's promise with its number, or reject it."""
        vat = self.store.vats.get(event.vat)
        if vat is None or vat.state == TERMINATED:
            rejection = capdata.error("Error", "vat terminated", code=reasons.TERMINATED)
            self.store.resolve([(event.result, True, rejection)])
            return CrankReport(event, "rejected", vat.name if vat else None, number=number)
        delivered, left_behind = self.lifecycle.upgrade(event, number)
        result = delivered.result
        report = CrankReport(
            event,
            "upgraded",
            vat.name,
            result.computrons,
            result.fault,
            result.console,
            number=number,
            left_behind=left_behind,
        )
        report = self._paid(vat, report)
        if report.fault is None:
            self.store.resolve([(event.result, False, incarnation_outcome(vat.incarnation + 1))])
            self.store.queues.unpark(vat.id)
            return report
        rejection = rejection_of(report.fault, "vat-upgrade failure")
        self.store.resolve([(event.result, True, rejection)])
        return replace(report, left_behind=None)

    def refuse(self, event: CreateVat | CloneVat | UpgradeVat, fault: Fault) -> None:
        """Reject the promise of a start that the host cannot carry out."""
        rejection = rejection_of(fault, "the vat cannot be started here")
        self.store.resolve([(event.result, True, rejection)])
        if not isinstance(event, UpgradeVat):
            made = event.vat if isinstance(event, CreateVat) else event.clone
            self.devices.vat_ended(made, True, rejection)

    def _paid(self, vat: VatRecord, report: CrankReport) -> CrankReport:
        """Charge the vat's meter. If it cannot pay or the start failed, the start is rolled back first."""
        if report.fault is None:
            if self.metering.charge(vat, report.computrons):
                return report
            self.warehouse.discard(vat.id)
            meter, spent = vat.options["meter"], report.computrons or 0
            words = f"meter {meter} cannot pay the {spent:,} computrons of its start"
            report = replace(report, fault=Fault(reasons.METER_EXHAUSTED, words, "Error"))
        self.undo()
        self.metering.deduct(vat, report.computrons)
        return replace(report, outcome="refused")


def free_name(store: KernelStore, vat: str) -> str:
    """The name of a vat that was given none: its id, unless another vat has that name."""
    name, number = vat, 2
    while store.vats.named(name) is not None:
        name, number = f"{vat}-{number}", number + 1
    return name


def rejection_of(fault: Fault, context: str, *, code: Reason | None = None) -> CapData:
    """The rejection for a fault: where it happened, the message, and the lines of vat code."""
    trace = [list(frame) for frame in fault.trace]
    return capdata.error(fault.name, f"{context}: {fault.message}", code=code or fault.code, trace=trace)
