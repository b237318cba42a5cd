"""What commits of a world did, for a view that has its controller and must not reach into its store.

The store belongs to the controller, whose lock is held for as long as it is read. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from swingset.host.worlds.controller import Controller
from swingset.lens.history.taken_back import Effects, effects


def done_in(controller: Controller, commits: Iterable[int], after: int = -1) -> Effects:
    """What messages and requests did in some commits after a crank, the first of them in words."""
    with controller.lock:
        return effects(controller.kernel.store, commits, after)
