"""The subcommands about causes: `cause`, `story` and `find`."""

from __future__ import annotations

import argparse

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.host.worlds.controller import Controller
from swingset.time.deliveries.sending import lines_of
from swingset.time.looking.searching import OPTIONS, chosen_options, search


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    of = "the number of a crank, or a kref such as kp40"
    cause = command("cause", _cause, "say why something happened, and what came of it", looks=True, of=of)
    words = "repeat the senders, and show the lines of their code"
    cause.add_argument("--lines", action="store_true", help=words)
    command("story", _story, "tell all that is known of one crank", looks=True, of=of)
    find = command("find", _find, "search the history: all that is given has to fit", looks=True)
    find.add_argument("text", metavar="TEXT", nargs="?", help="a part of what was sent, printed or said")
    for name, options in OPTIONS.items():
        find.add_argument(f"--{name}", **options)


def _cause(controller: Controller, chosen: argparse.Namespace) -> int:
    found = controller.lens.cause(_asked(chosen.of))
    for line in (*found.lines(), *(lines_of(controller, found) if chosen.lines else ())):
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
