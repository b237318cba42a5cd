"""A session: the embedder's own interpreter as a vat of a world.

What a notebook cell or a host program holds, sends and receives goes through a guest library like that of any
vat, under a name in the world (`notebook`). Its imports are in the c-lists, and its promises in the tables.
If the interpreter ends and another opens the same world, this vat is upgraded: a new incarnation begins, its
promises are broken unless they have a watcher, an adopter or a resumable call, its exports are abandoned, and
the names in its baggage are restored.

One thing is different. A vat starts with all its code; an interpreter gets it cell by cell. So what the last
interpreter left waits for its code: a name for its class, a call for its function, and the outcome of a
watched promise for the watcher's class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.lifecycle import LeftBehind
from swingset.core.report import CrankReport
from swingset.guest.base import context
from swingset.guest.base.ended import LifeEndedError, refuse_ended
from swingset.guest.base.promises import Promise
from swingset.guest.liveslots import Liveslots
from swingset.guest.passing.passable import brief
from swingset.host.base.lives import Life
from swingset.host.base.policies import RunPolicy
from swingset.host.base.reports import RunReport
from swingset.host.code.defining import DefinesVats
from swingset.host.code.drafts import Drafts
from swingset.host.code.joined import called
from swingset.host.code.modules import Modules
from swingset.host.code.proposals import Proposals
from swingset.host.controls.migrating import Migrated, Watcher
from swingset.host.sessions.pending import StillPending, why_pending
from swingset.host.sessions.reading import Reading
from swingset.host.sessions.references import References, introduce
from swingset.host.sessions.session_devices import SessionDevices
from swingset.host.sessions.session_names import SessionNames
from swingset.host.sessions.session_net import SessionNet
from swingset.host.sessions.undoing import CanUndo, Steps
from swingset.host.variables.looking import is_reference, owner_of
from swingset.host.worlds.controller import Controller
from swingset.model.capdata import NOTHING, object_named
from swingset.model.places import code_file
from swingset.model.refs import is_kref, kref_type
from swingset.model.states import QueuedPolicy
from swingset.workers.local import AttachedWorker

PATIENCE = 0.1
"""For how many seconds a wait for another world looks away from what else there is to do."""

MOST_DIGESTED = 64 << 20
"""The largest file, in bytes, of which a session takes a digest when it joins; that reads the whole state."""


class Session(CanUndo, DefinesVats):
    """The caller as a vat of an open world.

    `found_digest` is the world's digest before the session joined, or None if the file is large.

    Source:
        Ours: a vat that is attached to the caller's interpreter, for which the reference has no counterpart.
    """

    def __init__(self, controller: Controller, name: str = "notebook") -> None:
        self.controller = controller
        self.name = name
        self.policy: RunPolicy | None = None
        self.watch: Callable[[CrankReport], None] | None = None
        self.awaits: Callable[[], None] | None = None
        """Called again and again while an answer of another world is waited for."""
        self.renewed: Callable[[LeftBehind], None] | None = None
        """Called with each life that begins because the one before was rolled back."""
        self.found_digest = controller.digest() if controller.world.size <= MOST_DIGESTED else None
        self.stirred: Callable[[], None] | None = None
        """Called, from any thread, when something is sent or settled outside of a delivery."""
        self.reading = Reading(controller)
        self.drafts, self.modules = Drafts(controller), Modules(controller)
        self.names = SessionNames(self)
        self.references = References(self)
        self.devices = SessionDevices(self)
        self.proposals = Proposals(self)
        self.net = SessionNet(self)
        self._life: Life | None = None
        self.attach()
        self.steps = Steps(self)

    def attach(self, message: str = "the session was started anew") -> LeftBehind:
        """Begin an incarnation of this vat: at the start, and after the world has gone back.

        References of the incarnation before cannot be used any more. Only if that one was rolled back, its
        committed presences continue in this one.

        Args:
            message: a text for the rejections of broken promises.
        Returns:
            What was lost with the incarnation before.
        Raises:
            VatExists: if another vat has this name.
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
            introduce(self, live)
            if before is not None:
                before.end(message)
            vat, left_behind = controller.kernel.attach(self.name, worker, message)
            life = Life(controller.kernel, vat.id, live, self._join)
            controller.lives.add(life)
            moved = [] if before is None else before.survivors()
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
            self.incarnation, self.worker, self.left_behind = vat.incarnation, worker, left_behind
            return left_behind

    @property
    def liveslots(self) -> Liveslots:
        """The guest library of the session's current life; begins the next life if that one has ended."""
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
        """Begin the next life, after a rollback; raises LifeEndedError if the world is closed."""
        with self.controller.lock:
            ended = self._now.liveslots.ended
            if ended is None:
                return
            if ended.renew is None or self.controller.lives.closed:
                raise LifeEndedError(f"this session of {self._now.liveslots.title} is over: {ended.why}")
            left_behind = self.attach("what the session had done last was undone")
        if self.renewed is not None:
            self.renewed(left_behind)

    def has_ended(self, value: object) -> bool:
        """Whether a value belongs to a life that has ended. No code of the value runs.

        Args:
            value: any value of the program.
        Example:
            >>> session.has_ended(bank)
            False
        """
        live = owner_of(value) if is_reference(value) else None
        return live is not None and live.ended is not None

    def _cut(self) -> None:  # a delivery to this vat was rolled back, or the vat was terminated
        if self._life is not None:
            self._life.cut()

    def close(self) -> None:
        """Commit, and close the world.

        Raises:
            WorldError: if the commit fails; the world is closed all the same.
        Example:
            >>> session.close()
        """
        context.unset_default(self._now.liveslots)
        self.controller.close()

    # Running

    def settle(self) -> RunReport:
        """Run the session's turns and the world until neither can run, commit, and release outputs.

        Returns:
            What the last run of the world did.
        Raises:
            KernelPanic: if the world has stopped for good.
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
                    or not self.controller.kernel.cranks.has_work(clean_up=False)
                ):
                    return report

    def flush(self) -> None:
        """Run the session's turns and commit what they sent, without running the world.

        Example:
            >>> purse = E(bank).open_purse("alice")
            >>> session.flush()
        """
        with self.controller.lock:
            self._run_turns()
            self.controller.commit("sent")

    def wait(self, promise: Promise[Any]) -> Any:
        """Run until a promise is settled, commit, and return its value, or raise its rejection.

        Args:
            promise: a promise of this session.
        Raises:
            StillPending: if nothing can run, no other world can answer, and the promise is not settled.
            LifeEndedError: for a promise of a life that has ended.
        Example:
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.wait(E(purse).deposit(10))
            10
        """
        refuse_ended(promise._turns.vat, promise)
        # The caller gets the outcome, so a rejection is not unhandled.
        promise.then(None, lambda _reason: None)
        self._run_turns()
        if promise.status == "pending":
            report, net = self.settle(), self.controller.net
            while promise.status == "pending" and net.waits():
                if self.awaits is not None:
                    self.awaits()
                net.wait(PATIENCE)
                net.pump()
                report = self.settle()
            if promise.status == "pending":
                kernel, paused = self.controller.kernel, self.controller.queue.paused
                raise StillPending(*why_pending(kernel, self.vat_id, promise, report, paused))
        return promise.result()

    def file_called(self, filename: str) -> str:
        """The name of a file of this session's own code in messages: without its folders.

        Args:
            filename: its path, as Python has it.
        Example:
            >>> session.file_called("/home/alice/my.py")
            'my.py'
        """
        return code_file(filename)

    def _run_turns(self) -> None:
        with self.controller.lock, context.activate(self.liveslots):
            self.liveslots.settle()
            if self._defined != self.liveslots.definitions:
                self._defined = self.liveslots.definitions
                self.controller.kernel.unpark(self.vat_id)

    def lacking(self) -> list[str]:
        """The definitions, such as `@durable Listener`, that stored state waits for in this interpreter.

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
        if syscall[0] in ("send", "callNow"):  # a device may send too
            self._stir()
        return answer

    def _stir(self) -> None:
        if self.stirred is not None:
            self.stirred()

    # Vats

    def migrate(self, vat: str, *, budget: int | None = None, progress: Watcher | None = None) -> Migrated:
        """Migrate the older records of a vat now, as `controller.vats.migrate` does.

        Args:
            vat: the name of the vat.
            budget: the most records to visit; None visits all.
            progress: called after each step, which is committed by then.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: if it is suspended, or if the budget is not a number from 1.
        Example:
            >>> session.migrate("bank").remaining
            0
        """
        with self.controller.lock:
            self._run_turns()
            return self.controller.vats.migrate(vat, budget=budget, progress=progress)

    def clone_vat(
        self, vat: str, clone: str, refs: Sequence[Any] | None = None, *, queued: QueuedPolicy = "refuse"
    ) -> tuple[Any, ...]:
        """Make a clone of a vat, as `controller.clone_vat` does, with references in place of krefs.

        Args:
            vat: the name of the vat.
            clone: the name of the clone.
            refs: references to objects of the vat; None for its root alone.
            queued: what becomes of messages that wait for the vat: `refuse`, `drop` or `duplicate`.
        Returns:
            A reference to the clone's own object for each of `refs`.
        Raises:
            KernelError: for what is no reference of this session, and what `controller.clone_vat` raises.
        Example:
            >>> (branch,) = session.clone_vat("bank", "branch")
            >>> session.root("branch") is branch
            True
        """
        with self.controller.lock:
            self._run_turns()
            krefs = None if refs is None else [self._kref_to_list(ref) for ref in refs]
            made = self.controller.clone_vat(vat, clone, krefs, queued=queued)
            found = tuple(self.reference(kref, clone) for kref in made)
            self.controller.commit(f"{self.name} knows {clone}")
            return found

    def _kref_to_list(self, ref: Any) -> str:
        kref = self.kref_of(ref)
        if kref is None or kref_type(kref) != "o":
            raise KernelError(f"a clone gets objects of its own for references to objects, got {brief(ref)}")
        return kref

    def root(self, vat: str) -> Any:
        """A reference to the root object of a vat.

        Args:
            vat: the name of the vat.
        Raises:
            NoSuchVat: if there is no such vat, or if its root is gone.
        Example:
            >>> session.root("bank") is bank
            True
        """
        with self.controller.lock:
            root = self.reference(self.controller.kernel.root_of(vat), vat)
            self.controller.commit(f"{self.name} knows {vat}")
            return root

    def kref_of(self, value: object) -> str | None:
        """The kernel's name for a reference or a promise that this vat holds; None if it has none.

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
        """A reference to an object of the kernel, which this vat then holds.

        Args:
            kref: the kernel's name for it, such as `ko23`.
            iface: a name for people.
        Raises:
            NoSuchVat: if this session's vat was terminated.
            KernelError: if there is no such object, and for a promise, for which no reference stands.
        Example:
            >>> session.reference(world.vats.root("bank"), "bank") is bank
            True
        """
        if is_kref(kref) and kref_type(kref) == "p":
            raise KernelError(f"{kref} is a promise, and no reference stands for it: hold its result")
        vref = self.controller.kernel.introduce(self.vat_id, kref)
        slots = self.liveslots.slots
        with context.activate(self.liveslots):
            if slots.imports.in_memory(vref):  # it is counted already, so the state does not change
                return slots.object_of(vref, None)
            return slots.decode(object_named(vref, iface).to_json())
