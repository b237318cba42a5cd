"""`swingset status`, `vats`, `dump`, `explain`, `rings` and `digest`: how a world stands. No code runs."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from swingset.command.adding import DONE, PROBLEM, AddCommand
from swingset.command.saying import say, say_json
from swingset.host.worlds.building import bootstrap_result
from swingset.host.worlds.controller import Controller
from swingset.model.counting import plural
from swingset.model.visible import visible


def add(command: AddCommand) -> None:
    """Add the commands."""
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
    command("digest", _digest, "print the digests of the state and of all that was done", looks=True)


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
    show_held_back(controller)
    for vat in controller.lens.vats():
        if vat.reason:
            say(f"vat {vat.name} is {vat.state}: {visible(vat.reason, 300)}")
    if (kref := bootstrap_result(controller)) is not None:
        outcome = controller.outcome(kref)
        said = f": {visible(outcome.data.body, 300)}" if outcome.data is not None else ""
        say(f"bootstrap is {outcome.status}{said}")
    return DONE


def show_held_back(controller: Controller) -> None:
    """Say which events cannot run, and why."""
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


def _digest(controller: Controller, _: argparse.Namespace) -> int:
    say(f"state     {controller.digest()}")
    say(f"activity  {controller.history.activity_digest()}")
    return DONE
