"""Searching the history of an open world."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, get_args

from swingset.host.worlds.controller import Controller
from swingset.lens.history import searching
from swingset.lens.history.searching import EventKind, Found, Query

OPTIONS: Mapping[str, dict[str, Any]] = {
    "vat": {"metavar": "VAT", "help": "the name of the vat that ran, or that a request is about"},
    "method": {"metavar": "METHOD", "help": "the name of a method"},
    "object": {"metavar": "KREF", "help": "an object or promise that is mentioned, such as ko42"},
    "rejected": {"action": "store_true", "default": None, "help": "only what failed or rejected a promise"},
    "cell": {
        "metavar": "N",
        "type": int,
        "help": "the number of a cell: its requests and their effects",
    },
    "session": {
        "metavar": "N",
        "type": int,
        "help": "the number of a session; of those with that cell the newest, without it",
    },
    "kind": {"metavar": "KIND", "choices": get_args(EventKind), "help": ", ".join(get_args(EventKind))},
    "at-least": {"metavar": "N", "type": int, "help": "the least computrons"},
    "at-most": {"metavar": "N", "type": int, "help": "the most computrons"},
    "since": {"metavar": "N", "type": int, "help": "only what came after this crank"},
    "most": {"metavar": "N", "type": int, "help": "show at most N (100)"},
}
"""The arguments of `search` as options of a command, but for the text: for `argparse`."""


def chosen_options(chosen: Namespace) -> dict[str, Any]:
    """The arguments of `search` that were given as options of a command."""
    names = ["text", *(name.replace("-", "_") for name in OPTIONS)]
    return {name: value for name in names if (value := vars(chosen).get(name)) is not None}


def search(
    controller: Controller,
    *,
    vat: str | None = None,
    method: str | None = None,
    object: str | None = None,
    text: str | None = None,
    rejected: bool | None = None,
    cell: int | None = None,
    session: int | None = None,
    kind: EventKind | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    since: int = 0,
    most: int = 100,
) -> Found:
    """Search the committed records of a world. What is found fits all that is asked for.

    Args:
        controller: the world, which is only read.
        vat: the name or the id of the vat that ran, or that a request is about.
        method: the name of the method of a message.
        object: the kref of an object or a promise that the event, the request or a device call mentions.
        text: a part, in any case, of what was sent, printed, said by an error or settled.
        rejected: whether the delivery failed or rejected a promise.
        cell: the number of a notebook cell: its requests, and all that came of them.
        session: the number of the session, from 1, that has the cell; without a cell, all that a session
            asked for and what came of it. None for the newest session that has the cell.
        kind: the kind of the event, such as `send`, or `request`.
        at_least: the least computrons.
        at_most: the most computrons.
        since: a crank; only what came after it is searched.
        most: how many steps are returned at most.
    Returns:
        The first steps that fit, oldest first, and whether there are more. Its text shows them.
    Raises:
        KernelError: for a kind that is none, and if `most` is not a number from 1.
    Source:
        Ours; the reference's `slogulator` reads a slog.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> swingset.search(world, vat="bank", method="open_purse")
        crank 2: open_purse('alice') to root of bank ko20
    """
    query = Query(vat, method, object, text, rejected, cell, session, kind, at_least, at_most)
    with controller.lock:
        return searching.search(controller.kernel.store, query, since, most)
