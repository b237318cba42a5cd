"""Runs a `%%vat` or `%%kind` cell.

A new cell makes a vat. An unchanged one does nothing and says so. A changed one only shows the difference,
because an upgrade replaces running code and must not happen just because a notebook was run from the top. The
changed source is kept as pending, for the upgrade panel.

In the source of a vat, an empty line replaces the magic, so line 5 of the cell is line 5 in every message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from swingset.core.errors import VatFault
from swingset.core.options import reserved
from swingset.host.base.engines import WorkerKind
from swingset.host.code.rehearsal import Extent, Rehearsal, describe_left_behind
from swingset.host.code.upgrading import Upgraded
from swingset.host.controls.migrating import Migrated
from swingset.lens.source.difference import Difference
from swingset.lens.source.stillness import remarks
from swingset.model.capdata import is_well_formed
from swingset.model.modules import by_module, cells_of
from swingset.model.visible import one_line
from swingset_nb.binding import unfit
from swingset_nb.errors import BadArguments, Interrupted, SwingSetError, UpgradeRefused, VatFailed, vat_failed
from swingset_nb.interrupts import interruptible
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.open_world import OpenWorld
from swingset_nb.preparing import await_engines
from swingset_nb.render import Message, Shown, Stack
from swingset_nb.sides import SideBySide
from swingset_nb.vat_names import give_root, refuse_taken

HALF_A_PAIR = "the cell holds half of a surrogate pair, which no file can hold"


@dataclass(frozen=True)
class Cell:
    """One cell as the user wrote it: a vat's own cell, or one that defines a kind for it."""

    vat: str
    part: str
    source: str
    upgrade: bool = False
    replace: bool = False
    worker: WorkerKind | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def magic(self) -> str:
        """The magic line to run this cell again."""
        if self.part == self.vat:
            return f"%%vat {self.vat}"
        return f"%%{self.part} --vat {self.vat}"


def run_cell(notebook: Notebook, cell: Cell) -> Shown:
    """Run a cell; returns what to show. Raises `SwingSetError`."""
    world = notebook.require()
    _check_name(cell.vat, world, notebook.shell.user_ns_hidden)
    _check_cell(cell)
    if not world.has_vat(cell.vat):
        if cell.upgrade:
            where = world.controller.net.where(cell.vat)
            if where is not None:
                words = f"vat {cell.vat} has moved to {one_line(where, 80)}: its code is upgraded there"
                raise SwingSetError(words, "%swingset moves")
            raise SwingSetError(f"there is no vat {cell.vat} to upgrade", _define_hint(cell))
        _await_engine(notebook, world, cell)
        return _begin(notebook, world, cell)
    if cell.replace:
        _await_engine(notebook, world, cell)
        return _replace(notebook, world, cell)
    runs_in = world.controller.vats[cell.vat].worker
    if cell.worker is not None and cell.worker != runs_in:
        words = f"vat {cell.vat} runs in a {runs_in} worker, and stays there as long as it lives"
        ends = f"`{cell.magic} --replace --worker {cell.worker}` ends it with all its state, and starts anew"
        raise BadArguments(words, ends)
    options = world.controller.vats[cell.vat].options
    old_limits = {name: options.get(name) for name in cell.limits}
    if cell.limits:
        world.controller.vats.change_options(cell.vat, cell.limits)
    new_limits = world.controller.vats[cell.vat].options
    moved = any(new_limits.get(name) != old for name, old in old_limits.items())
    difference = world.session.difference(cell.vat, cell.part, cell.source)
    if difference is None:
        return _unchanged(
            notebook, world, cell, "only its limits have changed" if moved else "nothing changed"
        )
    if cell.upgrade:
        try:
            return upgrade(notebook, cell.vat, cell.part, cell.source, cell.message)
        except UpgradeRefused:
            if old_limits:  # they were for the code that has not come
                world.controller.vats.change_options(cell.vat, old_limits)
            raise
    return _not_applied(notebook, world, cell, difference)


def _check_cell(cell: Cell) -> None:
    """Raise `BadArguments` for a cell that contradicts itself, or whose source cannot be stored."""
    if not is_well_formed(cell.source):
        raise BadArguments(HALF_A_PAIR, "write it as an escape, such as \\ud83d, and run the cell again")
    if cell.upgrade and cell.replace:
        words = "--upgrade keeps the state of the vat and --replace deletes it: give one of them"
        raise BadArguments(words, f"{cell.magic} --upgrade", f"{cell.magic} --replace")


def _unchanged(notebook: Notebook, world: OpenWorld, cell: Cell, but: str) -> Shown:
    """What to show for a cell that the vat runs already."""
    forget_pending(world, cell.vat, cell.part)
    said = give_root(notebook, cell.vat, world.session.root(cell.vat))
    what = "cell" if cell.part == cell.vat else f"{cell.part} cell"
    older = world.lens.stale_modules().get(cell.vat, ())
    lines = [f"it runs an older version of module {name}" for name in older]
    hints = tuple(f"`%swingset module {name} --upgrade` upgrades it" for name in older)
    return Message(f"vat {cell.vat} already runs exactly this {what}: {but}", said + lines, hints)


def _not_applied(notebook: Notebook, world: OpenWorld, cell: Cell, difference: Difference) -> Shown:
    """Remember a changed cell, and show its difference with the ways to go on."""
    world.pending.setdefault(cell.vat, {}).pop(cell.part, None)
    world.pending[cell.vat][cell.part] = cell.source
    said = give_root(notebook, cell.vat, world.session.root(cell.vat))
    ways = [
        f"`{cell.magic} --upgrade` replaces the code and keeps durable objects",
        f"`%swingset upgrade {cell.vat}` rehearses it first, in a panel",
        f"`%%vat {cell.vat} --replace` ends the vat with all its state and starts anew",
    ]
    if cell.part not in (cell.vat, *dict(world.controller.vats.parts(cell.vat))):
        ways.append(f"`{_drop(cell)}` forgets it, if its name has a slip")
    return Stack([_changed(difference), Message("To go on", said, ways)])


def _await_engine(notebook: Notebook, world: OpenWorld, cell: Cell) -> None:
    if cell.part == cell.vat:
        try:
            await_engines(world, [cell.worker or world.controller.default_worker])
        finally:
            notebook.progress.clear()


def changed(world: OpenWorld, vat: str) -> Shown:
    """The cells of a vat that were changed and run, but not applied."""
    found = [
        world.session.difference(vat, part, source) for part, source in world.pending.get(vat, {}).items()
    ]
    return Stack([_changed(difference) for difference in found if difference is not None])


def _changed(difference: Difference) -> Shown:
    which = "this cell" if difference.part == difference.vat else f"the cell of {difference.part}"
    words = f"{which} differs from what vat {difference.vat} runs; nothing has changed yet"
    return Stack([Message(words), SideBySide.of(difference)])


def others(world: OpenWorld, vat: str, part: str) -> dict[str, str]:
    """The changed cells of a vat that wait, but for one."""
    return {other: source for other, source in world.pending.get(vat, {}).items() if other != part}


def upgrade(
    notebook: Notebook,
    vat: str,
    part: str,
    source: str,
    message: str = "",
    *,
    also: Mapping[str, str] | None = None,
) -> Message:
    """Upgrade a vat to a new cell, and `also` others; raises `UpgradeRefused` if that fails.

    Then nothing has changed.
    """
    world = notebook.require()
    world.pending.setdefault(vat, {})[part] = source
    before, cells = dict(world.controller.vats.parts(vat)), {**(also or {}), part: source}
    left_out = world.session.modules.left_out(vat)
    try:
        done = world.session.upgrade(vat, part, source, message, also=also)
    except VatFault as error:
        raise vat_failed(error, UpgradeRefused, before | cells, before) from None
    finally:
        notebook.progress.clear()
    for each in cells:
        forget_pending(world, vat, each)
    lines = give_root(notebook, vat, world.session.root(vat))
    lines += [
        f"module {one_line(name, 60)} of its old code is left out: {why}" for name, why in left_out.items()
    ]
    lines = upgrade_in_words(done) + lines + _told_of(world, vat, list(cells.items()))
    return Message(f"vat {vat} upgraded: incarnation {done.incarnation} runs now", lines)


def rehearse(
    notebook: Notebook,
    vat: str,
    part: str,
    source: str,
    records: Extent = None,
    *,
    also: Mapping[str, str] | None = None,
) -> Rehearsal:
    """Do `upgrade` in a fork of the world, and report it; `records` are migrated there."""
    session = notebook.require().session

    def tell(done: Migrated) -> None:
        share = done.migrated / max(1, done.migrated + done.remaining)
        notebook.progress.stage(f"rehearsing the records of {vat}", share)

    with stoppable(notebook, vat):
        return session.rehearse(vat, part, source, records=records, progress=tell, also=also)


@contextmanager
def stoppable(notebook: Notebook, vat: str) -> Iterator[None]:
    """Let an interrupt end a rehearsal, in a cell or a panel; it works on forks, so nothing changes."""
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        words = f"the rehearsal for {vat} was stopped: nothing has changed"
        raise Interrupted(words, f"%swingset rehearse {vat}") from None
    finally:
        notebook.progress.clear()


def upgrade_in_words(done: Upgraded) -> list[str]:
    """Sentences about what an upgrade kept, abandoned and broke."""
    lines = [f"{count:,} {kind} kept, with identity and state" for kind, count in done.kept.items()]
    lines += describe_left_behind(done.abandoned, done.disconnected)
    if not done.abandoned:
        lines.append("no exported object was abandoned")
    if not done.disconnected:
        lines.append("no promise was broken")
    return lines


def _told_of(world: OpenWorld, vat: str, parts: list[tuple[str, str]]) -> list[str]:
    """Lines about clocks and chance in the code of a vat."""
    confined = world.controller.vats[vat].worker != "local"
    return [str(remark) for part, source in parts for remark in remarks(part, source, confined=confined)]


def forget_pending(world: OpenWorld, vat: str, part: str) -> None:
    """Forget a pending cell, which was applied or equals the running one again."""
    parts = world.pending.get(vat, {})
    parts.pop(part, None)
    if not parts:
        world.pending.pop(vat, None)


def _begin(notebook: Notebook, world: OpenWorld, cell: Cell) -> Shown:
    drafts = {draft.part: draft.source for draft in world.session.drafts.all(cell.vat)}
    if cell.part != cell.vat:
        drop = f"`{_drop(cell)}` deletes it, if its name has a slip"
        if drafts.get(cell.part) == cell.source:
            world.session.drafts.keep(cell.vat, cell.part)  # the user has just run it, so it is theirs
            return Message(f"{cell.part} is drafted for vat {cell.vat} already: nothing changed")
        world.session.drafts.add(cell.vat, cell.part, cell.source)
        return Message(f"{cell.part} is drafted for vat {cell.vat}", (), (_define_hint(cell), drop))
    strange = [draft.part for draft in world.session.drafts.all(cell.vat) if not draft.own]
    if any(part != cell.vat for part in strange):
        raise SwingSetError(
            f"the file has drafts for vat {cell.vat} that are not of this session: {words_of(strange)}. They"
            " would run in front of this cell",
            f"`%swingset drafts {cell.vat}` shows them",
            f"`%swingset keep-drafts {cell.vat}` uses them as if you had written them",
            f"`%swingset drop-draft {cell.vat} CELL` deletes one",
        )
    refuse_taken(notebook, cell.vat)
    try:
        root = world.session.define(cell.vat, cell.source, worker=cell.worker, options=cell.limits)
    except VatFault as error:
        raise vat_failed(error, VatFailed, {**drafts, cell.part: cell.source}) from None
    finally:
        notebook.progress.clear()
    notebook.give({cell.vat: root})
    record = world.controller.vats[cell.vat]
    kinds = [part for part in drafts if part != cell.vat]
    modules = [f"module {name}" for name in by_module(world.controller.vats.parts(cell.vat))]
    lines = [f"made of this cell and {words_of([*modules, *kinds])}"] if modules or kinds else []
    lines += _told_of(world, cell.vat, [*drafts.items(), (cell.part, cell.source)])
    return Message(
        f"vat {cell.vat} runs now: incarnation {record.incarnation}, {record.worker} worker",
        lines,
        (f"`{cell.vat}` refers to its root object: `await E({cell.vat}).method(...)`",),
    )


def _replace(notebook: Notebook, world: OpenWorld, cell: Cell) -> Shown:
    """Terminate the vat and start another with its name, after a trial in a fork."""
    controller, vat = world.controller, cell.vat
    running = world.controller.vats.parts(vat)
    kinds = [(part, source) for part, source in cells_of(running) if part not in (vat, cell.part)]
    if cell.part != vat:
        raise BadArguments("--replace belongs to the vat's own cell", f"%%vat {vat} --replace")
    refuse_taken(notebook, vat)
    trial = controller.fork()
    try:
        trial.terminate_vat(vat, "replaced")
        cells = (*kinds, (vat, cell.source))
        parts = world.session.modules.completed(vat, cells, running)
        trial.create_vat(vat, parts, worker=cell.worker)
    except VatFault as error:
        raise vat_failed(error, UpgradeRefused, {**dict(kinds), vat: cell.source}) from None
    finally:
        trial.close()
    controller.terminate_vat(vat, "replaced from the notebook")
    for part, source in kinds:
        world.session.drafts.add(vat, part, source)
    world.pending.pop(vat, None)
    shown = _begin(notebook, world, cell)
    return Stack([Message(f"vat {vat} was ended with all its state"), shown])


def _check_name(name: str, world: OpenWorld, hidden: Mapping[str, Any]) -> None:
    if name != world.session.name and (kept := reserved(name)) is not None:
        raise BadArguments(kept, "%%vat another_name")
    why = unfit(name, hidden)
    if why is not None or name in ("E", world.session.name):
        means = why or "means something else in this notebook"
        raise BadArguments(
            f"{name!r} {means}, and the name of a vat becomes a name of the notebook", "%%vat another_name"
        )


def _drop(cell: Cell) -> str:
    return f"%swingset drop-draft {cell.vat} {cell.part.removeprefix('kind ')}"


def _define_hint(cell: Cell) -> str:
    return f"%%vat {cell.vat}"
