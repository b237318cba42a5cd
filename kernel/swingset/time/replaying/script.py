"""What a kernel reaches outside of itself, played from the records of a world: workers and devices.

A kernel that repeats a world needs three answers that it cannot compute: what a vat did with a delivery, what
a host function or an embedder's device returned, and what the host's workers failed at. All of them are in
the records and transcripts. A `Script` stands at one record at a time, and the parts of the kernel that would
reach outside ask it instead: `ScriptedWarehouse` for workers, `ScriptedDevices` for devices.

The library's own devices (bundles, vat administration, timer, mailbox, bridge, market) reach nothing outside.
They run as the part of the kernel that they are, and the replay compares what they do. The code of plugins
and of an embedder's own devices never runs.

Whatever differs from the script raises `Differs`, with both sides. Records and transcripts are untrusted: a
script only compares them, and says them to the kernel as a vat would.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from swingset.core.cranks import Cranks
from swingset.core.device_board import Device, DeviceBoard, DeviceContext
from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.core.warehouse import MemoryNotCopied, VatDiverged, Warehouse
from swingset.devices.bridge import BridgeDevice
from swingset.devices.bundles import BundleDevice
from swingset.devices.mailbox import MailboxDevice
from swingset.devices.market import MarketDevice
from swingset.devices.mover import MoverDevice
from swingset.devices.plugin import PluginDevice
from swingset.devices.timer import TimerDevice
from swingset.devices.vat_admin import VatAdminDevice
from swingset.host.base.engines import KINDS
from swingset.model import capdata, reasons, syscalls
from swingset.model.capdata import NOTHING, CapData
from swingset.model.heap import HeapImage
from swingset.model.limits import Limits
from swingset.model.messages import Notify, UpgradeVat
from swingset.model.reports import DeliveryResult, Fault
from swingset.model.sourced import with_source
from swingset.time.replaying.device_effects import repeat_effect
from swingset.workers.base import SyscallHandler, VatSpec, Worker, WorkerFactory
from swingset.world.device_records import DeviceRecord
from swingset.world.errors import DamagedWorld
from swingset.world.file import WorldFile
from swingset.world.records import CrankRecord, DeviceAnswer, DeviceEffect, Record
from swingset.world.rows import RULES
from swingset.world.vats import Span, VatRecord

OWN_KINDS = ("bundle", "vat-admin", "timer", "mailbox", "bridge", "market", "mover")
"""The kinds of device that reach nothing outside of the kernel, so that a replay runs their code."""


_LIBRARY = list(RULES["vats"]).index("library")
_ASKED = " asked to end: "  # in the words of a panic over a vat that ended by itself, before its last words


class Differs(KernelError):
    """What happens is not what was recorded: the thing that differs, what came, and what was recorded."""

    def __init__(self, what: str, came: object, recorded: object) -> None:
        super().__init__(f"{what}: came {came!r}, recorded {recorded!r}")
        self.what = what
        self.came = came
        self.recorded = recorded


class Unrecorded(KernelError):
    """A vat without a transcript should run; nothing is known of what it did but the changed rows."""

    def __init__(self, vat: str) -> None:
        super().__init__(f"vat {vat} has no transcript")
        self.vat = vat


class Script:
    """The records and transcripts of one world, at one record; `source` is the world that has them."""

    def __init__(self, source: WorldFile) -> None:
        self.source = source
        self.record: Record | None = None
        self._deliveries: dict[str, list[dict[str, Any]]] = {}
        self._answers: list[DeviceAnswer] = []

    def stand_at(self, record: Record) -> None:
        """Play this record from now on."""
        self.record = record
        self._deliveries.clear()
        self._answers = list(record.calls or ())

    @property
    def crank(self) -> CrankRecord:
        """The record of the crank under way. Raises `Differs` for a delivery in a request."""
        if not isinstance(self.record, CrankRecord):
            raise Differs("a delivery", "one in a request", None)
        return self.record

    def deliveries(self, vat: str) -> list[dict[str, Any]]:
        """The recorded deliveries to a vat in this crank that were not rolled back, and not played yet."""
        found = self._deliveries.get(vat)
        if found is None:
            found = self._deliveries[vat] = self._read(vat)
        return found

    def _read(self, vat: str) -> list[dict[str, Any]]:
        at = last = self.crank.transcripts.get(vat)
        transcripts = self.source.transcripts
        while at is not None and (entry := transcripts.record(at)).crank == self.crank.crank:
            at = entry.prev
        return transcripts.deliveries(vat, last, at)

    def answer(self) -> DeviceAnswer | None:
        """The next recorded call of a device, or None."""
        return self._answers[0] if self._answers else None

    def answered(self) -> None:
        """Go on to the next call."""
        self._answers.pop(0)

    def span_of(self, vat: str) -> dict[str, Any] | None:
        """The row of a vat's span as this crank left it, None if it did not change it."""
        for change in self.crank.rows or ():
            if change.table == "spans" and change.key == (vat,) and change.after is not None:
                return dict(zip(RULES["spans"], change.after, strict=True))
        return None

    def library_of(self, vat: str) -> str | None:
        """The guest library that this crank gave to a vat."""
        for change in self.crank.rows or ():
            if change.table == "vats" and change.key == (vat,) and change.after is not None:
                return cast("str | None", change.after[_LIBRARY])
        return None


class ScriptedWorker:
    """One vat as its transcript has it."""

    kind = "script"

    def __init__(self, script: Script, store: KernelStore, vat: str, name: str) -> None:
        self._script = script
        self._store = store
        self._vat = vat
        self._name = name

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Do what the vat did with this delivery, which has to be the recorded one."""
        waiting = self._script.deliveries(self._vat)
        if not waiting:
            return self._undone(delivery, syscall, limits)
        entry = waiting.pop(0)
        if delivery != entry["delivery"]:
            raise Differs(f"the delivery to vat {self._name}", delivery, entry["delivery"])
        for number, (said, recorded) in enumerate(entry["syscalls"], 1):
            answer = syscall(syscalls.read(said))
            if answer != with_source(recorded, self._store.world.bundles.get):
                what = f"the answer of syscall {number} of vat {self._name}, {said!r:.100}"
                raise Differs(what, answer, recorded)
        console = () if waiting else self._script.crank.console
        return DeliveryResult(None, entry["computrons"], console, entry.get("memory"))

    def _undone(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        """Return the outcome of a delivery that was rolled back: only the crank's record tells of it."""
        crank = self._script.crank
        for call in crank.calls or ():
            self._store.effects.calls.append(call_as_json(call) | {"undone": True})
        if crank.fault is not None and crank.fault.code == reasons.METER_EXHAUSTED:
            if isinstance(crank.event, UpgradeVat) and delivery == ["bringOutYourDead"]:
                return DeliveryResult(None, 0)  # the record counts both deliveries; all is the start's here
            stopped = crank.computrons == limits.computrons  # by all that its meters held
            fault = Fault(reasons.OUT_OF_COMPUTRONS, "the delivery used up its computrons")
            return DeliveryResult(fault if stopped else None, crank.computrons)
        if crank.fault is None and crank.outcome == "delivered":
            syscall(syscalls.read(["exit", True, self._last_words().to_json()]))
        if crank.fault is None and crank.outcome == "parked":
            fault = Fault(reasons.CODE_MISSING, "its code was not there")
            return DeliveryResult(fault, crank.computrons)
        return DeliveryResult(crank.fault, crank.computrons, crank.console)

    def _last_words(self) -> CapData:
        """What the vat exited with, as far as anything tells of it, in the vat's names."""
        for effect in reversed(self._script.crank.effects or ()):
            if effect.what == "settle" and _kind(self._store, effect) == VatAdminDevice.kind:
                return cast(CapData, effect.given[2]).map_slots(self._vref_of)
        for change in self._script.crank.rows or ():
            if change.table == "panics" and change.key == (self._vat,) and change.after is not None:
                return capdata.data(str(change.after[1]).partition(_ASKED)[2])
        return NOTHING

    def _vref_of(self, kref: str) -> str:
        entry = self._store.clists.by_kref(self._vat, kref)
        if entry is None:
            raise Differs(f"the last words of vat {self._name}", "no such reference", kref)
        return entry.vref

    def snapshot(self) -> HeapImage | None:
        """None: a script has no memory."""
        return None

    def heap_digest(self) -> str | None:
        """None: a script has no memory."""
        return None

    def close(self) -> None:
        """Do nothing: a script holds nothing."""


def _kind(store: KernelStore, effect: DeviceEffect) -> str | None:
    device = store.devices.get(effect.device)
    return device.kind if device is not None else None


def call_as_json(call: DeviceAnswer) -> dict[str, Any]:
    """A recorded call as `core.effects` notes calls of deliveries that were not rolled back."""
    found: dict[str, Any] = {
        "caller": call.caller,
        "node": call.node,
        "method": call.method,
        "args": call.args.to_json(),
    }
    found |= {"failed": call.failed, "answer": call.answer.to_json()}
    if call.effects:
        found["effects"] = [_effect_as_noted(effect) for effect in call.effects]
    return found


def _effect_as_noted(effect: DeviceEffect) -> list[Any]:
    given = [item.to_json() if isinstance(item, CapData) else item for item in effect.given]
    return [effect.device, effect.what, *given]


class _Factory:
    """A maker of workers that only says what it would make."""

    confines = True
    image_id = None
    library = None

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def start(self, spec: VatSpec) -> Worker:
        """Raise: a scripted warehouse makes its workers itself."""
        raise KernelError(f"vat {spec.name} is played from its transcript")

    def restore(self, spec: VatSpec, _image: HeapImage) -> Worker:
        """Raise, as `start` does."""
        raise KernelError(f"vat {spec.name} is played from its transcript")


class _Factories(Mapping[str, WorkerFactory]):
    """A maker for each kind of worker that any host may have had; this host's kinds are listed."""

    def __getitem__(self, kind: str) -> WorkerFactory:
        return _Factory(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


FACTORIES: Mapping[str, WorkerFactory] = _Factories()


class ScriptedWarehouse(Warehouse):
    """A warehouse whose vats are played from their transcripts; no code of a vat runs.

    With `runs`, vats with a transcript that are not attached run on the engines it was given.
    """

    def __init__(self, store: KernelStore, script: Script, *given: Any, runs: bool = False, **named: Any):
        super().__init__(store, *given, **named)
        self._script = script
        self._runs = runs

    def attach(self, vat: str, worker: Worker) -> None:
        """Do nothing: an attached vat is played like any other."""

    def newest_library(self, _kind: str, vat: str) -> str | None:
        """The library that this crank gave to the vat, stored in this world."""
        library = self._script.library_of(vat)
        if library is not None:
            with contextlib.suppress(DamagedWorld):  # then this world lacks it, too
                self._store.world.libraries.put(self._script.source.libraries.get(library))
        return library

    def start(self, vat: VatRecord) -> Worker:
        """A worker for a vat's new incarnation."""
        if self._is_run(vat):
            return super().start(vat)
        return self._scripted(vat)

    def online(self, vat: VatRecord) -> Worker | None:
        """A worker for the vat, if it had one in this crank. Raises `VatDiverged` if an upgrade had none."""
        if not self._had_worker(vat):
            return None
        if isinstance(self._script.crank.event, UpgradeVat) and not self._brought_out(vat):
            raise VatDiverged(vat.id, f"vat {vat.name} could not be brought back for its upgrade")
        return super().online(vat) if self._is_run(vat) else self._scripted(vat)

    def clone(self, vat: VatRecord, clone: VatRecord) -> Worker:
        """A worker for a clone. Raises `MemoryNotCopied` if the memory of the vat could not be had."""
        fault = self._script.crank.fault
        if (
            fault is not None
            and fault.code == reasons.CLONE_REFUSED
            and self._script.crank.computrons is None
        ):
            raise MemoryNotCopied(fault.message)
        if self._is_run(vat):
            return super().clone(vat, clone)
        for each in (vat, clone):  # the image is the source's alone
            if (row := self._script.span_of(each.id)) is not None and row["snapshot"] is not None:
                image = {name: row[name] for name in ("start", "start_hash", "snapshot")}
                self._store.vats.save_span(self._store.vats.span(each.id)._replace(**image))
        return self._scripted(clone)

    def _bring_back(self, vat: VatRecord, span: Span) -> Worker:
        # Images that the host took are no part of what is repeated: they are in the source's file alone.
        return super()._bring_back(vat, self._with_image(vat, span))

    def _is_run(self, vat: VatRecord) -> bool:
        return self._runs and vat.recorded and not vat.attached

    def _scripted(self, vat: VatRecord) -> Worker:
        if not vat.recorded:
            raise Unrecorded(vat.name)
        return ScriptedWorker(self._script, self._store, vat.id, vat.name)

    def _had_worker(self, vat: VatRecord) -> bool:
        crank = self._script.crank
        if crank.outcome == "parked" and crank.fault is None:
            return vat.id in crank.transcripts
        # A notification that is dropped has found nothing to tell; there was a worker.
        return crank.outcome not in ("dropped", "negated") or isinstance(crank.event, Notify)

    def _brought_out(self, vat: VatRecord) -> bool:
        """Whether the old incarnation could bring out its dead; one that was rolled back may have."""
        found = self._script.deliveries(vat.id)
        return not found or found[0]["delivery"] == ["bringOutYourDead"]


class ScriptedDevices(DeviceBoard):
    """The devices of a replay: the library's own run, and all others are played from the records."""

    def __init__(self, store: KernelStore, script: Script) -> None:
        super().__init__(store)
        self._script = script

    def install_own(self, cranks: Cranks) -> None:
        """Install the code of the devices that reach nothing outside of the kernel."""
        own: Sequence[Device] = (
            BundleDevice(self._store.world.bundles),
            VatAdminDevice(cranks.administration, self._store.devices),
            TimerDevice(),
            MailboxDevice(),
            BridgeDevice(lambda _data: None),
            MarketDevice(self._store),
            MoverDevice(self._store, cranks.departures, cranks.metering),
        )
        for code in own:
            self.install(code)

    def call(self, caller: str, node: str, method: str, args: CapData) -> tuple[bool, CapData]:
        """Answer a vat's call as the record does, or by the code of a device of the library."""
        answer = self._script.answer()
        came = (caller, node, method, args)
        if answer is None or (answer.caller, answer.node, answer.method, answer.args) != came:
            return super().call(caller, node, method, args)
        self._script.answered()
        record = self._record_of(node)
        if record is None or record.kind in OWN_KINDS:
            return super().call(caller, node, method, args)
        effects = self._store.effects
        since = len(effects.other)
        for effect in answer.effects:
            self.repeat(effect)
        checked = self._checked(answer.answer, record)
        effects.called(since, caller, node, method, args, answer.failed, checked)
        return answer.failed, answer.answer

    def _record_of(self, node: str) -> DeviceRecord | None:
        owned = self._store.objects.get(node)
        return self._store.devices.get(owned.owner) if owned is not None and owned.owner else None

    def vat_ended(self, vat: str, rejected: bool, outcome: CapData) -> None:
        """Notify the library's devices, and repeat what the others did then, in the order of all."""
        for record in self._store.devices.all():
            listener = getattr(self._code.get(record.kind), "vat_ended", None)
            if listener is not None:
                listener(vat, rejected, outcome, DeviceContext(self._store, record))
            else:
                self.repeat_next(record)

    def _node_gone(self, device: str, state: CapData) -> None:
        super()._node_gone(device, state)
        record = self._store.devices.get(device)
        if record is not None:
            self.repeat_next(record)

    def repeat_next(self, device: DeviceRecord) -> None:
        """Repeat the next recorded effects, as far as they are of this device and its code does not run."""
        if device.kind in (*OWN_KINDS, PluginDevice.kind):
            return
        effects = (self._script.record.effects if self._script.record is not None else ()) or ()
        for effect in effects[len(self._store.effects.other) :]:
            if effect.device != device.id:
                return
            self.repeat(effect)

    def repeat(self, effect: DeviceEffect) -> None:
        """Have a device do again what the record says that it did. Raises `Differs`."""
        device = self._store.devices.get(effect.device)
        if device is None:
            raise Differs("the effect of a device", "no such device", effect.device)
        context = DeviceContext(self._store, device)
        repeat_effect(self._store, context, effect, lambda kref: kref, _same)


def _same(recorded: str, came: str) -> None:
    if came != recorded:
        raise Differs("what a device made", came, recorded)
