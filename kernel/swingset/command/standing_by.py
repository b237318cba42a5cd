"""`swingset standby` and `swingset lease`: worlds that fail over, whose truth is in PostgreSQL.

A process that was taken over ends with an error, so that whoever watches it may start it again: it is a
standby then. A password belongs into the file of passwords of PostgreSQL, or into `PGPASSWORD`: the
arguments of a command can be seen by others on the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from swingset.command.adding import DONE, AddCommand
from swingset.command.running import show_output
from swingset.command.saying import say
from swingset.command.serving import option
from swingset.model.counting import plural
from swingset.model.visible import one_line

if TYPE_CHECKING:
    from swingset.cluster import LeasedWorld

_SLICE = 0.5
"""After so many seconds it is looked whether the lease is lost."""


def add(command: AddCommand) -> None:
    """Add both commands."""
    address = "the database: postgresql://..., without a password"
    words = "wait for the lease of a world, take over, and run it until it is interrupted or taken over"
    stands = command(
        "standby", _standby, words, opens=False, database=address, world="the world file, a cache of its own"
    )
    stands.add_argument(
        "--seconds", metavar="N", type=float, default=10.0, help="how long a lease lasts (10)"
    )
    stands.add_argument("--found", action="store_true", help="begin a world, if the database has none")
    stands.add_argument(
        "--set-aside", action="store_true", help="rename a file that does not fit, and build one"
    )
    stands.add_argument("--verify", action="store_true", help="verify a file that fits before it is used")
    stands.add_argument(
        "--without-keys",
        action="store_true",
        help="go on although links to other worlds end by that",
    )
    stands.add_argument(
        "--once", action="store_true", help="end when nothing more can run, and give the lease back"
    )
    stands.add_argument(
        "--over", metavar="TRANSPORT", help="also listen to other worlds, as `swingset serve` does"
    )
    stands.add_argument("--option", metavar="NAME=TEXT", action="append", default=[], help="what that takes")
    stands.add_argument("--trust-local", action="store_true", help="also run vats in the local worker")
    looks = command(
        "lease", _lease, "say which process runs a world, and for how long", opens=False, database=address
    )
    for each in (stands, looks):
        each.add_argument("--name", default="world", metavar="NAME", help="the name of the lease (world)")


def _lease(chosen: argparse.Namespace) -> int:
    from swingset.cluster import look_at_lease

    say(str(look_at_lease(chosen.database, chosen.name)))
    return DONE


def _standby(chosen: argparse.Namespace) -> int:
    from swingset.cluster import lease_world

    options = dict(map(option, chosen.option))
    with lease_world(
        chosen.database,
        chosen.world,
        chosen.name,
        wait=None,
        seconds=chosen.seconds,
        create=chosen.found,
        set_aside=chosen.set_aside,
        verified=chosen.verify,
        without_keys=chosen.without_keys,
        tell=lambda words: say(words, file=sys.stderr),
        worker="local" if chosen.trust_local else "wasm",
    ) as leased:
        missed = f" with {plural(leased.commits, 'commit')}" if leased.commits else ""
        say(f"{one_line(leased.name, 60)}: taken under epoch {leased.epoch}, file {leased.how}{missed}")
        sys.stdout.flush()  # a program may wait for this line
        _run(leased, chosen.over, options, once=chosen.once)
    return DONE


def _run(leased: LeasedWorld, over: str | None, options: dict[str, str], *, once: bool) -> None:
    """Run a world until its lease is lost; raises why."""
    world = leased.controller
    world.outputs.listen(show_output)
    if over is not None:
        world.net.listen(over, **options)
    while leased.stopped is None:
        if not world.queue.paused:
            world.run()
        if once:
            return
        before = time.monotonic()
        world.net.serve(_SLICE)
        time.sleep(max(0.0, before + _SLICE - time.monotonic()))
    raise leased.stopped
