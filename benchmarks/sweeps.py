"""How many forks of a confined world are lived in a second, here and in other processes: `make bench`.

Each fork sends one message that does next to nothing, so what is measured is the fork. Starting the processes
is told apart, because a sweep that is long enough does not notice it. Then two thousand forks at once.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from swingset.cluster import Trial, pools, sweep, sweeps
from swingset.cluster.trials import Measuring, live
from swingset.cluster.variants import Variant
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from swingset.vat import E

FORKS = 200
MANY = 2_000

VAT = """
from swingset.vat import remotable

@remotable
class Counter:
    def add(self, amount: int) -> int:
        return amount

def build_root_object():
    return Counter()
"""


def measure(trial: Trial) -> Any:
    """One message."""
    return E(trial.root("counter")).add(trial.values["amount"])


def rate(session: Session, count: int, **given: Any) -> float:
    """Forks a second of a sweep in which nothing is known before."""
    sweeps._known.clear()
    before = time.perf_counter()
    found = sweep(session, [{"amount": amount} for amount in range(count)], measure, **given)
    took = time.perf_counter() - before
    assert not found.failed
    return count / took


def on_threads(session: Session, count: int, threads: int) -> float:
    """Forks a second of plain threads in this process, which is what a sweep is to be held against."""
    before = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        variants = [Variant({"amount": amount}) for amount in range(count)]
        list(pool.map(lambda variant: live(session.controller, variant, {}, Measuring(measure)), variants))
    return count / (time.perf_counter() - before)


def main() -> None:
    """Print a line for each way to live forks."""
    with open_world(None) as world:
        world.create_vat("counter", (("counter", VAT),))
        session = Session(world)
        print(f"forks a second, {FORKS} forks of a confined world with one message each:")
        print(f"  in this process:          {rate(session, FORKS, processes=0):6.0f}")
        print(f"  on 2 threads of it:       {on_threads(session, FORKS, 2):6.0f}")
        for processes in sorted({1, 2, os.cpu_count() or 1}):
            before = time.perf_counter()
            with pools.clients(None, processes) as client:
                started = time.perf_counter() - before
                first = rate(session, FORKS, client=client)
                then = rate(session, FORKS, client=client)
                words = f"{started:.1f} s to start, {first:.0f} with what is loaded first"
                print(f"  in {processes:>2} processes of Dask:   {then:6.0f} ({words})")
                if processes == 2:
                    print(f"  {MANY:,} forks in 2 processes: {rate(session, MANY, client=client):6.0f}")


if __name__ == "__main__":
    main()
