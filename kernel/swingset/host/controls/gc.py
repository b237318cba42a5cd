"""Says why objects are alive, and lets the host hold objects itself.

The root of a vat that the host made is pinned. A result is held until `Controller.release`. Everything else
lives as long as a vat holds it.
"""

from __future__ import annotations

from collections.abc import Mapping

from swingset.core.errors import KernelError
from swingset.host.base.opened import Opened
from swingset.lens.present.cycles import Ring, find_rings
from swingset.lens.present.explain import Explanation, explain
from swingset.model.refs import is_kref, kref_type


class GarbageCollection:
    """Pins, reaping, and the reasons why objects live, as `controller.gc`.

    Source:
        Pins and reaping are SwingSet's; `explain` and `rings` are ours.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._kernel = opened.kernel

    def pin(self, kref: str) -> None:
        """Hold an object until it is unpinned, and commit.

        Args:
            kref: the kernel's name for it, such as `ko42`.
        Raises:
            KernelError: if it is not an object, or if nothing holds it any more.
        Source:
            `pinObject` of the kernel keeper.
        Example:
            >>> world.gc.pin(world.vats.root("bank"))
        """
        with self._opened.lock:
            found = self._kernel.store.objects.get(kref) if is_kref(kref) else None
            if found is None or kref_type(kref) != "o" or found.reachable < 1:
                raise KernelError(f"{kref} cannot be pinned: it is no object, or nothing holds it")
            self._kernel.pin(kref)
            self._opened.commit(f"pin {kref}")

    def unpin(self, kref: str) -> None:
        """Unpin an object, and commit; it lives on as long as a vat holds it.

        Args:
            kref: the kernel's name for it.
        Raises:
            KernelError: if it is not pinned.
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
            KernelError: if it is not a kref.
        Example:
            >>> world.gc.explain(world.vats.root("bank")).verdict
            'held'
        """
        with self._opened.lock:
            return explain(self._kernel.store, kref)

    def rings(self) -> list[Ring]:
        """Find objects of several vats that hold each other and that nothing else seems to hold.

        Returns:
            The rings that were found; each may be garbage, which people have to judge.
        Example:
            >>> world.gc.rings()
            []
        """
        with self._opened.lock:
            return find_rings(self._kernel.store)

    def reap_all(self, since: Mapping[str, int] | None = None) -> dict[str, int]:
        """Schedule a `bringOutYourDead` for every vat in the next run.

        To collect all garbage, reap and run until the result is the same twice.

        Args:
            since: the result of an earlier call; only vats with a delivery after it are reaped.
        Returns:
            The number of deliveries that each vat will then have had, by name.
        Source:
            `controller.reapAllVats`.
        Example:
            >>> before = world.gc.reap_all()
            >>> report = world.run()
            >>> before == world.gc.reap_all(before)
            True
        """
        with self._opened.lock:
            positions, due = {}, []
            for vat in self._opened.vats():
                now = self._kernel.position_of(vat)
                if since is not None and since.get(vat.name) == now:
                    positions[vat.name] = now
                else:
                    due.append(vat.id)
                    # That delivery counts too; a vat without a transcript is at 0 after it.
                    positions[vat.name] = now + 1 if vat.recorded else 0
            with self._kernel.request("reap", vats=due):
                for vat_id in due:
                    self._kernel.store.reaping.schedule(vat_id)
            self._opened.keep("reap all vats")
            return positions
