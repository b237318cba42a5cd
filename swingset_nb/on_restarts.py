"""`%swingset upgrade-all`: move the world to the guest library of this release."""

from __future__ import annotations

import argparse

from swingset.model.visible import visible
from swingset_nb.commands import argument, command
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown


@command(
    "upgrade-all",
    "restart all vats, each with its own code, on the newest guest library",
    argument("--older-only", action="store_true", help="leave the vats that run on it already"),
    rest="`%swingset vats --all` shows them",
)
def upgrade_all(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Restart all vats, one crank each."""
    world = notebook.require()
    notebook.flush()
    report = world.controller.vats.upgrade_all(older_only=given.older_only)
    notebook.settle()
    count = sum(vat.outcome == "restarted" for vat in report.vats)
    hints = () if report.ok else ("`%%vat NAME --upgrade` with better code upgrades one that has refused",)
    words = f"{count} of {len(report.vats)} vats restarted"
    return Message(words, [visible(line, 600) for line in report.lines()], hints)
