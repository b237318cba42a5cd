"""The controller: an open world with its workers, as an embedder uses it.

The everyday methods are here: open, send, run, look, commit. The others are in parts of one job each, `vats`,
`queue`, `meters` and more, which share one `Opened`. It has the lock, and it commits.

One thread at a time may use a world; calls from others wait, or are served between cranks (`callers`). A run
ends with one durable commit, and only then are outputs released. If the commit fails, the world is rolled
back to the last commit; if the host is interrupted within a crank, to the last whole crank. Workers that have
seen more are discarded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from swingset.core.report import CrankReport
from swingset.core.scheduler import Scheduler
from swingset.host.base import starting
from swingset.host.base.engines import WorkerKind
from swingset.host.base.opened import Opened
from swingset.host.base.outputs import Outputs
from swingset.host.base.policies import RunPolicy
from swingset.host.base.queue import RunQueue
from swingset.host.base.reports import RunReport
from swingset.host.base.running import Running
from swingset.host.base.starting import Parts
from swingset.host.controls.checkpoints import Checkpoint, take_checkpoint
from swingset.host.controls.devices import HostDevices
from swingset.host.controls.gc import GarbageCollection
from swingset.host.controls.history import History
from swingset.host.controls.market import Market
from swingset.host.controls.meters import Meters
from swingset.host.controls.moments import Moment, moment
from swingset.host.controls.options import Options
from swingset.host.controls.vats import Vats
from swingset.host.controls.views import Views
from swingset.host.wires.networking import Networking
from swingset.host.worlds.imports import with_modules
from swingset.lens.state import verifying
from swingset.lens.state.verifying import FileDepth
from swingset.model.capdata import CapData
from swingset.model.states import QueuedPolicy, ResultPolicy
from swingset.world.verifying import Problem


class Controller(Views):
    """A world and its workers. `swingset.open_world` makes one; close it when done, or use it with `with`.

    Source:
        SwingSet's controller, which `makeSwingsetController` returns. Methods that name no counterpart are
        ours.
    """

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self._running = Running(opened)
        self.lives = opened.lives
        self.callers = opened.callers
        self.engines = opened.factories
        self.default_worker = opened.choices.default_worker
        self.trusts_local = opened.choices.trusts_local
        self.outputs = Outputs(opened.outputs)
        self.vats = Vats(opened)
        self.meters = Meters(opened)
        self.market = Market(opened)
        self.gc = GarbageCollection(opened)
        self.history = History(opened)
        self.options = Options(opened)
        self.queue = RunQueue(opened)
        self.devices = HostDevices(opened)
        self.net = Networking(opened, self.devices.own)

    def close(self, *, keep: bool = True) -> None:
        """Commit what the host has requested, stop the workers, and close the file.

        Args:
            keep: whether to commit; False loses uncommitted changes, as a crash does.
        Raises:
            WorldError: if the commit fails; the world is closed all the same.
        Source:
            `controller.shutdown`.
        Example:
            >>> world.close()
        """
        self._opened.close(keep=keep)

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(keep=kind is None)

    def fork(self, at: int | None = None, *, scheduler: Scheduler | None = None) -> Controller:
        """Make a second world in memory, on the same engines; `close` discards it.

        It has the state of this world, or the one right after a crank, from which its vats then go on.
        Attached vats stay with the original; in the fork, deliveries to them are parked.

        Args:
            at: the number of a crank; None for the present.
            scheduler: chooses among the events of its run-queue; None for the one of this world.
        Raises:
            NoSuchMoment: if the history does not lead to that crank.
            KernelError: if that state has local vats, and the world is not trusted with them.
        Example:
            >>> with world.fork() as other:
            ...     other.terminate_vat("bank")
            >>> "bank" in world.vats
            True
            >>> with world.fork(at=1) as earlier:
            ...     earlier.crank
            1
        """
        return Controller(self._opened.fork(at, scheduler=scheduler))

    def at(self, crank: int) -> Moment:
        """Look at the world as it was right after a crank, before what was requested next. Nothing is run.

        Looking changes neither the world nor its file. Close the moment when done, or use it with `with`:
        the next look is then made of the same memory.

        Args:
            crank: its number; 0 for the empty world.
        Raises:
            NoSuchMoment: if the history does not lead to that crank.
        Example:
            >>> world.terminate_vat("bank")
            >>> with world.at(world.crank) as moment:
            ...     [vat.name for vat in moment.lens.vats() if vat.name == "bank"]
            ['bank']
        """
        return moment(self._opened, crank=crank)

    # Running

    @property
    def path(self) -> str | None:
        """The full path of the world's file, with all links resolved; None for a world in memory."""
        return self.world.path

    def step(self) -> CrankReport | None:
        """Run one crank and commit it, even while the world is paused.

        Returns:
            What the crank did; None if nothing can run.
        Raises:
            KernelPanic: after the commit, if this crank made the world stop for good.
        Source:
            `controller.step`.
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
        """Run until nothing can run or the policy stops it; then commit and release the outputs.

        A long run also commits and releases outputs in between. An interrupt stops the run between cranks,
        commits the whole ones, and is raised again.

        Args:
            policy: how far to run, one of `swingset.policies`; None runs until nothing can run.
            watch: called with the report of each crank when it ends, which may be before its commit.
        Returns:
            How much was run, and the reports of the last cranks.
        Raises:
            KernelPanic: after the commit, if the world has stopped for good.
            WorldError: if it cannot be committed; the world is then rolled back to its last commit.
        Source:
            `controller.run(policy)`.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.run(swingset.policies.cranks(10)).more
            False
        """
        return self._running.run(policy, watch)

    def commit(self, note: str = "") -> int | None:
        """Make all whole cranks durable and release their outputs.

        Args:
            note: a text for the history.
        Returns:
            The number of the commit; None if nothing had changed.
        Raises:
            WorldError: if it cannot be committed; the world is then rolled back to its last commit.
        Source:
            `hostStorage.commit`, which the reference leaves to the host.
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
        modules: Mapping[str, str] | None = None,
    ) -> str:
        """Start a vat now, before all waiting events and even if the world is paused, and commit.

        Args:
            name: its name.
            parts: the names and sources of its parts, its kinds first.
            parameters: the `parameters` of `build_root_object`.
            worker: the kind of worker; None for the one that the world was opened with.
            options: `reap_interval`, `reap_gc_krefs`, `reap_computrons`, `never_reap`, `computrons`,
                `memory_pages`, `seconds`, `console_bytes`, `write_bytes`, `stored_bytes`, `total_bytes`,
                `meter`, `account`, `on_starvation`, `critical`, `enable_pipelining`, `enable_disavow` and
                `use_transcript`.
            modules: sources of modules that the parts import, by name; of a package as `name.__init__`.
        Returns:
            The kref of its root object, which stays pinned.
        Raises:
            VatExists: if a vat has that name.
            KernelError: for an invalid name, option or module.
            TypeError: for parts that are no names and texts.
            VatFault: if the code fails, with the user's own line; then no vat was made.
        Source:
            `createVat` of the vat-admin vat, without a vat that asks for it.
        Example:
            >>> kref = world.create_vat("branch", world.vats.parts("bank"), options={"reap_interval": 50})
            >>> world.vats["branch"].incarnation
            0
        """
        given = with_modules(parts, modules)
        return starting.create_vat(
            self._opened, name, given, parameters=parameters, worker=worker, options=options
        )

    def clone_vat(
        self,
        name: str,
        clone: str,
        refs: Sequence[str] | None = None,
        *,
        options: dict[str, Any] | None = None,
        queued: QueuedPolicy = "refuse",
    ) -> tuple[str, ...]:
        """Make a second vat with the memory and the store of a vat, now, and commit.

        The clone shares what the vat imports, and has none of its exports but an object for each of `refs`.

        Args:
            name: the name of the vat.
            clone: the name of the clone.
            refs: krefs of exports of the vat; None for its root alone.
            options: options of the clone that differ from the vat's, as in `vats.change_options`.
            queued: what becomes of messages that wait for the vat: `refuse`, `drop` or `duplicate`.
        Returns:
            The clone's kref for each of `refs`, which stays pinned.
        Raises:
            NoSuchVat: if there is no such vat.
            VatExists: if a vat has the name of the clone.
            KernelError: for an invalid name, object or option.
            VatFault: if the vat cannot be cloned, with the reason; then nothing has changed.
        Source:
            `admin.fork(refs)`, proposed for SwingSet (zygotes), without a vat that asks for it.
        Example:
            >>> (root,) = world.clone_vat("bank", "branch")
            >>> world.vats.root("branch") == root
            True
        """
        return starting.clone_vat(self._opened, name, clone, refs, options=options, queued=queued)

    def upgrade_vat(
        self,
        name: str,
        parts: Parts,
        *,
        parameters: CapData | None = None,
        message: str = "",
        modules: Mapping[str, str] | None = None,
    ) -> CrankReport:
        """Replace a vat's code now, before all waiting events and even if the world is paused, and commit.

        Its durable objects stay. Returns the report of the upgrade's crank.

        Args:
            name: the name of the vat.
            parts: the names and sources of its parts, its kinds first.
            parameters: the `parameters` of `build_root_object`.
            message: a text for the rejections of broken promises.
            modules: sources of modules that the parts import, instead of those among the parts.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: for an invalid module.
            TypeError: for parts that are no names and texts.
            VatFault: if the new code fails, with the reason; the old incarnation then stays as it was.
        Source:
            `controller.upgradeStaticVat`, for every vat and not only those of the configuration.
        Example:
            >>> report = world.upgrade_vat("bank", world.vats.parts("bank"))
            >>> world.vats["bank"].incarnation
            1
        """
        given = with_modules(parts, modules)
        return starting.upgrade_vat(self._opened, name, given, parameters=parameters, message=message)

    def terminate_vat(self, name: str, reason: str = "") -> None:
        """Terminate a vat, and commit: its promises are rejected, its exports are gone, its state is deleted.

        A call from another thread is carried out between two cranks of the run.

        Args:
            name: the name of the vat.
            reason: a text for the rejections of its promises.
        Raises:
            NoSuchVat: if there is no such vat.
        Source:
            `controller.terminateVat`.
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
        """Send a message to a vat's root. It is delivered in the next run, and durable with the next commit.

        Args:
            vat: the name of the vat.
            method: the name of the method.
            args: values that vats can pass by copy, and a `Ref` for each reference.
            kwargs: keyword arguments.
            policy: what to do with the outcome. `ignore` only keeps it: a rejection shows nowhere but in
                `status` and `resolution`. `log_always` and `log_failure` also write it to the outputs,
                `panic` stops the world if the message is rejected, and `none` makes no promise for it.
        Returns:
            The promise for its result, which the host holds until `release`; None with the policy `none`.
        Raises:
            NoSuchVat: if there is no such vat, or if its root is gone.
            KernelError: for an unknown policy, or a `Ref` to something that nothing holds any more.
            TypeError: for an argument that cannot be passed.
        Source:
            `controller.queueToVatRoot(name, method, args, resultPolicy)`.
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
        """Send a message to an object, or to a promise for one, as `queue_to_root` does.

        Args:
            kref: the kernel's name for the target, such as the `kref` of a `Ref`.
            method: the name of the method.
            args: values that vats can pass by copy, and a `Ref` for each reference.
            kwargs: keyword arguments.
            policy: what to do with the outcome, as in `queue_to_root`.
        Raises:
            KernelError: for an unknown policy, or a reference to something that nothing holds any more.
            TypeError: for an argument that cannot be passed.
        Source:
            `controller.queueToVatObject`.
        Example:
            >>> purse = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> paid = world.queue_to_object(purse, "deposit", [10])
            >>> report = world.run()
            >>> world.resolution(paid)
            10
        """
        return self._requests.send(kref, method, args, kwargs, policy)

    def release(self, kref: str) -> None:
        """Release a result that the host holds, and commit.

        Args:
            kref: the promise.
        Raises:
            KernelError: if the host does not hold it.
        Source:
            The end of `kpRegisterInterest`, which the reference does by itself with the resolution.
        Example:
            >>> world.release(world.queue_to_root("bank", "open_purse", ["alice"]))
        """
        self._requests.release(kref)

    # Looking

    def checkpoint(self, name: str, note: str = "", *, move: bool = False) -> Checkpoint:
        """Name the current state of the world, and save a heap image of every vat that can have one.

        `controller.history` lists the checkpoints and goes back to them.

        Args:
            name: its name. A name that this state has already is accepted.
            note: a text for the list of checkpoints.
            move: whether to take the name from another state that has it.
        Raises:
            LabelExists: if another state has the name, and `move` is not set.
        Example:
            >>> world.checkpoint("before-lunch").name
            'before-lunch'
        """
        return take_checkpoint(self._opened, name, note, move=move)

    def verify(self, depth: FileDepth = 2) -> list[Problem]:
        """All problems of the file that can be found without running it; empty if there are none.

        It commits first, because it compares the file with its history. `swingset.verify` goes deeper, and
        says what was not checked.

        Args:
            depth: 1 checks pages, the hash chain of commits and the hashes of bulk; 2 also rows and
                references, and that all changes lead from the empty world to the state.
        Example:
            >>> world.verify()
            []
        """
        with self.lock:
            self.commit("before it is verified")
            return verifying.verify(self.kernel.store, chain_only=depth == 1)
