"""A session: the embedder's own interpreter as a vat among vats.

What a notebook cell or a host program holds, sends and is told goes through a guest library like anyone's,
under a name in the world (`notebook`). Its imports show in the c-lists, its promises in the tables. When
the interpreter is gone and another opens the same world, that is an upgrade of this vat: a new incarnation
begins, what it had promised is broken, what it had exported is abandoned, and the names it had put into
its baggage come back. Promises with a watcher, an adopter or a resumable function survive. There is no
second mechanism for resuming.

One thing is different. A vat starts with all its code, an interpreter is given its code bit by bit, say cell
by cell. So what the last one left waits for its code: a name for its class, a call for its function, and the
outcome of a watched promise, which the kernel sets aside meanwhile, for the watcher's class.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError, VatFault
from swingset.core.lifecycle import Parting
from swingset.core.report import CrankReport
from swingset.guest.base import context
from swingset.guest.base.ended import LifeEndedError, refuse_ended
from swingset.guest.base.promises import Promise
from swingset.guest.liveslots import Liveslots
from swingset.guest.passing.passable import UnpassableError
from swingset.guest.sending.eventual import E
from swingset.host.controller import Controller
from swingset.host.drafts import Drafts
from swingset.host.lives import DO_AGAIN, UNDONE, Life
from swingset.host.looking import is_reference, owner_of
from swingset.host.migrating import Migrated, Watcher
from swingset.host.pending import why_pending
from swingset.host.policies import RunPolicy
from swingset.host.reading import Reading
from swingset.host.rehearsal import Extent, Rehearsal, kinds_exported, rehearse_upgrade
from swingset.host.reports import RunReport
from swingset.host.session_devices import SessionDevices
from swingset.host.session_names import SessionNames
from swingset.lens.difference import Difference
from swingset.lens.tables import Lens, ObjectRow, PromiseRow
from swingset.model.capdata import NOTHING, CapData, object_named
from swingset.model.visible import one_line
from swingset.workers.local import AttachedWorker
from swingset.world.vats import TERMINATED


class StillPending(KernelError):
    """A promise was waited for, nothing is left that could run, and it is not settled."""


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did. `kept` counts durable objects by kind; rows are as they were before."""

    vat: str
    incarnation: int
    report: CrankReport
    kept: dict[str, int]
    abandoned: tuple[ObjectRow, ...]
    disconnected: tuple[PromiseRow, ...]


MOST_DIGESTED = 64 << 20
"""Bytes of a file that is digested when a session joins it. A digest reads the whole state."""


class Session:
    """The caller as a vat of an open world.

    `found_digest` is the world's digest before it joined; None of a file so large that taking it is left to
    whoever wants to wait for it.
    """

    def __init__(self, controller: Controller, name: str = "notebook") -> None:
        self.controller = controller
        self.name = name
        self.policy: RunPolicy | None = None
        self.watch: Callable[[CrankReport], None] | None = None
        self.renewed: Callable[[Parting], None] | None = None
        """Told of each life that begins because the one before was undone, not because somebody asked."""
        small = controller.world.size <= MOST_DIGESTED
        self.found_digest: str | None = controller.digest() if small else None
        self.stirred: Callable[[], None] | None = None
        """Told, from whatever thread, when something is sent or settled outside of a delivery."""
        self.reading = Reading(controller)
        self.drafts = Drafts(controller)
        self.names = SessionNames(self)
        self.devices = SessionDevices(self)
        self._life: Life | None = None
        self.attach()

    def attach(self, message: str = "the session was started anew") -> Parting:
        """Begin an incarnation of this vat: at the start, and after the world has gone back in time.

        What was had from the one before reaches nobody any more. Only where that one was undone, presences
        that were committed go on into this one.
        """
        controller = self.controller
        with controller.lock:
            known = controller.kernel.store.vats.named(self.name)
            before = self._life
            if known is not None and before is not None and (before.goes_on or not before.ended):
                before.save_counters()
            incarnation = known.incarnation + 1 if known else 0
            worker = AttachedWorker(self.name, incarnation, self._outside, self._cut)
            live = worker.liveslots
            live.title = f"vat {self.name} of {_called(controller)}"
            live.turns.await_hook = self.wait
            live.turns.stirred = self._stir
            live.guard = controller.lock
            live.reader = self.reading
            live.file_called = self.file_called
            if before is not None:
                before.end(message)
            vat, parting = controller.kernel.attach(self.name, worker, message)
            life = Life(controller.kernel, vat.id, live, self._join)
            controller.lives.add(life)
            moved = before.survivors() if before is not None else []
            try:
                for presence in moved:
                    live.slots.take_over(presence)
                self._life, self._defined = life, live.definitions
                live.deliver(["startVat", NOTHING.to_json()])
                controller.commit(f"vat {self.name} attached")
            except BaseException:
                self._life = before
                if before is not None:
                    for presence in moved:
                        before.liveslots.slots.take_over(presence)
                raise
            context.set_default(live)
            self.incarnation = vat.incarnation
            self.worker, self.parting = worker, parting
            return parting

    @property
    def liveslots(self) -> Liveslots:
        """The guest library of the life that this session is in; begins the next one if that has ended."""
        self._join()
        return self._now.liveslots

    @property
    def _now(self) -> Life:
        assert self._life is not None, "the session has begun"
        return self._life

    @property
    def vat_id(self) -> str:
        """The id of its vat."""
        return self._now.vat_id

    def _join(self) -> None:
        """Begin the next life, where the last one was undone; raises where the world is closed."""
        with self.controller.lock:
            ended = self._now.liveslots.ended
            if ended is None:
                return
            if ended.renew is None or self.controller.lives.closed:
                raise LifeEndedError(f"this session of {self._now.liveslots.title} is over: {ended.why}")
            parting = self.attach("what the session had done last was undone")
        if self.renewed is not None:
            self.renewed(parting)

    def is_over(self, value: object) -> bool:
        """Whether a value is a handle of a life that has ended. None of its code runs."""
        live = owner_of(value) if is_reference(value) else None
        return live is not None and live.ended is not None

    def _cut(self) -> None:
        """A delivery to this vat was undone, or the vat itself was ended."""
        life = self._life
        if life is not None:
            vat = self.controller.kernel.store.vats.get(life.vat_id)
            if vat is not None and vat.state == TERMINATED:
                life.end("the vat was terminated", "a vat that has ended stays so", closed=True)
            else:
                life.end(UNDONE, DO_AGAIN, undone=True)

    @property
    def E(self) -> Any:
        """The eventual-send proxy of this vat."""
        return E

    def close(self) -> None:
        """Let go of the world: the file keeps everything that was committed."""
        context.unset_default(self._now.liveslots)
        self.controller.close()

    # Running

    def settle(self) -> RunReport:
        """Run own turns and the world until both are still, commit, and release outputs."""
        with self.controller.lock:
            while True:
                self._run_turns()
                report = self.controller.run(self.policy, watch=self.watch)
                self._run_turns()
                if report.more or self.controller.queue.paused or not self._has_work():
                    return report

    def flush(self) -> None:
        """Run own turns and commit what they sent; the world itself stands still."""
        with self.controller.lock:
            self._run_turns()
            self.controller.commit("sent")

    def wait(self, promise: Promise[Any]) -> Any:
        """The value a promise settles to, after the commit that settled it; raises its rejection.

        Raises `StillPending` where the world stands still before that.
        """
        refuse_ended(promise._turns.vat, promise)
        # Whoever waits looks at the outcome, so a rejection is not one that nobody handled.
        promise.then(None, lambda _reason: None)
        self._run_turns()
        if promise.status == "pending":
            report = self.settle()
            if promise.status == "pending":
                kernel, paused = self.controller.kernel, self.controller.queue.paused
                raise StillPending(why_pending(kernel, self.vat_id, promise, report, paused))
        return promise.result()

    def file_called(self, filename: str) -> str:
        """What a file of this session's own code is called in messages."""
        return filename

    def _has_work(self) -> bool:
        return self.controller.kernel.has_work(clean_up=False)

    def _run_turns(self) -> None:
        with self.controller.lock, context.activate(self.liveslots):
            self.liveslots.settle()
            if self._defined != self.liveslots.definitions:
                self._defined = self.liveslots.definitions
                self.controller.kernel.unpark(self.vat_id)

    def lacking(self) -> list[str]:
        """What the last interpreter defined, this one has not yet, and something in the world waits for.

        As it is written: `@durable Listener`, `@resumable trial`.
        """
        with self.controller.lock, context.activate(self.liveslots):
            lacking: list[str] = self.liveslots.lacking()
            return lacking

    def _outside(self, syscall: list[Any]) -> list[Any]:
        with self.controller.lock:
            answer = self.controller.kernel.outside_syscall(self.vat_id, syscall)
        if syscall[0] == "send":
            self._stir()
        return answer

    def _stir(self) -> None:
        if self.stirred is not None:
            self.stirred()

    # Vats

    def define(
        self,
        vat: str,
        source: str,
        *,
        worker: str | None = None,
        options: dict[str, Any] | None = None,
        parameters: Any = None,
    ) -> Any:
        """Start a vat of this source and the kinds drafted for it; returns a reference to its root.

        Raises `StrangeDrafts` where there are some that this session has not made.
        """
        parts = self._with(vat, vat, source)
        given = self._given(parameters)
        self.controller.create_vat(vat, parts, worker=worker, options=options, parameters=given)
        return self.root(vat)

    def difference(self, vat: str, part: str, source: str) -> Difference | None:
        """How a cell differs from the running one; None where it is the same."""
        old = dict(self.controller.vats.parts(vat)).get(part)
        return None if old == source else Difference(vat, part, old, source)

    def upgrade(
        self, vat: str, part: str, source: str | None, message: str = "", *, parameters: Any = None
    ) -> Upgraded:
        """Replace one cell of a running vat, or take it away with None.

        Raises `VatFault`, and changes nothing, where it is refused.
        """
        with self.controller.lock:
            lens = Lens(self.controller.kernel.store)
            objects = {row.kref: row for row in lens.objects()}
            promises = {row.kref: row for row in lens.promises()}
            kept = kinds_exported(lens, vat)
            parts, given = self._with(vat, part, source), self._given(parameters)
            report = self.controller.upgrade_vat(vat, parts, parameters=given, message=message)
            parting = report.parting or Parting((), ())
            return Upgraded(
                vat,
                self.controller.kernel.vat(vat).incarnation,
                report,
                kept,
                tuple(objects[kref] for kref in parting.abandoned if kref in objects),
                tuple(promises[kref] for kref in parting.disconnected if kref in promises),
            )

    def migrate(self, vat: str, *, budget: int | None = None, progress: Watcher | None = None) -> Migrated:
        """Migrate the older records of a vat now, one commit each step, as `controller.vats.migrate`."""
        with self.controller.lock:
            self._run_turns()
            return self.controller.vats.migrate(vat, budget=budget, progress=progress)

    def rehearse(self, vat: str, part: str, source: str, *, records: Extent = None) -> Rehearsal:
        """What `upgrade` would do, found out in a fork; the world is not touched.

        `records` says how many records of changed kinds are migrated there, `"all"` or a number; without it
        those that the upgrade itself migrates. One that does not migrate is told of, and spoils the verdict.
        """
        with self.controller.lock:
            parts = self._with(vat, part, source)
            return rehearse_upgrade(self.controller, vat, parts, records=records)

    def _given(self, parameters: Any) -> CapData | None:
        """What a vat is to be started with, in the kernel's names."""
        if parameters is None:
            return None
        with self.controller.lock, context.activate(self.liveslots):
            slots = self.liveslots.slots
            try:
                written = slots.encode(parameters)
            except UnpassableError as exc:
                raise TypeError(slots.explain("parameters", parameters, exc)) from None
            return self.controller.kernel.take_capdata(self.vat_id, written)

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat."""
        with self.controller.lock:
            root = self.reference(self.controller.kernel.root_of(vat), vat)
            self.controller.commit(f"{self.name} knows {vat}")
            return root

    def kref_of(self, value: object) -> str | None:
        """The kernel's name for a reference or a promise that this vat holds; None where it has none."""
        promises, slots = self.liveslots.promises, self.liveslots.slots
        if isinstance(value, Promise):
            refuse_ended(value._turns.vat, value)
        vref = promises.name_of(value) if isinstance(value, Promise) else slots.known_name(value)
        return self.controller.kernel.recognize(self.vat_id, vref) if vref else None

    def reference(self, kref: str, iface: str) -> Any:
        """A reference to something that the kernel knows, for this vat to hold."""
        vref = self.controller.kernel.introduce(self.vat_id, kref)
        slots = self.liveslots.slots
        with context.activate(self.liveslots):
            if slots.imports.in_memory(vref):  # then its counts stand, and nothing of the state changes
                return slots.object_of(vref, None)
            return slots.decode(object_named(vref, iface).to_json())

    def _with(self, vat: str, part: str, source: str | None) -> tuple[tuple[str, str], ...]:
        """The vat's cells with one replaced: kinds first, the vat's own cell last."""
        live = self.controller.kernel.store.vats.named(vat)
        parts = dict(self.controller.vats.parts(vat) if live else self.drafts.usable(vat, part))
        if source is None:
            parts.pop(part, None)
        else:
            parts[part] = source
        own = [(vat, parts.pop(vat))] if vat in parts else []
        return (*parts.items(), *own)


def _called(controller: Controller) -> str:
    path = controller.world.path
    return one_line(os.path.basename(path), 100) if path else "a world in memory"


__all__ = ["Session", "StillPending", "Upgraded", "VatFault"]
