"""The host's access to the vats of a world: it lists them, and changes them while they run.

Methods of the controller itself create, upgrade and terminate them. The host may do with any vat what
vatAdmin lets a vat do with those that it made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from swingset.core.atomic import refuse_within_crank
from swingset.host.base.opened import Opened
from swingset.host.controls import migrating, restarting
from swingset.lens.history.upgrade_steps import UpgradeStep, upgrade_steps
from swingset.model.messages import described
from swingset.world.vats import LIVE, VatRecord


class Vats:
    """The vats of an open world, as `controller.vats`: iterate over it, ask `name in`, or take `[name]`.

    Iterating gives a `VatRecord` for each vat that is not terminated, oldest first.

    Source:
        Each method names its counterpart in SwingSet; those that name none are ours.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel

    def __iter__(self) -> Iterator[VatRecord]:
        with self._opened.lock:
            return iter(self._opened.vats())

    def __len__(self) -> int:
        with self._opened.lock:
            return len(self._opened.vats())

    def __contains__(self, name: object) -> bool:
        return any(vat.name == name for vat in self)

    def __getitem__(self, name: str) -> VatRecord:
        """The record of a vat. Raises `NoSuchVat` if no vat has that name, or if it was terminated."""
        with self._opened.lock:
            return self._kernel.vat(name)

    def root(self, name: str) -> str:
        """The kernel's name for the root object of a vat.

        Args:
            name: the name of the vat.
        Returns:
            A kref, which is valid as long as something holds the root.
        Raises:
            NoSuchVat: if there is no such vat, or if its root is gone, because nothing held it.
        Source:
            `vatNameToID`, with the root in place of the vat's id.
        Example:
            >>> world.vats.root("bank")
            'ko20'
        """
        with self._opened.lock:
            return self._kernel.root_of(name)

    def pin_root(self, name: str) -> str:
        """Hold the root of a vat that another vat made, and commit; returns its kref.

        `controller.gc.unpin` releases it.

        Args:
            name: the name of the vat.
        Raises:
            NoSuchVat: if there is no such vat, or if its root is gone already.
        Source:
            `controller.pinVatRoot`.
        Example:
            >>> world.vats.pin_root("bank") == world.vats.root("bank")
            True
        """
        with self._opened.lock:
            root = self._kernel.root_of(name)
            self._kernel.pin(root)
            self._opened.keep(f"pin the root of {name}")
            return root

    def parts(self, name: str) -> tuple[tuple[str, str], ...]:
        """The code that a vat runs.

        Args:
            name: the name of the vat.
        Returns:
            The names and sources of its parts; none for the vat of a session.
        Raises:
            NoSuchVat: if there is no such vat.
        Example:
            >>> [part for part, source in world.vats.parts("bank")]
            ['bank']
        """
        record = self[name]
        return self._opened.world.bundles.get(record.bundle) if record.bundle else ()

    # Suspending

    def suspend(self, name: str, reason: str = "suspended by the host") -> None:
        """Suspend a vat until it is resumed, and commit. Events for it are parked, in order.

        A call from another thread is carried out between two cranks of a run.

        Args:
            name: the name of the vat.
            reason: a text for its record.
        Raises:
            NoSuchVat: if there is no such vat.
        Example:
            >>> world.vats.suspend("bank", "the books are being audited")
            >>> world.vats["bank"].state, world.vats["bank"].reason
            ('suspended', 'the books are being audited')
        """
        self._opened.ask(lambda: self._kernel.suspend(name, reason), f"suspend {name}")

    def resume(self, name: str) -> None:
        """Resume a suspended vat, and commit. The events that were parked come first, in order.

        Args:
            name: the name of the vat.
        Raises:
            NoSuchVat: if there is no such vat.
        Example:
            >>> world.vats.suspend("bank")
            >>> world.vats.resume("bank")
            >>> world.vats["bank"].state
            'live'
        """
        self._opened.ask(lambda: self._kernel.resume(name), f"resume {name}")

    def drop_parked(self, name: str) -> str | None:
        """Drop the first parked event of a suspended vat, such as one that suspends it each time.

        The result of a message is rejected with the reason `dropped`; the vat never gets a dropped
        notification.

        Args:
            name: the name of the vat.
        Returns:
            A few words about it, `the message deposit()` or `the outcome of kp41`; None if none is parked.
        Raises:
            NoSuchVat: if there is no such vat.
        Example:
            >>> world.vats.suspend("bank")
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.vats.drop_parked("bank")
            'the message open_purse()'
        """
        with self._opened.lock:
            event = self._kernel.drop_parked(name)
            self._opened.commit(f"dropped what was parked for {name}")
        return None if event is None else described(event)

    # Options and records

    def change_options(self, name: str, options: dict[str, Any]) -> None:
        """Change options of a vat, from its next delivery on, and commit.

        Args:
            name: the name of the vat.
            options: values by name; None resets an option to its default. All options may be changed except
                `enable_pipelining`.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: for an invalid option or value; then none is changed.
        Source:
            The delivery `changeVatOptions`, and `adminNode.changeOptions`, for any vat.
        Example:
            >>> world.vats.change_options("bank", {"reap_interval": 50})
            >>> world.vats["bank"].options
            {'reap_interval': 50}
        """
        self._opened.ask(lambda: self._kernel.change_options(name, options), f"change options of {name}")

    def upgrade_steps(self, name: str) -> tuple[UpgradeStep, ...]:
        """The last upgrade of a vat step by step, as its records tell it.

        Args:
            name: the name of the vat.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: if it was not upgraded, as far as its records go back.
        Example:
            >>> report = world.upgrade_vat("bank", world.vats.parts("bank"))
            >>> [step.title for step in world.vats.upgrade_steps("bank")][-1]
            'the crank is committed: from here on, messages reach the new code'
        """
        with self._opened.lock:
            return upgrade_steps(self._kernel.store, self._kernel.vat(name).id, name)

    def migrate(
        self,
        name: str,
        *,
        budget: int | None = None,
        step: int = migrating.STEP,
        progress: migrating.Watcher | None = None,
    ) -> migrating.Migrated:
        """Migrate the older records of a vat now, `step` of them per crank and commit.

        It may be interrupted or killed, and continues when it is called again.

        Args:
            name: the name of the vat.
            budget: the most records to visit; None visits all.
            step: how many records to visit in one crank.
            progress: called after each step, which is committed by then.
        Returns:
            What was migrated, what is left, and what failed.
        Raises:
            NoSuchVat: if there is no such vat.
            KernelError: if it is suspended, or if a number is not valid.
        Example:
            >>> world.vats.migrate("bank").remaining
            0
        """
        with self._opened.lock:
            return migrating.migrate(self._opened, name, budget=budget, step=step, progress=progress)

    # Restarting

    def upgrade_all(self, *, older_only: bool = False) -> restarting.RestartReport:
        """Restart all vats on the newest guest library, each with its own code, in a crank and commit each.

        A vat that refuses stays as it was, and the others go on. Vats of sessions, and vats that a host has
        suspended, are left as they are. Do it in a `fork` first to see what would happen.

        Args:
            older_only: whether to leave the vats that run on the newest library already.
        Returns:
            What became of each vat, and on which library it runs now.
        Source:
            Ours: the reference has no restart of all vats.
        Example:
            >>> report = world.vats.upgrade_all()
            >>> [(vat.vat, vat.outcome) for vat in report.vats]
            [('notebook', 'left'), ('bank', 'restarted')]
        """
        with self._opened.lock:
            refuse_within_crank(self._kernel.store)
            return restarting.upgrade_all(self._opened, older_only=older_only)

    # Heap images

    def snapshot_all(self) -> list[str]:
        """Save a heap image of every live vat that has run since its last one, and commit.

        Returns:
            The names of the vats whose heap was saved.
        Source:
            `controller.snapshotAllVats`.
        Example:
            >>> world.vats.snapshot_all()  # a local vat has no heap image
            []
        """
        with self._opened.lock:
            refuse_within_crank(self._kernel.store)
            live = [vat for vat in self._opened.vats() if vat.state == LIVE]
            saved = [vat.name for vat in live if self._kernel.snapshot(vat) is not None]
            self._opened.commit("snapshot all vats")
            return saved
