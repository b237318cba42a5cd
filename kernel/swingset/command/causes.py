"""The subcommands about causes: `cause`, `story` and `find`."""

from __future__ import annotations

import argparse
import contextlib

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.time.deliveries.sending import lines_of
from swingset.time.looking.across import merge_causes, named_by_file
from swingset.time.looking.searching import OPTIONS, chosen_options, search


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    of = "the number of a crank, or a kref such as kp40"
    cause = command("cause", _cause, "say why something happened, and what came of it", looks=True, of=of)
    words = "repeat the senders, and show the lines of their code"
    cause.add_argument("--lines", action="store_true", help=words)
    words = "follow it into another world, which is looked at as it stands in its file"
    cause.add_argument("--with", dest="others", metavar="FILE", action="append", help=words)
    command("story", _story, "tell all that is known of one crank", looks=True, of=of)
    find = command("find", _find, "search the history: all that is given has to fit", looks=True)
    find.add_argument("text", metavar="TEXT", nargs="?", help="a part of what was sent, printed or said")
    for name, options in OPTIONS.items():
        find.add_argument(f"--{name}", **options)


def _cause(controller: Controller, chosen: argparse.Namespace) -> int:
    if chosen.others:
        return _across(controller, chosen)
    found = controller.lens.cause(_asked(chosen.of))
    for line in (*found.lines(), *(lines_of(controller, found) if chosen.lines else ())):
        say(line)
    return DONE


def _across(controller: Controller, chosen: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        worlds = {named_by_file(chosen.world): controller}
        for path in chosen.others:
            name = named_by_file(path)
            if name in worlds:
                raise KernelError(f"there are two worlds called {name}: rename a copy of one")
            worlds[name] = stack.enter_context(open_world(path, create=False, look_only=True))
        for line in merge_causes(worlds).cause(named_by_file(chosen.world), _asked(chosen.of)).lines():
            say(line)
    return DONE


def _story(controller: Controller, chosen: argparse.Namespace) -> int:
    for line in controller.lens.story(_asked(chosen.of)).lines():
        say(line)
    return DONE


def _find(controller: Controller, chosen: argparse.Namespace) -> int:
    for line in search(controller, **chosen_options(chosen)).lines():
        say(line)
    return DONE


def _asked(text: str) -> int | str:
    return int(text[:18]) if text.isascii() and text.isdigit() else text
