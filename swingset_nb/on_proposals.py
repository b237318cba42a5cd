"""Proposals: `%swingset propose`, the page of one (`%swingset proposal 3`), and libraries of audited modules.

The page is what a voter needs, in the order of what it takes to believe it. First what is read: each module,
how it stands to what runs, who has audited it, what it imports, and what a reader could overlook. Then what
was tried: the rehearsal in a fork, and the last messages delivered to both codes. At the end the votes, as
the vat that counts them says. All of it is text of strangers, and is shown as text.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.lens.pictures.graph_picture import draw_graph
from swingset.lens.source.audited import MOST_BYTES, read_audited
from swingset.lens.source.difference import Difference, unified
from swingset.lens.source.judging import Judged, JudgedModule
from swingset.lens.state.proposals import Ballot, ProposalRow
from swingset.model.capdata import NOTHING
from swingset.model.lines import source_lines
from swingset.model.visible import one_line
from swingset.time.forks.redelivery import redeliver
from swingset_nb.cells import stoppable
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Diff, Illustrated, Message, Shown, Stack, Table

MOST_DIFFERENCES = 30
"""How many modules are shown with their differences."""

Believed = TypeVar("Believed")

MOST_LISTED = 100
"""How many proposals are listed, the newest: what is voted on them is looked up for each."""

MESSAGES = 20
"""How many of the last messages a shadow run delivers to both codes."""


@command(
    "propose",
    "propose that a vat becomes a module of this world, with all that it imports; nothing changes",
    argument("vat", metavar="VAT", help="the vat it is for"),
    argument("module", metavar="MODULE", help="the module with the new code: `%%%%module NAME` makes one"),
    argument("note", metavar="WHY", nargs="*", help="a text for the voters"),
    argument(
        "--part", metavar="NAME", default="", help="only this of the vat, such as a function it imports"
    ),
    completes="vat",
    rest="`%swingset proposal N` shows it",
)
def propose(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Make a modulecap of a module, and a proposal of it."""
    world = notebook.require()
    session = world.session
    note = " ".join(given.note)
    try:
        cap = session.devices.modulecap(given.module)
        session.proposals.propose(given.vat, cap, part=given.part, note=note)
    except (KernelError, RemoteError) as problem:
        raise BadArguments(str(problem), "%swingset propose VAT MODULE", "%swingset module") from None
    number = session.proposals.all()[-1].number
    hints = (
        f"`%swingset proposal {number}` looks into it, and rehearses it",
        f"`swingset_nb.session().proposals.reference({number})` is what a vote is about",
    )
    found = session.proposals.judge(number)
    what = f"gets another {given.part}, of {given.module}" if given.part else f"becomes {given.module}"
    lines = [found.verdict]
    if any(each.code == "no-such-target" for each in found.findings):
        lines.append(f"there is no vat {one_line(given.vat, 80)}; there are: {', '.join(world.vat_names())}")
    return Message(f"proposal {number}: vat {given.vat} {what}", lines, hints)


@command(
    "proposal",
    "look into a proposal: its modules, what it would do, and the votes; without a number list all",
    argument("number", metavar="N", nargs="?", type=int, help="the number of the proposal"),
    argument("--read", action="store_true", help="only read it: no rehearsal, and no messages again"),
    argument("--messages", metavar="N", type=int, default=MESSAGES, help="how many messages it gets again"),
    completes="proposal",
)
def proposal(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show the page of a proposal, or list them."""
    world = notebook.require()
    if given.number is None:
        return _listed(world)
    try:
        row = world.session.proposals.get(given.number)
    except KernelError as problem:
        raise BadArguments(str(problem), "%swingset proposal") from None
    found = world.session.proposals.judge(row.number)
    shown = [head(world, row, found), _modules(found), _findings(found), *_differences(found)]
    if not given.read and not row.part and row.target in world.controller.vats:
        shown += _tried(notebook, world, row, max(0, min(given.messages, 100)))
    return Stack([*shown, *_ballots(world, row)])


@command(
    "audited",
    "libraries of audited modules: look at the file of one, accept it, or list those that are accepted",
    argument("file", metavar="FILE", nargs="?", help="the file of a library"),
    argument("--write", metavar="N", type=int, help="write one of the modules of a proposal to a new file"),
    argument("--author", metavar="NAME", default="", help="with --write: who has looked into them"),
    argument("--accept", metavar="DIGEST", help="let it count here: the first 12 characters or more"),
    argument("--withdraw", metavar="DIGEST", help="let an accepted one count no more"),
    completes="path",
)
def audited(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show or accept a library of audited modules."""
    world = notebook.require()
    if given.withdraw is not None:
        library = _believed(lambda: world.session.proposals.withdraw(given.withdraw))
        return Message(f"the library of {library.author} with digest {library.digest[:12]} counts no more")
    if given.file is None:
        rows: list[list[object]] = [
            [library.author, f"{len(library.modules):,}", library.digest[:12]]
            for library in _believed(world.session.proposals.accepted)
        ]
        empty = "none; `%swingset audited FILE` looks at one"
        return Table("accepted libraries of audited modules", ["author", "modules", "digest"], rows, empty)
    if given.write is not None:
        return _written(world, given.file, given.write, given.author)
    try:
        with open(os.path.expanduser(given.file), encoding="utf-8") as file:
            library = read_audited(file.read(MOST_BYTES + 1))
    except (OSError, UnicodeDecodeError) as problem:
        words = getattr(problem, "strerror", None) or "it is not UTF-8"
        raise BadArguments(f"{given.file} cannot be read: {words}", "%swingset audited FILE") from None
    except KernelError as problem:
        raise BadArguments(f"{given.file}: {problem}", "%swingset audited FILE") from None
    short = library.digest[:12]
    counted = f"it says of {len(library.modules):,} modules that {library.author} has audited them"
    if given.accept is None:
        hint = f"`%swingset audited {given.file} --accept {short}` believes it, if you know that digest"
        return Message(f"a library with digest {short}, which is not accepted", [counted], (hint,))
    if len(given.accept) < 12 or not library.digest.startswith(given.accept):
        raise BadArguments(
            f"{given.file} has digest {short}, not {given.accept[:64]}: it is another file",
            "%swingset audited",
        )
    _believed(lambda: world.session.proposals.accept(library))
    lines = [counted, "it is kept in a file beside the world, and is no part of the world"]
    return Message(f"the library with digest {short} counts here", lines if world.path else lines[:1])


def _believed(act: Callable[[], Believed]) -> Believed:
    """Do something with the accepted libraries; raises `BadArguments` with what helps."""
    try:
        return act()
    except KernelError as problem:
        raise BadArguments(str(problem), "%swingset audited") from None


def _written(world: OpenWorld, path: str, number: int, author: str) -> Shown:
    again = f"%swingset audited {path} --write {number} --author NAME"
    if not author:
        raise BadArguments("who has looked into these modules?", again)
    try:
        library = world.session.proposals.audit(number, author)
        with open(os.path.expanduser(path), "x", encoding="utf-8") as file:
            file.write(library.text())
    except KernelError as problem:
        raise BadArguments(str(problem), "%swingset proposal") from None
    except OSError as problem:
        raise BadArguments(f"{path} cannot be written: {problem.strerror}", again) from None
    words = f"{path} says of {len(library.modules):,} modules that {author} has audited them"
    return Message(words, (), (f"pass it on with its digest, {library.digest[:12]}",))


@dataclass(frozen=True)
class Listed:
    """A proposal in a list: how the votes stand, as vats say, and whether it may still be decided."""

    number: int
    target: str
    what: str
    note: str
    votes: str
    is_open: bool


def listed(world: OpenWorld) -> tuple[list[Listed], int]:
    """The newest proposals of a world, the open ones first, and how many older ones are left out.

    One is open if its target does not run it, and no vat says that the votes on it were counted.
    """
    proposals, found = world.session.proposals, []
    rows = proposals.all()
    for row in rows[-MOST_LISTED:]:
        told = proposals.ballots(row)
        is_open = proposals.standing(row) != row.bundle and (not told or any(map(_is_open, told)))
        votes = "; ".join(map(_votes, told)) or "no vat counts votes"
        found.append(Listed(row.number, row.target, row.part or "its code", row.note, votes, is_open))
    return sorted(found, key=lambda each: (not each.is_open, -each.number)), len(rows) - len(found)


def _is_open(ballot: Ballot) -> bool:
    return dict(ballot.said).get("status") == repr("open")


def _votes(ballot: Ballot) -> str:
    said = dict(ballot.said)
    told = [said[field] for field in ("counts", "status", "outcome") if field in said]
    return f"{one_line(ballot.vat, 60)}: {', '.join(told)}"


def _listed(world: OpenWorld) -> Shown:
    found, older = listed(world)
    rows: list[list[object]] = [
        [each.number, each.target, each.what, each.note, each.votes, "open" if each.is_open else "decided"]
        for each in found
    ]
    empty = "none; `%swingset propose VAT MODULE` makes one"
    notes = [f"and {older:,} older ones: `session.proposals.all()` has them"] if older else []
    return Table("proposals", ["number", "vat", "what", "note", "votes", "is"], rows, empty, notes)


def head(world: OpenWorld, row: ProposalRow, found: Judged) -> Message:
    """What is proposed, of which vat, what reading it says, and beside what it was read."""
    what = f"vat {row.target} gets another {row.part}" if row.part else f"vat {row.target} gets other code"
    lines = [found.verdict, f"the graph is {row.bundle[:35]}…"]
    if row.part:
        before = world.session.proposals.standing(row.number)
        lines.append(
            f"it is read beside the {row.part} that was decided before, of {before[:15]}…"
            if before is not None
            else f"it is read beside nothing: vat {row.target} has no record of a decided {row.part}"
        )
    if row.note:
        lines.append(f"its proposer says: {row.note}")
    if row.parameters != NOTHING:
        lines.append(f"with parameters {one_line(row.parameters.body, 200)}")
    return Message(f"proposal {row.number}: {what}", lines)


MODULE_COLUMNS = ("module", "is", "version", "audited by", "imports", "not judged")


def module_rows(found: Judged) -> list[list[object]]:
    """The modules of a proposal as rows of a table."""
    return [
        [
            module.name,
            module.standing,
            module.version,
            "; ".join(module.audits) or "nobody",
            ", ".join((*module.facts.imports, *module.facts.exits)) or "nothing",
            len(module.facts.doubts) or "-",
        ]
        for module in found.modules
    ]


def leads_out(found: Judged) -> str:
    """What a proposal imports from outside of it, and what of that is new, in a sentence."""
    exits = ", ".join(found.exits) or "nothing"
    new = f"; {', '.join(found.new_exits)} is new" if found.new_exits else ""
    return f"it leads out to {exits}{new}"


def _modules(found: Judged) -> Shown:
    table = Table("modules", list(MODULE_COLUMNS), module_rows(found), "none", [leads_out(found)])
    return Illustrated(draw_graph(found), table)


def _findings(found: Judged) -> Shown:
    if not found.findings:
        return Message("reading it found nothing that is easily overlooked")
    return Message("what is easily overlooked", [f"{each.code}: {each}" for each in found.findings])


def _differences(found: Judged) -> list[Shown]:
    shown: list[Shown] = []
    for module in found.modules:
        if module.difference is not None and module.standing == "changed":
            shown += [Message(f"{module.name} is changed"), Diff(_changes(module.difference))]
        elif module.standing == "new":
            shown += [Message(f"{module.name} is new{audited_in_words(module)}"), Diff(_all_new(module))]
        if len(shown) >= 2 * MOST_DIFFERENCES:
            rest = "`session.proposals.judge(N)` has all of them"
            return [*shown, Message(f"no more than {MOST_DIFFERENCES} differences are shown", (), (rest,))]
    return shown


def _changes(difference: Difference) -> list[str]:
    names = (f"{difference.part} (running)", f"{difference.part} (proposed)")
    return unified(source_lines(difference.old or ""), source_lines(difference.new), names, 2)


def audited_in_words(module: JudgedModule) -> str:
    """Who has audited a new module, as the end of a sentence."""
    return f", {'; '.join(module.audits)}" if module.audits else ", and nobody has audited it"


def _all_new(module: JudgedModule) -> list[str]:
    return [f"+{line}" for line in source_lines(module.facts.source)]


def _tried(notebook: Notebook, world: OpenWorld, row: ProposalRow, messages: int) -> list[Shown]:
    with stoppable(notebook, row.target):
        found = world.session.proposals.rehearse(row.number)
        shown: list[Shown] = [Message(f"rehearsed: {found.verdict}", found.lines if found.fault else ())]
        if found.fault is not None:
            return shown
        shown += [Message(heading, lines) for heading, lines in found.consequences.sections()]
        if messages:
            parts = world.session.proposals.parts(row.number)
            told = redeliver(
                world.controller, row.target, parts, messages=messages, parameters=row.parameters
            )
            shown.append(Message("as a shadow of the running code", told.lines()))
    return shown


def _ballots(world: OpenWorld, row: ProposalRow) -> list[Shown]:
    found = world.session.proposals.ballots(row.number)
    if not found:
        return [Message("no vat counts votes on it")]
    return [
        Message(f"votes, as vat {ballot.vat} says", [f"{field}: {words}" for field, words in ballot.said])
        for ballot in found
    ]
