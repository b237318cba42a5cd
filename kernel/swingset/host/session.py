"""A session: the embedder's own interpreter as a vat among vats.

What a notebook cell or a host program holds, sends and is told goes through a guest library like anyone's,
under a name in the world (`notebook`). Its imports show in the c-lists, its promises in the tables. When
the interpreter is gone and another opens the same world, that is an upgrade of this vat: a new incarnation
begins, what it had promised is broken, what it had exported is abandoned, and the names in its baggage come
back. Promises with a watcher, an adopter or a resumable function survive. Nothing else resumes a session.

One thing is different. A vat starts with all its code; an interpreter gets it cell by cell. So what the last
one left waits for its code: a name for its class, a call for its function, and the outcome of a watched
promise, which the kernel sets aside meanwhile, for the watcher's class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.core.lifecycle import LeftBehind
from swingset.core.report import CrankReport
from swingset.guest.base import context
from swingset.guest.base.ended import LifeEndedError, refuse_ended
from swingset.guest.base.promises import Promise
from swingset.guest.liveslots import Liveslots
from swingset.host.controller import Controller
from swingset.host.drafts import Drafts
from swingset.host.engines import WorkerKind
from swingset.host.joined import called
from swingset.host.lives import Life
from swingset.host.looking import is_reference, owner_of
from swingset.host.migrating import Migrated, Watcher
from swingset.host.pending import StillPending, why_pending
from swingset.host.policies import RunPolicy
from swingset.host.reading import Reading
from swingset.host.rehearsal import Extent, Rehearsal, rehearse_upgrade
from swingset.host.reports import RunReport
from swingset.host.session_devices import SessionDevices
from swingset.host.session_names import SessionNames
from swingset.host.upgrading import Upgraded, combined, parameters_of, upgrade
from swingset.lens.difference import Difference
from swingset.model.capdata import NOTHING, object_named
from swingset.workers.local import AttachedWorker

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
        self.renewed: Callable[[LeftBehind], None] | None = None
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

    def attach(self, message: str = "the session was started anew") -> LeftBehind:
        """Begin an incarnation of this vat: at the start, and after the world has gone back in time.

        What was had from the one before reaches nobody any more. Only where that one was undone, presences
        that were committed go on into this one.

        Args:
            message: what broken promises say of it.
        Returns:
            What was lost with the incarnation before.
        Raises:
            VatExists: where another vat has this name.
        Example:
            >>> made = world.checkpoint("before")
            >>> world.history.go_back("before")
            >>> left_behind = session.attach("gone back")
            >>> session.incarnation
            1
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
            live.title = f"vat {self.name} of {called(controller)}"
            live.turns.await_hook = self.wait
            live.turns.stirred = self._stir
            live.guard = controller.lock
            live.reader = self.reading
            live.file_called = self.file_called
            if before is not None:
                before.end(message)
            vat, left_behind = controller.kernel.attach(self.name, worker, message)
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
            self.worker, self.left_behind = worker, left_behind
            return left_behind

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
            left_behind = self.attach("what the session had done last was undone")
        if self.renewed is not None:
            self.renewed(left_behind)

    def is_over(self, value: object) -> bool:
        """Whether a value is a handle of a life that has ended. None of its code runs.

        Args:
            value: whatever the program holds.
        Example:
            >>> session.is_over(bank)
            False
        """
        live = owner_of(value) if is_reference(value) else None
        return live is not None and live.ended is not None

    def _cut(self) -> None:
        """A delivery to this vat was undone, or the vat itself was ended."""
        if self._life is not None:
            self._life.cut()

    def close(self) -> None:
        """Let go of the world: the file keeps everything that was committed.

        Raises:
            WorldError: where the world is not in its file then; it is closed all the same.
        Example:
            >>> session.close()
        """
        context.unset_default(self._now.liveslots)
        self.controller.close()

    # Running

    def settle(self) -> RunReport:
        """Run own turns and the world until both are still, commit, and release outputs.

        Returns:
            What the last run of the world did.
        Raises:
            KernelPanic: where the world has a reason to stop for good.
        Example:
            >>> purse = E(bank).open_purse("alice")
            >>> session.settle().more
            False
        """
        with self.controller.lock:
            while True:
                self._run_turns()
                report = self.controller.run(self.policy, watch=self.watch)
                self._run_turns()
                if (
                    report.more
                    or self.controller.queue.paused
                    or not self.controller.kernel.has_work(clean_up=False)
                ):
                    return report

    def flush(self) -> None:
        """Run own turns and commit what they sent; the world itself stands still.

        Example:
            >>> purse = E(bank).open_purse("alice")
            >>> session.flush()
        """
        with self.controller.lock:
            self._run_turns()
            self.controller.commit("sent")

    def wait(self, promise: Promise[Any]) -> Any:
        """The value a promise settles to, after the commit that settled it; raises its rejection.

        Args:
            promise: a promise of this session.
        Raises:
            StillPending: where the world stands still before that.
            LifeEndedError: for a promise of a life that has ended.
        Example:
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.wait(E(purse).deposit(10))
            10
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
        """What a file of this session's own code is called in messages.

        Args:
            filename: its path, as Python has it.
        Example:
            >>> session.file_called("my.py")
            'my.py'
        """
        return filename

    def _run_turns(self) -> None:
        with self.controller.lock, context.activate(self.liveslots):
            self.liveslots.settle()
            if self._defined != self.liveslots.definitions:
                self._defined = self.liveslots.definitions
                self.controller.kernel.unpark(self.vat_id)

    def lacking(self) -> list[str]:
        """What the last interpreter defined (`@durable Listener`), this one has not, and something waits for.

        Example:
            >>> session.lacking()
            []
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
        worker: WorkerKind | None = None,
        options: dict[str, Any] | None = None,
        parameters: Any = None,
    ) -> Any:
        """Start a vat of this source and the kinds drafted for it, and commit.

        Args:
            vat: what it is called.
            source: the code of its own cell.
            worker: the kind of worker; None for the one that the world was opened with.
            options: as `Controller.create_vat` takes them.
            parameters: what `build_root_object` is given; it may hold references.
        Returns:
            A reference to its root.
        Raises:
            StrangeDrafts: where there are drafts that this session has not made.
            VatExists: where a vat has that name.
            VatFault: with the user's own line where the code fails; then no vat was made.
            TypeError: for parameters that cannot be passed.
        Example:
            >>> other = session.define("branch", dict(world.vats.parts("bank"))["bank"])
            >>> purse = session.wait(E(other).open_purse("bob"))
        """
        parts = combined(self.controller, self.drafts, vat, vat, source)
        given = parameters_of(self, parameters)
        self.controller.create_vat(vat, parts, worker=worker, options=options, parameters=given)
        return self.root(vat)

    def difference(self, vat: str, part: str, source: str) -> Difference | None:
        """How a cell differs from the running one; None where it is the same.

        Args:
            vat: the name of the vat.
            part: what the cell is called.
            source: its code.
        Raises:
            NoSuchVat: where there is no such vat.
        Example:
            >>> session.difference("bank", "bank", dict(world.vats.parts("bank"))["bank"]) is None
            True
        """
        old = dict(self.controller.vats.parts(vat)).get(part)
        return None if old == source else Difference(vat, part, old, source)

    def upgrade(
        self, vat: str, part: str, source: str | None, message: str = "", *, parameters: Any = None
    ) -> Upgraded:
        """Replace one cell of a running vat, and commit.

        Args:
            vat: the name of the vat.
            part: what the cell is called; its own cell is called as the vat.
            source: the new code; None takes the cell away.
            message: what broken promises say of the upgrade.
            parameters: what `build_root_object` is given; it may hold references.
        Returns:
            What was kept, abandoned and broken.
        Raises:
            NoSuchVat: where there is no such vat.
            VatFault: where it is refused; nothing has changed then.
        Example:
            >>> source = dict(world.vats.parts("bank"))["bank"]
            >>> session.upgrade("bank", "bank", source + "# better").incarnation
            1
        """
        with self.controller.lock:
            parts = combined(self.controller, self.drafts, vat, part, source)
            return upgrade(self.controller, vat, parts, parameters_of(self, parameters), message)

    def migrate(self, vat: str, *, budget: int | None = None, progress: Watcher | None = None) -> Migrated:
        """Migrate the older records of a vat now, as `controller.vats.migrate` does.

        Args:
            vat: the name of the vat.
            budget: how many records are visited at most; None visits all.
            progress: told after each step, which is committed by then.
        Raises:
            NoSuchVat: where there is no such vat.
            KernelError: where it is suspended, or the budget is no number.
        Example:
            >>> session.migrate("bank").remaining
            0
        """
        with self.controller.lock:
            self._run_turns()
            return self.controller.vats.migrate(vat, budget=budget, progress=progress)

    def rehearse(self, vat: str, part: str, source: str, *, records: Extent = None) -> Rehearsal:
        """What `upgrade` would do, found out in a fork; the world is not touched.

        Args:
            vat: the name of the vat.
            part: what the cell is called.
            source: the new code.
            records: how many records of changed kinds to migrate there, `"all"` or a number; None for those
                that the upgrade migrates itself. The verdict is bad if one does not migrate.
        Raises:
            NoSuchVat: where there is no such vat.
        Example:
            >>> session.rehearse("bank", "bank", "def build_root_object(): ...").ok
            False
        """
        with self.controller.lock:
            parts = combined(self.controller, self.drafts, vat, part, source)
            return rehearse_upgrade(self.controller, vat, parts, records=records)

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat.

        Args:
            vat: the name of the vat.
        Raises:
            NoSuchVat: where there is no such vat, or its root is forgotten.
        Example:
            >>> session.root("bank") is bank
            True
        """
        with self.controller.lock:
            root = self.reference(self.controller.kernel.root_of(vat), vat)
            self.controller.commit(f"{self.name} knows {vat}")
            return root

    def kref_of(self, value: object) -> str | None:
        """The kernel's name for a reference or a promise that this vat holds; None where it has none.

        Args:
            value: a reference or a promise.
        Raises:
            LifeEndedError: for a promise of a life that has ended.
        Example:
            >>> session.kref_of(bank) == world.vats.root("bank")
            True
        """
        promises, slots = self.liveslots.promises, self.liveslots.slots
        if isinstance(value, Promise):
            refuse_ended(value._turns.vat, value)
        vref = promises.name_of(value) if isinstance(value, Promise) else slots.known_name(value)
        return self.controller.kernel.recognize(self.vat_id, vref) if vref else None

    def reference(self, kref: str, iface: str) -> Any:
        """A reference to something that the kernel knows, for this vat to hold.

        Args:
            kref: the kernel's name for it.
            iface: what it is called for people.
        Raises:
            NoSuchVat: where this session's vat was terminated.
        Example:
            >>> session.reference(world.vats.root("bank"), "bank") is bank
            True
        """
        vref = self.controller.kernel.introduce(self.vat_id, kref)
        slots = self.liveslots.slots
        with context.activate(self.liveslots):
            if slots.imports.in_memory(vref):  # then its counts stand, and nothing of the state changes
                return slots.object_of(vref, None)
            return slots.decode(object_named(vref, iface).to_json())
