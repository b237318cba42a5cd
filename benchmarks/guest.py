"""What a vat's own objects cost: durable objects, large collections, and memory that stays bounded.

    python benchmarks/guest.py [--objects 5000] [--entries 100000] [--touched 1000000] [--worker wasm]

The times are those of one run in a world of its own that lies in a file. The memory is the most that the vat
has needed: the linear memory of the wasm guest, which only grows, and in the local worker what the
interpreter has traced, the host's own included. A vat that makes and changes a million durable objects, some
hundreds in each delivery, and keeps every other one, must not need more for the second half than for the
first: what it has touched is in its store, not in its memory. Growth by more than a quarter is a failure, and
the exit status says so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from swingset.host.worlds.opening import open_world
from swingset.model.capdata import CapData
from swingset.model.limits import WASM_PAGE

BATCH = 500
OPTIONS = {"computrons": None, "reap_interval": 20}
GROWTH = 1.25

KEEPER = """
from swingset.vat import BigMap, durable, provide, remotable
from swingset.vat.patterns import between

@durable
class Thing:
    name: str
    value: int = 0

@remotable
class Keeper:
    def __init__(self, baggage):
        self.things = provide(baggage, "things", lambda: BigMap("things", keys=int))
        self.entries = provide(baggage, "entries", lambda: BigMap("entries", keys=int))
    def make(self, first: int, count: int):
        for i in range(first, first + count):
            self.things.init(i, Thing(f"thing {i}", i))
    def read(self, first: int, count: int):
        return sum(thing.value for thing in self.things.values(between(first, first + count - 1)))
    def change(self, first: int, count: int):
        for thing in self.things.values(between(first, first + count - 1)):
            thing.value += 1
    def fill(self, first: int, count: int):
        for i in range(first, first + count):
            self.entries.init(i, i)
    def scan(self, first: int, count: int):
        return sum(1 for _ in self.entries.items(between(first, first + count - 1)))
    def touch(self, first: int, count: int):
        for i in range(first, first + count):
            thing = Thing(f"thing {i}", i)
            thing.value += 1
            if i % 2:
                self.things.init(i, thing)

def build_root_object(baggage):
    return Keeper(baggage)
"""


class Keeper:
    """One world with the vat that is measured."""

    def __init__(self, path: Path, worker: str) -> None:
        self.controller = open_world(path, worker=worker)
        self.controller.create_vat("keeper", (("keeper", KEEPER),), options=OPTIONS)
        self.kernel = self.controller.kernel

    def do(self, method: str, count: int, batch: int = BATCH, *, start: int = 0) -> float:
        """Seconds for so many, in deliveries of a batch each, with one commit for ten."""
        begin = time.perf_counter()
        root = self.kernel.root_of("keeper")
        for number, first in enumerate(range(start, start + count, batch)):
            message = CapData(f'#["{method}",[{first},{min(batch, start + count - first)}]]')
            self.kernel.release_result(self.kernel.queue_message(root, message))
            if number % 10 == 9:
                self.run()
        self.run()
        return time.perf_counter() - begin

    def run(self) -> None:
        """Run to the end; a vat that could not do it is an error here."""
        for report in self.controller.run().reports:
            if report.fault is not None:
                raise SystemExit(f"the vat failed: {report.fault}")

    def memory(self) -> int:
        """The most bytes that the vat has needed so far."""
        worker = self.kernel.warehouse.online(self.kernel.vat("keeper"))
        image = worker.snapshot() if worker is not None else None
        if image is not None:
            return image.size
        return tracemalloc.get_traced_memory()[1]


@contextmanager
def keeper(worker: str) -> Iterator[Keeper]:
    """A fresh world in a file."""
    with tempfile.TemporaryDirectory(prefix="swingset-bench-") as folder:
        made = Keeper(Path(folder) / "bench.world", worker)
        try:
            yield made
        finally:
            made.controller.close()


def objects(worker: str, count: int) -> Iterator[tuple[str, str]]:
    """Make, read and change durable objects that a collection holds."""
    with keeper(worker) as vat:
        for method, words in (("make", "created"), ("read", "read"), ("change", "changed")):
            spent = vat.do(method, count)
            yield f"{count:,} durable objects {words}", f"{spent:.2f} s, {spent / count * 1e6:,.0f} µs each"


def entries(worker: str, count: int) -> Iterator[tuple[str, str]]:
    """Fill a collection and scan it by ranges of its keys."""
    with keeper(worker) as vat:
        spent = vat.do("fill", count)
        yield f"{count:,} entries added", f"{spent:.2f} s, {spent / count * 1e6:,.0f} µs each"
        spent = vat.do("scan", count, 1000)
        yield "scanned in ranges of 1,000", f"{spent:.2f} s, {spent / count * 1e6:,.0f} µs each"
        begin = time.perf_counter()
        vat.do("scan", 10, 10)
        yield "a range of 10 of them", f"{(time.perf_counter() - begin) * 1000:.1f} ms"


def memory(worker: str, count: int) -> Iterator[tuple[str, str]]:
    """Touch many durable objects, a batch in each delivery; raises where memory grows with them."""
    tracemalloc.start()
    try:
        with keeper(worker) as vat:
            half = count // 2
            spent = vat.do("touch", half)
            early = vat.memory()
            spent += vat.do("touch", count - half, start=half)
            late = vat.memory()
    finally:
        tracemalloc.stop()
    yield f"{count:,} durable objects touched", f"{spent:.1f} s, {spent / count * 1e6:,.0f} µs each"
    yield (
        "memory for the first half, and for all",
        f"{early / 2**20:.1f} MiB, {late / 2**20:.1f} MiB ({(late - early) // WASM_PAGE:+,} pages)",
    )
    if late > early * GROWTH:
        raise SystemExit(f"memory grew from {early:,} to {late:,} bytes")


def main(arguments: list[str] | None = None) -> None:
    """Print one table for each worker."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=5_000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--touched", type=int, default=1_000_000)
    parser.add_argument("--worker", choices=("wasm", "local", "both"), default="both")
    chosen = parser.parse_args(arguments)
    parts: tuple[tuple[Callable[[str, int], Iterator[tuple[str, str]]], int], ...] = (
        (objects, chosen.objects),
        (entries, chosen.entries),
        (memory, chosen.touched),
    )
    for worker in ("wasm", "local") if chosen.worker == "both" else (chosen.worker,):
        print(f"\n{worker}")
        for part, count in parts:
            for what, figure in part(worker, count) if count else ():
                print(f"  {what:44}{figure}")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
