"""The subcommand `serve`: a world that other worlds reach, in a terminal of its own."""

from __future__ import annotations

import argparse
import sys

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.model.visible import one_line


def add(command: AddCommand) -> None:
    """Add the subcommand."""
    words = "let other worlds connect to a world, and deliver what they send, until it is interrupted"
    serves = command("serve", _serve, words, workers=True)
    serves.add_argument(
        "--over",
        metavar="TRANSPORT",
        default="unix",
        help="how it is reached (unix: a socket beside the file; web: by web pages and programs in Node)",
    )
    serves.add_argument(
        "--option",
        metavar="NAME=TEXT",
        action="append",
        default=[],
        help="what that takes, such as port=8080; may be given several times",
    )
    serves.add_argument("--seconds", metavar="N", type=float, help="end after so many seconds")


def _serve(controller: Controller, chosen: argparse.Namespace) -> int:
    controller.net.listen(chosen.over, **dict(map(option, chosen.option)))
    say(f"listens by {chosen.over}; Ctrl-C ends it")
    sys.stdout.flush()  # a program may wait for this line
    controller.net.serve(chosen.seconds)
    return DONE


def option(text: str) -> tuple[str, str]:
    """An argument NAME=TEXT, as both."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise KernelError(f"{one_line(text, 60)!r} is no option: give NAME=TEXT, such as port=8080")
    return name, value
