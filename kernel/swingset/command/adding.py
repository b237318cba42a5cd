"""How a module adds its subcommands to `swingset`, and what all of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swingset.host.worlds.controller import Controller

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DONE, PROBLEM = 0, 1
"""The exit status of a command."""

Looks = bool | Callable[[argparse.Namespace], bool]
"""Whether a command changes nothing, or a function that tells it by its arguments."""


class AddCommand:
    """Adds one subcommand, and returns its parser for more arguments."""

    def __init__(self, commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
        self._commands = commands

    def __call__(
        self,
        name: str,
        action: Any,
        words: str,
        *,
        opens: bool = True,
        looks: Looks = False,
        workers: bool = False,
        **takes: str,
    ) -> argparse.ArgumentParser:
        """Add the subcommand `name`, which calls `action(controller, chosen)` for its exit status.

        `words` is its line of help. `takes` are its arguments after the world's file, with their help. A
        command that `looks` changes nothing, so it needs neither a lock nor a place to write. One without
        `workers` runs no vat. One that does not even `open` a world calls `action(chosen)`, and `takes` are
        all its arguments.
        """
        added = self._commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        added.set_defaults(command=action, opens=opens, looks=looks, workers=workers)
        if opens:
            added.add_argument("world", metavar="WORLD", help="the world file")
            added.add_argument(
                "--trust-local",
                action="store_true",
                help="also run vats in the local worker, whose code is not confined; looking needs no trust",
            )
        for argument, meaning in takes.items():
            added.add_argument(argument, metavar=argument.upper(), help=meaning)
        return added


Add = Callable[[AddCommand], None]
"""Adds the subcommands of one module."""


def count(text: str) -> int:
    """A number from 1, as an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 is wanted, got {text!r}")
    return int(text)


Act = Callable[[Controller, argparse.Namespace], object]
"""What a command does with an open world."""


def silent(act: Act) -> Callable[[Controller, argparse.Namespace], int]:
    """A command that does one thing, and has nothing to say of it."""

    def command(controller: Controller, chosen: argparse.Namespace) -> int:
        act(controller, chosen)
        return DONE

    return command
