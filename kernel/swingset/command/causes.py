"""The subcommands about causes: `cause` and `story`."""

from __future__ import annotations

import argparse

from swingset.command.adding import AddCommand
from swingset.host.controller import Controller
from swingset.host.saying import say


def add(command: AddCommand) -> None:
    """Add the subcommands."""
    of = "the number of a crank, or a kref such as kp40"
    command("cause", _cause, "say why something happened, and what came of it", looks=True, of=of)
    command("story", _story, "tell all that is known of one crank", looks=True, of=of)


def _cause(controller: Controller, chosen: argparse.Namespace) -> int:
    for line in controller.lens.cause(_asked(chosen.of)).lines():
        say(line)
    return 0


def _story(controller: Controller, chosen: argparse.Namespace) -> int:
    for line in controller.lens.story(_asked(chosen.of)).lines():
        say(line)
    return 0


def _asked(text: str) -> int | str:
    return int(text[:18]) if text.isascii() and text.isdigit() else text
