"""Causes across worlds: the histories of several, whether they are open here or only looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.history.across import Across
from swingset.model.foreign import shown


def merge_causes(worlds: Mapping[str, Controller]) -> Across:
    """Join the histories of several worlds, so that a cause is followed from one into another.

    A message between worlds is joined by the identifier of its session and its number in it, which are in the
    records of both. Worlds of one history each are joined as far as their histories reach: what was pruned,
    or belongs to a past that a world has left, is said to be in no record.

    Args:
        worlds: the worlds, which are only read, each by the name that its steps get.
    Returns:
        What `cause` can be asked of.
    Raises:
        KernelError: if a name is no text, or nothing is given.
        WorldError: if a record cannot be read.
    Source:
        Ours, after Causeway, which merges the logs of vats that ran on several machines.
    Example:
        >>> merged = swingset.merge_causes({"mine": world})
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> merged = swingset.merge_causes({"mine": world})
        >>> merged.cause("mine", world.crank).origin
        'mine: it came into the world from its host'
    """
    if not worlds or not all(isinstance(name, str) for name in worlds):
        raise KernelError(f"give the worlds by their names, as a mapping, not {shown(worlds)}")
    return Across({name: controller.kernel.store for name, controller in worlds.items()})


def named_by_file(path: str) -> str:
    """What the steps of a world are called, by its file: without its folders and its ending."""
    return os.path.splitext(os.path.basename(path))[0] or path
