"""What more cores bring: `python benchmarks/threads.py`.

Four vats are each sent messages, long ones and small ones, and the world runs with one thread and with as
many as there are cores, in turn. Long deliveries run ahead on threads and have to gain; small ones do not,
and must not lose by it. The digests have to be equal. The goals are 1.6 for long deliveries on two cores, and
not under 0.95 for small ones. On a machine that does something else there is less to gain.
"""

from __future__ import annotations

import os
import statistics
import time

from swingset.core.ahead import cores
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world

ROUNDS = 9
VATS = 4
LOADS = {"deliveries of 10 ms": (60_000, 30), "small deliveries": (1, 150)}
"""By what is measured: how many steps a message takes, and how many messages there are for each vat."""

WORKER = """
from swingset.vat import remotable

def build_root_object(baggage):
    baggage["done"] = 0

    @remotable
    class Worker:
        def work(self, steps: int):
            total = 0
            for number in range(steps):
                total += number * number % 7
            baggage["done"] += 1
            return total

    return Worker()
"""


def measure(threads: int, steps: int, messages: int) -> tuple[float, str, float]:
    """Seconds for so many messages to each vat, the digest they lead to, and the share run ahead in vain."""
    with open_world(None, threads=threads) as world:
        for number in range(VATS):
            world.create_vat(f"worker{number}", (("worker", WORKER),))
        for _ in range(5):  # so that the kernel knows how long they take
            _send(world, steps, 1)
            world.run()
        _send(world, steps, messages)
        begun = time.perf_counter()
        world.run()
        took = time.perf_counter() - begun
        ahead = world.queue.ahead
        return took, world.digest(), ahead.discarded / max(ahead.begun, 1)


def _send(world: Controller, steps: int, messages: int) -> None:
    for _ in range(messages):
        for number in range(VATS):
            world.queue_to_root(f"worker{number}", "work", [steps], policy="none")


def compare(steps: int, messages: int, threads: int) -> tuple[float, float, float]:
    """The medians of seconds with one thread and with several, and the greatest share in vain."""
    one: list[float] = []
    several: list[float] = []
    vain: list[float] = []
    for _ in range(ROUNDS):
        alone, wanted, _ = measure(1, steps, messages)
        together, found, lost = measure(threads, steps, messages)
        assert found == wanted, "the digests differ"
        one.append(alone)
        several.append(together)
        vain.append(lost)
    return statistics.median(one), statistics.median(several), max(vain)


def main() -> None:
    """Print a line for each load."""
    threads = max(cores(), 2)
    print(f"{VATS} vats, medians of {ROUNDS}; {cores()} cores, load {os.getloadavg()[0]:.1f}")
    for name, (steps, messages) in LOADS.items():
        one, several, vain = compare(steps, messages, threads)
        each = 1_000 / (VATS * messages)
        print(
            f"{name:20} 1 thread {one * each:6.2f} ms each, {threads} threads {several * each:6.2f}:"
            f" {one / several:.2f} times as fast; {vain:.1%} in vain"
        )


if __name__ == "__main__":
    main()
