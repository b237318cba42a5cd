"""Watching an open world: what its vats say, what goes wrong in them, and what they cost."""

from __future__ import annotations

from swingset.host.worlds.controller import Controller
from swingset.lens.history import searching
from swingset.lens.watching import console as consoles
from swingset.lens.watching import costs_over_time as costing
from swingset.lens.watching import storage as storing
from swingset.lens.watching.console import ConsoleLines
from swingset.lens.watching.costs_over_time import CostsOverTime
from swingset.lens.watching.storage import Storage
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
    Source:
        Ours; the slog has `console` entries for the same.
    Example:
        >>> swingset.console(world, vat="bank", level="error")
        no lines
    """
    with controller.lock:
        return consoles.console(controller.kernel.store, vat, level, since, until, most)


def costs_over_time(
    controller: Controller,
    *,
    vat: str | None = None,
    since: int = 0,
    until: int | None = None,
    columns: int = 60,
    most: int = 50,
) -> CostsOverTime:
    """What vats have cost: computrons by vat and method, and the bytes that they store, over time.

    It is read out of the committed records, so it is there for any stretch of the past. A vat that runs in
    the host's interpreter is not metered.

    Args:
        controller: the world, which is only read.
        vat: the name of a vat, or None for all.
        since: a crank; what came after it is counted.
        until: a crank; what came up to it is counted. None for the present.
        columns: into how many columns the stretch is cut at most, up to 1,000.
        most: how many methods are returned at most, the dearest first.
    Raises:
        KernelError: for a vat that is none, and for numbers that are none.
        WorldError: if a record cannot be read.
    Source:
        Ours; the slog has the computrons of each delivery.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> [each.method for each in swingset.costs_over_time(world, vat="bank").methods]
        ['create-vat', 'open_purse()']
    """
    with controller.lock:
        return costing.costs_over_time(controller.kernel.store, vat, since, until, columns, most)


def storage(controller: Controller, *, most: int = 50) -> Storage:
    """What each vat takes in the file of a world: state, store, transcript, heap images, and its past.

    Args:
        controller: the world, which is only read. What waits in memory is written to its file first.
        most: how many vats are returned at most, the largest first; the others are added up.
    Raises:
        KernelError: if `most` is not a number from 1.
        WorldError: if a record cannot be read.
    Source:
        Ours.
    Example:
        >>> [each.vat for each in swingset.storage(world).vats]
        ['bank', 'notebook']
    """
    with controller.lock:
        return storing.storage(controller.kernel.store, most)


def last_said(controller: Controller) -> int | None:
    """The newest crank in which a vat printed something, failed or rejected a promise; None if none did."""
    with controller.lock:
        return searching.last_said(controller.kernel.store)
