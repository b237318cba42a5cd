"""Commands that run or pause the world, migrate records, or terminate vats."""

from __future__ import annotations

import argparse

from swingset.core.report import CrankReport
from swingset.host.controls.migrating import Migrated
from swingset.host.sessions.collecting import collect_garbage
from swingset.model.visible import one_line
from swingset_nb.asleep import nothing_runs
from swingset_nb.commands import argument, command
from swingset_nb.errors import BadArguments, Interrupted, SwingSetError
from swingset_nb.interrupts import interruptible
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.open_world import OpenWorld, events_wait
from swingset_nb.outs import forget_shown, shown_before
from swingset_nb.render import Message, Shown, Table
from swingset_nb.tables import step_row

MOST_STEPS = 10_000
MOST_GONE = 20


@command(
    "step",
    "run one crank, or N, even while paused",
    argument("count", metavar="N", nargs="?", type=int, default=1, help="how many cranks; 1 if left out"),
    rest="`%swingset find --all` shows them",
)
def step(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Run some cranks, one commit each, and show what they did."""
    if not 1 <= given.count <= MOST_STEPS:
        raise BadArguments(f"N must be between 1 and {MOST_STEPS:,}", "%swingset step")
    world = notebook.require()
    reports = take_steps(notebook, given.count)
    left = f"{world.waiting()} left in the run-queue" if world.waiting() else "the run-queue is empty now"
    if not reports:
        return Message(*nothing_runs(world))
    columns = ["crank", "event", "vat", "outcome", "computrons"]
    return Table("steps", columns, [step_row(world, report) for report in reports], notes=(left,))


def take_steps(notebook: Notebook, count: int) -> list[CrankReport]:
    """Run up to `count` cranks, and the notebook's own turns in between."""
    world = notebook.require()
    reports = []
    try:
        with world.session.stoppable():
            for _ in range(count):
                notebook.flush()
                report = world.controller.step()
                if report is None:
                    break
                reports.append(report)
            notebook.flush()
    finally:
        notebook.progress.clear()
    return reports


@command("run", "run until nothing can, and end a pause", rest="`%swingset status --all` shows them")
def run(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Run until nothing can run."""
    world = notebook.require()
    headline, lines = run_all(notebook)
    hints = ("`%swingset run` runs on",) if world.waiting() else ()
    return Message(headline, lines, hints)


def run_all(notebook: Notebook) -> tuple[str, list[str]]:
    """End a pause and run up to the limit; returns a headline and lines about the run."""
    world = notebook.require()
    was_paused = world.controller.queue.paused
    notebook.flush()
    before = world.controller.crank
    if was_paused:
        world.controller.queue.unpause()
    notebook.settle()
    ran = world.controller.crank - before
    lines = ["the pause is over: cells run the world again"] if was_paused else []
    if world.waiting():
        lines.append(f"stopped at the limit of {notebook.settings.run_limit:,} cranks; {events_wait(world)}")
    return f"ran {ran:,} {'crank' if ran == 1 else 'cranks'}", lines


@command(
    "cancel",
    "drop the message whose delivery was interrupted, or hold its vat, and run what else waits",
    argument("--hold", action="store_true", help="suspend the vat instead; the message waits for it"),
)
def cancel(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Get rid of what was interrupted, and end the pause."""
    headline, lines, hints = cancel_interrupted(notebook, hold=given.hold)
    return Message(headline, lines, hints)


def cancel_interrupted(notebook: Notebook, *, hold: bool) -> tuple[str, list[str], list[str]]:
    """Drop what was interrupted, or suspend its vat, and run the rest; returns what to show."""
    controller = notebook.require().controller
    stopped = controller.queue.interrupted
    if stopped is None:
        raise SwingSetError(
            "no delivery was interrupted since the last crank, so there is nothing to cancel",
            "`%swingset queue` shows what waits",
            "`%swingset suspend VAT` holds a vat, `%swingset drop VAT` then drops what waits for it",
        )
    event, vat = one_line(stopped.event, 200), stopped.vat
    if hold and vat is None:
        raise SwingSetError(f"{event} is for no vat that could be suspended", "%swingset cancel")
    hints = []
    if hold and vat is not None:
        controller.vats.suspend(vat, f"{event} was interrupted")
        headline = f"vat {vat} is suspended: {event} and what comes later wait for it"
        hints = [
            f"`%swingset resume {vat}` tries it again, `%%vat {vat} --upgrade` with better code does too",
            f"`%swingset drop {vat}` drops it",
        ]
    else:
        controller.queue.cancel()
        headline = f"{event} is dropped: its result is rejected"
    ran, lines = run_all(notebook)
    return headline, [ran, *lines], hints


@command("pause", "let messages wait from now on")
def pause(notebook: Notebook, _given: argparse.Namespace) -> Shown:
    """Pause the world."""
    world = notebook.require()
    world.controller.queue.pause()
    hint = "`%swingset step` runs one crank, `%swingset run` runs all and ends the pause"
    return Message("paused: what is sent waits in the run-queue", (), (hint,))


@command(
    "collect",
    "collect garbage in every vat now, instead of some deliveries later",
    argument("--shown", action="store_true", help="let go of what cells have shown, too"),
)
def collect(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Collect garbage, and show what is gone."""
    world = notebook.require()
    if world.controller.queue.paused:
        raise BadArguments("the world is paused, so nothing can be collected", "%swingset run")
    notebook.flush()
    if given.shown:
        forget_shown(notebook.shell)
    notebook.remember(whole=False)
    found = collect_garbage(world.session)
    lines = [f"{row.kref} ({row.label}) of {row.owner}" for row in found.gone[:MOST_GONE]]
    if len(found.gone) > MOST_GONE:
        lines.append(f"and {len(found.gone) - MOST_GONE:,} more")
    count = len(found.gone)
    headline = (
        f"{count:,} {'object is' if count == 1 else 'objects are'} gone" if count else "nothing to collect"
    )
    hints = ["`%swingset explain NAME` says why something is still there"]
    if shown_before(notebook.shell, world.session):
        hints.append(
            "`%swingset collect --shown` lets go of what cells have shown: IPython keeps it in `Out`"
        )
    if not found.complete:
        hints.insert(0, "`%swingset collect` goes on: there was no end of it yet")
    return Message(headline, lines, hints)


@command(
    "migrate",
    "migrate the older records of a vat now, instead of when each is used",
    argument("vat", metavar="VAT", help="the vat's name"),
    argument("--budget", metavar="N", type=int, help="visit at most N records; all if left out"),
    completes="vat",
    rest="`%swingset status --all` shows them",
)
def migrate(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Migrate records, in steps of one commit each; an interrupt stops between two."""
    world = notebook.require()
    name = named_vat(world, given.vat, own=True)
    if given.budget is not None and given.budget < 1:
        raise BadArguments(
            f"N is a number of records from 1, not {given.budget}", f"%swingset migrate {name}"
        )
    notebook.flush()

    def tell(done: Migrated) -> None:
        notebook.progress.stage(
            f"migrating records of {name}", done.migrated / max(1, done.migrated + done.remaining)
        )

    try:
        with interruptible():
            done = world.session.migrate(name, budget=given.budget, progress=tell)
    except KeyboardInterrupt:
        words = f"stopped between two steps of the migration of {name}; what was done is kept"
        raise Interrupted(words, f"%swingset migrate {name}") from None
    finally:
        notebook.progress.clear()
    return _migrated(done)


def _migrated(done: Migrated) -> Message:
    left = f"{done.remaining:,} left" if done.remaining else "none left"
    moved = f"{done.migrated:,} {'record' if done.migrated == 1 else 'records'} migrated"
    headline = f"vat {done.vat}: {moved}, {left}"
    if not done.steps and not done.remaining:
        headline = f"vat {done.vat}: every record is of the version that its code wants"
    hints = []
    if done.failed:
        hints.append(f"`%%vat {done.vat} --upgrade` with a better `@migrate` migrates those that failed")
    if done.remaining > done.failed and done.stopped is None:
        hints.append(f"`%swingset migrate {done.vat}` goes on")
    return Message(headline, done.lines(), hints)


@command(
    "terminate",
    "end a vat and delete its state",
    argument("vat", metavar="VAT", help="the vat's name"),
    completes="vat",
)
def terminate(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Terminate one vat."""
    world = notebook.require()
    name = named_vat(world, given.vat)
    held = [row for row in world.lens.clist(name) if row.direction == "export"]
    world.controller.terminate_vat(name, "terminated from the notebook")
    world.pending.pop(name, None)
    lines = [f"{len(held)} exports are gone: sending to them is rejected with vat-terminated"]
    return Message(
        f"vat {name} is terminated; its state is deleted", lines, ("`%swingset undo` takes it back",)
    )


CHANGED = "the vat whose changed cell was run; the one that has such a cell, if you do not say"


def changed_vat(world: OpenWorld, name: str | None) -> str:
    """The vat of this name; without one, the only vat with a changed cell.

    Raises `BadArguments` with the vats that there are.
    """
    if name is not None:
        return named_vat(world, name)
    changed = list(world.pending)
    if not changed:
        raise BadArguments("no vat has a changed cell: change the cell of one, and run it", "%swingset vats")
    if len(changed) > 1:
        raise BadArguments(
            f"several vats have a changed cell: {words_of(changed)}; say which is meant", "%swingset vats"
        )
    return changed[0]


def named_vat(world: OpenWorld, name: str, *, own: bool = False) -> str:
    """Return the name, if a vat has it; raises `BadArguments` with the names that there are."""
    names = world.vat_names()
    if name in names or (own and name == world.session.name):
        return name
    if name == world.session.name:
        raise BadArguments(f"{name} is this notebook itself, and not one of its vats", "%swingset vats")
    if (where := world.controller.net.where(name)) is not None:
        raise BadArguments(f"vat {one_line(name, 80)} has moved to {one_line(where, 80)}", "%swingset moves")
    raise BadArguments(
        f"there is no vat {name!r}; there are: {words_of(names) or 'none yet'}", "%swingset vats"
    )
