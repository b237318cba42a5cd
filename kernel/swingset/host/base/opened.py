"""An open world: the file, the kernel, the lock and commits, shared by the parts of a controller.

A controller consists of parts, such as `controller.vats` and `controller.meters`. Each part has one job, and
all need the same few things: to have the world alone, to change it, and to make the change durable. Those are
here. A part never uses another part's internals.

Either a commit succeeds as a whole, and only then are outputs released, or the world is rolled back to the
last commit, and workers that have seen more are discarded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from swingset.core.atomic import refuse_within_crank
from swingset.core.cranks import CLEAN_UP_ROWS, Cranks
from swingset.core.departing import has_moves, moved_vats
from swingset.core.errors import KernelError
from swingset.core.kernel import Kernel
from swingset.core.report import CrankReport
from swingset.core.scheduler import Scheduler
from swingset.core.store import KernelStore
from swingset.host.base import retention
from swingset.host.base.callers import Callers
from swingset.host.base.engines import WorkerKind
from swingset.host.base.interruptions import Interruption, interruption
from swingset.host.base.lives import Lives
from swingset.host.base.outputs import WaitingOutputs
from swingset.model.messages import Event
from swingset.model.values import value_in_words
from swingset.model.wording import named
from swingset.workers.base import WorkerFactory
from swingset.world.enforcing import Bounds
from swingset.world.file import WorldFile
from swingset.world.past import Past, take_up
from swingset.world.promises import FULFILLED, REJECTED
from swingset.world.vats import TERMINATED, VatRecord

_T = TypeVar("_T")

LONG, LONG_COMPUTRONS = 200, 200_000_000
"""After so many deliveries that spent so many computrons, a heap image is saved even before its interval.

To save an image takes as long as to repeat a hundred small deliveries, so it waits until there is more to
repeat. Deliveries that spend a million computrons each take twice as long to repeat as small ones, or longer.
"""


class MovedSince(KernelError):
    """A world does not go to a state of before a vat moved: the vat would be in two worlds or in none."""


@dataclass(frozen=True)
class Choices:
    """Options of `open_world` that hold while the world is open and are not stored in the file."""

    default_worker: WorkerKind = "wasm"
    snapshot_interval: int | None = None
    online: int | None = None
    scheduler: Scheduler | None = None
    threads: int = 1
    trusts_local: bool = True


class Opened:
    """The state that the parts of one controller share."""

    def __init__(
        self, world: WorldFile, factories: Mapping[str, WorkerFactory], choices: Choices | None = None
    ) -> None:
        self.world = world
        self.factories = factories
        self.choices = chosen = choices or Choices()
        cranks = Cranks(
            world,
            factories,
            scheduler=chosen.scheduler,
            confined_only=not chosen.trusts_local,
            threads=chosen.threads,
        )
        self.kernel = Kernel(cranks)
        self.kernel.warehouse.limit(chosen.online)
        self.lives = Lives(world, self.kernel)
        self.outputs = WaitingOutputs()
        self.callers = Callers(world.name)
        self.lock = self.callers.lock
        world.guard = lambda: self.lock
        self._ran: set[str] = set()
        self._spent: dict[str, int] = {}
        """The computrons that each vat has spent since its last heap image, as far as this world was open."""
        self._running = False
        self.interrupted: Interruption | None = None
        """What the last interrupt has stopped, until another crank runs."""
        self.retains = True
        """Whether the past is dropped as the retention asks for: not once its history was found damaged."""
        self.bounds: Bounds | None = None
        """Up to where nothing of the past has to go; None if that is not known."""
        self.committing: list[Callable[[], None]] = []
        """Called before each commit, for what has to be durable before it is; one that raises undoes it."""
        self.committed: list[Callable[[], None]] = []
        """Called after each commit that changed something."""
        self.moved: list[Callable[[], None]] = []
        """Called after the world has gone back in time, or has become another branch of itself."""
        self.starting: list[Callable[[], None]] = []
        """Called before a run or a step."""
        self.watching: list[Callable[[CrankReport], None]] = []
        """Called after each crank, before its commit, with its report."""
        self.ending: list[Callable[[], None]] = []
        """Called when the world is closed, after its last commit."""
        self.said_idle = False
        """Whether it was said that more is kept than wanted, because commits are handed on."""

    @cached_property
    def past(self) -> Past:
        """The moments of the world's past."""
        return Past(self.world)

    def fork(
        self,
        at: int | None = None,
        engines: Mapping[str, WorkerFactory] | None = None,
        scheduler: Scheduler | None = None,
    ) -> Opened:
        """Make a second world in memory, as it is now, or as it was after a crank.

        It is on the same engines and has the same scheduler, or those that are given.
        """
        with self.lock:
            refuse_within_crank(self.kernel.store)
            chosen = scheduler or self.choices.scheduler
            choices = replace(self.choices, online=self.kernel.warehouse.capacity, scheduler=chosen)
            target = None if at is None else self.past.after_crank(at)
            twin = self.world.fork()
            try:
                if target is not None:
                    take_up(twin, target)
                forked = Opened(twin, self.factories if engines is None else engines, choices)
                forked.refuse_untrusted()
            except BaseException:
                twin.close()
                raise
            return forked

    def close(self, *, keep: bool) -> None:
        """Commit if `keep` is set, stop the workers, and close the file."""
        with self.lock:
            refuse_within_crank(self.kernel.store)
            try:
                if keep and not self.lives.closed and not self.world.look_only:
                    self.commit("closed")
                    self.world.check_place()
            finally:
                for ended in self.ending:
                    ended()
                self.past.close()
                self.lives.close()
                self.kernel.warehouse.close()
                self.world.close()

    def vats(self) -> list[VatRecord]:
        """The vats that are not terminated, oldest first."""
        return [vat for vat in self.kernel.store.vats.all() if vat.state != TERMINATED]

    # Changing the world

    def ask(self, act: Callable[[], _T], note: str) -> _T:
        """Call `act` and commit; if another thread runs the world, do it between two of its cranks."""

        def do() -> _T:
            refuse_within_crank(self.kernel.store)
            answer = act()
            self.commit(note)
            return answer

        return self.callers.ask(do)

    @contextmanager
    def changing(self, note: str, verb: str, /, **arguments: Any) -> Iterator[None]:
        """Make the changes of the body atomic, as the request that they are, and commit."""
        with self.lock:
            with self.kernel.request(verb, **arguments):
                yield
            self.commit(note)

    @contextmanager
    def a_run(self) -> Iterator[None]:
        """Make `keep` leave commits to the run in the body."""
        before, self._running = self._running, True
        try:
            yield
        finally:
            self._running = before

    def keep(self, note: str) -> None:
        """Commit a request of the host; within a run the run's own commit does it."""
        if not self._running:
            self.commit(note)

    def commit(self, note: str = "") -> int | None:
        """Make all whole cranks durable and release the outputs; None if nothing had changed.

        Then the past is kept within the retention of the world.
        """
        with self.lock:
            refuse_within_crank(self.kernel.store)
            try:
                self._snapshot_long_spans()
                for line in self._outcomes_to_log():
                    self.outputs.say(self.kernel.cranks.count, line)
                for keep in self.committing:
                    keep()
                commit = self.world.commit(note)
            except BaseException:
                self.outputs.drop()
                self.world.rollback()
                self.kernel.agenda.look_again()
                self.kernel.warehouse.discard_all()
                raise
            self.outputs.release()
            if commit is not None:
                for told in self.committed:
                    told()
            if commit is not None and self.retains and self._has_outgrown():
                retention.enforce(self)
            return commit

    def _has_outgrown(self) -> bool:
        """Whether some of the past may have to go, as far as numbers tell."""
        bounds = self.bounds
        return bounds is None or self.world.used > bounds.bytes or self.kernel.cranks.count >= bounds.crank

    def _outcomes_to_log(self) -> list[str]:
        """The messages about settled promises whose outcome the host wants logged; each is returned once."""
        store, lines, told = self.kernel.store, [], []
        query = "SELECT kref from promises where policy in ('log_always', 'log_failure') order by kref"
        for (kref,) in store.world.rows(query):
            promise = store.promises.get(kref)
            if promise is None or promise.state not in (FULFILLED, REJECTED):
                continue
            if promise.state == REJECTED or promise.policy == "log_always":
                words = value_in_words(promise.data, _called, 500) if promise.data else ""
                lines.append(f"{kref} was {promise.state}: {words}")
            told.append(kref)
        if told:
            with self.kernel.request("log-outcomes", krefs=told):
                for kref in told:
                    store.promises.set_policy(kref, "ignore")
        return lines

    @property
    def snapshot_interval(self) -> int | None:
        """The number of deliveries after which a vat's heap image is saved at the latest; None for never."""
        chosen = self.choices.snapshot_interval
        return self.kernel.options.get("snapshot_interval") if chosen is None else chosen

    def _snapshot_long_spans(self) -> None:
        store, interval = self.kernel.store, self.snapshot_interval
        ran, self._ran = self._ran, set()
        if interval is None:
            return
        for name in sorted(ran):
            vat = store.vats.named(name)
            if vat is None or vat.attached:
                continue
            span = store.vats.span(vat.id)
            waits = span.position - span.start
            if waits < interval and (waits < LONG or self._spent.get(name, 0) < LONG_COMPUTRONS):
                continue
            warehouse = self.kernel.warehouse
            if vat.id in warehouse.out:
                warehouse.due.add(vat.id)  # it will be at rest by a later commit
                self._ran.add(name)
            elif warehouse.is_online(vat.id):
                self.kernel.snapshot(vat)
                self._spent.pop(name, None)

    # Cranks

    def crank(self, clean_up: int | None = CLEAN_UP_ROWS, *, more: bool = False) -> CrankReport | None:
        """Run one crank and collect its outputs; None if nothing can run. With `more`, others follow."""
        self._commit_unlisted()
        try:
            report = self.kernel.cranks.step(clean_up, more=more)
        except KeyboardInterrupt as interrupt:
            self.interrupted = interruption(self.kernel, interrupt)
            raise
        self.interrupted = None
        if report is not None:
            self.outputs.collect(report)
            for watch in self.watching:
                watch(report)
            if report.vat is not None:
                self._ran.add(report.vat)
                self._spent[report.vat] = self._spent.get(report.vat, 0) + (report.computrons or 0)
        self._commit_unlisted()
        return report

    def _commit_unlisted(self) -> None:
        """Commit right after a crank or request that changed more rows than its record lists.

        The moment after it is then the state of that commit, so it can be looked back on.
        """
        if self.world.journal.unlisted:
            self.commit("a change of many rows")

    def run_up_to(self, wanted: Callable[[Event], bool], withdraw: Callable[[], None]) -> CrankReport:
        """Run until the crank of an event that was queued before all others.

        Notifications of dropped references come before any event, also before this one. Terminated vats are
        not cleaned up meanwhile: cleaning has a budget, and this event is wanted now.
        """
        try:
            while True:
                report = self.crank(None)
                assert report is not None
                if wanted(report.event):
                    return report
        except BaseException:
            withdraw()
            raise

    # Trust, and going back

    def refuse_untrusted(self) -> None:
        """Raise `KernelError` for a world with local vats that would run here unconfined, unless trusted."""
        local = [vat.name for vat in self.vats() if vat.worker == "local"]
        if local and self.factories and not self.choices.trusts_local:
            raise KernelError(
                f"this world has vats in the local worker ({named(local)}): their code would run in your"
                " own process, unconfined. If you trust the file, open it with the worker local,"
                " in a terminal with --trust-local"
            )

    def refuse_across(self, commit: int) -> None:
        """Raise `KernelError` if a vat has moved between two worlds between the last commit and this one.

        It would be in both worlds then, or in neither. Nothing is changed here, so that all goes on.
        """
        if not has_moves(self.kernel.store):
            return
        twin = self.world.fork()
        try:
            twin.rollback()
            here = moved_vats(KernelStore(twin))
            twin.goto(commit)
            there = moved_vats(KernelStore(twin))
        finally:
            twin.close()
        between = here.keys() ^ there.keys()
        if between:
            names = named(sorted((here | there)[vat] for vat in between))
            raise MovedSince(f"between this state and that, {names} {_ACROSS}")

    def go_to(self, commit: int, here: int) -> None:
        """Go to a commit; returns to commit `here` and raises if that state has vats that may not run."""
        self.world.goto(commit)
        try:
            self.refuse_untrusted()
        except KernelError:
            self.world.goto(here)
            raise

    def forget_what_ran(self) -> None:
        """Discard what workers, outputs and caches know of a state that the world has left."""
        self.interrupted = None
        for moved in self.moved:
            moved()
        self.kernel.agenda.look_again()
        self.outputs.drop()
        self.kernel.store.discard_touched()
        self.kernel.warehouse.discard_all()
        self.bounds = None
        self._spent.clear()


_ACROSS = (
    "has moved to another world, or has come or is to come from one: it would be in both worlds then or in"
    " neither, so this world does not go there; look at that state in a fork"
)


def _called(slot: str, iface: str | None) -> str:
    return f"{iface} {slot}" if iface else slot
