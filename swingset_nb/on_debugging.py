"""Commands that repeat the past: a message line by line or in pdb, a bug as a test. The world stays."""

from __future__ import annotations

import argparse

from IPython.core.error import StdinNotImplementedError

from swingset.time.bugs.bug_to_test import bug_to_test
from swingset.time.bugs.shrinking import MOST_TRIES
from swingset.time.deliveries.debugging import debug
from swingset.time.deliveries.tracing import MOST_STEPS, trace
from swingset.time.predicates.predicate import BadPredicate
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.render import Listing, Message, Shown


@command(
    "trace",
    "repeat a past crank's delivery beside the world, and show it line by line",
    argument("crank", metavar="N", type=int, help="the number of the crank"),
    argument("--steps", metavar="N", type=int, default=MOST_STEPS, help="show at most N steps"),
)
def trace_crank(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show a past delivery line by line."""
    world = notebook.require()
    notebook.flush()
    found = trace(world.controller, given.crank, steps=given.steps)
    title, *lines = found.lines()
    return Listing(title, lines)


@command(
    "debug",
    "open a past crank's delivery in pdb, in the vat's own engine beside the world",
    argument("crank", metavar="N", type=int, help="the number of the crank"),
    argument("--listen", metavar="PORT", type=int, help="for an editor's debugger; 0 for a free port"),
)
def debug_crank(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Open a past delivery in pdb, with the notebook's own input."""
    world = notebook.require()
    notebook.flush()
    no_input = BadArguments(
        "this front end cannot ask for input, and a debugger needs it", f"%swingset trace {given.crank}"
    )
    # The kernel knows it of each cell, and says it only to who asks for a line.
    kernel = getattr(notebook.shell, "kernel", None)
    if given.listen is None and not getattr(kernel, "_allow_stdin", True):
        raise no_input
    try:
        return Message(str(debug(world.controller, given.crank, listen=given.listen)))
    except StdinNotImplementedError:
        raise no_input from None


@command(
    "test",
    "write test_NAME.py: the shortest history that still shows the bug of a crank",
    argument("crank", metavar="N", type=int, help="the number of the crank"),
    argument("--name", metavar="NAME", required=True, help="the file is test_NAME.py"),
    argument("--shows", metavar="TEXT", help="a predicate in double quotes, if it is no rejection or fault"),
    argument("--tries", metavar="N", type=int, default=MOST_TRIES, help="try at most N shorter histories"),
)
def write_test(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Write a test beside the notebook."""
    world = notebook.require()
    notebook.flush()
    try:
        made = bug_to_test(
            *(world.controller, given.crank, given.name),
            shows=given.shows,
            tries=given.tries,
            progress=lambda tried: notebook.progress.stage(f"{tried}; interrupt to keep that", None),
        )
    except BadPredicate as problem:
        raise BadArguments(
            str(problem), "--shows takes a predicate in double quotes, as `until` does"
        ) from None
    finally:
        notebook.progress.clear()
    headline, *lines = made.lines()
    return Message(headline, lines, (f"`!pytest {made.path.name}` runs it",))
