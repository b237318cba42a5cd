"""Commands with a predicate: run until it holds, and find since when it does."""

from __future__ import annotations

import argparse

from swingset.host.base import policies
from swingset.time.predicates.predicate import BadPredicate, Predicate
from swingset.time.predicates.until import Breakpoint
from swingset.time.predicates.when import sender_of
from swingset.time.predicates.when import when as since_when
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown

_PREDICATE = argument(
    "predicate", metavar="TEXT", nargs="+", help='such as "purse.balance < 0", in double quotes'
)


@command(
    "until",
    "run until a predicate holds, and pause there",
    _PREDICATE,
    rest="`%swingset queue --all` shows them",
)
def until(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Run to a breakpoint; the world is paused there, so that the end of the cell does not run on."""
    notebook.require()
    return run_until(notebook, predicate_of(given))


def run_until(notebook: Notebook, wanted: Predicate) -> Message:
    """Run until a predicate holds, and pause there."""
    world = notebook.require()
    notebook.flush()
    controller, session = world.controller, world.session
    stop = Breakpoint(controller, wanted)
    held = stop.look()
    if controller.queue.paused and not held:
        controller.queue.unpause()
    before = session.policy
    session.policy = policies.all_of(*([before] if before else []), stop)
    try:
        if not held:
            notebook.settle()
    finally:
        session.policy = before
    reached = stop.reached()
    hints: tuple[str, ...] = ()
    if reached.held and world.waiting():
        controller.queue.pause()
        hints = ("the world is paused here: `%swingset step` runs one crank, `%swingset run` runs on",)
    headline, *lines = reached.lines()
    return Message(headline, lines, hints)


@command("when", "since when a predicate holds, and what made it true", _PREDICATE)
def when(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Look for the crank in the past, and repeat the delivery that sent its message, for the line."""
    world = notebook.require()
    wanted = predicate_of(given)
    notebook.flush()
    found = since_when(world.controller, wanted.text)
    headline, *lines = [*found.lines(), *sender_of(world.controller, found)]
    hints: tuple[str, ...] = ()
    if found.crank:
        hints = (
            f"`%swingset trace {found.crank}` shows that delivery line by line",
            f"`%swingset cause {found.crank} --lines` shows the lines of code that sent the messages",
        )
    return Message(headline, lines, hints)


def predicate_of(given: argparse.Namespace) -> Predicate:
    """The predicate of a line, which may stand in quotes or not."""
    text = " ".join(given.predicate)
    try:
        return Predicate(text)
    except BadPredicate as problem:
        hint = "texts in it are written in single quotes: %swingset until \"method == 'deposit'\""
        raise BadArguments(str(problem), *([hint] if "'" not in text and "==" in text else [])) from None
