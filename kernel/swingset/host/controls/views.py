"""What can be seen of a world: the state of the present, and that of a moment of its past, in the same words.

Nothing here changes a world.
"""

from __future__ import annotations

from typing import Any

from swingset.host.base.opened import Opened
from swingset.host.base.requests import Outcome, PromiseStatus, Requests
from swingset.lens.exports import dump as dumping
from swingset.lens.present.tables import Lens


class Views:
    """The part of a controller that shows the state. A `Moment` of the past has the same.

    Source:
        Each method names its counterpart in SwingSet's controller.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._requests = Requests(opened)
        self.world = opened.world
        self.kernel = opened.kernel
        self.lock = opened.lock

    @property
    def crank(self) -> int:
        """How many cranks the world has run."""
        return self.kernel.cranks.count

    def status(self, kref: str) -> PromiseStatus:
        """The state of a promise: `unresolved`, `fulfilled` or `rejected`.

        Args:
            kref: the promise.
        Raises:
            KernelError: if there is no such promise any more.
        Source:
            `controller.kpStatus`.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.status(kref)
            'fulfilled'
        """
        return self.outcome(kref).status

    def resolution(self, kref: str) -> Any:
        """The value that a promise was settled with.

        Args:
            kref: the promise.
        Returns:
            Python values, with a `Ref` for each reference; None while it is unresolved. A rejection is not
            raised but returned, as an exception.
        Raises:
            KernelError: if there is no such promise any more.
        Source:
            `controller.kpResolution`.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> world.resolution(kref).iface
            'Purse'
        """
        return self.outcome(kref).value

    def outcome(self, kref: str) -> Outcome:
        """The state and the value of a promise; if it follows another, they are those of the other.

        Args:
            kref: the promise.
        Raises:
            KernelError: if there is no such promise any more.
        Source:
            `kpStatus` and `kpResolution` in one.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.outcome(kref).value is None
            True
        """
        return self._requests.outcome(kref)

    @property
    def lens(self) -> Lens:
        """The world as rows for people: vats, run-queue, c-lists, promises, objects."""
        return Lens(self.kernel.store)

    def digest(self) -> str:
        """The SHA-256 of the world's state, in hex: equal for equal worlds.

        Source:
            The hash of `crankHash` over the whole state; ours in that it depends on no history.
        Example:
            >>> len(world.digest())
            64
        """
        with self.lock:
            return self.world.digest()

    def dump(self) -> dict[str, Any]:
        """The whole state as JSON data, without the stores of vats.

        Source:
            `controller.dump`.
        Example:
            >>> "vats" in world.dump()
            True
        """
        with self.lock:
            return dumping.dump(self.kernel.store)

    def stats(self) -> dict[str, int]:
        """Numbers about the world: what it has now, such as live vats, and totals, such as cranks.

        Source:
            `controller.getStats`.
        Example:
            >>> world.stats()["vats_live"]
            2
        """
        with self.lock:
            return dumping.stats(self.kernel.store)
