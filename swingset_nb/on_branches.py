"""A changed past: a vat with its changed cell since it began, an upgrade undone, a crank to go on from."""

from __future__ import annotations

import argparse

from swingset.host.code.combining import all_combined
from swingset.model.modules import module_of
from swingset.time.branches.branch import Branch
from swingset.time.branches.branching import keep_branch, shadow, undo_upgrade
from swingset.time.forks.going_on import GoneOn, go_on, would_go_on
from swingset.time.forks.where import WrongCrank
from swingset.world.errors import UnknownCommit
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.extent import EVERYTHING
from swingset_nb.notebook import Notebook
from swingset_nb.on_runs import CHANGED, changed_vat, named_vat
from swingset_nb.on_worlds import stand_elsewhere
from swingset_nb.render import Message, Shown


def undo_of_upgrade(notebook: Notebook, vat: str, *, confirmed: bool, whole: bool = False) -> Shown:
    """Live on without the last upgrade of a vat, in a fork, and keep that if it is confirmed."""
    world = notebook.require()
    name = named_vat(world, vat)
    notebook.flush()
    code = world.controller.vats.parts(name)
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
    hints = ["names that cells bound since then are bound by running them again"]
    running = dict(world.controller.vats.parts(name))
    undone = {
        part: source for part, source in code if module_of(part) is None and running.get(part) != source
    }
    if undone:
        world.pending[name] = undone
        hints.append(
            f"`%swingset upgrade {name}` shows the code that was undone as a change that waits: it can be"
            " rehearsed, changed and applied again"
        )
    return Message(headline, lines, tuple(hints))


@command(
    "shadow",
    "run the changed cells of a vat beside the world, on all messages since the vat began or a crank",
    argument("vat", metavar="VAT", nargs="?", help=CHANGED),
    argument("--since", metavar="N", type=int, help="begin after this crank"),
    completes="vat",
)
def shadow_change(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Say what the changed cells would have answered differently."""
    world = notebook.require()
    name = changed_vat(world, given.vat)
    if name not in world.pending:
        raise BadArguments(f"vat {name} has no changed cell", f"%%vat {name} on the first line of one")
    notebook.flush()
    changed = dict(world.pending[name])
    parts = all_combined(world.session, name, {**changed})
    with shadow(world.controller, name, parts, since=given.since) as found:
        lines = _lines(found, whole=given.all)
        what = "the changed cell" if len(changed) == 1 else f"the {len(changed)} changed cells"
        return Message(_headline(f"with {what} of {name}", found), lines)


@command(
    "go-on",
    "say what going on from a crank of the past would leave behind; with --yes, do it",
    argument("crank", metavar="N", type=int, nargs="?", help="the number of the crank"),
    argument("--yes", action="store_true", help="do it"),
    argument("--commit", metavar="N", type=int, help="go to a commit that was left behind, instead"),
)
def go_on_from(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Let the world go on from a crank, as if what came later had not happened."""
    if (given.crank is None) == (given.commit is None):
        raise BadArguments("go on from which crank?", "%swingset go-on N", "%swingset history")
    if given.commit is not None:
        return _to_commit(notebook, given.commit)
    if given.yes:
        return Message(*went_on(notebook, given.crank))
    found = cost_of_going_on(notebook, given.crank)
    hint = f"`%swingset go-on {given.crank} --yes` does it; until then nothing has changed"
    return Message(f"if the world went on from crank {given.crank:,}", found.lines(), (hint,))


def _to_commit(notebook: Notebook, commit: int) -> Message:
    controller = notebook.require().controller
    notebook.flush()
    controller.commit("before going to a commit")
    here = controller.history.head
    try:
        lines = stand_elsewhere(
            notebook,
            lambda: controller.history.go_back_to_commit(commit),
            f"the world went to commit {commit}",
        )
    except UnknownCommit as problem:
        raise SwingSetError(str(problem), "%swingset history") from None
    headline = f"the world is as it was at commit {commit}, crank {controller.crank:,}"
    return Message(headline, lines, (f"`%swingset go-on --commit {here}` leads to where it was",))


def cost_of_going_on(notebook: Notebook, crank: int) -> GoneOn:
    """What the world would leave behind; raises `SwingSetError` with a crank that would do."""
    controller = notebook.require().controller
    notebook.flush()
    try:
        return would_go_on(controller, crank)
    except WrongCrank as problem:
        raise SwingSetError(str(problem), *(f"%swingset go-on {near}" for near in problem.near)) from None


def went_on(notebook: Notebook, crank: int) -> tuple[str, list[str], tuple[str, ...]]:
    """Go on from a crank; returns a headline, lines about names and commits, and hints."""
    controller = notebook.require().controller
    found = cost_of_going_on(notebook, crank)
    lines = stand_elsewhere(
        notebook, lambda: go_on(controller, crank), f"the world went on from crank {crank}"
    )
    headline = f"the world goes on from crank {crank:,}, without the {found.left:,} that came later"
    hint = f"`%swingset go-on --commit {found.commit}` leads to where it was, until the past is pruned"
    return headline, lines, (hint,)


def _headline(what: str, found: Branch) -> str:
    count = len(found.answers)
    differ = "every answer is as it was" if not count else f"{count:,} answers differ"
    if count == 1:
        differ = "one answer differs"
    return f"{what}, since crank {found.at + 1:,}: {differ}"


def _lines(found: Branch, *, whole: bool) -> list[str]:
    """What is not as it was; with `whole`, also each message that was sent after another outcome."""
    return found.lines(None if whole else EVERYTHING)
