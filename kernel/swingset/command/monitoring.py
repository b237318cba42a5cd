"""The subcommands that watch a world: `console`, `costs` and `storage`."""

from __future__ import annotations

import argparse

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.host.worlds.controller import Controller
from swingset.lens.watching.console import LEVELS
from swingset.time.looking.monitoring import console, costs_over_time, storage


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    words = "show what vats have printed, logged and warned of, and what went wrong, the worst first"
    shows = command("console", _console, words, looks=True)
    shows.add_argument("vat", metavar="VAT", nargs="?", help="only of this vat")
    shows.add_argument("--level", choices=LEVELS, default="print", help="this level and worse")
    shows.add_argument("--since", metavar="N", type=int, default=0, help="only what came after this crank")
    shows.add_argument("--until", metavar="N", type=int, help="only what came up to this crank")
    shows.add_argument("--most", metavar="N", type=int, default=100, help="print at most N lines (100)")
    words = "show what vats have cost: computrons by vat and method, and what they store"
    costs = command("costs", _costs, words, looks=True)
    costs.add_argument("vat", metavar="VAT", nargs="?", help="only of this vat")
    costs.add_argument("--since", metavar="N", type=int, default=0, help="only what came after this crank")
    costs.add_argument("--until", metavar="N", type=int, help="only what came up to this crank")
    costs.add_argument("--most", metavar="N", type=int, default=50, help="print at most N methods (50)")
    stores = command("storage", _storage, "show what each vat takes in the file", looks=True)
    stores.add_argument("--most", metavar="N", type=int, default=50, help="print at most N vats (50)")


def _console(controller: Controller, chosen: argparse.Namespace) -> int:
    options = {name: vars(chosen)[name] for name in ("vat", "level", "since", "until", "most")}
    for line in console(controller, **options).lines():
        say(line)
    return DONE


def _costs(controller: Controller, chosen: argparse.Namespace) -> int:
    options = {name: vars(chosen)[name] for name in ("vat", "since", "until", "most")}
    for line in costs_over_time(controller, **options).lines():
        say(line)
    return DONE


def _storage(controller: Controller, chosen: argparse.Namespace) -> int:
    for line in storage(controller, most=chosen.most).lines():
        say(line)
    return DONE
