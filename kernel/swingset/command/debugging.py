"""Subcommands that repeat the past beside the world: `trace`, `debug` and `test`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable

from swingset.command.adding import DONE, PROBLEM, AddCommand
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.time.bugs.bug_to_test import bug_to_test
from swingset.time.bugs.shrinking import MOST_TRIES, Tried
from swingset.time.deliveries.debugging import debug
from swingset.time.deliveries.tracing import MOST_STEPS, trace
from swingset.time.predicates.predicate import BadPredicate


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    words = "repeat a past crank's delivery in an engine of its own, and show it line by line"
    parser = command("trace", _trace, words, looks=True)
    parser.add_argument("crank", type=int, metavar="CRANK", help="the number of the crank")
    parser.add_argument("--steps", type=int, default=MOST_STEPS, metavar="N", help="show at most N steps")
    words = "open a past crank's delivery in pdb, in an engine of its own"
    parser = command("debug", _debug, words, looks=True)
    parser.add_argument("crank", type=int, metavar="CRANK", help="the number of the crank")
    words = "open it to an editor's debugger at this port (0 for a free one) instead of in pdb"
    parser.add_argument("--listen", type=int, metavar="PORT", help=words)
    words = "write a test for pytest: the shortest history that still shows the bug of a crank"
    parser = command("test", _test, words, looks=True)
    parser.add_argument("crank", type=int, metavar="CRANK", help="the number of the crank")
    parser.add_argument("--name", required=True, metavar="NAME", help="the file is test_NAME.py")
    parser.add_argument("--shows", metavar="TEXT", help="a predicate, if it is no rejection or fault")
    parser.add_argument("--folder", default=".", metavar="FOLDER", help="where the file is written")
    words = "try at most N shorter histories; Ctrl-C ends it too, with the shortest one by then"
    parser.add_argument("--tries", type=int, default=MOST_TRIES, metavar="N", help=words)


def _trace(controller: Controller, chosen: argparse.Namespace) -> int:
    found = trace(controller, chosen.crank, steps=chosen.steps)
    for line in found.lines():
        say(line)
    return DONE if found.difference is None else PROBLEM


def _debug(controller: Controller, chosen: argparse.Namespace) -> int:
    found = debug(controller, chosen.crank, read=_reader(chosen), listen=chosen.listen)
    say(found)
    return DONE if found.difference is None else PROBLEM


def _reader(chosen: argparse.Namespace) -> Callable[[str], str] | None:
    """The function that reads a line; raises `KernelError` if there is none to read.

    A line that comes from a file or a pipe is read before the debugger begins, so that it does not begin in
    vain.
    """
    if chosen.listen is not None:
        return None
    stdin = None if sys.stdin is None or sys.stdin.closed else sys.stdin
    if stdin is not None and stdin.isatty():
        with contextlib.suppress(ImportError):  # then lines cannot be edited, and all else works
            import readline  # noqa: F401
        return input
    first = "" if stdin is None else stdin.readline()
    if not first:
        raise KernelError(
            "a debugger needs lines to read, and standard input has none: type them in a terminal, or pipe"
            f" them in. `swingset trace {chosen.world} {chosen.crank}` needs none"
        )
    waiting = [first.removesuffix("\n")]

    def read(prompt: str) -> str:
        if not waiting:
            return input(prompt)
        print(prompt, end="", flush=True)
        return waiting.pop()

    return read


def _test(controller: Controller, chosen: argparse.Namespace) -> int:
    kept: int | None = None

    def tell(tried: Tried) -> None:
        nonlocal kept
        if tried.kept != kept:  # a line each time that it got shorter
            kept = tried.kept
            say(tried, file=sys.stderr)

    options = {"shows": chosen.shows, "folder": chosen.folder, "tries": chosen.tries, "progress": tell}
    try:
        made = bug_to_test(controller, chosen.crank, chosen.name, **options)
    except BadPredicate as problem:
        raise KernelError(str(problem)) from None
    for line in made.lines():
        say(line)
    return DONE
