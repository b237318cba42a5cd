"""The controller: a world that is open, with its workers, as an embedder holds it.

What is typed every day is here: open, send, run, look, commit. The rest is in parts, each of one job:
`vats`, `queue`, `meters`, `gc`, `history`, `options`, `devices`, `outputs`. All of them share one `Opened`,
which has the lock and the way to commit.

One thread at a time is inside a world; callers from others wait, or are heard between cranks (`callers`). A
run ends with one durable commit, and only then do outputs leave. If the commit fails, or the host is
interrupted within a crank, the world is what it was at the last commit or the last whole crank, and workers
that saw more are thrown away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from swingset.core.report import CrankReport
from swingset.host import starting
from swingset.host.devices import HostDevices
from swingset.host.engines import WorkerKind
from swingset.host.gc import GarbageCollection
from swingset.host.history import Checkpoint, History, take_checkpoint
from swingset.host.meters import Meters
from swingset.host.opened import Opened
from swingset.host.options import Options
from swingset.host.outputs import Outputs
from swingset.host.policies import RunPolicy
from swingset.host.queue import RunQueue
from swingset.host.reports import RunReport
from swingset.host.requests import Outcome, PromiseStatus, Requests
from swingset.host.running import Running
from swingset.host.starting import Parts
from swingset.host.vats import Vats
from swingset.lens import dump as dumping
from swingset.lens import verifying
from swingset.lens.tables import Lens
from swingset.model.capdata import CapData
from swingset.model.states import ResultPolicy
from swingset.world.verifying import Problem


class Controller:
    """A world and its workers. `swingset.open_world` makes one; close it when done, or use it with `with`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._requests = Requests(opened)
        self._running = Running(opened)
        self.world = opened.world
        self.kernel = opened.kernel
        self.lives = opened.lives
        self.callers = opened.callers
        self.lock = opened.lock
        self.default_worker = opened.choices.default_worker
        self.trusts_local = opened.choices.trusts_local
        self.outputs = Outputs(opened.outputs)
        self.vats = Vats(opened)
        self.meters = Meters(opened)
        self.gc = GarbageCollection(opened)
        self.history = History(opened)
        self.options = Options(opened)
        self.queue = RunQueue(opened)
        self.devices = HostDevices(opened)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, *given: Any, **options: Any) -> Controller:
        """`swingset.open_world` by another name, for who has the class at hand.

        Args:
            path: the file; None for a world that lives only in memory.
            given: the configuration, where there is one.
            options: as `open_world` has them.
        Example:
            >>> with swingset.Controller.open(worker="local") as made:
            ...     made.crank
            0
        """
        from swingset.host.opening import open_world  # which is made of this class

        return open_world(path, *given, **options)

    def close(self, *, keep: bool = True) -> None:
        """Commit what the host has asked for, stop the workers, and let go of the file.

        Args:
            keep: False where what is not committed is to be lost, as in a crash.
        Raises:
            WorldError: where the world is not in its file then; it is closed all the same.
        Example:
            >>> world.close()
        """
        self._opened.close(keep=keep)

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(keep=kind is None)

    def fork(self) -> Controller:
        """A second world in memory, from this very state, on the same engines; `close` throws it away.

        Attached vats stay with the original: what comes for them in the fork is parked.

        Example:
            >>> with world.fork() as other:
            ...     other.terminate_vat("bank")
            >>> "bank" in world.vats
            True
        """
        return Controller(self._opened.fork())

    # Running

    @property
    def path(self) -> str | None:
        """The full path of the world's file, with no link in it; None for a world in memory."""
        return self.world.path

    @property
    def crank(self) -> int:
        """How many cranks the world has run."""
        return self.kernel.crank

    def step(self) -> CrankReport | None:
        """Run one crank and commit it. Works while paused.

        Returns:
            What the crank did; None where nothing can run.
        Raises:
            KernelPanic: after the commit, where this crank gave the world a reason to stop.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.step().outcome
            'delivered'
        """
        return self._running.step()

    def run(
        self,
        policy: RunPolicy | None = None,
        *,
        watch: Callable[[CrankReport], None] | None = None,
    ) -> RunReport:
        """Run until nothing can, or the policy says stop; then commit and release the outputs.

        A long run also commits, and releases, in between. An interrupt stops between cranks, commits the
        whole ones, and is raised again.

        Args:
            policy: how far to run, one of `swingset.policies`; None runs until nothing can.
            watch: told of each crank as it ends, for progress displays: it need not be committed yet.
        Returns:
            How much was run, and what the last cranks did.
        Raises:
            KernelPanic: after the commit, where the world has a reason to stop for good.
            WorldError: where it cannot be committed; the world is then as of its last commit.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.run(swingset.policies.cranks(10)).more
            False
        """
        return self._running.run(policy, watch)

    def commit(self, note: str = "") -> int | None:
        """Make all whole cranks durable and release what they had to say.

        Args:
            note: what the history says of it.
        Returns:
            The number of the commit; None where nothing had changed.
        Raises:
            WorldError: where it cannot be committed; the world is then as of its last commit.
        Example:
            >>> world.commit() is None
            True
        """
        return self._opened.commit(note)

    # Vats

    def create_vat(
        self,
        name: str,
        parts: Parts,
        *,
        parameters: CapData | None = None,
        worker: WorkerKind | None = None,
        options: dict[str, Any] | None = None,
    ) -> str:
        """Start a vat now, ahead of all that waits, paused or not, and commit.

        Args:
            name: what it is called.
            parts: the names of its parts and their sources, its kinds first.
            parameters: what `build_root_object` is given.
            worker: the kind of worker; None for the one that the world was opened with.
            options: `reap_interval`, `reap_gc_krefs`, `reap_computrons`, `never_reap`, `computrons`,
                `memory_pages`, `seconds`, `console_bytes`, `write_bytes`, `stored_bytes`, `meter`,
                `on_starvation`, `critical`, `enable_pipelining`, `enable_disavow` and `use_transcript`.
        Returns:
            The kref of its root object, which stays pinned.
        Raises:
            VatExists: where a vat has that name.
            KernelError: for a name or an option that cannot be.
            VatFault: with the user's own line where the code fails; then no vat was made.
        Example:
            >>> kref = world.create_vat("branch", world.vats.parts("bank"), options={"reap_interval": 50})
            >>> world.vats["branch"].incarnation
            0
        """
        return starting.create_vat(
            self._opened, name, parts, parameters=parameters, worker=worker, options=options
        )

    def upgrade_vat(
        self, name: str, parts: Parts, *, parameters: CapData | None = None, message: str = ""
    ) -> CrankReport:
        """Replace a vat's code now, ahead of all that waits, paused or not, and commit.

        Its durable objects stay. Returns the report of the upgrade's crank.

        Args:
            name: the name of the vat.
            parts: the names of its parts and their sources, its kinds first.
            parameters: what `build_root_object` is given.
            message: what broken promises say of the upgrade.
        Raises:
            NoSuchVat: where there is no such vat.
            VatFault: with the reason where the new code refuses; the old incarnation is then as it was.
        Example:
            >>> report = world.upgrade_vat("bank", world.vats.parts("bank"))
            >>> world.vats["bank"].incarnation
            1
        """
        return starting.upgrade_vat(self._opened, name, parts, parameters=parameters, message=message)

    def terminate_vat(self, name: str, reason: str = "") -> None:
        """End a vat, and commit: its promises are rejected, its exports are gone, its state is deleted.

        From another thread this is done between two cranks of the run.

        Args:
            name: the name of the vat.
            reason: what those hear who waited for it.
        Raises:
            NoSuchVat: where there is no such vat.
        Example:
            >>> world.terminate_vat("bank", "closed for good")
            >>> "bank" in world.vats
            False
        """
        self._opened.ask(lambda: self.kernel.terminate(name, reason), f"terminate {name}")

    # Messages

    def queue_to_root(
        self,
        vat: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        policy: ResultPolicy = "ignore",
    ) -> str | None:
        """Send a message to a vat's root; it runs with the next run, and is durable with it or any commit.

        Args:
            vat: the name of the vat.
            method: the name of the method.
            args: values as vats pass them by copy, and `Ref`s for references.
            kwargs: more of them, by name.
            policy: what to do with the outcome. `log_always` and `log_failure` have it said in the outputs,
                `panic` stops the world where the message is rejected, `none` asks for no outcome at all.
        Returns:
            The promise for its result, which the host holds until `release`; None with the policy `none`.
        Raises:
            NoSuchVat: where there is no such vat, or its root is forgotten.
            KernelError: for an unknown policy, or a `Ref` that nobody holds any more.
            TypeError: for an argument that cannot be passed.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.status(kref)
            'unresolved'
        """
        with self.lock:
            return self._requests.send(self.kernel.root_of(vat), method, args, kwargs, policy)

    def queue_to_object(
        self,
        kref: str,
        method: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        policy: ResultPolicy = "ignore",
    ) -> str | None:
        """Send a message to an object, or to a promise for one; all else is as with `queue_to_root`.

        Args:
            kref: the kernel's name for the target, such as the `kref` of a `Ref`.
            method: the name of the method.
            args: values as vats pass them by copy, and `Ref`s for references.
            kwargs: more of them, by name.
            policy: what to do with the outcome.
        Raises:
            KernelError: for an unknown policy, or a reference that nobody holds any more.
            TypeError: for an argument that cannot be passed.
        Example:
            >>> purse = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> paid = world.queue_to_object(purse, "deposit", [10])
            >>> report = world.run()
            >>> world.resolution(paid)
            10
        """
        return self._requests.send(kref, method, args, kwargs, policy)

    def status(self, kref: str) -> PromiseStatus:
        """How a promise stands: `unresolved`, `fulfilled` or `rejected`.

        Args:
            kref: the promise.
        Raises:
            KernelError: where there is no such promise any more.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.status(kref)
            'fulfilled'
        """
        return self.outcome(kref).status

    def resolution(self, kref: str) -> Any:
        """What a promise was settled with.

        Args:
            kref: the promise.
        Returns:
            Python values, with `Ref`s for references; None while it is unresolved. A rejection is not raised
            but returned, as an exception.
        Raises:
            KernelError: where there is no such promise any more.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.resolution(kref).iface
            'Purse'
        """
        return self.outcome(kref).value

    def outcome(self, kref: str) -> Outcome:
        """How a promise stands, and with what; one that follows another stands as that one does.

        Args:
            kref: the promise.
        Raises:
            KernelError: where there is no such promise any more.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.outcome(kref).value is None
            True
        """
        return self._requests.outcome(kref)

    def release(self, kref: str) -> None:
        """Let go of a result that the host held, and commit.

        Args:
            kref: the promise.
        Raises:
            KernelError: where the host does not hold it.
        Example:
            >>> world.release(world.queue_to_root("bank", "open_purse", ["alice"]))
        """
        self._requests.release(kref)

    # Looking

    @property
    def lens(self) -> Lens:
        """The world as rows for people: vats, run-queue, c-lists, promises, objects."""
        return Lens(self.kernel.store)

    def checkpoint(self, name: str, note: str = "", *, move: bool = False) -> Checkpoint:
        """Name the world as it is now, with a heap image of every vat that has one to give.

        `controller.history` lists the checkpoints and goes back to them.

        Args:
            name: what to call it. A name that names this very state does so again.
            note: what the list of checkpoints says of it.
            move: whether the name may leave another state that it names.
        Raises:
            LabelExists: where the name names another state, and is not to `move`.
        Example:
            >>> world.checkpoint("before-lunch").name
            'before-lunch'
        """
        return take_checkpoint(self._opened, name, note, move=move)

    def digest(self) -> str:
        """SHA-256 of the world's state, as hex: equal for equal worlds.

        Example:
            >>> len(world.digest())
            64
        """
        with self.lock:
            return self.world.digest()

    def dump(self) -> dict[str, Any]:
        """The whole state as JSON data, vat stores left out.

        Example:
            >>> "vats" in world.dump()
            True
        """
        with self.lock:
            return dumping.dump(self.kernel.store)

    def verify(self) -> list[Problem]:
        """All that is wrong with the file, as far as can be told without running it; empty for a sound one.

        What is not committed is committed first: the file is held against its history.

        Example:
            >>> world.verify()
            []
        """
        with self.lock:
            self.commit("before it is verified")
            return verifying.verify(self.kernel.store)

    def stats(self) -> dict[str, int]:
        """Counts: how much of what there is, and how much there ever was.

        Example:
            >>> world.stats()["vats_live"]
            2
        """
        with self.lock:
            return dumping.stats(self.kernel.store)
