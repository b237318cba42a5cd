"""A changed past: a vat with its changed cell since it began, and an upgrade that is undone."""

from __future__ import annotations

import argparse
from typing import Any

from swingset.host.combining import combined
from swingset.time.branches import Branch
from swingset.time.branching import keep_branch, shadow, undo_upgrade
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.extent import EVERYTHING
from swingset_nb.notebook import Notebook
from swingset_nb.on_runs import named_vat
from swingset_nb.on_worlds import stand_elsewhere
from swingset_nb.render import Message, Shown


def undo_of_upgrade(notebook: Notebook, vat: str, *, confirmed: bool, whole: bool = False) -> Shown:
    """Live on without the last upgrade of a vat, in a fork, and keep that if it is confirmed."""
    world = notebook.require()
    name = named_vat(world, vat)
    notebook.flush()
    with undo_upgrade(world.controller, name) as found:
        lines = _lines(found, whole=whole)
        if not confirmed:
            hint = f"`%swingset undo upgrade {name} --yes` does it; until then nothing has changed"
            return Message(_headline(f"without the upgrade of {name}", found), lines, (hint,))
        lines += stand_elsewhere(
            notebook,
            lambda: keep_branch(world.controller, found),
            f"the upgrade of {name} was undone",
        )
        incarnation = world.controller.vats[name].incarnation
    headline = f"the upgrade of {name} is undone: incarnation {incarnation}, with all that came later"
    return Message(headline, lines, ("names that cells bound since then are bound by running them again",))


@command(
    "shadow",
    "run the changed cell of a vat beside the world, on all messages since the vat began or a crank",
    argument("vat", metavar="VAT", help="the vat whose changed cell was run"),
    argument("--since", metavar="N", type=int, help="begin after this crank"),
    completes="vat",
)
def shadow_change(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Say what the changed cell would have answered differently."""
    world = notebook.require()
    name = named_vat(world, given.vat)
    if name not in world.pending:
        raise BadArguments(f"vat {name} has no changed cell", f"%%vat {name} on the first line of one")
    notebook.flush()
    parts: Any = world.controller.vats.parts(name)
    for part, source in world.pending[name].items():
        parts = combined(world.session, name, part, source)
    with shadow(world.controller, name, parts, since=given.since) as found:
        lines = _lines(found, whole=given.all)
        return Message(_headline(f"with the changed cell of {name}", found), lines)


def _headline(what: str, found: Branch) -> str:
    count = len(found.answers)
    differ = "every answer is as it was" if not count else f"{count:,} answers differ"
    if count == 1:
        differ = "one answer differs"
    return f"{what}, since crank {found.at:,}: {differ}"


def _lines(found: Branch, *, whole: bool) -> list[str]:
    """What is not as it was; with `whole`, also each message that was sent after another outcome."""
    return found.lines(None if whole else EVERYTHING)
