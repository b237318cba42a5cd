"""Commands that watch a world: what vats have said, what went wrong in them, and what they cost."""

from __future__ import annotations

import argparse

from swingset.lens.pictures.costs_picture import draw_costs
from swingset.lens.watching.console import LEVELS, ConsoleLine
from swingset.lens.watching.costs_over_time import CostsOverTime, MethodCosts
from swingset.model.counting import plural
from swingset.time.looking.monitoring import console, costs_over_time
from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Drawn, Message, Shown, Stack, Table

_MOST_NEWS = 5
_MOST_READ = 500
_MOST_METHODS = 20


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
    found = console(
        world.controller, vat=given.vat, level=given.level, since=given.since, until=given.until, most=most
    )
    rows = [[line.level, line.vat, line.crank, line.during, line.where, line.text] for line in found.shown]
    notes = [found.counted()] if rows else []
    if found.more:
        notes.append(f"and {found.more:,} more: `--rows {4 * most}` or `--all` shows them")
    notes += [found.gone] if found.gone else []
    if rows:
        notes.append(f"`%swingset cause {found.shown[0].crank}` says what led to the first of them")
    of = "" if given.vat is None else f" of {given.vat}"
    columns = ["level", "vat", "crank", "during", "line", "text"]
    return Table(f"console{of}", columns, rows, "nothing was said and nothing went wrong", notes)


@command(
    "costs",
    "computrons by vat and method, and what vats store, over time",
    argument("vat", metavar="VAT", nargs="?", help="only of this vat"),
    argument("--since", metavar="N", type=int, default=0, help="only what came after this crank"),
    argument("--until", metavar="N", type=int, help="only what came up to this crank"),
    completes="vat",
)
def show_costs(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show what deliveries have cost, and a chart of it."""
    world = notebook.require()
    notebook.flush()
    most = extent_of(given).most(_MOST_METHODS)
    found = costs_over_time(world.controller, vat=given.vat, since=given.since, until=given.until, most=most)
    if not found.deliveries:
        return Message("no deliveries in these cranks", _apart(found) + ([found.gone] if found.gone else []))
    vats = [
        [each.vat, each.deliveries, *_spent(each.computrons, found), each.stored, each.memory]
        for each in found.vats
    ]
    methods = [
        [
            each.vat,
            each.method,
            each.deliveries,
            *(_measured(each) if found.metered else ()),
            f"{each.share / 10:.1f} %",
        ]
        for each in found.methods
    ]
    spent = ["computrons"] if found.metered else []
    each_spent = ["total", "median", "worst", "in crank"] if found.metered else []
    notes = [] if found.metered else ["not metered: vats of the worker `local` count no computrons"]
    if found.more_methods:
        notes.append(f"and {found.more_methods:,} more methods: `--rows {4 * most}` or `--all` shows them")
    notes += [found.gone] if found.gone else []
    notes += _apart(found)
    if found.metered and found.methods and (worst := found.methods[0].worst_crank) is not None:
        notes.append(f"`%swingset cause {worst}` says what led to the dearest delivery of the first method")
    return Stack(
        [
            Drawn(draw_costs(found)),
            Table("vats", ["vat", "deliveries", *spent, "bytes stored", "bytes of heap"], vats),
            Table("methods", ["vat", "method", "deliveries", *each_spent, "share"], methods, notes=notes),
        ]
    )


def _apart(found: CostsOverTime) -> list[str]:
    """What speaking with other worlds has cost."""
    if found.net is None:
        return []
    spent = f" and {found.net.computrons:,} computrons" if found.net.computrons else ""
    words = f"{plural(found.net.deliveries, 'delivery')}{spent}"
    return [f"apart from that, speaking with other worlds took vat {found.net.vat} {words}"]


def _spent(computrons: int, found: CostsOverTime) -> list[int]:
    return [computrons] if found.metered else []


def _measured(method: MethodCosts) -> list[int | None]:
    if not method.measured:
        return [None] * 4
    return [method.total, method.median, method.worst, method.worst_crank]


def news(world: OpenWorld) -> tuple[list[str], list[str]]:
    """What went wrong since this was last asked for, as lines, and what to type next.

    A refused upgrade is left out after one of the same vat that succeeded.
    """
    since, world.looked = world.looked, world.controller.crank
    if world.looked == since:
        return [], []
    found = console(world.controller, level="error", since=since, most=_MOST_READ)
    wrong = [line for line in found.shown if line.mended is None]
    if not wrong:
        return [], []
    shown = wrong[-_MOST_NEWS:]
    more = len(wrong) - len(shown) + found.more
    lines = [_in_words(line) for line in shown]
    hints = [f"`%swingset cause {shown[-1].crank}` says what led to the last error"]
    if more:
        lines.insert(0, f"{more:,} {'error' if more == 1 else 'errors'} before these since you last looked")
        hints.append(f"`%swingset console --level error --since {since}` lists them")
    return lines, hints


def _in_words(line: ConsoleLine) -> str:
    return f"went wrong in crank {line.crank:,}, {line.during} of vat {line.vat}: {line.text}"
