"""Commands on drafts of cells, and on names of the world that were not bound."""

from __future__ import annotations

import argparse
from shlex import quote

from swingset.core.errors import VatFault
from swingset.model.lines import source_lines
from swingset.model.refs import is_kref, kref_type
from swingset.model.visible import one_line
from swingset_nb import binding, cells
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, UpgradeRefused, vat_failed
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Diff, Message, Shown, Stack, Table

_VAT = argument("vat", metavar="VAT", help="the vat they are for")


@command(
    "drafts",
    "cells that wait for their vat to be defined or upgraded",
    argument("vat", metavar="VAT", nargs="?", help="show the text of those for one vat"),
)
def drafts(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """List drafts, or show those for one vat."""
    world = notebook.require()
    found = world.session.drafts.all(given.vat)
    changed: list[list[object]] = [
        [vat, part, "this session: the vat runs without it yet", len(source_lines(source))]
        for vat, parts in world.pending.items()
        for part, source in parts.items()
        if given.vat in (None, vat)
    ]
    if given.vat is not None and found:
        shown: list[Shown] = []
        for draft in found:
            whose = "of this session" if draft.own else "found in the file"
            shown += [Message(f"{draft.part}, {whose}"), Diff([f"  {x}" for x in source_lines(draft.source)])]
        return Stack([*shown, Message("To go on", (), _hints(given.vat, all(draft.own for draft in found)))])
    rows: list[list[object]] = [
        [draft.vat, draft.part, "this session" if draft.own else "the file", len(source_lines(draft.source))]
        for draft in found
    ]
    notes = ["`%swingset upgrade VAT` rehearses and applies the cells of a vat that runs"] if changed else []
    notes += ["`%swingset drop-draft VAT CELL` forgets one"] if changed else []
    columns = ["vat", "cell", "from", "lines"]
    return Table("drafts", columns, rows + changed, "none; `%%kind NAME --vat VAT` makes one", notes)


def _hints(vat: str, own: bool) -> list[str]:
    keep = [] if own else [f"`%swingset keep-drafts {quote(vat)}` uses them as if you had written them"]
    return [*keep, f"`%swingset drop-draft {quote(vat)} CELL` deletes one"]


@command("keep-drafts", "use drafts that were found in the file", _VAT)
def keep_drafts(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Accept the drafts for a vat as the user's."""
    session = notebook.require().session
    kept = [draft.part for draft in session.drafts.all(given.vat) if not draft.own]
    for part in kept:
        session.drafts.keep(given.vat, part)
    if not kept:
        return Message(f"vat {given.vat} has no drafts but those of this session")
    return Message(f"{words_of(kept)} will be part of vat {given.vat}", (), (f"`%%vat {given.vat}`",))


@command(
    "drop-draft",
    "delete a draft, forget a changed cell, or remove a cell from a running vat",
    _VAT,
    argument("cell", metavar="CELL", nargs="+", help="such as `kind Purse`, or only the name of the kind"),
    argument("--upgrade", action="store_true", help="if the vat runs: upgrade it to code without that cell"),
    rest="`%swingset drafts --all` shows them",
)
def drop_draft(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Delete a draft, or remove a cell."""
    world = notebook.require()
    words = " ".join(given.cell)
    if not world.has_vat(given.vat):
        known = [draft.part for draft in world.session.drafts.all(given.vat)]
        part = _named(words, known, given.vat)
        world.session.drafts.drop(given.vat, part)
        return Message(f"{part} is not drafted for vat {given.vat} any more")
    running = dict(world.controller.vats.parts(given.vat))
    waiting = world.pending.get(given.vat, {})
    pending = next((part for part in (words, f"kind {words}") if part in waiting), None)
    if pending is not None and not given.upgrade:
        cells.forget_pending(world, given.vat, pending)
        return Message(f"the changed cell {pending} is forgotten: vat {given.vat} runs as it did")
    part = _named(words, [cell for cell in running if cell != given.vat], given.vat)
    if not given.upgrade:
        again = f"%swingset drop-draft {quote(given.vat)} {part} --upgrade"
        raise BadArguments(f"vat {given.vat} runs with {part}: only an upgrade removes it", f"`{again}`")
    try:
        done = world.session.upgrade(given.vat, part, None, f"without {part}")
    except VatFault as error:
        raise vat_failed(error, UpgradeRefused, running) from None
    finally:
        notebook.progress.clear()
    cells.forget_pending(world, given.vat, part)
    headline = f"vat {given.vat} runs without {part} now: incarnation {done.incarnation}"
    return Message(headline, cells.upgrade_in_words(done))


def _named(words: str, known: list[str], vat: str) -> str:
    for part in (words, f"kind {words}"):
        if part in known:
            return part
    there = words_of(known) or "none"
    there_is = f"vat {vat} has no such cell {one_line(words, 60)!r}; there are: {there}"
    raise BadArguments(there_is, "%swingset drafts")


@command(
    "name",
    "bind something of the world to a name: what could not have its own here, or any object by its kref",
    argument("name", metavar="NAME", help="its name in the world, or a kref: ko23"),
    argument("word", metavar="as", choices=["as"], help="this word"),
    argument("new", metavar="NEW", help="the name to give it"),
)
def name(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Bind a name of the world that could not be bound here under another one, or an object."""
    world = notebook.require()
    withheld = notebook.binding.withheld
    kref = given.name if given.name not in withheld and is_kref(given.name) else None
    if given.name not in withheld and kref is None:
        known = words_of(sorted(withheld)) or "none"
        raise BadArguments(
            f"{given.name!r} is no name of the world that was not bound here; there are: {known}",
            "%swingset names",
        )
    why = binding.unfit(given.new, notebook.shell.user_ns_hidden)
    if why is not None or given.new in notebook.shell.user_ns:
        raise BadArguments(
            f"{given.new!r} {why or 'has a value already'}",
            f"%swingset name {quote(given.name)} as another_name",
        )
    if kref is not None:
        return _bind_object(notebook, world, kref, given.new)
    notebook.binding.bind({given.new: withheld[given.name]})
    return Message(f"{given.new} stands for what the world calls {given.name}")


def _bind_object(notebook: Notebook, world: OpenWorld, kref: str, new: str) -> Shown:
    """Have the notebook hold an object, and bind a name to it."""
    described = world.lens.describe(kref)
    if kref_type(kref) != "o":
        raise BadArguments(f"{kref} is no object, so no name can stand for it", "%swingset clists")
    notebook.binding.bind({new: world.session.reference(kref, described.name)})
    notebook.flush()
    return Message(f"{new} stands for {described.name}", (), (f"`{new}` shows it, `E({new})` sends to it",))
