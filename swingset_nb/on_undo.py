"""Commands that take back what the last cells did to the world, and do it again."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator

from swingset.core.errors import KernelError
from swingset.host.base.opened import MovedSince
from swingset.host.sessions.undoing import LosesMoved, OthersKnow
from swingset.host.sessions.undone import Undone
from swingset.host.variables.looking import is_reference
from swingset.model.visible import one_line
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.on_branches import undo_of_upgrade
from swingset_nb.on_worlds import begin_anew
from swingset_nb.parted import counts, passed_since
from swingset_nb.render import Message, Shown
from swingset_nb.sharing import left


@command(
    "undo",
    "take back what the last cell that changed the world did to it, or the last N; or an upgrade of a vat",
    argument("what", metavar="N | upgrade", nargs="?", default="1", help="how many cells, or `upgrade`"),
    argument("vat", metavar="VAT", nargs="?", help="the vat whose last upgrade is undone"),
    argument("--yes", action="store_true", help="do it, instead of listing what it would change for others"),
    completes="undo",
    rest="`%swingset history --all` shows them",
)
def undo(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Go back to before the last cells, with all references that the notebook had then."""
    if given.what == "upgrade":
        if given.vat is None:
            raise BadArguments("the upgrade of which vat?", "%swingset undo upgrade VAT")
        return undo_of_upgrade(notebook, given.vat, confirmed=given.yes, whole=given.all)
    count = int(given.what[:9]) if given.what.isdecimal() else 0
    if given.vat is not None or not count:
        raise BadArguments(
            f"undo takes a number of cells from 1, or `upgrade` and a vat, not {one_line(given.what, 60)!r}",
            "%swingset undo",
            "%swingset undo 3",
            "%swingset undo upgrade VAT",
        )
    session = notebook.require().session
    notebook.note()
    linked = counts(session)
    try:
        done = session.undo(count, answered=given.yes)
    except OthersKnow as problem:
        listed = [f"  {one_line(words, 200)}" for words in problem.messages]
        wanted = "%swingset undo" + (f" {count}" if count > 1 else "")
        raise SwingSetError(
            str(problem), f"`{wanted} --yes` takes all of that back", "%swingset history", frames=listed
        ) from None
    except LosesMoved as problem:
        wanted = "%swingset undo" + (f" {count}" if count > 1 else "")
        back = "to have them again: `%swingset share NAME` in the new home, and fetch it here"
        raise SwingSetError(str(problem), f"`{wanted} --yes` does it", back) from None
    except MovedSince:
        raise
    except KernelError as problem:
        raise SwingSetError(str(problem), "%swingset history", "%swingset checkpoints") from None
    lines = _taken(notebook, done) + passed_since(session, linked)
    told = {*done.back, *done.holding_dead}
    stays = [name for name in _assigned(notebook, done.numbers) if name not in told]
    if stays:
        lines.append(f"these variables stay as they are: {words_of(stays)}")
    lines += [f"not taken back, because it has left the world: {words}" for words in done.outside]
    headline = f"took back {_cells(done)}: the world is as it was at crank {done.crank:,}"
    return Message(headline, lines, ("`%swingset redo` does it again, until a cell sends something",))


@command("redo", "do again what the last undo took back, until something is sent")
def redo(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Go to where the world was before the last undo."""
    session = notebook.require().session
    notebook.note()
    try:
        done = session.redo()
    except KernelError as problem:
        raise SwingSetError(str(problem), "run the cells again", "%swingset history") from None
    headline = f"{_cells(done)} done again: the world is as it was at crank {done.crank:,}"
    return Message(headline, _taken(notebook, done), ("`%swingset undo` takes it back",))


def _taken(notebook: Notebook, done: Undone) -> list[str]:
    """Bring the names of the notebook in line with the world; returns lines about that."""
    world = notebook.require()
    lines = done.lines()
    if done.left_behind is not None:
        return lines + begin_anew(notebook, notebook.withdraw(), done.left_behind)
    for vat in [vat for vat in world.pending if not world.has_vat(vat)]:
        del world.pending[vat]
    gone = notebook.binding.unbind(done.gone)
    back = notebook.binding.rebind(done.back)
    notebook.taken_back = notebook.taken_back.difference(back).union(gone)
    notebook.binding.offer_ours()
    if gone:
        lines.append(f"names that are gone: {words_of(gone)}")
    if back:
        lines.append(f"names as they were: {words_of(back)}")
    if done.holding_dead:
        lines.append(f"names that stay, with dead references in them: {words_of(done.holding_dead)}")
    lines += left(world.session)
    if world.controller.queue.paused:
        lines.append("the world is paused")
    return lines


def _assigned(notebook: Notebook, cells: Iterable[int]) -> list[str]:
    """The variables that cells have assigned and that hold no reference, as their code says."""
    shell = notebook.shell
    inputs = shell.history_manager.input_hist_parsed
    found: dict[str, None] = {}
    for number in cells:
        if 0 < number < len(inputs):
            try:
                tree = ast.parse(inputs[number])
            except (SyntaxError, ValueError):
                continue
            found.update(dict.fromkeys(_names(tree)))
    own = dict(notebook.own())
    return [name for name in found if name in own and not is_reference(own[name])]


def _names(node: ast.AST) -> Iterator[str]:
    """The names that code binds outside of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.alias):
            yield (child.asname or child.name).partition(".")[0]
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif not isinstance(child, ast.Lambda):
            yield from _names(child)


def _cells(done: Undone) -> str:
    """The steps in words, oldest first."""
    if len(done.steps) == len(done.numbers) > 1:
        return f"cells {words_of(f'[{number}]' for number in done.numbers)}"
    return words_of(reversed(done.steps))
