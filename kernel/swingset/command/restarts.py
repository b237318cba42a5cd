"""`swingset upgrade-all`: move a world to the guest library of this release."""

from __future__ import annotations

import argparse

from swingset.command.adding import AddCommand
from swingset.command.saying import say
from swingset.host.worlds.controller import Controller


def add(command: AddCommand) -> None:
    """Add the command."""
    restart = command(
        "upgrade-all",
        _upgrade_all,
        "restart all vats, each with its own code, on the guest library of this release",
        workers=True,
    )
    restart.add_argument("--older-only", action="store_true", help="leave the vats that run on it already")


def _upgrade_all(controller: Controller, chosen: argparse.Namespace) -> int:
    report = controller.vats.upgrade_all(older_only=chosen.older_only)
    for line in report.lines():
        say(line)
    return 0 if report.ok else 1
