"""What commits of a controller's world did, for those who look at it and do not hold its store."""

from __future__ import annotations

from collections.abc import Iterable

from swingset.host.controller import Controller
from swingset.lens.taken_back import Effects, effects


def done_in(controller: Controller, commits: Iterable[int]) -> Effects:
    """What was done in some commits."""
    with controller.lock:
        return effects(controller.kernel.store, commits)
