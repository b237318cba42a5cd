"""Commands about causes: why something happened, what came of it, the story of one message, and a search."""

from __future__ import annotations

import argparse
import contextlib

from swingset.guest.base.promises import Promise
from swingset.host.worlds.opening import open_world
from swingset.lens.pictures.cause_picture import draw_cause
from swingset.model.visible import one_line
from swingset.time.deliveries.sending import lines_of
from swingset.time.looking.across import merge_causes, named_by_file
from swingset.time.looking.monitoring import last_said
from swingset.time.looking.searching import OPTIONS, chosen_options, search
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.references import reference_called
from swingset_nb.render import Illustrated, Listing, Shown

_OF = argument("of", metavar="CRANK", nargs="?", help="its number, or a name, or a kref such as kp40")


@command(
    "cause",
    "why something happened, and what came of it; of the last error or print, if nothing is named",
    _OF,
    argument("--lines", action="store_true", help="repeat the senders, and show the lines of their code"),
    argument("--process", action="store_true", help="only what the same vat did before and next, all of it"),
    argument("--with", dest="others", metavar="FILE", action="append", help="follow it into another world"),
)
def cause(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show what led to a crank, what came of it, and what the same vat did before and next."""
    world = notebook.require()
    notebook.flush()
    of = _named_or_last(notebook, world, given.of)
    if given.process:
        return _process(world, of, extent_of(given).most())
    if given.others:
        return _across(world, of, given.others, extent_of(given).most())
    found = world.lens.cause(of)
    lines = lines_of(world.controller, found) if given.lines else []
    return Illustrated(draw_cause(found), listing([*found.lines(), *lines]))


@command(
    "story",
    "all that is known of one message: console, syscalls, changes, result",
    _OF,
)
def story(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the story of one crank."""
    world = notebook.require()
    notebook.flush()
    return listing(world.lens.story(_named_or_last(notebook, world, given.of)).lines())


@command(
    "find",
    "search the history; all that is given has to fit",
    argument("text", metavar="TEXT", nargs="?", help="a part of what was sent, printed or said"),
    *(argument(f"--{name}", **options) for name, options in OPTIONS.items() if name != "most"),
)
def find(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the steps that a search finds."""
    world = notebook.require()
    notebook.flush()
    most = extent_of(given).most()
    options = chosen_options(given) | {"most": most}
    if given.object is not None:
        options["object"] = asked(notebook, world, given.object)
    found = search(world.controller, **options)
    more = f", and there are more: `--rows {4 * most}` or `--all` shows them" if found.more else ""
    count = f"{len(found.steps):,} found{more}"
    return Listing(count, [*(str(step) for step in found.steps), *found.notes])


def listing(lines: list[str]) -> Listing:
    """Lines under the first of them."""
    return Listing(lines[0], lines[1:])


def _across(world: OpenWorld, of: int | str, others: list[str], most: int) -> Shown:
    """The cause, followed into other worlds, which are looked at as they stand in their files."""
    with contextlib.ExitStack() as stack:
        worlds = {named_by_file(world.path): world.controller}
        for path in others:
            name = named_by_file(path)
            if name in worlds:
                raise BadArguments(
                    f"there are two worlds called {one_line(name, 60)}", "rename a copy of one"
                )
            worlds[name] = stack.enter_context(open_world(path, create=False, look_only=True))
        return listing(merge_causes(worlds).cause(named_by_file(world.path), of, most=most).lines())


def _process(world: OpenWorld, of: int | str, most: int) -> Shown:
    """What the vat that ran then did before and next, in about so many lines."""
    beside = max(1, (most - 3) // 2)
    found = world.lens.cause(of, most=1, beside=beside)
    more = f"and perhaps more: `--rows {4 * most}` or `--all` shows it"
    full = beside in (len(found.before), len(found.after))
    lines = found.process_order() or ["no vat did anything before or next"]
    return listing([str(found.step), *lines, *([more] if full else [])])


def _named_or_last(notebook: Notebook, world: OpenWorld, text: str | None) -> int | str:
    """What a word asks about; without one, the last crank that printed, failed or rejected something."""
    if text is not None:
        return asked(notebook, world, text)
    if not world.controller.crank:
        raise BadArguments(
            "nothing has happened in this world yet",
            "`%%vat NAME` on the first line of a cell makes a vat of it",
            "%swingset lesson",
        )
    last = last_said(world.controller)
    if last is None:
        raise BadArguments(
            "no vat has printed, failed or rejected anything lately: say which crank is meant",
            "`%swingset find` lists the cranks that there are records of",
        )
    return last


def asked(notebook: Notebook, world: OpenWorld, text: str) -> int | str:
    """What a word asks about: a crank by its number, a kref, or the reference of a name of the notebook."""
    if text.isascii() and text.isdigit():
        return int(text[:18])
    value = reference_called(notebook.shell.user_ns, text)
    if value is None:  # a promise is neither true nor false
        value = notebook.shell.user_ns.get(text)
    kref = None if value is None else world.session.kref_of(value)
    if kref is None and isinstance(value, Promise):
        words = f"the promise {text} is settled, and has no name in the world any more"
        raise BadArguments(words, '`%swingset find "TEXT"` finds the message by what it said')
    if kref is None and value is not None:
        raise BadArguments(f"{text} is no reference or promise of this world", "%swingset cause CRANK")
    return kref or text
