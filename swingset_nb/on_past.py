"""Commands on the past: whether it is true, what happened, what it takes, and how much is kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from swingset.host.base.retention import policy_of
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.looking_back import done_in
from swingset.lens.history.timeline import Stretch
from swingset.time.replaying.verification import DEPTHS, verify
from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Table

_MOST = 20


@command(
    "verify",
    "check the whole file: pages, rows, history, hashes and references",
    argument(
        "--depth",
        type=int,
        choices=list(DEPTHS),
        default=2,
        help="1: the hash chain; 2: the whole file; 3: also repeat the records; 4: also run the vats again",
    ),
)
def check(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Look for problems in the file, after a commit."""
    world = notebook.require()
    notebook.flush()
    found = verify(world.controller, given.depth)
    hints = () if found.ok else ("go back to a copy of the file, and keep this one to find the cause",)
    lines = [*found.found(), *(f"not checked: {words}" for words in found.not_checked)]
    return Message(found.headline(), lines, hints)


@command(
    "history",
    "the cells with their commits, what happened in them, and what the past takes",
)
def history(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the end of the timeline, and the costs."""
    most = extent_of(given).most(_MOST)
    controller = notebook.require().controller
    cells = _by_cell(controller.history.timeline(), notebook.require().session.name)
    rows = []
    for stretches in cells[-most:]:
        first, last = stretches[0], stretches[-1]
        cell = "" if first.cell is None else f"[{first.cell}]"
        counts = [sum(each.cranks for each in stretches), sum(each.requests for each in stretches)]
        size = f"{sum(each.size for each in stretches):,}"
        rows.append([cell, last.commit, last.crank, *counts, size, _what(controller, stretches)])
    earlier = sum(map(len, cells[:-most]))
    more = f"`%swingset history --rows {4 * most}` shows more, `--all` shows all"
    notes = [f"{earlier:,} commits before these: {more}"] if earlier else []
    notes += [*controller.history.kept().lines(), *controller.history.costs().lines()]
    columns = ["cell", "commit", "crank", "cranks", "requests", "bytes", "what"]
    return Table("history", columns, rows, "no commit yet", notes)


def _by_cell(timeline: Sequence[Stretch], own: str) -> list[list[Stretch]]:
    """The commits of a timeline, put together by the cell that made them; `own` is the notebook's vat.

    A commit that no cell asked for ran what the cell before had sent, or stored names.
    """
    found: list[list[Stretch]] = []
    for each in timeline:
        joined = any(happening.vat == own for happening in each.happenings)  # another session begins there
        begins = joined or each.cut or not found or each.cell not in (None, found[-1][0].cell)
        if begins:
            found.append([])
        found[-1].append(each)
    return found


def _what(controller: Controller, stretches: Sequence[Stretch]) -> str:
    """What happened to vats and checkpoints in some commits, or else the first thing that was done."""
    loud = [each.words() for each in stretches if each.checkpoints or each.happenings or each.cut]
    if loud:
        return "; ".join(loud)
    done = done_in(controller, [each.commit for each in stretches])
    if not done.done:
        return stretches[-1].words()
    more = len(done.done) - 1 + done.more
    return f"{done.done[0]}, and {more:,} more" if more else done.done[0]


@command(
    "prune",
    "what pruning the past would free; with --yes, do it",
    argument("--before", type=int, help="also the past before this crank"),
    argument("--ceiling", type=int, help="also as much past as makes the file this small, in bytes"),
    argument("--to-images", action="store_true", help="also deliveries before the heap images of then"),
    argument("--yes", action="store_true", help="do it; this cannot be undone"),
    rest="`%swingset history --all` shows them",
)
def prune(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Say what would be freed and lost, or do it."""
    history = notebook.require().controller.history
    act = history.prune if given.yes else history.would_prune
    freed = act(given.before, ceiling=given.ceiling, to_images=given.to_images)
    first, *lost = freed.lines()
    if given.yes:
        return Message(f"freed {first}", lost)
    hints = ("`%swingset prune --yes`, with the same arguments, does it; it cannot be undone",)
    return Message(f"this would free {first}", lost, hints)


@command(
    "retention",
    "how much of its past the world keeps; with options and --yes, another part of it",
    argument("--everything", action="store_true", help="keep all cranks, below the ceiling"),
    argument("--cranks", type=int, help="keep the last N cranks"),
    argument("--checkpoint", help="keep what came after this checkpoint"),
    argument("--ceiling", type=int, help="keep so many bytes in use at most"),
    argument("--no-ceiling", action="store_true", help="keep any number of bytes in use"),
    argument("--to-images", action="store_true", help="drop deliveries before the heap images of then, too"),
    argument("--yes", action="store_true", help="take it; what is dropped is gone"),
)
def retention(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the retention, or say what another one would drop, or take it."""
    history = notebook.require().controller.history
    policy = policy_of(given, history.retention)
    if policy == history.retention:
        first, *rest = history.kept().lines()
        return Message(first, rest, ("`%swingset retention --cranks 1000` says what another one would drop",))
    freed = history.retain(policy) if given.yes else history.would_retain(policy)
    lines = [] if freed is None else freed.lines()
    said = [f"{'freed' if given.yes else 'this would free'} {line}" for line in lines[:1]] + lines[1:]
    kept = history.kept()
    if given.yes:
        return Message(f"retention: {policy}", [*said, *kept.troubles])
    if kept.idle is not None:
        said = kept.troubles
    hints = ("`%swingset retention --yes`, with the same arguments, takes it; what is dropped is gone",)
    return Message(f"the retention would be: {policy}", said or ["this would free nothing now"], hints)
