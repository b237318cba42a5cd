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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swingset.core.errors import KernelError, VatFault
from swingset.core.lifecycle import Parting
from swingset.core.report import CrankReport
from swingset.guest import context
from swingset.guest.baggage import StoredMap
from swingset.guest.eventual import E
from swingset.guest.passable import UnpassableError
from swingset.guest.promises import Promise
from swingset.guest.remotables import Presence, interface_of
from swingset.host.controller import Controller
from swingset.host.migrating import Migrated, Watcher
from swingset.host.policies import RunPolicy
from swingset.host.rehearsal import Extent, Rehearsal, kinds_exported, rehearse_upgrade
from swingset.host.reports import RunReport
from swingset.host.services import Services
from swingset.lens.difference import Difference
from swingset.lens.tables import Lens, ObjectRow, PromiseRow
from swingset.model.capdata import CapData
from swingset.workers.local import AttachedWorker
from swingset.world.promises import FORWARDED
from swingset.world.vats import SUSPENDED


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


class Session(Services):
    """The caller as a vat of an open world. `found_digest` is the world's digest before it joined."""

    def __init__(self, controller: Controller, name: str = "notebook") -> None:
        self.controller = controller
        self.name = name
        self.policy: RunPolicy | None = None
        self.watch: Callable[[CrankReport], None] | None = None
        self.found_digest = controller.digest()
        self.unread: dict[str, str] = {}
        self.attach()

    def attach(self, message: str = "the session was started anew") -> Parting:
        """Begin an incarnation of this vat: at the start, and after the world has gone back in time."""
        controller = self.controller
        with controller.lock:
            known = controller.kernel.store.vats.named(self.name)
            incarnation = known.incarnation + 1 if known else 0
            self._vat_id = known.id if known else ""
            self.worker = AttachedWorker(self.name, incarnation, self._outside)
            vat, self.parting = controller.kernel.attach(self.name, self.worker, message)
            self._vat_id = vat.id
            self.incarnation = vat.incarnation
            self.liveslots = self.worker.liveslots
            self._defined = self.liveslots.definitions
            self.liveslots.turns.await_hook = self.wait
            context.set_default(self.liveslots)
            controller.world.before_commit = self._write_back
            self.liveslots.deliver(["startVat", {"body": "#null", "slots": []}])
            controller.commit(f"vat {self.name} attached")
            return self.parting

    @property
    def E(self) -> Any:
        """The eventual-send proxy of this vat."""
        return E

    def close(self) -> None:
        """Let go of the world: the file keeps everything that was committed."""
        context.set_default(None)
        self.controller.world.before_commit = None
        self.controller.close()

    # Running

    def settle(self) -> RunReport:
        """Run own turns and the world until both are still, commit, and release outputs."""
        with self.controller.lock:
            while True:
                self._run_turns()
                report = self.controller.run(self.policy, watch=self.watch)
                self._run_turns()
                if report.more or self.controller.paused or not self._has_work():
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
        # Whoever waits looks at the outcome, so a rejection is not one that nobody handled.
        promise.then(None, lambda _reason: None)
        self._run_turns()
        if promise.status == "pending":
            report = self.settle()
            if promise.status == "pending":
                raise StillPending(self._why_pending(promise, report))
        return promise.result()

    def _has_work(self) -> bool:
        return self.controller.kernel.has_work(clean_up=False)

    def _run_turns(self) -> None:
        with self.controller.lock, context.activate(self.liveslots):
            self.liveslots.settle()
            if self._defined != self.liveslots.definitions:
                self._defined = self.liveslots.definitions
                self.controller.kernel.unpark(self._vat_id)

    def lacking(self) -> list[str]:
        """What the last interpreter defined, this one has not yet, and something in the world waits for.

        As it is written: `@durable Listener`, `@resumable trial`.
        """
        with self.controller.lock, context.activate(self.liveslots):
            lacking: list[str] = self.liveslots.lacking()
            return lacking

    def _why_pending(self, promise: Promise[Any], report: RunReport) -> str:
        waiting = self.controller.kernel.store.queues.length()
        if self.controller.paused:
            events = "1 event" if waiting == 1 else f"{waiting} events"
            return f"the world is paused with {events} in the run-queue: run it, or step through them"
        if report.more:
            return (
                f"the run ended at its limit of cranks with {waiting} events left in the run-queue: run the"
                " world again to carry on"
            )
        vpid = getattr(promise, "_vpid", None)
        kref = self.controller.kernel.recognize(self._vat_id, vpid) if vpid else None
        lens = Lens(self.controller.kernel.store)
        rows = {row.kref: row for row in lens.promises()}
        row = rows.get(kref or "")
        while row is not None and row.state == FORWARDED:
            row = rows.get(row.decider)  # there a promise that follows another has the name of that
        if row is not None:
            decider = self.controller.kernel.store.vats.named(row.decider)
            if decider is not None and decider.state == SUSPENDED:
                return (
                    f"vat {decider.name} is suspended, and promise {row.kref} is its to settle:"
                    f" {decider.reason}; upgrade the vat, or wake it"
                )
            sent = [event for event in lens.queue() if event.result == row.kref]
            if decider is not None:
                why = f"vat {decider.name} has to settle it"
            elif sent:
                why = f"the message {sent[0].what}, whose result it is, waits: {sent[0].where}"
            else:
                why = "it waits for a device or for the host"
            return f"nothing is left to run, and promise {row.kref} is still unresolved: {why}"
        return (
            "nothing is left to run, and the promise is still unresolved: it waits for something in this"
            " session"
        )

    def _write_back(self) -> None:
        """Have every commit that holds messages of this session hold also which names they have used up.

        Else the next incarnation would use them again, if this one ends before it settles.
        """
        with context.activate(self.liveslots):
            self.liveslots.counters.save()
            self.liveslots.store.flush()

    def _outside(self, syscall: list[Any]) -> list[Any]:
        with self.controller.lock:
            return self.controller.kernel.outside_syscall(self._vat_id, syscall)

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
        """Start a vat of this source and the kinds drafted for it; returns a reference to its root."""
        parts = self._with(vat, vat, source)
        given = self._given(parameters)
        self.controller.create_vat(vat, parts, worker=worker, options=options, parameters=given)
        return self.root(vat)

    def draft(self, vat: str, part: str, source: str) -> None:
        """Keep a cell for a vat that does not exist yet; it becomes part of it when the vat is defined."""
        with self.controller.lock:
            self.controller.kernel.store.sources.put(vat, part, source)
            self.controller.commit(f"draft {part} for {vat}")

    def difference(self, vat: str, part: str, source: str) -> Difference | None:
        """How a cell differs from the running one; None where it is the same."""
        old = dict(self.running_parts(vat)).get(part)
        return None if old == source else Difference(vat, part, old, source)

    def running_parts(self, vat: str) -> tuple[tuple[str, str], ...]:
        """The cells that the vat runs now."""
        record = self.controller.kernel.vat(vat)
        return self.controller.world.bundles.get(record.bundle) if record.bundle else ()

    def upgrade(
        self, vat: str, part: str, source: str, message: str = "", *, parameters: Any = None
    ) -> Upgraded:
        """Replace one cell of a running vat. Raises `VatFault`, and changes nothing, where it is refused."""
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
        """Migrate the older records of a vat now, in steps of one commit each; see `Controller.migrate`."""
        with self.controller.lock:
            self._run_turns()
            return self.controller.migrate(vat, budget=budget, progress=progress)

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
            return self.controller.kernel.take_capdata(self._vat_id, written)

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat."""
        with self.controller.lock:
            root = self._reference(self.controller.kernel.root_of(vat), vat)
            self.controller.commit(f"{self.name} knows {vat}")
            return root

    def kref_of(self, value: object) -> str | None:
        """The kernel's name for a reference or a promise that this vat holds; None where it has none."""
        promises, slots = self.liveslots.promises, self.liveslots.slots
        vref = promises.name_of(value) if isinstance(value, Promise) else slots.known_name(value)
        return self.controller.kernel.recognize(self._vat_id, vref) if vref else None

    def _reference(self, kref: str, iface: str) -> Any:
        vref = self.controller.kernel.introduce(self._vat_id, kref)
        with context.activate(self.liveslots):
            return self.liveslots.slots.decode({"body": f'#"$0.Alleged: {iface}"', "slots": [vref]})

    def _with(self, vat: str, part: str, source: str) -> tuple[tuple[str, str], ...]:
        """The vat's cells with one replaced: kinds first, the vat's own cell last."""
        live = self.controller.kernel.store.vats.named(vat)
        parts = dict(self.running_parts(vat) if live else self.controller.kernel.store.sources.parts(vat))
        parts[part] = source
        own = [(vat, parts.pop(vat))] if vat in parts else []
        return (*parts.items(), *own)

    # Names

    def remember(self, namespace: Mapping[str, Any]) -> list[str]:
        """Put into the baggage every name that stands for a reference, or for data that holds one.

        Names that are bound no longer are forgotten. Returns the names whose value holds a reference but
        cannot outlive the session, such as promises and objects of the session's own heap.
        """
        fleeting = []
        with self.controller.lock, context.activate(self.liveslots):
            names = self._names()
            kept = set()
            for name, value in sorted(namespace.items()):
                if name.startswith("_") or not _holds_reference(value):
                    continue
                try:
                    names[name] = value
                    kept.add(name)
                except (TypeError, ValueError):
                    fleeting.append(name)
            for name in [name for name in names if name not in kept]:
                if name not in self.unread or name in namespace:
                    del names[name]
            self.liveslots.settle()
            self.controller.commit("names")
        return fleeting

    def recall(self) -> dict[str, Any]:
        """The names in the baggage with what they stand for, and each vat under its own name.

        A vat whose cell was killed before its name could be remembered is found again this way. One whose
        root nobody held has none any more: it can be reached only through what else it has given away.
        Names of objects whose class is not defined yet are left out, and kept: `recall_more` finds them.
        """
        with self.controller.lock, context.activate(self.liveslots):
            has_root = self.controller.kernel.has_root
            vats = [vat.name for vat in self.controller.vats() if vat.worker != "attached"]
            roots = {name: self.root(name) for name in vats if has_root(name)}
            return roots | self._read_names(list(self._names()))

    def recall_more(self) -> dict[str, Any]:
        """Names that `recall` had to leave out, as far as their classes have been defined since."""
        with self.controller.lock, context.activate(self.liveslots):
            return self._read_names(list(self.unread)) if self.unread else {}

    def _read_names(self, wanted: list[str]) -> dict[str, Any]:
        names, found = self._names(), {}
        for name in wanted:
            self.unread.pop(name, None)
            if name not in names:
                continue
            try:
                found[name] = names[name]
            except LookupError as problem:
                self.unread[name] = str(problem)
        return found

    def _names(self) -> StoredMap:
        return StoredMap(self.liveslots, _NAMES, "the session's names")


_NAMES = 2
"""The collection, beside the baggage, in which a session keeps its names."""


def _holds_reference(value: Any, depth: int = 0) -> bool:
    """Whether a value is a reference into the world, or plain data with one in it."""
    if isinstance(value, Presence | Promise) or interface_of(value) is not None:
        return True
    if depth < 10:
        if isinstance(value, list | tuple):
            return any(_holds_reference(item, depth + 1) for item in value)
        if isinstance(value, dict):
            return any(_holds_reference(item, depth + 1) for item in value.values())
    return False


__all__ = ["Session", "StillPending", "Upgraded", "VatFault"]
