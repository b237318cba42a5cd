"""Vats without a guest library: a test says what each answers to a delivery."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from swingset.core.cranks import Cranks
from swingset.core.kernel import Kernel
from swingset.core.report import CrankReport
from swingset.core.scheduler import Waiting
from swingset.core.translate import Translator
from swingset.model import syscalls
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.messages import Message, Send
from swingset.model.reports import DeliveryResult, Fault
from swingset.workers.base import HeapImage, SyscallHandler, VatSpec
from swingset.world.file import WorldFile
from tests.meddling import atomic
from tests.workers.heapless import Heapless

Behaviour = Callable[[list[Any], Callable[[list[Any]], Any]], int | None]
"""Given a delivery and how to make syscalls; may return the computrons to report, or raise `Failed`."""


class Failed(Exception):
    """The delivery fails with this fault, having spent so many computrons."""

    def __init__(self, fault: Fault, computrons: int | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.computrons = computrons


class RawWorker(Heapless):
    """Runs a test's function as a vat."""

    kind = "raw"

    def __init__(self, vat: RawVat) -> None:
        self._vat = vat
        self._position = 0

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        vat, calls = self._vat, []

        def ask(call: list[Any]) -> Any:
            calls.append(call)
            status, value = syscall(syscalls.read(call))
            if status != "ok":
                raise RuntimeError(value)
            return value

        position, self._position = self._position, self._position + 1
        spent: int | None = None
        if limits.seconds is None:  # a replay: say again what was said
            recorded, spent = vat.history[position]
            with contextlib.suppress(RuntimeError):
                for call in recorded:
                    ask(call)
            return DeliveryResult(computrons=spent)
        vat.log.append(delivery)
        del vat.history[position:]
        try:
            if vat.next is not None:
                behaviour, vat.next = vat.next, None
                spent = behaviour(delivery, ask)
        except RuntimeError:
            pass
        except Failed as failure:
            return DeliveryResult(fault=failure.fault, computrons=failure.computrons)
        vat.history.append((calls, spent))
        return DeliveryResult(computrons=spent)


class RawVat:
    """What a test knows of its vat: the deliveries it got, and what it does with the next one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[list[Any]] = []
        self.next: Behaviour | None = None
        self.history: list[tuple[list[list[Any]], int | None]] = []

    def take_log(self) -> list[list[Any]]:
        """The deliveries since the last call."""
        log, self.log = self.log, []
        return log


class RawFactory:
    """Makes raw workers, one per vat name."""

    kind = "raw"
    confines = True
    image_id: str | None = None
    library: bytes | None = None

    def __init__(self) -> None:
        self.vats: dict[str, RawVat] = {}

    def start(self, spec: VatSpec) -> RawWorker:
        return RawWorker(self.vats.setdefault(spec.name, RawVat(spec.name)))

    def restore(self, spec: VatSpec, image: HeapImage) -> RawWorker:
        raise AssertionError("raw vats have no images")


class Nobody:
    """A table in which no vat waits."""

    def __init__(self) -> None:
        self.added: set[Any] = set()

    def waiting(self) -> list[Any]:
        return []

    def waits(self, entry: Any) -> bool:
        return False


class RawWorld:
    """A kernel whose vats are scripts."""

    def __init__(self, *names: str, **options: Any) -> None:
        self.factory = RawFactory()
        self.world = WorldFile.open(None)
        self.kernel = Kernel(Cranks(self.world, {"raw": self.factory}))
        self.store = self.kernel.store
        self.ids: dict[str, str] = {}
        for name in names:
            given = {"never_reap": True, **options.get(name, {})}
            result = self.kernel.queue_creation(name, "raw", ((name, ""),), CapData("#null"), given)
            self.step()
            self.ids[name] = self.kernel.vat(name).id
            self.kernel.pin(self.kernel.root_of(name))
            self.kernel.release_result(result)
        self.drain()
        for name in names:
            self.vat(name).take_log()

    def vat(self, name: str) -> RawVat:
        return self.factory.vats[name]

    def step(self) -> CrankReport | None:
        return self.kernel.cranks.step()

    def drain(self) -> list[CrankReport]:
        """Step until nothing can run."""
        reports = []
        while (report := self.step()) is not None:
            reports.append(report)
        return reports

    def run_in(self, name: str, behaviour: Callable[[Callable[[list[Any]], Any]], int | None]) -> CrankReport:
        """Have a vat do something, in a crank of its own that goes before all others."""
        self.vat(name).next = lambda _delivery, ask: behaviour(ask)
        with atomic(self.kernel):
            send = Send(self.kernel.root_of(name), Message(CapData('#["go",[]]')))
            self.store.enqueue(send, first=True)
        agenda = self.kernel.agenda
        to_tell, to_reap = agenda.to_tell, agenda.to_reap
        agenda.to_tell = agenda.to_reap = Waiting(self.store, Nobody())
        try:
            report = self.step()
        finally:
            agenda.to_tell, agenda.to_reap = to_tell, to_reap
        self.vat(name).log.pop()
        assert report is not None
        return report

    def kref(self, name: str, vref: str) -> str | None:
        return self.kernel.recognize(self.ids[name], vref)

    def vref(self, name: str, kref: str) -> str | None:
        entry = self.store.clists.by_kref(self.ids[name], kref)
        return entry.vref if entry else None

    def name_for(self, name: str, kref: str) -> str:
        """Let a vat know a kref, within a crank of the caller's; returns the vat's name for it."""
        return Translator(self.store, self.ids[name]).to_vat(kref)

    def counts(self, kref: str) -> tuple[str | None, int, int] | None:
        """Owner's name and both counts of an object, None where it is gone."""
        obj = self.store.objects.get(kref)
        if obj is None:
            return None
        vat = self.store.vats.get(obj.owner) if obj.owner else None
        return (vat.name if vat else None, obj.reachable, obj.recognizable)

    def actions(self) -> list[str]:
        """What is to be told, as `A dropExport`."""
        names = {vat_id: name for name, vat_id in self.ids.items()}
        return [f"{names[vat]} {kind}" for vat, kind, _ in self.store.gc.all()]

    def give(self, exporter: str, vref: str, importer: str) -> str:
        """Let one vat send an export of its own to another; returns the kref."""
        root = self.kernel.introduce(self.ids[exporter], self.kernel.root_of(importer))

        def send(ask: Callable[[list[Any]], Any]) -> None:
            methargs = {"body": '#["take",["$0.Alleged: thing"]]', "slots": [vref]}
            ask(["send", root, {"methargs": methargs, "result": None}])

        self.run_in(exporter, send)
        self.drain()
        kref = self.kref(exporter, vref)
        assert kref is not None
        self.vat(importer).take_log()
        return kref
