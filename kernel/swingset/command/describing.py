"""The subcommand `describe`: what an object or a promise of a world is."""

from __future__ import annotations

import argparse

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.host.worlds.controller import Controller


def add(command: AddCommand) -> None:
    """Add the subcommand."""
    words = "say what an object is: class, state, methods, holders; or how a promise stands"
    command("describe", _describe, words, looks=True, kref="the kernel's name for it, such as ko20")


def _describe(controller: Controller, chosen: argparse.Namespace) -> int:
    for line in controller.lens.describe(chosen.kref).lines():
        say(line)
    return DONE
