"""A world with a lease crashes at its steps, and is opened again from what is left of its file.

The steps of the fence are among them: while the row of the lease is locked, and between the commit of the
database and that of the file. After a power failure the file may have lost more than its last commit. The
process that the test runs in is taken for dead each time; `test_kills` kills others.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from swingset.cluster import lease_world
from swingset.host.worlds.controller import Controller
from swingset.testing import crash_everywhere
from swingset.testing.crashing import CrashMode
from tests.cluster.failover.holder import LEDGER, SECONDS
from tests.time.hosts import Server

_runs = count(1)


def add(number: int) -> Callable[[Controller], None]:
    """Have the ledger add a number."""

    def act(world: Controller) -> None:
        world.queue_to_root("ledger", "add", [number], policy="none")
        world.run()

    return act


ACTS = (
    lambda world: world.create_vat("ledger", (("ledger", LEDGER),)),
    add(1),
    lambda world: world.checkpoint("named"),
    add(2),
    lambda world: world.history.go_back("named"),
    add(3),
)


def opening(server: Server) -> Callable[[Path], Controller]:
    """Takes the lease of the world at a path; a world that is made anew has a lease of its own."""
    name = ""

    def open_it(path: Path) -> Controller:
        nonlocal name
        if not path.exists():
            name = f"crashes-{next(_runs)}"
        return lease_world(
            server.address, path, name, worker="local", wait=None, seconds=SECONDS, set_aside=True
        ).controller

    return open_it


@pytest.mark.unaudited
def test_a_crash_at_some_steps_loses_nothing(server: Server) -> None:
    """At a few steps of each kind: an error that ends the process, and a power failure."""
    report = crash_everywhere(ACTS, opening(server), modes=["raise", "tear"], every=(), sample=2)
    assert report.sound, str(report)
    assert {"lease-locked", "truth-stored"} <= report.points.keys()


@pytest.mark.slow
def test_a_crash_at_any_step_loses_nothing(server: Server) -> None:
    """The same at every step, and with a recovery that crashes too."""
    modes: list[CrashMode] = ["raise", "tear", "twice"]
    report = crash_everywhere(ACTS, opening(server), modes=modes, every=["raise", "tear"])
    assert report.sound, str(report)
