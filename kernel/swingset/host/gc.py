"""What is alive and why, and what the host itself holds.

A vat that the host made has its root pinned. A result is held until `Controller.release`. All else lives as
long as a vat holds it.
"""

from __future__ import annotations

from collections.abc import Mapping

from swingset.core.errors import KernelError
from swingset.host.opened import Opened
from swingset.lens.cycles import Ring, find_rings
from swingset.lens.explain import Explanation, explain
from swingset.model.refs import is_kref, kref_type


class GarbageCollection:
    """Pins, reaping, and the reasons why objects live, as `controller.gc`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel

    def pin(self, kref: str) -> None:
        """Hold an object until it is unpinned, and commit.

        Args:
            kref: the kernel's name for it, such as `ko42`.
        Raises:
            KernelError: where it is no object, or nobody holds it any more.
        Example:
            >>> world.gc.pin(world.vats.root("bank"))
        """
        with self._opened.lock:
            found = self._kernel.store.objects.get(kref) if is_kref(kref) else None
            if found is None or kref_type(kref) != "o" or found.reachable < 1:
                raise KernelError(f"{kref} cannot be pinned: it is no object that anybody holds")
            self._kernel.pin(kref)
            self._opened.commit(f"pin {kref}")

    def unpin(self, kref: str) -> None:
        """Let go of a pinned object, and commit.

        Args:
            kref: the kernel's name for it.
        Raises:
            KernelError: where it is not pinned.
        Example:
            >>> world.gc.unpin(world.vats.root("bank"))
        """
        with self._opened.lock:
            self._kernel.unpin(kref)
            self._opened.commit(f"unpin {kref}")

    def explain(self, kref: str) -> Explanation:
        """Why something is alive.

        Args:
            kref: the kernel's name for an object or a promise.
        Returns:
            A chain of holders from what lives by itself to this, one sentence a hop.
        Raises:
            KernelError: where that is no kref at all.
        Example:
            >>> world.gc.explain(world.vats.root("bank")).verdict
            'held'
        """
        with self._opened.lock:
            return explain(self._kernel.store, kref)

    def rings(self) -> list[Ring]:
        """Objects of several vats that hold each other, and that nothing else seems to hold.

        Returns:
            The rings that were found; each is a suspicion for people to look into.
        Example:
            >>> world.gc.rings()
            []
        """
        with self._opened.lock:
            return find_rings(self._kernel.store)

    def reap_all(self, since: Mapping[str, int] | None = None) -> dict[str, int]:
        """Have every vat bring out its dead in the next run.

        A loop that reaps and runs until the answer is the same twice ends when nothing more comes of it.

        Args:
            since: what an earlier call returned; only vats that had a delivery after that are reaped.
        Returns:
            How many deliveries each vat has had then, by name.
        Example:
            >>> before = world.gc.reap_all()
            >>> report = world.run()
            >>> before == world.gc.reap_all(before)
            True
        """
        with self._opened.lock:
            with self._kernel.atomic():
                store, positions = self._kernel.store, {}
                for vat in self._opened.vats():
                    now = self._kernel.position_of(vat)
                    if since is not None and since.get(vat.name) == now:
                        positions[vat.name] = now
                    else:
                        store.reaping.schedule(vat.id)
                        # That delivery counts too; a vat without a transcript is at 0 after it.
                        positions[vat.name] = now + 1 if vat.recorded else 0
            self._opened.keep("reap all vats")
            return positions
