"""Commands that watch a world: what vats have said, and what went wrong in them."""

from __future__ import annotations

import argparse

from swingset.lens.console import LEVELS, ConsoleLines
from swingset.time.monitoring import console
from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook, OpenWorld
from swingset_nb.on_runs import named_vat
from swingset_nb.render import Shown, Table

_MOST_NEWS = 5


@command(
    "console",
    "what vats have printed, logged and warned of, and what went wrong, the worst first",
    argument("vat", metavar="VAT", nargs="?", help="only of this vat"),
    argument("--level", choices=LEVELS, default="print", help="this level and worse: %(choices)s"),
    argument("--since", metavar="N", type=int, default=0, help="only what came after this crank"),
    argument("--until", metavar="N", type=int, help="only what came up to this crank"),
    completes="vat",
)
def show_console(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the console out of the history."""
    world = notebook.require()
    notebook.flush()
    most = extent_of(given).most()
    vat = None if given.vat is None else named_vat(world, given.vat, own=True)
    found = console(
        world.controller, vat=vat, level=given.level, since=given.since, until=given.until, most=most
    )
    rows = [[line.level, line.vat, line.crank, line.during, line.where, line.text] for line in found.shown]
    notes = [found.counted()] if rows else []
    if found.more:
        notes.append(f"and {found.more:,} more: `--rows {4 * most}` or `--all` shows them")
    notes += [found.gone] if found.gone else []
    if rows:
        notes.append(f"`%swingset cause {found.shown[0].crank}` says what led to the first of them")
    of = "" if vat is None else f" of {vat}"
    columns = ["level", "vat", "crank", "during", "line", "text"]
    return Table(f"console{of}", columns, rows, "nothing was said and nothing went wrong", notes)


def news(world: OpenWorld) -> tuple[list[str], list[str]]:
    """What went wrong since this was last asked for, as lines, and what to type next."""
    since, world.looked = world.looked, world.controller.crank
    if world.looked == since:
        return [], []
    found = console(world.controller, level="error", since=since, most=_MOST_NEWS)
    lines = [_in_words(found, place) for place in range(len(found.shown))]
    if not lines:
        return [], []
    hints = [f"`%swingset cause {found.shown[-1].crank}` says what led to the last error"]
    if found.more:
        lines.insert(0, f"{found.more:,} errors before these since you last looked")
        hints.append(f"`%swingset console --level error --since {since}` lists them")
    return lines, hints


def _in_words(found: ConsoleLines, place: int) -> str:
    line = found.shown[place]
    return f"went wrong in crank {line.crank:,}, {line.during} of vat {line.vat}: {line.text}"
