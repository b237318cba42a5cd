"""Chooses deliveries that run ahead of their turn, so that a run uses several cores.

Waiting deliveries for different vats do not depend on each other. So before a crank, those that come soon are
translated as if it were their turn, in a savepoint that is rolled back, and start on threads
(`workers.ahead`). The crank then proceeds as usual: it chooses an event, translates it, and asks this module
for a delivery that ran ahead. The delivery is used if its content, the vat's record and the limits are the
same, as they nearly always are; its syscalls are applied then, in its turn. Otherwise the guess was wrong:
the worker is discarded, and the crank is rolled back and run again. So threads change only how long a run
takes.

A wrong guess costs a worker, which takes 50 to 300 ms to restore. So only vats with long deliveries, by their
computrons, run ahead, and after a wrong guess a vat has to wait, twice as long each time. Some deliveries
never run ahead: those of vats whose worker does not confine them, because they share the process; those of
vats without a transcript, whose memory cannot be restored; starts, upgrades and housekeeping. At the end of a
run `rest` waits for those that are running; their results are kept for their turn in a later run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.notification import gather
from swingset.core.routing import ToVat, route
from swingset.core.store import KernelStore
from swingset.core.translate import Translator
from swingset.core.warehouse import Warehouse, limits_of
from swingset.model import capdata
from swingset.model.limits import Limits
from swingset.model.messages import Event, Notify, QueuedEvent, Send
from swingset.model.refs import kref_type
from swingset.model.reports import DeliveryResult
from swingset.workers.ahead import Bell, Overtaken, RunAhead, StoppableWorker
from swingset.workers.base import SyscallHandler
from swingset.world.promises import UNRESOLVED
from swingset.world.vats import LIVE, VatRecord

LONG = 20_000_000
"""Computrons of a delivery that is worth a thread: 5 ms and more on today's machines."""

_MOST_WAIT = 1_024
_PATIENCE = 1.0


def cores() -> int:
    """How many threads can run at the same time on this machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked_threads(threads: int | None) -> int:
    """Return the number of threads to use: `threads`, or one per core for None.

    Raises `KernelError` if it is not an int from 1.
    """
    if threads is not None and (type(threads) is not int or threads < 1):
        raise KernelError(f"threads wants how many, an int from 1, got {threads!r}")
    return cores() if threads is None else threads


@dataclass(frozen=True)
class AheadReport:
    """How many deliveries ran ahead since a world was opened.

    Of those that were `begun`, some were `used` in their turn and some were `discarded`, for example because
    the guess was wrong. The rest still wait for their turn. `threads` is how many may run at once.
    """

    threads: int
    begun: int
    used: int
    discarded: int


@dataclass(frozen=True)
class _Guess:
    """A delivery that runs ahead in one vat, with everything that must be the same in its turn."""

    run: RunAhead
    vat: VatRecord
    delivery: list[Any]
    limits: Limits


class _Record:
    """The average length of a vat's deliveries, and how many must pass before it runs ahead again."""

    average: float | None = None
    waits = 0
    wrong = 0


class Ahead:
    """Deliveries that run ahead in one world. Only the thread that runs the world may call its methods."""

    def __init__(self, store: KernelStore, warehouse: Warehouse, threads: int = 1) -> None:
        self._store = store
        self._warehouse = warehouse
        self._bell = Bell(threads)
        self._guesses: dict[str, _Guess] = {}
        self._records: dict[str, _Record] = {}
        self._long: set[str] = set()
        self._window: list[int] = []  # positions of the run-queue
        self._looked_at: dict[int, str | None] = {}  # examined positions, and the vats of their events
        self.threads = threads
        self._begun = self._used = self._discarded = 0
        warehouse.leaves = self._left

    def report(self) -> AheadReport:
        """How many deliveries ran ahead since the world was opened."""
        return AheadReport(self.threads, self._begun, self._used, self._discarded)

    # Guessing

    def look(self, seq: int | None, event: Event) -> None:
        """Start deliveries that can run ahead; `seq` and `event` are of the crank that comes next."""
        if self.threads < 2 or len(self._long) < 2 or seq is None:
            return
        busy = sum(not guess.run.ended for guess in self._guesses.values())
        found = list(self._candidates(2 * self.threads - busy))  # a thread that ends begins the next
        if not found or (not self._guesses and [at for at, _, _ in found] == [seq]):
            return  # only the next event could run ahead, which gains nothing
        self._store.world.begin_crank()
        try:
            for at, vat, event in found:
                self._looked_at[at] = vat
                self._start(event)
        finally:
            self._store.discard_touched()
            self._store.world.rollback_crank()

    def _candidates(self, most: int) -> Iterator[tuple[int, str, QueuedEvent]]:
        """Position, vat and event of deliveries that may run ahead, at most `most`, and one per vat."""
        soon = self._soon()
        self._looked_at = {at: vat for at, vat in self._looked_at.items() if at in soon}
        passed = {None, *self._guesses}
        for at in soon:
            if most < 1:
                return
            if at in self._looked_at:
                passed.add(self._looked_at[at])
                continue
            event, vat = self._expected(at)
            if event is None or vat not in self._long:
                self._looked_at[at] = vat
            elif vat is not None and vat not in passed and self._may(vat):
                most -= 1
                yield at, vat, event
            passed.add(vat)

    def _soon(self) -> list[int]:
        """The first positions of the run-queue. Many are read at once, to query the run-queue rarely."""
        few = 4 * self.threads
        while self._window and self._store.queues.text_at(self._window[0]) is None:
            del self._window[0]
        if len(self._window) < few:
            self._window = self._store.queues.soon(16 * few)
        return self._window[:few]

    def _expected(self, at: int) -> tuple[QueuedEvent | None, str | None]:
        """The event at a position of the run-queue, and the vat it is for."""
        try:
            event = self._store.queues.at(at)
            return event, None if event is None else self._vat_of(event)
        except Exception:  # such as a damaged row: the error is raised again in its turn
            return None, None

    def _vat_of(self, event: QueuedEvent) -> str | None:
        """The vat that an event is for, if a single look-up finds it."""
        match event:
            case Notify(vat):
                return vat
            case Send(target):
                promise = self._store.promises.get(target) if kref_type(target) == "p" else None
                if promise is not None and promise.state == UNRESOLVED:
                    return promise.decider
                slot = target if promise is None else capdata.sole_object(promise.data or capdata.NOTHING)
                found = self._store.objects.get(slot) if slot is not None else None
                return found.owner if found else None
        return None

    def _may(self, vat: str) -> bool:
        return self._records[vat].waits < 1 and self._warehouse.has_at_rest(vat)

    def _start(self, event: QueuedEvent) -> None:
        """Translate an event as in its turn, and start its delivery. The caller rolls the crank back."""
        try:
            found = self._translated(event)
        except Exception:  # the error is raised again in its turn
            return
        if found is None:
            return
        vat, delivery = found
        limits = limits_of(vat)
        if binding(self._store, vat, limits) is not None:
            return  # by its turn its meters may hold something else
        worker = self._warehouse.online(vat)
        if isinstance(worker, StoppableWorker):
            try:
                run = RunAhead(worker, delivery, limits, self._bell)
            except RuntimeError:  # the system has no more threads, so the delivery runs in its turn
                return
            self._guesses[vat.id] = _Guess(run, vat, delivery, limits)
            self._begun += 1
            self._warehouse.out.add(vat.id)

    def _translated(self, event: QueuedEvent) -> tuple[VatRecord, list[Any]] | None:
        store = self._store
        match event:
            case Send(_, message):
                where = route(store, event)
                if isinstance(where, ToVat) and _fits(where.vat):
                    return where.vat, Translator(store, where.vat.id).message_to_vat(where.target, message)
            case Notify(vat_id, promise):
                vat = store.vats.get(vat_id)
                if vat is not None and _fits(vat) and store.clists.by_kref(vat.id, promise) is not None:
                    notification = gather(store, promise)
                    if notification.outcomes and not notification.too_much:
                        return vat, Translator(store, vat.id).notify_to_vat(notification)
        return None

    # In turn

    def outcome(
        self, vat: VatRecord, delivery: list[Any], limits: Limits, handler: SyscallHandler
    ) -> DeliveryResult | None:
        """Apply the syscalls of a delivery that ran ahead to `handler`, and return the outcome.

        Returns None if nothing ran ahead in the vat. Raises `Overtaken` if another delivery ran ahead in it,
        or if it failed or got other answers than in its turn; the caller must then discard the vat's worker.
        """
        guess = self._guesses.get(vat.id)
        if guess is None:
            return None
        if (guess.vat, guess.delivery, guess.limits) != (vat, delivery, limits):
            raise Overtaken
        result = guess.run.play(handler, self._serve)
        del self._guesses[vat.id]
        self._warehouse.out.discard(vat.id)
        if result is None:
            self._begun -= 1
        else:
            self._used += 1
        return result

    def note(self, vat: str, computrons: int | None) -> None:
        """Add the computrons of a delivery to the average of its vat."""
        if self.threads < 2 or computrons is None:
            return
        record = self._records.setdefault(vat, _Record())
        before = computrons if record.average is None else record.average
        record.average = before + (computrons - before) / 4
        record.waits = max(record.waits - 1, 0)
        if record.average >= LONG:
            self._long.add(vat)
        else:
            self._long.discard(vat)

    def rest(self) -> None:
        """Wait until each delivery that runs ahead has ended, or waits for its turn.

        Discards those that take longer than their limit of seconds, or than one second if they have none.
        """
        while True:
            heard = self._bell.count
            self._serve()
            under_way = {vat: guess for vat, guess in self._guesses.items() if not guess.run.rests}
            if not under_way:
                return
            for vat, guess in under_way.items():
                if guess.run.lasts > (guess.limits.seconds or _PATIENCE):
                    self._warehouse.discard(vat)
            self._bell.wait(heard, _PATIENCE)

    def _serve(self) -> None:
        for vat, guess in self._guesses.items():
            guess.run.serve(vat, self._store.vatstore)

    def _left(self, vat: str) -> None:
        """Stop and discard the delivery that runs ahead in a vat, because its worker is discarded."""
        guess = self._guesses.pop(vat, None)
        if guess is not None:
            guess.run.give_up()
            self._warehouse.out.discard(vat)
            self._discarded += 1
            record = self._records[vat]
            record.wrong += 1
            record.waits = min(2**record.wrong, _MOST_WAIT)


def binding(store: KernelStore, vat: VatRecord, limits: Limits) -> int | None:
    """The computrons that the meters of a vat hold, if that is less than a delivery to it may spend."""
    meter = vat.options.get("meter")
    least = store.meters.least(meter) if isinstance(meter, str) else None
    return None if least is None or (limits.computrons or least + 1) <= least else least


def _fits(vat: VatRecord) -> bool:
    return vat.state == LIVE and vat.recorded and not vat.attached
