"""Watching an open world: what its vats say, and what goes wrong in them."""

from __future__ import annotations

from swingset.host.controller import Controller
from swingset.lens import console as consoles
from swingset.lens import searching
from swingset.lens.console import ConsoleLines
from swingset.model.states import ConsoleLevel


def console(
    controller: Controller,
    *,
    vat: str | None = None,
    level: ConsoleLevel = "print",
    since: int = 0,
    until: int | None = None,
    most: int = 100,
) -> ConsoleLines:
    """What vats have printed, logged and warned of, and what went wrong in them, the worst first.

    It is read out of the committed records, so it is the same after a restart.

    Args:
        controller: the world, which is only read.
        vat: the name of a vat, or None for all.
        level: `error`, `warning`, `info` or `print`: lines of this level and worse are returned.
        since: a crank; only what came after it is returned.
        until: a crank; only what came up to it is returned. None for the present.
        most: how many lines are returned at most: the newest of each level.
    Raises:
        KernelError: for a level or a vat that is none, and if `most` is not a number from 1.
        WorldError: if a record cannot be read.
    Example:
        >>> swingset.console(world, vat="bank", level="error")
        no lines
    """
    with controller.lock:
        return consoles.console(controller.kernel.store, vat, level, since, until, most)


def last_said(controller: Controller) -> int | None:
    """The newest crank in which a vat printed something, failed or rejected a promise; None if none did."""
    with controller.lock:
        return searching.last_said(controller.kernel.store)
