"""The subcommands that watch a world: `console`."""

from __future__ import annotations

import argparse

from swingset.command.adding import AddCommand
from swingset.host.controller import Controller
from swingset.host.saying import say
from swingset.lens.console import LEVELS
from swingset.time.monitoring import console


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    words = "show what vats have printed, logged and warned of, and what went wrong, the worst first"
    shows = command("console", _console, words, looks=True)
    shows.add_argument("vat", metavar="VAT", nargs="?", help="only of this vat")
    shows.add_argument("--level", choices=LEVELS, default="print", help="this level and worse")
    shows.add_argument("--since", metavar="N", type=int, default=0, help="only what came after this crank")
    shows.add_argument("--until", metavar="N", type=int, help="only what came up to this crank")
    shows.add_argument("--most", metavar="N", type=int, default=100, help="print at most N lines (100)")


def _console(controller: Controller, chosen: argparse.Namespace) -> int:
    options = {name: vars(chosen)[name] for name in ("vat", "level", "since", "until", "most")}
    for line in console(controller, **options).lines():
        say(line)
    return 0
