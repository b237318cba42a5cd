"""The vats of a world from the host's side: which there are, and what may be changed while they run.

To make, upgrade or end one is said to the controller itself. The host may do here to any vat what vatAdmin
lets a vat do to those that it made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from swingset.core.atomic import refuse_within_crank
from swingset.host import migrating
from swingset.host.opened import Opened
from swingset.model.messages import described
from swingset.world.vats import LIVE, VatRecord


class Vats:
    """The vats of an open world, as `controller.vats`: iterate over it, ask `name in`, or take `[name]`.

    Iterating gives a `VatRecord` for each vat that is not terminated, oldest first.
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
        """The record of a vat. Raises `NoSuchVat` where none that is not terminated has that name."""
        with self._opened.lock:
            return self._kernel.vat(name)

    def root(self, name: str) -> str:
        """The kernel's name for the root object of a vat.

        Args:
            name: the name of the vat.
        Returns:
            A kref, good for as long as something holds the root.
        Raises:
            NoSuchVat: where there is no such vat.
            KernelError: where its root is gone, for nobody held it.
        Example:
            >>> world.vats.root("bank")
            'ko20'
        """
        with self._opened.lock:
            return self._kernel.root_of(name)

    def pin_root(self, name: str) -> str:
        """Hold the root of a vat that another vat made, and commit; `controller.gc.unpin` lets go of it.

        Args:
            name: the name of the vat.
        Returns:
            The kref of the root.
        Raises:
            NoSuchVat: where there is no such vat.
            KernelError: where its root is gone already.
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
            The names of its parts and their sources; none for the vat of a session.
        Raises:
            NoSuchVat: where there is no such vat.
        Example:
            >>> [part for part, source in world.vats.parts("bank")]
            ['bank']
        """
        record = self[name]
        return self._opened.world.bundles.get(record.bundle) if record.bundle else ()

    # Suspending

    def suspend(self, name: str, reason: str = "suspended by the host") -> None:
        """Deliver nothing to a vat until it is resumed, and commit. What comes for it is parked, in order.

        From another thread this is done between two cranks of a run.

        Args:
            name: the name of the vat.
            reason: what its record says of it.
        Raises:
            NoSuchVat: where there is no such vat.
        Example:
            >>> world.vats.suspend("bank", "the books are being audited")
            >>> world.vats["bank"].state, world.vats["bank"].reason
            ('suspended', 'the books are being audited')
        """
        self._opened.ask(lambda: self._kernel.suspend(name, reason), f"suspend {name}")

    def resume(self, name: str) -> None:
        """Let a suspended vat carry on with what was parked first, and commit.

        Args:
            name: the name of the vat.
        Raises:
            NoSuchVat: where there is no such vat.
        Example:
            >>> world.vats.suspend("bank")
            >>> world.vats.resume("bank")
            >>> world.vats["bank"].state
            'live'
        """
        self._opened.ask(lambda: self._kernel.resume(name), f"resume {name}")

    def drop_parked(self, name: str) -> str | None:
        """Give up what was parked first for a suspended vat: an event that suspends it each time, say.

        A message is rejected to its sender with the reason `dropped`; an outcome is never told.

        Args:
            name: the name of the vat.
        Returns:
            What it was, `the message deposit()` or `the outcome of kp41`; None where nothing is parked.
        Raises:
            NoSuchVat: where there is no such vat.
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
            options: values by name; None takes an option back to its default. All options may be changed but
                `enable_pipelining`, which a vat has for good.
        Raises:
            NoSuchVat: where there is no such vat.
            KernelError: for an option or a value that cannot be; then none is changed.
        Example:
            >>> world.vats.change_options("bank", {"reap_interval": 50})
            >>> world.vats["bank"].options
            {'reap_interval': 50}
        """
        self._opened.ask(lambda: self._kernel.change_options(name, options), f"change options of {name}")

    def migrate(
        self,
        name: str,
        *,
        budget: int | None = None,
        step: int = migrating.STEP,
        progress: migrating.Watcher | None = None,
    ) -> migrating.Migrated:
        """Migrate the older records of a vat now, `step` of them in a crank and a commit.

        It may be interrupted or killed, and goes on when called again.

        Args:
            name: the name of the vat.
            budget: how many records are visited at most; None visits all.
            step: how many records are visited in one crank.
            progress: told after each step, which is committed by then.
        Returns:
            What was migrated, what is left, and what does not migrate.
        Raises:
            NoSuchVat: where there is no such vat.
            KernelError: where it is suspended, or a number is none.
        Example:
            >>> world.vats.migrate("bank").remaining
            0
        """
        with self._opened.lock:
            return migrating.migrate(self._opened, name, budget=budget, step=step, progress=progress)

    # Heap images

    def snapshot_all(self) -> list[str]:
        """Save the heap of every live vat that has one and has done something since, and commit.

        Returns:
            The names of the vats whose heap was saved.
        Example:
            >>> world.vats.snapshot_all()  # a local vat has no heap image
            []
        """
        with self._opened.lock:
            refuse_within_crank(self._kernel.store)
            live = [vat for vat in self._opened.vats() if vat.state == LIVE]
            saved = [vat.name for vat in live if self._kernel.warehouse.snapshot(vat) is not None]
            self._opened.commit("snapshot all vats")
            return saved
