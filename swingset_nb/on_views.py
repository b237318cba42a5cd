"""Commands that look: tables, the picture, and the two panels. None of them changes the world."""

from __future__ import annotations

import argparse

from swingset.host.code.combining import all_combined
from swingset.host.code.rehearsal import Extent, Rehearsal
from swingset.lens.pictures.picture import draw
from swingset.model.visible import one_line
from swingset.time.forks.redelivery import redeliver
from swingset.time.looking.monitoring import storage
from swingset_nb.cells import others, rehearse, stoppable
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, cures_in_words
from swingset_nb.extent import extent_of, fit
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.on_runs import CHANGED, changed_vat, named_vat
from swingset_nb.render import Drawn, Message, Shown, Stack, Table
from swingset_nb.tables import clist_table, queue_table, storage_table, vat_table


@command(
    "vats",
    "the vats and how they are",
    argument("--storage", action="store_true", help="what each of them takes in the file instead"),
)
def vats(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List the vats."""
    if given.storage:
        notebook.flush()
        return storage_table(storage(notebook.require().controller, most=extent_of(given).most()))
    return vat_table(notebook.require().lens)


@command("queue", "what waits, in the order it will run in")
def queue(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """List everything that waits."""
    world = notebook.require()
    notebook.flush()
    return queue_table(world.lens, paused=world.controller.queue.paused)


@command(
    "clists",
    "what each vat holds and has given away",
    argument("vat", metavar="VAT", nargs="?", help="only this vat's"),
    completes="vat",
)
def clists(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show c-lists."""
    world = notebook.require()
    notebook.flush()
    if given.vat is not None:
        return clist_table(world.lens, named_vat(world, given.vat, own=True))
    lens = world.lens.cached()
    return Stack([clist_table(lens, vat.name) for vat in lens.vats()])


@command("promises", "the promises the kernel knows")
def promises(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """List promises."""
    world = notebook.require()
    notebook.flush()
    columns = ["promise", "state", "decider", "subscribers", "waiting", "value"]
    rows = [
        [row.kref, row.state, row.decider or "-", row.subscribers, row.waiting, row.value or "-"]
        for row in world.lens.promises()
    ]
    return Table("promises", columns, rows, "none: every promise is settled and forgotten")


@command("picture", "one picture of the world")
def picture(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Draw the world."""
    world = notebook.require()
    notebook.flush()
    return Drawn(draw(world.lens))


@command(
    "panel",
    "the explorer: the world live, its past, all about what you click, Step and Run",
    argument("--dock", action="store_true", help="beside the notebook; needs the package sidecar"),
)
def panel(notebook: Notebook, given: argparse.Namespace) -> None:
    """Show the world as it is now and, below or beside it, an explorer that follows it."""
    from swingset_nb.docking import WHERE, docked
    from swingset_nb.explorer import show_explorer

    world = notebook.require()
    place = docked(one_line(world.path, 60)) if given.dock else None
    notebook.flush()
    lens = world.lens.cached()
    told = [Message(WHERE)] if place else []
    snapshot = Stack([queue_table(lens, paused=world.controller.queue.paused), vat_table(lens), *told])
    rest = "`%swingset queue --all` and `%swingset vats --all` list them"
    show_explorer(notebook, fit(snapshot, "%swingset panel", rest=rest), place)


@command(
    "rehearse",
    "try the changed cell of a vat on a fork of the world",
    argument("vat", metavar="VAT", nargs="?", help=CHANGED),
    argument("--records", metavar="N", help="migrate so many records of changed kinds there, or `all`"),
    argument("--messages", metavar="K", help="re-deliver the last K recorded messages to both codes"),
    completes="vat",
)
def rehearse_change(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Say what an upgrade to the pending cells would do, together."""
    world = notebook.require()
    name = changed_vat(world, given.vat)
    if name not in world.pending:
        return _unchanged(name)
    records = _extent(given.records)
    messages = None if given.messages is None else _number("--messages", given.messages, "messages")
    changed = dict(world.pending[name])
    part = next(reversed(changed))
    found = rehearse(notebook, name, part, changed[part], records, also=others(world, name, part))
    hints = [f"`%swingset upgrade {name}` applies it, in a panel"] if found.ok else []
    verdict, lines, fixes = found.verdict, rehearsed_in_words(found), found.fixes
    if len(changed) > 1:
        lines.insert(0, f"with {len(changed)} changed cells together: {words_of(changed)}")
    if messages is not None and found.fault is None:
        parts = all_combined(world.session, name, {**changed})
        with stoppable(notebook, name):
            told = redeliver(world.controller, name, parts, messages=messages)
        verdict, lines = f"{verdict} {told.verdict}", [*lines, *told.lines()]
        fixes = fixes or told.fixes
    if found.untried:
        hints.insert(0, f"`%swingset rehearse {name} --records all` tries all records")
    hints += cures_in_words(name, [fix for fix in fixes if fix.part == part])
    return Message(verdict, lines, hints)


@command(
    "upgraded",
    "the last upgrade of a vat step by step, as its records tell it",
    argument("vat", metavar="VAT", help="the vat's name"),
    completes="vat",
)
def upgraded(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Tell how an upgrade went."""
    world = notebook.require()
    name = named_vat(world, given.vat)
    notebook.flush()
    steps = world.controller.vats.upgrade_steps(name)
    lines = [
        f"{number}. {step.title}" + (f" ({'; '.join(step.lines)})" if step.lines else "")
        for number, step in enumerate(steps, 1)
    ]
    hint = f"`%swingset undo upgrade {name}` lists what would be without it"
    return Message(f"the last upgrade of vat {name}, step by step", lines, (hint,))


@command(
    "upgrade",
    "rehearse and apply the changed cell of a vat, in a panel",
    argument("vat", metavar="VAT", nargs="?", help=CHANGED),
    completes="vat",
)
def upgrade(notebook: Notebook, given: argparse.Namespace) -> Shown | None:
    """Show the pending change of a vat and a panel to rehearse and apply it."""
    from swingset_nb.upgrade_panel import show_upgrade

    world = notebook.require()
    name = changed_vat(world, given.vat)
    if name not in world.pending:
        return _unchanged(name)
    show_upgrade(notebook, name)
    return None


def rehearsed_in_words(found: Rehearsal) -> list[str]:
    """What an upgrade would do: what survives, is lost and migrates, who notices, and what it costs."""
    if found.fault is not None:
        return list(found.lines)
    return [*found.consequences.lines(), *(found.records.lines() if found.records is not None else ())]


def _extent(given: str | None) -> Extent:
    if given is None or given == "all":
        return "all" if given else None
    return _number("--records", given, "records", ", or `all`")


def _number(option: str, given: str, things: str, also: str = "") -> int:
    if given.isascii() and given.isdigit() and int(given[:18]) > 0:
        return int(given[:18])
    words = f"{option} takes a number of {things} from 1{also}, not {given!r}"
    raise BadArguments(words, f"%swingset rehearse VAT {option} {'all' if also else '20'}")


def _unchanged(name: str) -> Message:
    hint = f"change the cell that begins with `%%vat {name}` and run it; then type this again"
    return Message(f"vat {name} runs the code of its cell: there is no change to apply", (), (hint,))
