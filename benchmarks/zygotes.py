"""What a clone of a warm vat costs beside a fresh start: `python benchmarks/zygotes.py`.

Two vats that take about a second to start: one computes and keeps little, one fills its memory. Each is
started anew and cloned in turn, in a world in a file, and each time the new vat answers a message: a vat that
is there but cannot answer is of no use. The goal is that a clone answers 20 times as soon.

The first clone stores the pages of the vat's memory, compressed. Later ones find them there. Both are shown,
and what a clone adds to the file. Local vats have no memory that can be copied: for them a clone repeats the
transcript, and gains nothing.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from swingset.host.base.engines import WorkerKind
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world

ROUNDS = 7
ROOM = {"computrons": 10**11}
"""The starts take more than the default lets them have."""

COMPUTES = """
from swingset.vat import remotable

def sieve(limit):
    found = bytearray([1]) * limit
    for number in range(2, int(limit**0.5) + 1):
        if found[number]:
            for multiple in range(number * number, limit, number):
                found[multiple] = 0
    return sum(found) - 2

PRIMES = [sieve(limit) for limit in range(290_000, 290_026)]

@remotable
class Root:
    def ping(self):
        return PRIMES[0]

def build_root_object():
    return Root()
"""

REMEMBERS = """
from swingset.vat import remotable

TABLE = {f"key {number}": [number, str(number)] for number in range(700_000)}

@remotable
class Root:
    def ping(self):
        return len(TABLE)

def build_root_object():
    return Root()
"""

LOADS = {"computes, keeps little": COMPUTES, "fills its memory": REMEMBERS}


def answer(world: Controller, vat: str) -> None:
    """Have a vat answer a message."""
    result = world.queue_to_root(vat, "ping")
    world.run()
    world.resolution(result)


def timed(act: Callable[[], object]) -> float:
    """Seconds of the processor until an act is done."""
    begun = time.process_time()
    act()
    return time.process_time() - begun


def measure(source: str, path: Path, worker: WorkerKind) -> tuple[float, float, float, int]:
    """Seconds of a fresh start, of the first clone and of a later one, and the bytes that it adds."""
    with open_world(path, worker=worker) as world:
        world.create_vat("warm", (("main", source),), options=ROOM)
        answer(world, "warm")

        def start(name: str) -> None:
            world.create_vat(name, (("main", source),), options=ROOM)
            answer(world, name)

        def clone(name: str) -> None:
            world.clone_vat("warm", name)
            answer(world, name)

        first = timed(partial(clone, "clone"))
        before = world.world.used
        later = [timed(partial(clone, f"clone{number}")) for number in range(ROUNDS)]
        added = (world.world.used - before) // ROUNDS
        fresh = [timed(partial(start, f"fresh{number}")) for number in range(ROUNDS)]
    return statistics.median(fresh), first, statistics.median(later), added


def main() -> None:
    """Print a line for each load and worker."""
    print(f"processor time until it has answered once, medians of {ROUNDS}; load {os.getloadavg()[0]:.1f}")
    kinds: tuple[WorkerKind, ...] = ("wasm", "local")
    for worker in kinds:
        for name, source in LOADS.items():
            with TemporaryDirectory() as folder:
                fresh, first, later, added = measure(source, Path(folder) / "it.world", worker)
            print(
                f"{worker:5} {name:23} fresh {fresh * 1_000:7.1f} ms, first clone {first * 1_000:6.1f} ms,"
                f" later ones {later * 1_000:6.1f} ms: {fresh / later:5.1f} times as soon;"
                f" {added / 1_000:,.0f} kB each"
            )


if __name__ == "__main__":
    main()
