"""Commands on a whole world: open and close it, name its states and go back to them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from shlex import quote

from swingset.core.lifecycle import LeftBehind
from swingset.host.base.engines import KINDS, WorkerKind
from swingset.lens.present.tables import Lens
from swingset.model.counting import plural
from swingset.model.visible import one_line, visible
from swingset.world.archiving import LEVELS
from swingset.world.errors import WorldMoved
from swingset.world.history import Label
from swingset_nb.asleep import suspended
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments
from swingset_nb.leasing import closed_elsewhere, is_cut_off, lease_in_words, leasing_of, opened_under
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.on_archives import archived
from swingset_nb.on_modules import stale_in_words
from swingset_nb.on_monitoring import news
from swingset_nb.open_world import OpenWorld
from swingset_nb.parted import counts, parted, passed_since
from swingset_nb.render import Message, Shown, Table
from swingset_nb.sharing import connected, left, unheard

MOST_NAMED = 30
"""How many checkpoints an error names."""
SHORT = 16
"""How many characters of a digest are shown in a summary."""


@command("status", "where you are and what to type next; `%swingset` alone does the same")
def status(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Show the state of the world, and what the user may want to type next."""
    world = notebook.world
    if world is None:
        hint = f"`{notebook.open_line()}` opens that world, or makes it"
        return Message("no world is open in this notebook", (), (hint, "`%swingset help` lists the commands"))
    about_lease = lease_in_words(world)
    if is_cut_off(world):
        # The session cannot join it again: that would be a commit.
        return Message(f"{world.path}, crank {world.controller.crank}", *about_lease)
    names, lens = world.vat_names(), world.lens.cached()
    lines, hints = news(world)
    for found, more in zip(about_lease, (lines, hints), strict=True):
        more += found
    for found, more in zip(suspended(world), (lines, hints), strict=True):
        more += found
    lines.append(f"vats: {words_of(names)}" if names else "no vats yet")
    lines.append(f"run-queue: {world.waiting()} waiting" if world.waiting() else "run-queue: empty")
    _tell_queue(notebook, world, lines, hints)
    lines += connected(world.session) + parted(world.session)
    if not notebook.settings.autorun:
        lines.append("autorun is off: nothing runs after a cell")
    lacking = world.session.lacking()
    if lacking:
        waiting = sum(vat.parked for vat in lens.vats() if vat.name == world.session.name)
        wait = f"; waiting for that: {plural(waiting, 'outcome')}" if waiting else ""
        lines.append(f"not defined yet in this session: {words_of(lacking)}{wait}")
        hints.append("run the cells that define these, then what waits for them goes on")
    lines += _lost(notebook.fleeting())
    for name, why in sorted(world.session.names.unread.items()):
        lines.append(f"stored, but not here: {name}: {visible(why, 300)}")
    _tell_code(world, lens, lines, hints)
    if not names:
        hints.append(
            "`%%vat bank` on the first line of a cell makes a vat of it; `%swingset help` lists the rest"
        )
    elif notebook.parted:
        hints.append(
            f"`{notebook.open_line()}` binds the names that are not bound: {words_of(notebook.parted)}"
        )
    elif not hints and (own := world.session.names.vats()):
        hints.append(f"`await E({own[0]}).method(...)` sends; `%swingset picture` shows who holds what")
    return Message(f"{world.path}, crank {world.controller.crank}", lines, hints)


def _tell_queue(notebook: Notebook, world: OpenWorld, lines: list[str], hints: list[str]) -> None:
    """Tell why events wait: a panic, an interrupt, a pause."""
    queue, market = world.controller.queue, world.controller.market
    if market.is_open:
        accounts = plural(len(market.accounts()), "account")
        lines.append(f"a market is open, with {accounts}: `%swingset market` shows who bids and who pays")
    if queue.panic is not None:
        lines.append(f"stopped for good: {queue.panic}")
        hints.append("`%swingset go-back NAME` goes back to a checkpoint before that")
        hints.append("`swingset_nb.session().controller.queue.overrule_panic()` lets it run on as it is")
    lines += queue.held_back()
    lines += notebook.binding.told()
    stopped = queue.interrupted
    if stopped is not None:
        lines.append(f"interrupted: {one_line(stopped.event, 200)} in vat {one_line(stopped.vat or '?', 60)}")
        hints.append("`%swingset cancel` drops it and runs what else waits")
    if queue.paused:
        lines.append("paused: messages wait until you step or run")
        hints.append("`%swingset step` runs one crank, `%swingset run` all that waits, and ends the pause")
    elif world.waiting():
        hints.append("`%swingset run` runs what waits, `%swingset queue` lists it")


def _tell_code(world: OpenWorld, lens: Lens, lines: list[str], hints: list[str]) -> None:
    """Tell what is older than the code or the modules, and which cells are not applied."""
    for vat in lens.vats():
        older = lens.outdated_kinds(vat.name)
        if older:
            lines.append(f"vat {vat.name} may have older records of {words_of(older)}")
            hints.append(f"`%vat {vat.name}` counts them, `%swingset migrate {vat.name}` migrates them")
    for line, hint in stale_in_words(lens.stale_modules()):
        lines.append(line)
        hints.append(hint)
    for vat_name, parts in world.pending.items():
        lines.append(f"vat {vat_name} has a changed cell that is not applied: {words_of(parts)}")
        hints.append(f"`%swingset upgrade {vat_name}` rehearses and applies it")


@command(
    "open",
    "open a world file, or make one",
    argument("path", metavar="PATH", help="the file; it is made if it is not there"),
    argument(
        "--worker",
        choices=KINDS,
        help="where new vats run: wasm (default), wasm-numpy, wasm-pandas (numpy too), wasm-full with all"
        " scientific packages, or local",
    ),
    argument("--lease", metavar="NAME", help="open the world of this lease, whose truth is in PostgreSQL"),
    argument(
        "--database",
        metavar="ADDRESS",
        default="",
        help="where that is, without a password; without it, what PGHOST, PGSERVICE and so on say",
    ),
    argument("--wait", action="store_true", help="wait while another process has the lease"),
    argument("--seconds", metavar="N", type=float, help="how long the lease lasts unless renewed; else 10"),
    argument("--set-aside", action="store_true", help="rename a file that is not the lease's, and build one"),
    argument("--without-keys", action="store_true", help="go on although links to other worlds end by that"),
    completes="path",
    rest="`%swingset status --all` shows them",
)
def open_world(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Open a world, and show what it holds."""
    worker: WorkerKind | None = given.worker
    path = os.path.expanduser(given.path)
    again = notebook.is_open(path)
    leasing = leasing_of(given)
    world = notebook.open(path, worker, leasing)
    if again:
        return _open_again(notebook, world)
    worker = world.controller.default_worker
    notes = ["vats run without confinement, metering and heap images"] if worker == "local" else []
    if not world.found:
        hint = "`%%vat bank` on the first line of a cell makes a vat of it"
        under = [] if world.leased is None else opened_under(world.leased)
        return Message(f"{world.path}: a new world", under + notes, (hint,))
    lines = [f"vats: {words_of(world.vat_names()) or 'none'}"]
    if world.session.found_digest is not None:
        lines.append(f"digest as found: {world.session.found_digest}")
    if world.leased is not None:
        lines += opened_under(world.leased)
    lines += _come_back(notebook, world, world.session.left_behind)
    lines += world.controller.queue.held_back() + unheard(world.session)
    if world.controller.queue.paused:
        lines.append("it is paused")
    hint = "`%swingset` says what to do next"
    return Message(f"{world.path}: as it was at crank {world.controller.crank}", lines + notes, (hint,))


def _open_again(notebook: Notebook, world: OpenWorld) -> Shown:
    """Bind names of a world that is open already, unless they mean something here, and say so."""
    namespace = notebook.shell.user_ns
    notebook.binding.offer_ours()
    recalled = {**world.session.names.recall(), **notebook.parted}
    back = notebook.come_back({name: recalled[name] for name in recalled if name not in namespace})
    notebook.parted = {}
    lines = [f"names that came back: {words_of(back)}"] if back else []
    return Message(f"{world.path} is open already, crank {world.controller.crank}: nothing changed", lines)


@command("close", "commit and close the world", rest="`%swingset names` lists them before a close")
def close_world(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Close the world; its names leave the notebook."""
    world = notebook.close()
    if world is None:
        return Message("no world is open in this notebook")
    again = world.place.line()
    if (elsewhere := closed_elsewhere(world)) is not None:
        return Message(elsewhere, (), (f"`{again}`",))
    if world.unsaved is not None:
        words = f"{world.path} is closed, but what was done last is not in the file: {world.unsaved}"
        return Message(words, (), (f"`{again}`",))
    lost = _lost(world.fleeting)
    if world.leased is not None:
        words = f"{world.path} is closed; everything is in the file and in the database"
        return Message(words, (f"the lease {world.leased.name} is free", *lost), (f"`{again}`",))
    return Message(f"{world.path} is closed; everything is in the file", lost, (f"`{again}`",))


@command(
    "checkpoint",
    "name the world as it is now, heap images included",
    argument("name", metavar="NAME", help="any word that names no other checkpoint"),
    argument("--move", action="store_true", help="take the name from another checkpoint that has it"),
    completes="label",
    rest="`%swingset status --all` shows them",
)
def checkpoint(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Name the current state."""
    world = notebook.require()
    notebook.flush()
    notebook.remember()
    label = {known.name: known for known in world.controller.history.checkpoints()}.get(given.name)
    if label is not None and not given.move:
        return _checkpoint_again(notebook, label)
    try:
        made = world.controller.checkpoint(given.name, move=given.move)
    finally:
        notebook.progress.clear()
    lines = [f"digest {made.digest[:SHORT]}…"]
    if made.vats:
        lines.append(f"heap images: {made.vats}, with {made.new_pages:,} pages the world did not have yet")
    lines += _lost(notebook.fleeting())
    hint = f"`%swingset go-back {quote(given.name)}` brings the world back to here"
    return Message(f"checkpoint {given.name} at crank {made.crank}", lines, (hint,))


def _checkpoint_again(notebook: Notebook, label: Label) -> Shown:
    """Leave a checkpoint where it is, and say so: a notebook that runs from the top again goes on."""
    world, lost = notebook.require(), _lost(notebook.fleeting())
    name = one_line(label.name, 60)
    if world.session.steps.only_housekeeping_since(label.seq):
        words = f"checkpoint {name} is at this state already, crank {label.crank:,}: nothing changed"
        return Message(words, lost)
    now = f"the world has gone on since, to crank {world.controller.crank:,}"
    hints = (
        f"`%swingset checkpoint {quote(label.name)} --move` moves it to the present",
        f"`%swingset go-back {quote(label.name)}` brings the world back to it",
    )
    words = f"checkpoint {name} stays where it is, at crank {label.crank:,}: {now}; nothing changed"
    return Message(words, lost, hints)


@command("checkpoints", "list the checkpoints")
def checkpoints(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """List the labels of this world."""
    labels = notebook.require().controller.history.checkpoints()
    rows = [[label.name, str(label.crank), label.note or "-"] for label in labels]
    empty = "none yet; `%swingset checkpoint NAME` makes one"
    notes = [
        "`%swingset checkpoint NAME --move` moves one to the present",
        "`%swingset delete-checkpoint NAME` deletes one",
    ]
    return Table("checkpoints", ["name", "crank", "note"], rows, empty, notes if rows else ())


@command(
    "delete-checkpoint",
    "delete the name of a checkpoint; the world stays as it is",
    argument("name", metavar="NAME", help="one of `%%swingset checkpoints`"),
    completes="label",
)
def delete_checkpoint(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Delete a label."""
    history = notebook.require().controller.history
    notebook.flush()
    label = _labelled(notebook, given.name)
    history.delete_checkpoint(label.name)
    hints = ("`%swingset prune` drops what is needed by no checkpoint and not by the present",)
    return Message(f"checkpoint {label.name}, at crank {label.crank:,}, is deleted", (), hints)


@command(
    "go-back",
    "restore the state of a checkpoint",
    argument("name", metavar="NAME", help="one of `%%swingset checkpoints`"),
    completes="label",
    rest="`%swingset status --all` shows them",
)
def go_back(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Go back to a label; the notebook's vat begins a new incarnation there."""
    world = notebook.require()
    _labelled(notebook, given.name)
    lines = stand_elsewhere(
        notebook,
        lambda: world.controller.history.go_back(given.name),
        f"the world went back to {given.name}",
    )
    lines += left(world.session)
    return Message(f"{world.path} is as it was at checkpoint {given.name}", lines)


def _labelled(notebook: Notebook, name: str) -> Label:
    """The checkpoint of a name; raises `BadArguments` with those that there are."""
    labels = {label.name: label for label in notebook.require().controller.history.checkpoints()}
    if name not in labels:
        names = words_of([one_line(known, 60) for known in list(labels)[:MOST_NAMED]]) or "none yet"
        raise BadArguments(
            f"no checkpoint is named {one_line(name, 60)!r}; there are: {names}", "%swingset checkpoints"
        )
    return labels[name]


def stand_elsewhere(notebook: Notebook, go: Callable[[], object], why: str) -> list[str]:
    """Have the world go to another state, where the notebook's vat begins a new incarnation.

    Returns lines about the names that came back, and those that are gone.
    """
    bound, linked = dict(notebook.shell.user_ns), counts(notebook.require().session)
    gone = notebook.withdraw()
    try:
        go()
    except BaseException:  # the world stands where it stood, and so do the references
        notebook.give({name: bound[name] for name in gone})
        raise
    lines = begin_anew(notebook, gone, notebook.require().session.attach(why))
    return lines + passed_since(notebook.require().session, linked)


def begin_anew(notebook: Notebook, gone: list[str], left_behind: LeftBehind) -> list[str]:
    """Bind the names of a state in which the notebook's vat has begun a new incarnation.

    Returns lines about the names that came back, and those of `gone` that did not.
    """
    world = notebook.require()
    world.pending.clear()
    notebook.binding.offer_ours()
    lines = _come_back(notebook, world, left_behind)
    dead = [name for name in gone if name not in notebook.shell.user_ns]
    if dead:
        lines.append(f"not part of that state, and gone from the notebook: {words_of(dead)}")
    if world.controller.queue.paused:
        lines.append("the world is paused")
    return lines


@command("digest", "the digest of the world's state")
def digest(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Show the full digest."""
    world = notebook.require()
    notebook.flush()
    return Message(f"{world.controller.digest()}", (f"crank {world.controller.crank}",))


@command(
    "export",
    "copy the world, as committed, to another file",
    argument("path", metavar="PATH", help="a file that is not there yet"),
    argument("--archive", action="store_true", help="as one .swingset archive, compressed and hashed"),
    argument("--level", choices=LEVELS, help="how complete the archive is; operational if you do not say"),
    argument("--vat", metavar="VAT", help="archive this vat alone"),
    completes="path",
)
def export(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Write the world to one file, which can be copied elsewhere."""
    world = notebook.require()
    notes = []
    try:
        notebook.flush()
        notebook.remember()
    except WorldMoved:
        notes.append(f"as it was at crank {world.controller.crank}: nothing later could be committed")
    if given.archive:
        return archived(world.controller, given, notes)
    if given.level or given.vat:
        raise BadArguments("--level and --vat are for archives", "%swingset export PATH --archive")
    world.controller.history.export(os.path.expanduser(given.path))
    return Message(
        f"the world is in {given.path}", notes, (f"`%swingset open {quote(given.path)}`, there or elsewhere",)
    )


def _lost(fleeting: list[str]) -> list[str]:
    """A line for each name that will not come back."""
    return [f"will not come back after a restart: {line}" for line in fleeting]


def _come_back(notebook: Notebook, world: OpenWorld, left_behind: LeftBehind) -> list[str]:
    """Bind the names that are stored in the world; returns lines about what came back and what did not."""
    names = notebook.come_back(world.session.names.recall())
    lines = [f"names that came back: {words_of(names)}" if names else "no names were stored"]
    lines += notebook.binding.told()
    strange = sorted({draft.vat for draft in world.session.drafts.all() if not draft.own})
    if strange:
        lines.append(
            f"drafts in the file that wait to be accepted, for {words_of(strange)}: %swingset drafts"
        )
    if world.session.names.unread:
        lines.append(f"names that wait for their class: {words_of(sorted(world.session.names.unread))}")
    lacking = world.session.lacking()
    if lacking:
        lines.append(f"not defined yet in this session: {words_of(lacking)}; run their cells")
    if left_behind.abandoned:
        count = plural(len(left_behind.abandoned), "object")
        lines.append(f"lost with the old session: {count} of its own that others held")
    if left_behind.disconnected:
        count = plural(len(left_behind.disconnected), "promise")
        lines.append(f"lost with the old session: {count} that it had not settled")
    return lines
