"""The crank in which a vat is cloned: a second vat with the same memory and the same store.

It is an event of its own, so the vat is between two deliveries, and the clone is made whole or not at all.
The rows are copied first (`swingset.core.copying`). Then the clone gets a worker with the vat's memory, and
its first delivery, which tells its guest library that it is a clone from now on: under which name, and from
which seed its random numbers follow. With that delivery begins the clone's transcript, which follows the
vat's own, so that the clone can be restored from there on, whatever becomes of the vat.

A clone has all that the vat could do to others. So only the host and the holder of a vat's admin node may ask
for one. It has none of the vat's exports except those that are listed, each as an object of its own.

What cannot be right is refused, and then nothing has changed: a vat that does not run, that has no
transcript, that lives in an embedder's interpreter, that serves the whole world or speaks the kernel's own
terms; a reference that is no export of the vat; and messages that wait for the vat, unless the caller says
what becomes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from swingset.core.copying import copy_messages, copy_rows, messages_for
from swingset.core.crank_parts import CrankParts
from swingset.core.delivery import Deliverer
from swingset.core.incarnations import free_name, rejection_of
from swingset.core.options import option_wants, reserved
from swingset.core.report import CrankReport
from swingset.core.warehouse import MemoryNotCopied
from swingset.model import capdata, reasons
from swingset.model.capdata import DEFAULT_IFACE, Ref
from swingset.model.cloning import Origin, cloned_from
from swingset.model.counting import waits
from swingset.model.messages import CloneVat
from swingset.model.modules import is_raw
from swingset.model.reports import Fault
from swingset.world.vats import LIVE, TERMINATED, VatRecord

MOST_STORED = 64 << 20
"""How many bytes a vat may store to be cloned: all of them are copied in one crank."""

_NOT_COPIED = ("critical",)
"""Options that a clone does not take over: they are a right that not every holder of an admin node has."""


@dataclass(frozen=True)
class Cloning(CrankParts):
    """Clones as cranks."""

    deliverer: Deliverer

    def clone(self, event: CloneVat, number: int) -> CrankReport:
        """Make a clone, and settle the event's promise with its references, or reject it with the reason."""
        vat = self.store.vats.get(event.vat)
        if event.name == event.clone:
            event = replace(event, name=free_name(self.store, event.clone))
        trouble = self._trouble(event, vat)
        if vat is None or trouble is not None:
            return self._refused(event, Fault(reasons.CLONE_REFUSED, trouble or "", "Error"), number)
        waiting = messages_for(self.store, vat.id) if event.queued == "duplicate" else []
        try:
            report, made = self._made(event, vat, number)
        except MemoryNotCopied as problem:
            self.undo()
            return self._refused(event, Fault(reasons.CLONE_REFUSED, str(problem), "Error"), number)
        if report.fault is not None:
            self.undo()
            self.metering.deduct(vat, report.computrons)
            return self._refused(event, report.fault, number, report)
        copy_messages(self.store, waiting, made)
        refs = [self._named(made[kref]) for kref in event.wanted]
        self.store.resolve([(event.result, False, capdata.data({"refs": refs}))])
        self.devices.vat_cloned(event.clone, refs)
        return report

    def _trouble(self, event: CloneVat, vat: VatRecord | None) -> str | None:
        """Why a clone cannot be made, in words; None if it can."""
        if vat is None or vat.state == TERMINATED:
            return "the vat was terminated: there is nothing to clone any more"
        about = f"vat {vat.name} cannot be cloned"
        if vat.attached:
            return f"{about}: it lives in the embedder's interpreter, whose memory the kernel cannot copy"
        if vat.state != LIVE:
            return f"{about} while it is {vat.state} ({vat.reason}): resume it first"
        if not vat.recorded:
            return f"{about}: it has no transcript, from which a clone is restored; make a vat of its code"
        if reserved(vat.name) is not None or is_raw(self._parts(vat)):
            return f"{about}: it serves the whole world, and a second one would serve nobody"
        if self.store.vats.named(event.name) is not None:
            return f"vat {event.name} exists: choose another name for the clone"
        if (stored := self.store.holdings.of(vat.id)) > MOST_STORED:
            return f"{about}: it stores {stored:,} bytes, and a clone may have {MOST_STORED:,}"
        for kref in event.wanted:
            known = self.store.objects.get(kref)
            if known is None or known.owner != vat.id:
                return f"{about} with {kref}: that is no export of it; list objects that live in this vat"
        for name, value in event.options.items():
            if (wanted := option_wants(name, value)) is not None:
                return f"{about}: its option {name} wants {wanted}"
        meter = event.options.get("meter")
        if meter is not None and self.store.meters.get(meter) is None:
            return f"{about}: there is no meter {meter} any more"
        if event.queued == "refuse" and (waiting := messages_for(self.store, vat.id)):
            first = waiting[0].message.method
            return (
                f"{about}: {waits(len(waiting), 'message')} for it, the first is {first}(); let them run, or"
                ' say what becomes of them: queued="drop" leaves them to the vat alone, "duplicate" copies'
                " those to listed objects"
            )
        return None

    def _parts(self, vat: VatRecord) -> tuple[tuple[str, str], ...]:
        return self.store.world.bundles.get(vat.bundle) if vat.bundle is not None else ()

    def _made(self, event: CloneVat, vat: VatRecord, number: int) -> tuple[CrankReport, dict[str, str]]:
        """Make the clone; returns how its first delivery went, and its krefs by those of the vat."""
        store, span = self.store, self.store.vats.span(vat.id)
        options = {name: value for name, value in vat.options.items() if name not in _NOT_COPIED}
        options |= event.options
        options["cloned_from"] = cloned_from(vat.id, vat.incarnation)
        clone = vat.having(
            id=event.clone,
            name=event.name,
            options={name: value for name, value in options.items() if value is not None},
            created=number,
        )
        store.vats.add(clone)
        store.vats.save_span(span._replace(vat=clone.id))
        for slot in clone.parameters.slots:
            store.hold(slot)
        made = copy_rows(store, vat.id, clone.id, event.wanted)
        store.sources.replace(clone.name, store.sources.parts(vat.name))
        worker = self.warehouse.clone(vat, clone)
        origin = Origin(
            vat.id, vat.name, vat.incarnation, span.position, span.hash or "", clone.id, clone.name
        )
        delivered = self.deliverer.deliver(clone, worker, origin.delivery(), number)
        result, fault = delivered.result, delivered.result.fault
        if fault is None and delivered.exit_request is not None:
            fault = Fault(reasons.START_FAILED, "it asked to end")
        if fault is not None and fault.code == reasons.GUEST_CRASHED:
            words = (
                f"its guest library is of before there were clones ({fault.message}): upgrade the vat first"
            )
            fault = Fault(reasons.CLONE_REFUSED, f"vat {vat.name} cannot be cloned: {words}", "Error")
        if fault is None and not self.metering.charge(clone, result.computrons):
            meter, spent = clone.options["meter"], result.computrons or 0
            words = f"meter {meter} cannot pay the {spent:,} computrons of it"
            fault = Fault(reasons.METER_EXHAUSTED, words, "Error")
        if fault is not None:
            self.warehouse.discard(clone.id)
        report = CrankReport(
            event, "cloned", vat.name, result.computrons, fault, result.console, number=number
        )
        return report, made

    def _refused(
        self, event: CloneVat, fault: Fault, number: int, report: CrankReport | None = None
    ) -> CrankReport:
        rejection = rejection_of(fault, "the vat is not cloned", code=reasons.CLONE_REFUSED)
        self.store.resolve([(event.result, True, rejection)])
        self.devices.vat_ended(event.clone, True, rejection)
        if report is not None:
            return replace(report, outcome="refused", fault=fault)
        vat = self.store.vats.get(event.vat)
        return CrankReport(event, "refused", vat.name if vat else None, fault=fault, number=number)

    def _named(self, kref: str) -> Ref:
        known = self.store.objects.get(kref)
        return Ref(kref, (known.iface if known else None) or DEFAULT_IFACE)
