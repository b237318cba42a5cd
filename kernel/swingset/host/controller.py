"""The controller: a world that is open, with its workers.

One thread at a time is inside it; callers from others wait, or are heard between cranks (`turns`). A run
ends with one durable commit, and only then do outputs leave. If the commit fails, or the host is interrupted
within a crank, the world is what it was at the last commit or the last whole crank, and workers that saw
more are thrown away.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from swingset.core.cranks import CLEAN_UP_ROWS
from swingset.core.errors import KernelError, KernelPanic, VatFault
from swingset.core.kernel import Kernel
from swingset.core.report import CrankReport
from swingset.core.scheduler import Scheduler
from swingset.core.undoing import refuse_within_crank
from swingset.core.warehouse import UNTRUSTED, checked_capacity
from swingset.host import migrating
from swingset.host.devices import HostDevices, service_counter
from swingset.host.engines import KINDS, Engines
from swingset.host.lives import Lives
from swingset.host.outputs import Outbox
from swingset.host.policies import RunPolicy, forever, rows_allowed
from swingset.host.reports import Reports, RunReport
from swingset.host.requests import Requests
from swingset.host.rhythm import Rhythm
from swingset.host.turns import Turns
from swingset.model.capdata import NOTHING, CapData
from swingset.model.messages import CreateVat, Event, UpgradeVat
from swingset.model.visible import one_line
from swingset.workers.base import Progress, WorkerFactory
from swingset.world.errors import WorldMoved
from swingset.world.file import WorldFile
from swingset.world.history import Label
from swingset.world.vats import LIVE, TERMINATED, VatRecord

Parts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Checkpoint:
    """A named commit: its number, the crank, the world's digest, and what its heap images took."""

    name: str
    commit: int
    crank: int
    digest: str
    vats: int
    new_pages: int
    new_bytes: int


COMMIT_AFTER = 128 << 20
"""How many changed bytes of state a run lets wait for its commit: one commit has room for so many."""


class Controller(Requests):
    """A world and its workers. Make one with `Controller.open`, close it when done."""

    def __init__(
        self,
        world: WorldFile,
        factories: Mapping[str, WorkerFactory],
        *,
        default_worker: str = "wasm",
        snapshot_interval: int | None = None,
        online: int | None = None,
        scheduler: Scheduler | None = None,
        trusts_local: bool = True,
    ) -> None:
        self.world = world
        self.kernel = Kernel(world, factories, scheduler=scheduler, confined_only=not trusts_local)
        self.kernel.warehouse.limit(online)
        self.lives = Lives(world, self.kernel)
        self.devices = HostDevices(self)
        self.outbox = Outbox()
        self.turns = Turns(world.name)
        self.lock = self.turns.lock
        self._scheduler = scheduler
        self.default_worker = default_worker
        self._snapshot_interval = snapshot_interval
        self.trusts_local = trusts_local
        self._factories = factories
        self._dirty_vats: set[str] = set()
        self._running = False

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        create: bool = True,
        worker: str = "wasm",
        progress: Progress | None = None,
        snapshot_interval: int | None = None,
        online: int | None = None,
        scheduler: Scheduler | None = None,
        workers: bool = True,
        look_only: bool = False,
    ) -> Controller:
        """Open a world file, or make one; None for a world that lives only in memory.

        `snapshot_interval` is after how many deliveries a heap image is saved, for as long as the world is
        open this time; without it that is as the world's own option says. At most `online` vats have a
        worker at once, 50 unless told otherwise: others are brought back when they are needed. `worker` is
        the kind new vats run in unless told otherwise: wasm, wasm-full or local. `scheduler` chooses among
        the events of the run-queue (`swingset.core.scheduler`). Raises `swingset.world.errors.WorldError`
        for files that are not worlds, which are left as they are, and `KernelError` for a world with local
        vats unless `worker` is local: their code would run in this process, unconfined, and a file may come
        from anybody. For the same reason no local worker is made for a file that was there already,
        whatever asks for one, unless `worker` is local: a creation that waits in its run-queue goes on
        waiting (`held_back`). Without `workers` no code can run, so any world may be opened. With
        `look_only` nothing can be changed either: the file is seen as it is now, takes no lock, may be on a
        medium that cannot be written, and may be open in another process.
        """
        checked_capacity(online)
        engines = Engines(progress)
        if worker not in engines:
            raise KernelError(f"no worker of kind {worker!r}; there are: {', '.join(engines)}")
        found = path is not None and os.path.lexists(path)
        look = look_only and path is not None
        world = WorldFile.look(path or "") if look else WorldFile.open(path, create=create)
        controller = cls(
            world,
            engines if workers and not look_only else {},
            default_worker=worker,
            snapshot_interval=snapshot_interval,
            online=online,
            scheduler=scheduler,
            trusts_local=worker == "local" or not found,
        )
        try:
            controller._refuse_untrusted()
        except KernelError:
            controller.close(keep=False)
            raise
        return controller

    def _refuse_untrusted(self) -> None:
        local = [vat.name for vat in self.vats() if vat.worker == "local"]
        if local and self._factories and not self.trusts_local:
            raise KernelError(
                f"this world has vats in the local worker ({', '.join(local)}): their code would run in your"
                " own process, unconfined. If you trust the file, open it with the worker local"
            )

    def held_back(self) -> list[str]:
        """Sentences about creations and upgrades in the run-queue that do not run here, and why."""
        known = {*KINDS, *self._factories}
        with self.lock:
            found = []
            for seq, what, kind in self.kernel.starts():
                if kind not in known:
                    why: str | None = f"there is no worker of kind {kind!r}"
                elif kind == "local" and not self.trusts_local:
                    why = UNTRUSTED
                else:
                    why = self.kernel.agenda.why_passed_over(seq)
                if why is not None:
                    found.append(f"{what} waits in the run-queue, at {seq}: {why}")
            return found

    def close(self, *, keep: bool = True) -> None:
        """Commit what the host has asked for, stop the workers, and let go of the file.

        Raises `WorldError` where the world is not in its file then; it is closed all the same. Without
        `keep`, what is not committed is lost, as in a crash.
        """
        with self.lock:
            refuse_within_crank(self.kernel.store)
            try:
                if keep and not self.lives.closed and not self.world.look_only:
                    self.commit("closed")
                    self.world.check_place()
            finally:
                self.lives.close()
                self.kernel.warehouse.close()
                self.world.close()

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(keep=kind is None)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Commit, and write the world with its history to a file that is not there yet.

        Where it cannot be committed any more, because its file is gone say, this writes what was committed.
        """
        with self.lock:
            refuse_within_crank(self.kernel.store)
            with contextlib.suppress(WorldMoved):
                self.commit("before export")
            self.world.export(path)

    # Running

    @property
    def paused(self) -> bool:
        """Whether runs wait until somebody resumes the world. Stepping still works."""
        return bool(self.kernel.store.counters.get("paused"))

    def pause(self) -> None:
        """Let the run-queue stand until `unpause`. From another thread, a run stops at its next crank."""
        self.turns.ask(lambda: self._set_paused(1, "pause"))

    def unpause(self) -> None:
        """Let runs run again."""
        self.turns.ask(lambda: self._set_paused(0, "resume running"))

    def _set_paused(self, paused: int, note: str) -> None:
        refuse_within_crank(self.kernel.store)
        self.kernel.store.counters.set("paused", paused)
        self.commit(note)

    def step(self) -> CrankReport | None:
        """Run one crank and commit it; None where nothing can run. Works while paused.

        Raises `KernelPanic` after the commit where this crank gave the world a reason to stop.
        """
        with self.lock:
            report = self._crank()
            self.commit("step")
            self._raise_panic()
            return report

    def overrule_panic(self) -> None:
        """Let a world that has panicked run on as it is."""
        with self.lock:
            self.kernel.store.panic.overrule()
            self.commit("panic overruled")

    def _raise_panic(self) -> None:
        if (words := self.kernel.panic) is not None:
            raise KernelPanic(words)

    def run(
        self,
        policy: RunPolicy | None = None,
        *,
        watch: Callable[[CrankReport], None] | None = None,
    ) -> RunReport:
        """Run until nothing can, or the policy says stop; then commit and release the outputs.

        A long run also commits, and releases, in between (`rhythm`). `watch` is told of each crank as it
        ends, for progress displays: it need not be committed yet. An interrupt stops between cranks, commits
        the whole ones, and is raised again; so is a panic.
        """
        go_on, rhythm = policy or forever(), Rhythm()
        reports = Reports()
        commit: int | None = None
        with self.lock, self._a_run():
            cleans = rows_allowed(go_on) is not None
            try:
                self.turns.serve()
                while not self.paused:
                    report = self._crank(rows_allowed(go_on))
                    if report is None:
                        break
                    reports.add(report)
                    if watch is not None:
                        watch(report)
                    self.turns.serve()
                    if not go_on(report):
                        break
                    if rhythm.due(self.world.pending_bytes > COMMIT_AFTER):
                        commit = self.commit("run, so far") or commit
            except BaseException:
                self.commit("interrupted run")
                raise
            commit = self.commit("run") or commit
            self._raise_panic()
            more = self.kernel.has_work(clean_up=cleans)
        return RunReport(reports.count, reports.computrons, more, commit, reports.kept())

    @contextmanager
    def _a_run(self) -> Iterator[None]:
        before, self._running = self._running, True
        try:
            yield
        finally:
            self._running = before

    def keep(self, note: str) -> None:
        """Make durable what the host has asked for; within a run that is for the run's own commit to do."""
        if not self._running:
            self.commit(note)

    def commit(self, note: str = "") -> int | None:
        """Make all whole cranks durable and release what they had to say."""
        with self.lock:
            refuse_within_crank(self.kernel.store)
            try:
                self._snapshot_long_spans()
                self._log_outcomes()
                commit = self.world.commit(note)
            except BaseException:
                self.outbox.drop()
                self.world.rollback()
                self.kernel.agenda.look_again()
                self.kernel.warehouse.discard_all()
                raise
            self.outbox.release()
            return commit

    def _log_outcomes(self) -> None:
        for line in self.logged():
            self.outbox.say(self.kernel.crank, line)

    def _crank(self, clean_up: int | None = CLEAN_UP_ROWS) -> CrankReport | None:
        report = self.kernel.step(clean_up)
        if report is not None:
            self.outbox.collect(report)
            if report.vat is not None:
                self._dirty_vats.add(report.vat)
        return report

    @property
    def snapshot_interval(self) -> int | None:
        """After how many deliveries a vat's heap image is saved; None is never."""
        chosen = self._snapshot_interval
        return self.kernel.options.get("snapshot_interval") if chosen is None else chosen

    def _snapshot_long_spans(self) -> None:
        store, interval = self.kernel.store, self.snapshot_interval
        dirty, self._dirty_vats = self._dirty_vats, set()
        if interval is None:
            return
        for name in sorted(dirty):
            vat = store.vats.named(name)
            if vat is None or vat.attached:
                continue
            span = store.vats.span(vat.id)
            if span.position - span.start >= interval and self.kernel.warehouse.is_online(vat.id):
                self.kernel.warehouse.snapshot(vat)

    # Vats

    def create_vat(
        self,
        name: str,
        parts: Parts,
        *,
        parameters: CapData | None = None,
        worker: str | None = None,
        options: dict[str, Any] | None = None,
        service: bool = False,
    ) -> str:
        """Start a vat now, ahead of all that waits, paused or not; returns the kref of its root object.

        `options` are `reap_interval`, `reap_gc_krefs`, `reap_computrons`, `never_reap`, `computrons`,
        `memory_pages`, `seconds`, `console_bytes`, `write_bytes`, `stored_bytes`, `meter`, `on_starvation`,
        `critical`, `enable_pipelining`, `enable_disavow` and `use_transcript`. Only the library's own vats,
        of which the world remembers that they are, are a `service`. Raises `KernelError` for a name or an
        option that cannot be, and `VatFault` with the user's own line where the code fails; then no vat was
        made.
        """
        with self.lock:
            given = parameters or NOTHING
            kind = worker or self.default_worker
            result = self.kernel.queue_creation(
                name, kind, parts, given, {} if options is None else options, first=True, service=service
            )
            report = self._answer_request(result)
            if report.fault is None:
                # The host knows the vat by its name, so its root is never collected.
                self.kernel.pin(self.kernel.root_of(name))
            if report.outcome != "withdrawn":
                self.kernel.release_result(result)
            if report.fault is not None:
                self.commit(f"could not create {name}")
                raise VatFault(name, "it could not be created", report.fault, dict(parts).get)
            self.kernel.store.sources.replace(name, parts)
            if service:
                number = int(self.kernel.vat(name).id[1:])
                self.kernel.store.counters.set(service_counter(name), number)
            self.commit(f"create {name}")
            return self.kernel.root_of(name)

    def upgrade_vat(
        self, name: str, parts: Parts, *, parameters: CapData | None = None, message: str = ""
    ) -> CrankReport:
        """Replace a vat's code now, ahead of all that waits, paused or not; its durable objects stay.

        Returns the report of the upgrade's crank. Raises `VatFault` with the reason where the new code
        refuses; the old incarnation is then exactly as it was.
        """
        with self.lock:
            result = self.kernel.queue_upgrade(
                name, parts, parameters, message or f"vat {name} upgraded", first=True
            )
            report = self._answer_request(result)
            if report.outcome != "withdrawn":
                self.kernel.release_result(result)
            if report.fault is not None:
                self.commit(f"refused to upgrade {name}")
                words = "the upgrade was refused and nothing has changed"
                raise VatFault(name, words, report.fault, dict(parts).get)
            self.kernel.store.sources.replace(name, parts)
            self.commit(f"upgrade {name}")
            return report

    def tell_options(self, name: str, options: dict[str, Any]) -> CrankReport:
        """Tell a vat now, ahead of all that waits, of options that concern its inside, and commit.

        `{"migrate": n}` has it migrate, of its older records, those among the next n. What it cannot do
        within its limits is undone, and the report says so.
        """
        with self.lock:
            told = self.kernel.queue_options(name, options)
            report = self._run_up_to(lambda event: event == told, lambda: self.kernel.withdraw_options(told))
            if report.outcome == "stopped":
                self.kernel.withdraw_options(told)
            self.commit(f"options for {name}")
            return report

    def migrate(
        self,
        name: str,
        *,
        budget: int | None = None,
        step: int = migrating.STEP,
        progress: migrating.Watcher | None = None,
    ) -> migrating.Migrated:
        """Migrate the older records of a vat now, `step` of them in a crank and a commit.

        Stops when none is left but those that do not migrate, or when `budget` records were visited.
        `progress` is told after each step. It may be interrupted or killed, and goes on when called again.
        """
        return migrating.migrate(self, name, budget=budget, step=step, progress=progress)

    def terminate_vat(self, name: str, reason: str = "") -> None:
        """End a vat: its promises are rejected, its exports are gone, its state is deleted.

        From another thread this is done between two cranks of the run.
        """

        def terminate() -> None:
            self.kernel.terminate(name, reason)
            self.commit(f"terminate {name}")

        self.turns.ask(terminate)

    def vats(self) -> list[VatRecord]:
        """The vats that are not terminated."""
        return [vat for vat in self.kernel.store.vats.all() if vat.state != TERMINATED]

    def _answer_request(self, result: str) -> CrankReport:
        """Run up to the crank that answers a request."""
        return self._run_up_to(
            lambda event: isinstance(event, CreateVat | UpgradeVat) and event.result == result,
            lambda: self.kernel.withdraw(result),
        )

    def _run_up_to(self, wanted: Callable[[Event], bool], withdraw: Callable[[], None]) -> CrankReport:
        """Run up to the crank of an event that was queued ahead of all that waits.

        What vats are to be told of dropped references comes before any event, this one included. What dead
        vats left is not cleaned up for it: that has a budget, and this is wanted now.
        """
        try:
            while True:
                report = self._crank(None)
                assert report is not None
                if wanted(report.event):
                    return report
        except BaseException:
            withdraw()
            raise

    # Naming, forking, going back

    def digest(self) -> str:
        """SHA-256 of the world's state, hex: equal for equal worlds."""
        with self.lock:
            return self.world.digest()

    def checkpoint(self, name: str, note: str = "", *, move: bool = False) -> Checkpoint:
        """Name the world as it is now, with a heap image of every vat that has one to give.

        A name that names this very state does so again; one of another state leaves it only to `move`.
        """
        with self.lock:
            self.commit(f"before checkpoint {name}")
            before = self._stored_pages()
            count = 0
            for vat in self.vats():
                if vat.state == LIVE and self.kernel.warehouse.snapshot(vat) is not None:
                    count += 1
            self.commit(f"checkpoint {name}")
            label = self.world.label(name, note, move=move)
            pages, size = self._stored_pages()
            return Checkpoint(
                name, label.seq, label.crank, self.digest(), count, pages - before[0], size - before[1]
            )

    def checkpoints(self) -> list[Label]:
        """The named commits, oldest first."""
        return self.world.labels()

    def resume(self, name: str) -> None:
        """Make the world what it was at a checkpoint. Later work stays reachable by its own labels."""
        with self.lock:
            label = self.world.labelled(name)
            self.commit("before resume")
            here = self.world.head
            with self.lives.going_back(f"the world was resumed from checkpoint {one_line(name, 60)!r}"):
                self._goto_trusted(label.seq, here)
            self._forget_what_ran()

    def go_back(self, commit: int) -> None:
        """Make the world what it was at a commit of this very host; what is not committed is lost."""
        with self.lock:
            refuse_within_crank(self.kernel.store)
            with self.lives.going_back(f"the world went back to commit {commit}"):
                self.world.rollback()
                here = self.world.head
                self._goto_trusted(commit, here)
            self._forget_what_ran()

    def _goto_trusted(self, commit: int, here: int) -> None:
        """Go to a commit, or stay `here` where that one has vats that this world may not run."""
        self.world.goto(commit)
        try:
            self._refuse_untrusted()
        except KernelError:
            self.world.goto(here)
            raise

    def _forget_what_ran(self) -> None:
        self.kernel.agenda.look_again()
        self.outbox.drop()
        self.kernel.store.discard_touched()
        self.kernel.warehouse.discard_all()

    def fork(self) -> Controller:
        """A second world in memory, from this very state, on the same engines; throw it away with `close`.

        Attached vats stay with the original: what comes for them in the fork is parked.
        """
        with self.lock:
            return Controller(
                self.world.fork(),
                self._factories,
                default_worker=self.default_worker,
                snapshot_interval=self._snapshot_interval,
                online=self.kernel.warehouse.capacity,
                scheduler=self._scheduler,
                trusts_local=self.trusts_local,
            )

    def _stored_pages(self) -> tuple[int, int]:
        row = self.world.row("SELECT count(*), coalesce(sum(length(data)), 0) from heap_pages")
        return (int(row[0]), int(row[1])) if row else (0, 0)
