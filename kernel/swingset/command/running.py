"""`swingset run`, `step` and `poll`, and what stops and continues runs: `pause`, `unpause`, `overrule`."""

from __future__ import annotations

import argparse
import contextlib
import sys

from swingset.command.adding import DONE, PROBLEM, AddCommand, count, silent
from swingset.command.looking import show_held_back
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.core.report import CrankReport
from swingset.host.base.outputs import Output
from swingset.host.base.policies import RunPolicy, cranks, forever
from swingset.host.worlds.controller import Controller
from swingset.model.counting import plural
from swingset.model.visible import one_line, visible
from swingset.time.predicates.predicate import BadPredicate
from swingset.time.predicates.until import until


def add(command: AddCommand) -> None:
    """Add the commands."""
    run = command("run", _run, "run until nothing can, and commit", workers=True)
    run.add_argument("--cranks", type=count, metavar="N", help="stop after N cranks; nothing is lost")
    run.add_argument(
        "--config", metavar="FILE", help="make the world after this TOML or JSON file if it is new"
    )
    run.add_argument("--until", metavar="TEXT", help="stop where this holds, such as 'purse.balance < 0'")
    run.add_argument("--threads", type=count, metavar="N", help="run on at most N cores (all)")
    step = command(
        "step", _step, "run N cranks, one commit each, even while the world is paused", workers=True
    )
    step.add_argument("count", nargs="?", type=count, default=1, metavar="N", help="how many (1)")
    for runs in (run, step):
        runs.add_argument("--online", type=count, metavar="N", help="keep at most N vats in memory (50)")
    command("pause", _pause, "let runs wait until unpause; step still works")
    command("unpause", _unpause, "let runs run again")
    command("overrule", _overrule, "let a world run on that has stopped for good")
    poll = command("poll", _poll, "say what time it is; run lets the alarms be heard")
    poll.add_argument("now", type=int, metavar="NOW", help="a whole number that only goes up")


_pause = silent(lambda world, _: world.queue.pause())
_unpause = silent(lambda world, _: world.queue.unpause())
_overrule = silent(lambda world, _: world.queue.overrule_panic())


def _run(controller: Controller, chosen: argparse.Namespace) -> int:
    controller.outputs.listen(show_output)
    if controller.queue.paused:
        say("the world is paused: nothing runs; use step")
        return DONE
    policy = cranks(chosen.cranks) if chosen.cranks else forever()
    if chosen.until is not None:
        return _run_until(controller, chosen.until, policy)
    report = controller.run(policy)
    show_held_back(controller)
    more = "; more can run" if report.more else ""
    say(f"{plural(report.cranks, 'crank')}, {report.computrons:,} computrons{more}")
    return DONE


def _run_until(controller: Controller, predicate: str, policy: RunPolicy) -> int:
    try:
        reached = until(controller, predicate, policy)
    except BadPredicate as problem:
        raise KernelError(str(problem)) from None
    show_held_back(controller)
    for line in reached.lines():
        say(line)
    return DONE if reached.held else PROBLEM


def _step(controller: Controller, chosen: argparse.Namespace) -> int:
    controller.outputs.listen(show_output)
    for _ in range(chosen.count):
        report = controller.step()
        if report is None:
            say("nothing can run")
            show_held_back(controller)
            break
        say(_crank(report))
    return DONE


def _poll(controller: Controller, chosen: argparse.Namespace) -> int:
    say(f"{plural(controller.devices.poll(chosen.now), 'alarm')} went off")
    return DONE


def _crank(report: CrankReport) -> str:
    fault = f": {visible(str(report.fault), 300)}" if report.fault else ""
    return f"crank {report.number}: {type(report.event).__name__} {report.vat or ''} {report.outcome}{fault}"


def show_output(output: Output) -> None:
    """Print an output of a world, with the vat that it is of."""
    text = visible(output.text)
    stream = sys.stderr if output.stream != "stdout" else sys.stdout
    with contextlib.suppress(OSError):  # raised again at the end, when the run is committed
        for line in text.splitlines():
            say(f"{one_line(output.vat, 40)}: {line}", file=stream)
