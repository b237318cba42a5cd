"""What it costs to have a world fail over: `python benchmarks/failover.py`, with a PostgreSQL server here.

First what a commit costs, in a plain file and with a lease, in turn. Each message has a commit of its own.
Both the file and the server sync their disks. Then how long a world is away: one process that runs it is
killed, or closes it; another that waits for it has opened it and has its first answer. Its file lacks a few
commits, or there is none. Where PostgreSQL is not installed, it says so.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the server and the process that is killed, which tests know how to start

from benchmarks.costs import COUNTER  # noqa: E402
from swingset.cluster import lease_world  # noqa: E402
from swingset.host.worlds.controller import Controller  # noqa: E402
from swingset.host.worlds.opening import open_world  # noqa: E402
from tests import forking  # noqa: E402
from tests.cluster.failover.holder import Holder  # noqa: E402
from tests.time.hosts import Server, running, why_no_postgres  # noqa: E402

COMMITS, RUNS, BEHIND = 100, 5, 20
WARM = 0.6
"""The seconds after which a process that was started waits for the lease."""
LEASES = (0.5, 2.0)


def commits(world: Controller, count: int) -> float:
    """The median of the milliseconds that a message with a commit takes."""
    if "counter" not in world.vats:
        world.create_vat("counter", (("counter", COUNTER),))
    took = []
    for amount in range(count):
        world.queue_to_root("counter", "add", [amount], policy="none")
        before = time.perf_counter()
        world.run()
        took.append(time.perf_counter() - before)
    return statistics.median(took) * 1_000


def ended(holder: Holder, number: int) -> None:
    """Have a process add a number, and wait until it has."""
    holder.add(number)
    while (told := holder.told()) is not None and told[0] != "done":
        pass


def away(
    server: Server, folder: Path, name: str, seconds: float, end: Callable[[Holder], None], *, lags: bool
) -> float:
    """How long a world is away that one process has run and another takes over."""
    waits = str(folder / f"{name}-waits.world")
    if lags:
        with lease_world(server.address, waits, name, worker="local"):
            pass
    first = Holder(server.address, str(folder / f"{name}-first.world"), name, seconds)
    first.told()
    for number in range(BEHIND):
        ended(first, number)
    second = Holder(server.address, waits, name, seconds)
    time.sleep(WARM)
    before = time.perf_counter()
    end(first)
    second.told()
    took = time.perf_counter() - before
    first.end()
    second.end()
    return took


def main() -> None:
    """Print what commits cost, and how long take-overs take."""
    if (why := why_no_postgres()) is not None:
        print(f"take-over is not measured: {why}")
        return
    forking.warm()
    with tempfile.TemporaryDirectory(prefix="swingset-failover-") as made, running(synced=True) as server:
        folder = Path(made)
        with (
            open_world(folder / "plain.world", worker="local") as world,
            lease_world(server.address, folder / "leased.world", "cost", worker="local") as leased,
        ):
            both = [(commits(world, COMMITS), commits(leased.controller, COMMITS)) for _ in range(RUNS)]
        plain, kept = (statistics.median(each) for each in zip(*both, strict=True))
        print(f"a message with a commit of its own, medians of {RUNS} times {COMMITS}:")
        print(f"  in a plain file:                     {plain:6.2f} ms")
        print(f"  with a lease, both disks synced:     {kept:6.2f} ms")
        print(f"from the end of one process to the first answer of another, median of {RUNS}:")
        for seconds in LEASES:
            for words, end in (("killed", Holder.kill), ("closed", Holder.end)):
                for lags in (True, False):
                    runs = [
                        away(
                            server,
                            folder,
                            f"w{seconds:.0f}-{words}-{lags:d}-{run}".lower(),
                            seconds,
                            end,
                            lags=lags,
                        )
                        for run in range(RUNS)
                    ]
                    file = f"its file lacks {BEHIND} commits" if lags else "it has no file"
                    median = statistics.median(runs)
                    print(f"  {words}, a lease of {seconds:.1f} s, {file + ':':27} {median:6.2f} s")


if __name__ == "__main__":
    main()
