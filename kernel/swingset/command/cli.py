"""The command `swingset`: run a world file and look into it, without a notebook.

Each subcommand is a function that takes the open world and the arguments, and returns the exit status. Those
of other modules of this folder are added by their functions in `_MORE`.

It works on a file that no notebook has open. Messages for a notebook's own vat are parked, and delivered when
the notebook attaches again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version

from swingset.command import (
    causes,
    copies,
    debugging,
    describing,
    doctor,
    exports,
    helping,
    keeping,
    mirrored,
    monitoring,
    predicates,
    restarts,
)
from swingset.command.adding import Add, AddCommand, Looks
from swingset.command.saying import say, say_json
from swingset.core.errors import KernelError
from swingset.core.report import CrankReport
from swingset.host.base.outputs import Output
from swingset.host.base.policies import RunPolicy, cranks, forever
from swingset.host.parsing import AnyOrder
from swingset.host.worlds.building import bootstrap_result
from swingset.host.worlds.config import Configuration, load
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.counting import plural
from swingset.model.visible import one_line, visible
from swingset.time.predicates.predicate import BadPredicate
from swingset.time.predicates.until import until
from swingset.workers.base import WorkerError
from swingset.world.errors import WorldError

DONE, PROBLEM, INTERRUPTED = 0, 1, 130

_MORE: tuple[Add, ...] = (
    causes.add,
    debugging.add,
    describing.add,
    doctor.add,
    copies.add,
    exports.add,
    helping.add,
    keeping.add,
    predicates.add,
    restarts.add,
    mirrored.add,
    monitoring.add,
)
"""The functions that add the subcommands of other modules."""

EXAMPLES = """\
examples:
  swingset run my.world                     run until nothing can
  swingset run my.world --cranks 100        at most 100 cranks; run again to continue
  swingset run my.world --config my.toml    make the world first, if there is none
  swingset status my.world                  its state; this and all below run no code
  swingset explain my.world ko42            why is this object still alive?
  swingset dump my.world | jq .vats         the whole state, for programs

A world file is one SQLite database. A command that changes it needs it alone: if another program has it open,
close it there first. A command that only looks at it shows what was committed, and works on any file.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    asked = parser()
    chosen = asked.parse_args(argv)
    if not hasattr(chosen, "command"):
        asked.print_help()
        return PROBLEM
    _show_whatever_comes()
    try:
        status = _do(chosen)
        sys.stdout.flush()
        return status
    except (KernelError, WorldError, WorkerError) as problem:
        say(f"swingset: {problem}", file=sys.stderr)
        if (more := helping.hint(problem)) is not None:
            say(more, file=sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        print("swingset: interrupted; what was committed stays", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_output()
        return PROBLEM
    except OSError as problem:
        _give_up_output()
        print(f"swingset: {problem.strerror or problem}", file=sys.stderr)
        return PROBLEM


def _do(chosen: argparse.Namespace) -> int:
    if not chosen.opens:
        done: int = chosen.command(chosen)
        return done
    path = getattr(chosen, "config", None)
    config = None if path is None else _config(path, chosen.trust_local)
    with open_world(
        chosen.world,
        config,
        create=config is not None,
        worker="local" if chosen.trust_local else "wasm",
        online=getattr(chosen, "online", None),
        threads=getattr(chosen, "threads", None),
        workers=chosen.workers,
        look_only=_only_looks(chosen),
    ) as controller:
        status: int = chosen.command(controller, chosen)
        return status


def _only_looks(chosen: argparse.Namespace) -> bool:
    """Whether the command changes nothing, and so needs neither a lock nor a place to write."""
    if chosen.command is _options:
        return not chosen.changes
    if chosen.command is _meters:
        return chosen.new is None and chosen.refill is None
    looks: Looks = chosen.looks
    return looks(chosen) if callable(looks) else looks


def _show_whatever_comes() -> None:
    """Write characters that a stream cannot show as escapes, so that the output of vats cannot fail it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_output() -> None:
    """Discard all further output, because the pipe is closed or the disk is full, even at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _config(path: str, trust_local: bool) -> Configuration:
    """Load a configuration; raises KernelError if it needs local vats and they are not trusted."""
    config = load(path)
    local = [name for name, vat in config.vats.items() if vat.worker == "local"]
    if local and not trust_local:
        raise KernelError(
            f"{path}: the code of {', '.join(local)} is to run in the local worker, which does not confine"
            " it: say --trust-local if you trust it"
        )
    return config


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command, with all subcommands."""
    top = argparse.ArgumentParser(
        prog="swingset",
        description=(__doc__ or "").rpartition("\n\n")[2],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"swingset {version('swingset-nb')}")
    command = AddCommand(top.add_subparsers(metavar="COMMAND", parser_class=AnyOrder))
    run = command("run", _run, "run until nothing can, and commit", workers=True)
    run.add_argument("--cranks", type=_count, metavar="N", help="stop after N cranks; nothing is lost")
    run.add_argument(
        "--config", metavar="FILE", help="make the world after this TOML or JSON file if it is new"
    )
    run.add_argument("--until", metavar="TEXT", help="stop where this holds, such as 'purse.balance < 0'")
    run.add_argument("--threads", type=_count, metavar="N", help="run on at most N cores (all)")
    step = command(
        "step", _step, "run N cranks, one commit each, even while the world is paused", workers=True
    )
    step.add_argument("count", nargs="?", type=_count, default=1, metavar="N", help="how many (1)")
    for runs in (run, step):
        runs.add_argument("--online", type=_count, metavar="N", help="keep at most N vats in memory (50)")
    command("status", _status, "say how the world stands in a few lines", looks=True)
    vats = command("vats", _vats, "list the vats", looks=True)
    vats.add_argument("--json", action="store_true", help="as JSON")
    dump = command("dump", _dump, "write the whole kernel state as JSON", looks=True)
    dump.add_argument("--json", action="store_true", help="on one line")
    command(
        "explain",
        _explain,
        "say why something is alive, one hop a line",
        looks=True,
        kref="such as ko42 or kp43",
    )
    command("rings", _rings, "look for objects of several vats that only hold each other", looks=True)
    options = command("options", _options, "show the options of a vat, or change them", vat="its name")
    options.add_argument(
        "changes", nargs="*", metavar="NAME=VALUE", help="such as reap_interval=50; =null for the default"
    )
    meters = command("meters", _meters, "list the meters, make one, or refill one")
    meters.add_argument("--new", type=_amount, metavar="N", help="make one of N computrons, or unlimited")
    meters.add_argument("--refill", nargs=2, metavar=("METER", "N"), help="add N computrons, such as m1 5000")
    command("pause", _pause, "let runs wait until unpause; step still works")
    command("unpause", _unpause, "let runs run again")
    command("suspend", _suspend, "deliver nothing to a vat until it is resumed", vat="its name")
    command("resume", _resume, "resume a suspended vat, with the events that were parked", vat="its name")
    command("drop", _drop, "drop the first event that waits for a suspended vat", vat="its name")
    event = command("drop-event", _drop_event, "delete an event of the run-queue, such as a damaged one")
    event.add_argument("position", metavar="N", type=int, help="its number, as errors show it")
    command("overrule", _overrule, "let a world run on that has stopped for good")
    command("pin", _pin, "hold an object that is in use now", kref="such as ko42")
    command("unpin", _unpin, "release a pinned object", kref="such as ko42")
    poll = command("poll", _poll, "say what time it is; run lets the alarms be heard")
    poll.add_argument("now", type=int, metavar="NOW", help="a whole number that only goes up")
    command("digest", _digest, "print the digests of the state and of all that was done", looks=True)
    for add in _MORE:
        add(command)
    return top


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 is wanted, got {text!r}")
    return int(text)


def _amount(text: str) -> int | str:
    return text if text == "unlimited" else _count(text)


def _run(controller: Controller, chosen: argparse.Namespace) -> int:
    controller.outputs.listen(_show)
    if controller.queue.paused:
        say("the world is paused: nothing runs; use step")
        return DONE
    policy = cranks(chosen.cranks) if chosen.cranks else forever()
    if chosen.until is not None:
        return _run_until(controller, chosen.until, policy)
    report = controller.run(policy)
    _show_held_back(controller)
    more = "; more can run" if report.more else ""
    say(f"{plural(report.cranks, 'crank')}, {report.computrons:,} computrons{more}")
    return DONE


def _run_until(controller: Controller, predicate: str, policy: RunPolicy) -> int:
    try:
        reached = until(controller, predicate, policy)
    except BadPredicate as problem:
        raise KernelError(str(problem)) from None
    _show_held_back(controller)
    for line in reached.lines():
        say(line)
    return DONE if reached.held else PROBLEM


def _step(controller: Controller, chosen: argparse.Namespace) -> int:
    controller.outputs.listen(_show)
    for _ in range(chosen.count):
        report = controller.step()
        if report is None:
            say("nothing can run")
            _show_held_back(controller)
            break
        say(_crank(report))
    return DONE


_Act = Callable[[Controller, argparse.Namespace], object]


def _silent(act: _Act) -> Callable[[Controller, argparse.Namespace], int]:
    """A command that does one thing, and has nothing to say of it."""

    def command(controller: Controller, chosen: argparse.Namespace) -> int:
        act(controller, chosen)
        return DONE

    return command


_pause = _silent(lambda world, _: world.queue.pause())
_unpause = _silent(lambda world, _: world.queue.unpause())
_overrule = _silent(lambda world, _: world.queue.overrule_panic())
_suspend = _silent(lambda world, chosen: world.vats.suspend(chosen.vat))
_resume = _silent(lambda world, chosen: world.vats.resume(chosen.vat))
_pin = _silent(lambda world, chosen: world.gc.pin(chosen.kref))
_unpin = _silent(lambda world, chosen: world.gc.unpin(chosen.kref))


def _status(controller: Controller, _: argparse.Namespace) -> int:
    stats = controller.stats()
    paused = ", paused" if controller.queue.paused else ""
    say(f"crank {stats['cranks']}{paused}")
    if (panic := controller.queue.panic) is not None:
        say(f"stopped: {panic}")
    say(
        f"{plural(stats['vats_live'], 'live vat')}, {stats['vats_suspended']} suspended,"
        f" {stats['vats_terminated']} terminated"
    )
    say(f"{plural(stats['objects'], 'object')}, {plural(stats['promises'], 'promise')}")
    waiting = f"{plural(stats['queue'], 'event')} in the run-queue, {stats['parked']} parked"
    say(f"{waiting}, {stats['promise_queue']} waiting for promises")
    _show_held_back(controller)
    for vat in controller.lens.vats():
        if vat.reason:
            say(f"vat {vat.name} is {vat.state}: {visible(vat.reason, 300)}")
    if (kref := bootstrap_result(controller)) is not None:
        outcome = controller.outcome(kref)
        said = f": {visible(outcome.data.body, 300)}" if outcome.data is not None else ""
        say(f"bootstrap is {outcome.status}{said}")
    return DONE


def _show_held_back(controller: Controller) -> None:
    for line in controller.queue.held_back():
        say(visible(line, 600))


def _vats(controller: Controller, chosen: argparse.Namespace) -> int:
    rows = controller.lens.vats()
    if chosen.json:
        say_json([asdict(row) for row in rows])
        return DONE
    columns = ("name", "id", "worker", "state", "incarnation", "exports", "imports", "deliveries", "parked")
    table = [columns, *[tuple(visible(str(getattr(row, column)), 40) for column in columns) for row in rows]]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return DONE


def _dump(controller: Controller, chosen: argparse.Namespace) -> int:
    say_json(controller.dump(), indent=None if chosen.json else 2)
    return DONE


def _explain(controller: Controller, chosen: argparse.Namespace) -> int:
    found = controller.gc.explain(chosen.kref)
    for line in (*found.hops, *found.notes):
        say(visible(line))
    return DONE if found.verdict != "gone" else PROBLEM


def _rings(controller: Controller, _: argparse.Namespace) -> int:
    rings = controller.gc.rings()
    for ring in rings:
        say(f"ring of {', '.join(ring.vats)}:")
        for line in ring.lines:
            say(f"  {visible(line)}")
    say(f"{plural(len(rings), 'ring')} found")
    return DONE


def _options(controller: Controller, chosen: argparse.Namespace) -> int:
    changes = {}
    for change in chosen.changes:
        name, given, text = change.partition("=")
        if not given:
            raise KernelError(f"{change!r} does not change an option: write NAME=VALUE")
        try:
            changes[name] = json.loads(text)
        except ValueError:
            changes[name] = text
    if changes:
        controller.vats.change_options(chosen.vat, changes)
    say(json.dumps(controller.vats[chosen.vat].options, sort_keys=True))
    return DONE


def _meters(controller: Controller, chosen: argparse.Namespace) -> int:
    if chosen.new is not None:
        controller.meters.create(None if chosen.new == "unlimited" else chosen.new)
    if chosen.refill is not None:
        meter, computrons = chosen.refill
        if not computrons.isdecimal():
            raise KernelError(f"a refill is a number of computrons, got {computrons!r}")
        controller.meters.refill(meter, int(computrons))
    for row in controller.meters.all():
        holds = "unlimited" if row.remaining is None else f"{row.remaining:,} computrons"
        say(f"{row.id}: {holds}, pays for {', '.join(row.vats) or 'no vat'}")
    return DONE


def _drop(controller: Controller, chosen: argparse.Namespace) -> int:
    dropped = controller.vats.drop_parked(chosen.vat)
    say(f"dropped {visible(dropped)}" if dropped else f"nothing waits for vat {chosen.vat}")
    return DONE if dropped else PROBLEM


def _drop_event(controller: Controller, chosen: argparse.Namespace) -> int:
    say(f"dropped {visible(controller.queue.drop(chosen.position))}")
    return DONE


def _poll(controller: Controller, chosen: argparse.Namespace) -> int:
    say(f"{plural(controller.devices.poll(chosen.now), 'alarm')} went off")
    return DONE


def _digest(controller: Controller, _: argparse.Namespace) -> int:
    say(f"state     {controller.digest()}")
    say(f"activity  {controller.history.activity_digest()}")
    return DONE


def _crank(report: CrankReport) -> str:
    fault = f": {visible(str(report.fault), 300)}" if report.fault else ""
    return f"crank {report.number}: {type(report.event).__name__} {report.vat or ''} {report.outcome}{fault}"


def _show(output: Output) -> None:
    text = visible(output.text)
    stream = sys.stderr if output.stream != "stdout" else sys.stdout
    with contextlib.suppress(OSError):  # raised again at the end, when the run is committed
        for line in text.splitlines():
            say(f"{one_line(output.vat, 40)}: {line}", file=stream)


if __name__ == "__main__":
    sys.exit(main())
