"""The kernel: one event, one crank, whole or not at all.

A crank takes the event the scheduler chooses, finds the vat it is for, delivers, and settles the
reference counts. A savepoint surrounds it. If the vat fails, the world goes back to the savepoint, the event
is taken again, and what follows from the failure (a rejected promise, a suspended or terminated vat) is
written instead. If the host fails, the world goes back to before the crank, and the event still waits.

When a vat fails: a delivery that exceeded its limits or crashed the engine is rolled back, and the vat stays
as it was before. If it was a message, its result is rejected with the reason. If it was a notification, there
is no sender to reject to, so the vat is suspended with the event parked, and continues after an upgrade or
when it is resumed; except when the outcome, which another vat wrote, is too large for it.
A vat that does not repeat its transcript, or whose guest library cannot be run here, is suspended before
anything more is delivered to it. Only an illegal syscall, which no correct guest makes, terminates a vat.

A delivery that the host stopped, for its clock or at a user's request, is no crank at all: another host would
have finished it. It is rolled back as if it had never begun, and its event keeps its place; the vat is
suspended, as the host may suspend any vat. If it is resumed before anything else has run, this world equals
that of a faster host. A start is treated alike: it stays in the run-queue and is passed over until its vat is
resumed; an existing vat is suspended meanwhile. Only a start that the host itself requested is withdrawn,
because the host learns at once that it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from swingset.core.administration import Administration
from swingset.core.ahead import Ahead
from swingset.core.anew import Anew, begins_anew
from swingset.core.atomic import Atomic, Requests, refuse_within_crank
from swingset.core.budget import NO_ROOM
from swingset.core.cloning import Cloning
from swingset.core.delivery import Deliverer
from swingset.core.departing import Departures
from swingset.core.device_board import DeviceBoard
from swingset.core.errors import DeliveryStopped, KernelPanic, WorkerRefused
from swingset.core.failures import Failures, TooMuchChanged, words_for
from swingset.core.incarnations import Incarnations, rejection_of
from swingset.core.judging import Judge
from swingset.core.kernel_options import KernelOptions
from swingset.core.lifecycle import Lifecycle
from swingset.core.metering import Metering
from swingset.core.notification import gather, tell_instead, too_much
from swingset.core.recording import crank_record, extend_activity
from swingset.core.report import CrankReport
from swingset.core.routing import Nowhere, ToPromise, ToVat, route
from swingset.core.scheduler import Agenda, FirstComeFirstServed, Scheduler
from swingset.core.store import KernelStore
from swingset.core.translate import Translator
from swingset.core.warehouse import HeapLost, VatDiverged, Warehouse
from swingset.model import capdata, reasons
from swingset.model.messages import (
    ChangeVatOptions,
    CleanUp,
    CloneVat,
    Collect,
    CreateVat,
    Event,
    Notify,
    QueuedEvent,
    Reap,
    Send,
    UpgradeVat,
    event_to_data,
)
from swingset.model.reports import Fault, fault_to_data
from swingset.model.stack import room
from swingset.model.states import CrankOutcome
from swingset.workers.ahead import Overtaken
from swingset.workers.base import WorkerFactory
from swingset.world.file import WorldFile
from swingset.world.vats import LIVE, SUSPENDED, TERMINATED, VatRecord

MOST_CHANGED = 256 << 20
"""How many bytes of state one crank may change: a commit holds old and new values, and several cranks."""

CLEAN_UP_ROWS = 1_000
"""How many rows of a terminated vat one crank deletes unless told otherwise."""


class Cranks:
    """The cranks of one world, and the parts that they are made of. They never commit: the host does."""

    def __init__(
        self,
        world: WorldFile,
        factories: Mapping[str, WorkerFactory],
        *,
        scheduler: Scheduler | None = None,
        confined_only: bool = False,
        threads: int = 1,
        warehouse: Callable[..., Warehouse] = Warehouse,
        devices: Callable[[KernelStore], DeviceBoard] = DeviceBoard,
    ) -> None:
        """`warehouse` and `devices` make the parts that reach the outside."""
        self.world = world
        self.store = KernelStore(world)
        self.options = KernelOptions(self.store.counters)
        self.warehouse = warehouse(self.store, factories, confined_only=confined_only)
        self.agenda = Agenda(self.store, scheduler or FirstComeFirstServed())
        self.devices = devices(self.store)
        self.ahead = Ahead(self.store, self.warehouse, threads)
        self.deliverer = Deliverer(self.store, self.warehouse, self.devices, self.ahead)
        self.metering = Metering(self.store)
        self.administration = Administration(self.store, self.warehouse, self.metering)
        self.lifecycle = Lifecycle(self.store, self.warehouse, self.deliverer)
        self.request = Requests(world, self.store)
        self.anew = Anew(self.store, self.warehouse, self.request)
        undo = self._back_to_delivery
        shared = self.store, self.warehouse, self.devices, self.metering, self.lifecycle, undo
        self.judge = Judge(*shared, self.agenda, self.options)
        self.departures = Departures(self.store, self.lifecycle, self.judge)
        self._incarnations = Incarnations(*shared)
        self._cloning = Cloning(*shared, self.deliverer)
        self._failures = Failures()
        self.taken: int | None = None
        """The position of the event under way, None if it was not queued."""

    # Running

    @property
    def count(self) -> int:
        """How many cranks the world has run."""
        return self.store.counters.get("crank")

    @property
    def panic(self) -> str | None:
        """Why the world has panicked, or None."""
        return self.store.panic.words()

    def has_work(self, *, clean_up: bool = True) -> bool:
        """Whether another crank could run now, with or without those that clean up after dead vats."""
        return self.agenda.choose(self._can_be_told, clean_up=clean_up) is not None

    def step(self, clean_up: int | None = CLEAN_UP_ROWS, *, more: bool = False) -> CrankReport | None:
        """Run one crank; returns None if nothing can run.

        `clean_up` is how many rows of a terminated vat one crank may delete; None leaves them for another
        run. With `more`, others are to follow, and their deliveries may run ahead on other threads. After a
        panic every call raises `KernelPanic`; within another crank it raises `KernelError`.
        """
        if (words := self.panic) is not None:
            raise KernelPanic(words)
        refuse_within_crank(self.store)
        while True:
            if (chosen := self.agenda.choose(self._can_be_told, clean_up=clean_up is not None)) is None:
                return None
            seq, event = chosen
            if isinstance(event, UpgradeVat) and (ahead := self._ahead_of(seq, event)) is not None:
                self.agenda.pass_over(*ahead)
                continue
            try:
                with room():
                    if more and self.agenda.market is None:
                        self.ahead.look(*chosen)
                    report = self.run_event(*chosen, clean_up or 0)
                if self._failures.count:
                    self._failures.forget()
                return report
            except Overtaken:
                continue  # what ran ahead is thrown away, and the crank rolled back
            except VatDiverged as lost:
                self.set_aside(lost.vat, f"{lost.code}: {lost}")
            except HeapLost as lost:
                self.anew.begin(lost.vat)
            except WorkerRefused as refused:
                why = f"{reasons.WORKER_REFUSED}: {refused}"
                if seq is not None and isinstance(event, CreateVat | CloneVat | UpgradeVat):
                    self.agenda.pass_over(seq, event, why)
                    if begins_anew(event):
                        self.set_aside(event.vat, why)
                else:
                    self.set_aside(refused.vat or "", why)
            except DeliveryStopped as stopped:
                return self._stop(seq, event, stopped)
            except BaseException as problem:
                # The host is at fault. A worker may have seen what the world has just forgotten.
                self.warehouse.discard_all()
                self.warehouse.discard_ran()
                if not self._failures.enough(*chosen, problem):
                    raise
                return self.give_up(*chosen, Fault(reasons.HOST_FAILED, words_for(problem)))

    def _ahead_of(self, seq: int | None, event: UpgradeVat) -> tuple[int, UpgradeVat, str] | None:
        """The event to pass over because an earlier start of its vat was; None for one the host wants now."""
        if seq is None or seq < 0:
            return None
        why = self.agenda.ahead_of(seq, event.vat)
        return None if why is None else (seq, event, f"it waits for the start before it ({why})")

    def set_aside(self, vat_id: str, reason: str) -> VatRecord:
        """Suspend a vat that this host cannot run, outside of any crank; returns its record."""
        with self.request("set-aside", vat=vat_id, reason=reason):
            vat = self.store.vats.known(vat_id)
            self.store.vats.save(vat.having(state=SUSPENDED, reason=reason))
        return vat

    def _stop(self, seq: int | None, event: Event, stopped: DeliveryStopped) -> CrankReport:
        """The host has stopped a delivery: roll all of it back, and leave its event waiting."""
        why = f"{stopped.fault.code}: {stopped}"
        outcome: CrankOutcome = "stopped"
        if seq is None or not isinstance(event, CreateVat | CloneVat | UpgradeVat):
            name = self.set_aside(stopped.vat, why).name
        else:
            name = event.name if not isinstance(event, UpgradeVat) else self.store.vats.known(event.vat).name
            promise = self.store.promises.get(event.result)
            if seq < 0 and promise is not None and promise.policy is not None:  # the host learns its outcome
                outcome = "withdrawn"
                self.withdraw(event.result)
            else:
                self.agenda.pass_over(seq, event, why)
                if isinstance(event, UpgradeVat):
                    self.set_aside(event.vat, why)
        return CrankReport(event, outcome, name, fault=stopped.fault, number=self.count + 1)

    def withdraw(self, result: str) -> None:
        """Withdraw a creation, a clone or an upgrade that is still queued, and release its promise."""
        with self.request("withdraw", result=result):
            for seq, event in self.store.queues.all():
                if isinstance(event, CreateVat | CloneVat | UpgradeVat) and event.result == result:
                    self.store.queues.take(seq)
                    self.store.consume(event)
            self.store.promises.set_policy(result, None)
            self.store.release(result)

    def give_up(self, seq: int | None, event: Event, fault: Fault) -> CrankReport:
        """Set aside, outside of any crank, an event that the host fails over: park it and suspend its vat.

        An embedder's own vat is not suspended, because the embedder cannot use the world without it. Its
        message is rejected instead, and so is an event that cannot be parked with a vat.
        """
        with self.request("give-up", position=seq, event=event_to_data(event), fault=fault_to_data(fault)):
            vat = self.vat_of(event)
            if seq is None or vat is None or vat.attached or isinstance(event, CloneVat | UpgradeVat):
                self._drop(seq, event, vat, fault)
            else:
                self.store.queues.take(seq)
                self.store.queues.park(vat.id, seq, cast(QueuedEvent, event))
            starts = isinstance(event, CloneVat | UpgradeVat) and not begins_anew(event)
            if vat is not None and not vat.attached and not starts:
                self.store.vats.save(vat.having(state=SUSPENDED, reason=f"{fault.code}: {fault}"))
        return CrankReport(event, "stopped", vat.name if vat else None, fault=fault, number=self.count + 1)

    def vat_of(self, event: Event) -> VatRecord | None:
        """The vat that an event is for, if the event can be parked with it."""
        match event:
            case CreateVat() | CleanUp():
                return None
            case Send():
                where = route(self.store, event)
                return where.vat if isinstance(where, ToVat) else None
        vat = self.store.vats.get(event.vat)
        return None if vat is None or vat.state == TERMINATED else vat

    def _drop(self, seq: int | None, event: Event, vat: VatRecord | None, fault: Fault) -> None:
        """Drop an event, and reject the promise that it would have settled."""
        waits = vat is not None and not vat.attached
        match event:
            case Send(message=message):
                self.judge.reject(message, rejection_of(fault, f"{message.method}()"))
            case Notify(promise=promise) if vat is not None and self._knows(vat, promise):
                tell_instead(self.store, vat, promise, fault)
            case CreateVat() | CloneVat() | UpgradeVat():
                self._incarnations.refuse(event, fault)
            case Collect(vat_id, kind, krefs) if not waits:
                self.store.gc.remove(vat_id, kind, krefs[-1])
            case Reap(vat_id) if not waits:
                self.store.reaping.done(vat_id)
            case CleanUp(vat_id):
                self.store.graveyard.done(vat_id)
        if seq is not None:
            self.store.queues.take(seq)
            self.store.consume(event)

    def run_event(self, seq: int | None, event: Event, clean_up: int) -> CrankReport:
        """Run the crank of an event, at `seq` of the run-queue, whatever the agenda says; may raise."""
        number, before, ran = self.count + 1, self.world.pending_bytes, self.warehouse.ran
        ran.clear()
        self.taken, said = seq, event_to_data(event)
        with Atomic(
            self.world, self.store, lambda: crank_record(self.store, report, said, seq, ran, clean_up)
        ):
            if seq is not None:
                if self.agenda.market is not None:
                    self.agenda.market.begin(seq, event)
                self.store.queues.take(seq)
            match event:
                case Send():
                    report = self._send(seq or 0, event, number)
                case Notify():
                    report = self._notify(seq or 0, event, number)
                case CreateVat():
                    report = self._incarnations.create(event, number)
                case CloneVat():
                    report = self._cloning.clone(event, number)
                case UpgradeVat():
                    report = self._incarnations.upgrade(event, number)
                    if begins_anew(event) and report.fault is not None:
                        self.anew.failed(event.vat, str(report.fault))
                case ChangeVatOptions():
                    report = self._change_options(event, number)
                case Collect():
                    report = self._collect(event, number)
                case Reap():
                    report = self._reap(event, number)
                case CleanUp():
                    report = self._clean_up(event, number, clean_up)
            if report.outcome == "starved":
                report = self.judge.starved(seq, event, report)
            self.judge.terminate_marked()
            if self.agenda.market is not None:
                self.agenda.market.settle(report)
            if report.outcome not in ("waiting", "parked"):
                self.store.consume(event)
            self.store.counters.set("crank", number)
            extend_activity(self.store, report, said)
            self.store.store_counts()
            changed = self.world.pending_bytes - before
            if changed > MOST_CHANGED:
                raise TooMuchChanged(
                    f"a crank changed {changed:,} bytes of state, and no commit is to hold more than"
                    f" {MOST_CHANGED:,} of one"
                )
        return report

    def _can_be_told(self, vat_id: str) -> bool:
        """Whether a vat can have housekeeping now, which comes before the run-queue."""
        vat = self.store.vats.get(vat_id)
        if vat is None or vat.state != LIVE or self.anew.is_awaited(vat):
            return False
        return not vat.attached or self.warehouse.is_online(vat_id)

    def _back_to_delivery(self) -> None:
        self.store.discard_touched()
        self.world.undo_crank()
        if self.taken is not None:
            if self.agenda.market is not None:
                self.agenda.market.again()
            self.store.queues.take(self.taken)
        self.store.effects.undone()

    def _send(self, seq: int, event: Send, number: int) -> CrankReport:
        match route(self.store, event):
            case ToVat(vat, target):
                return self._deliver_message(seq, event, target, vat, number)
            case ToPromise(promise) if self.store.wait_for(promise, event):
                return CrankReport(event, "waiting", number=number)
            case ToPromise():  # too many wait for it already
                rejection = capdata.error("Error", NO_ROOM, code=reasons.TOO_MUCH_WAITING)
            case Nowhere(rejection):
                pass
        self.judge.reject(event.message, rejection)
        return CrankReport(event, "rejected", number=number)

    def _deliver_message(
        self, seq: int, event: Send, target: str, vat: VatRecord, number: int
    ) -> CrankReport:
        worker = self.warehouse.online(vat) if vat.state == LIVE else None
        if worker is None:
            return self._park(seq, event, vat, number)
        self.lifecycle.rooms.begin(vat)
        delivery = Translator(self.store, vat.id).message_to_vat(target, event.message)
        delivered = self.deliverer.deliver(vat, worker, delivery, number)
        report = self.judge.delivered(event, vat, delivered, number)
        if report.fault is not None:
            words = f"vat {vat.name}: {event.message.method}()"
            self.judge.reject(event.message, rejection_of(report.fault, words))
        return report

    def _notify(self, seq: int, event: Notify, number: int) -> CrankReport:
        vat = self.store.vats.get(event.vat)
        if vat is None or vat.state == TERMINATED:
            return CrankReport(event, "dropped", vat.name if vat else None, number=number)
        worker = self.warehouse.online(vat) if vat.state == LIVE else None
        if worker is None:
            return self._park(seq, event, vat, number)
        notification = gather(self.store, event.promise) if self._knows(vat, event.promise) else None
        if notification is None or not notification.outcomes:
            # It was notified already, together with an earlier promise.
            return CrankReport(event, "dropped", vat.name, number=number)
        if notification.too_much:
            fault = too_much(notification)
            tell_instead(self.store, vat, event.promise, fault)
            return CrankReport(event, "refused", vat.name, fault=fault, number=number)
        self.lifecycle.rooms.begin(vat)
        delivery = Translator(self.store, vat.id).notify_to_vat(notification)
        delivered = self.deliverer.deliver(vat, worker, delivery, number)
        report = self.judge.delivered(event, vat, delivered, number)
        if report.fault is None or self.store.is_dead(vat.id):
            return report
        if report.fault.code == reasons.CODE_MISSING:
            # A restarted interpreter of the embedder gets its code piece by piece.
            return self._park(seq, event, vat, number)
        if notification.broke(report.fault):
            tell_instead(self.store, vat, event.promise, report.fault)
            return report
        self.store.vats.save(vat.having(state=SUSPENDED, reason=str(report.fault)))
        return replace(self._park(seq, event, vat, number), fault=report.fault, console=report.console)

    def _knows(self, vat: VatRecord, kref: str) -> bool:
        return self.store.clists.by_kref(vat.id, kref) is not None

    def _change_options(self, event: ChangeVatOptions, number: int) -> CrankReport:
        """Pass a vat its options. If that exceeds its limits it is rolled back, and the vat goes on."""
        vat = self.store.vats.get(event.vat)
        worker = self.warehouse.online(vat) if vat is not None and vat.state == LIVE else None
        if vat is None or worker is None:
            return CrankReport(event, "dropped", vat.name if vat else None, number=number)
        delivery = ["changeVatOptions", event.options]
        delivered = self.deliverer.deliver(vat, worker, delivery, number)
        return self.judge.delivered(event, vat, delivered, number)

    def _collect(self, event: Collect, number: int) -> CrankReport:
        """Notify a vat of dropped and retired references, if that is still the case."""
        vat = self.store.vats.known(event.vat)
        self.store.gc.remove(event.vat, event.kind, event.krefs[-1])
        translator = Translator(self.store, event.vat)
        meant = tuple(kref for kref in event.krefs if translator.still_meant(event.kind, kref))
        worker = self.warehouse.online(vat)
        if not meant or worker is None:
            return CrankReport(event, "negated", vat.name, number=number)
        delivery = translator.collection_to_vat(event.kind, meant)
        delivered = self.deliverer.deliver(vat, worker, delivery, number)
        report = self.judge.delivered(event, vat, delivered, number, krefs=len(meant))
        return self.judge.housekeeping(vat, report)

    def _reap(self, event: Reap, number: int) -> CrankReport:
        """Make a vat bring out its dead."""
        vat = self.store.vats.known(event.vat)
        worker = self.warehouse.online(vat)
        self.store.reaping.done(event.vat)
        if worker is None:
            return CrankReport(event, "dropped", vat.name, number=number)
        delivered = self.deliverer.deliver(vat, worker, ["bringOutYourDead"], number)
        report = self.judge.delivered(event, vat, delivered, number, deliveries=0)
        return self.judge.housekeeping(vat, report)

    def _clean_up(self, event: CleanUp, number: int, budget: int) -> CrankReport:
        vat = self.store.vats.get(event.vat)
        name, done = vat.name if vat else None, self.lifecycle.clean_up(event.vat, budget)
        return CrankReport(event, "cleaned", name, cleaned=done, number=number)

    def _park(self, seq: int, event: QueuedEvent, vat: VatRecord, number: int) -> CrankReport:
        self.store.queues.park(vat.id, seq, event)
        return CrankReport(event, "parked", vat.name, number=number)
