"""What changes the vats of a world from outside: options, meters, pins, events, and new incarnations."""

from __future__ import annotations

import argparse
import json

from swingset.command.adding import DONE, PROBLEM, AddCommand, count, silent
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.model.visible import visible


def add(command: AddCommand) -> None:
    """Add the commands."""
    options = command(
        "options",
        _options,
        "show the options of a vat, or change them",
        looks=lambda chosen: not chosen.changes,
        vat="its name",
    )
    options.add_argument(
        "changes", nargs="*", metavar="NAME=VALUE", help="such as reap_interval=50; =null for the default"
    )
    meters = command(
        "meters",
        _meters,
        "list the meters, make one, or refill one",
        looks=lambda chosen: chosen.new is None and chosen.refill is None,
    )
    meters.add_argument("--new", type=_amount, metavar="N", help="make one of N computrons, or unlimited")
    meters.add_argument("--refill", nargs=2, metavar=("METER", "N"), help="add N computrons, such as m1 5000")
    command("suspend", _suspend, "deliver nothing to a vat until it is resumed", vat="its name")
    command("resume", _resume, "resume a suspended vat, with the events that were parked", vat="its name")
    command("drop", _drop, "drop the first event that waits for a suspended vat", vat="its name")
    event = command("drop-event", _drop_event, "delete an event of the run-queue, such as a damaged one")
    event.add_argument("position", metavar="N", type=int, help="its number, as errors show it")
    command("pin", _pin, "hold an object that is in use now", kref="such as ko42")
    command("unpin", _unpin, "release a pinned object", kref="such as ko42")
    restart = command(
        "upgrade-all",
        _upgrade_all,
        "restart all vats, each with its own code, on the guest library of this release",
        workers=True,
    )
    restart.add_argument("--older-only", action="store_true", help="leave the vats that run on it already")


def _amount(text: str) -> int | str:
    return text if text == "unlimited" else count(text)


_suspend = silent(lambda world, chosen: world.vats.suspend(chosen.vat))
_resume = silent(lambda world, chosen: world.vats.resume(chosen.vat))
_pin = silent(lambda world, chosen: world.gc.pin(chosen.kref))
_unpin = silent(lambda world, chosen: world.gc.unpin(chosen.kref))


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


def _upgrade_all(controller: Controller, chosen: argparse.Namespace) -> int:
    report = controller.vats.upgrade_all(older_only=chosen.older_only)
    for line in report.lines():
        say(line)
    return DONE if report.ok else PROBLEM
