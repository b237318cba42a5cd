"""The subcommand with a predicate: `when`."""

from __future__ import annotations

import argparse

from swingset.command.adding import DONE, PROBLEM, AddCommand
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.time.predicates.predicate import BadPredicate
from swingset.time.predicates.when import sender_of, when


def add(command: AddCommand) -> None:
    """Add the subcommand."""
    of = "such as 'purse.balance < 0', or 'rejection' of a crank"
    found = command(
        "when", _when, "find since when something is true, and what made it so", looks=True, text=of
    )
    words = "repeat the delivery that sent the message, and show the line of its code"
    found.add_argument("--lines", action="store_true", help=words)


def _when(controller: Controller, chosen: argparse.Namespace) -> int:
    try:
        found = when(controller, chosen.text)
    except BadPredicate as problem:
        raise KernelError(str(problem)) from None
    for line in (*found.lines(), *(sender_of(controller, found) if chosen.lines else ())):
        say(line)
    return DONE if found.crank is not None else PROBLEM
