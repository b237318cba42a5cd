"""What a look at the past costs in a world of 100,000 cranks, and how many looks find since when it is wrong.

Each crank is a commit of its own, which is the dearest history for a look: a run makes one of up to 500
cranks. The world is written to a file and opened to be looked at, so the first look has nothing in memory.
A purse goes wrong in one of the cranks, and `swingset.when` finds which one.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import swingset

CRANKS = 100_000
LOOKS = 200
MEDIAN_MS, WORST_MS, MOST_LOOKS = 300, 2_000, 17

PURSE = """
from swingset.vat import durable, provide, remotable

@durable
class Purse:
    balance: int = 0

    def change(self, amount: int) -> int:
        self.balance += amount
        return self.balance

def build_root_object(baggage):
    purse = provide(baggage, "purse", Purse)

    @remotable
    class Bank:
        def change(self, amount: int) -> int:
            return purse.change(amount)

    return Bank()
"""


def make(path: Path, cranks: int, wrong: int) -> int:
    """Write a world of so many cranks, in which crank `wrong` or the next one makes the purse wrong.

    Returns the crank that did.
    """
    found = 0
    with swingset.open_world(None, worker="local") as world:
        world.create_vat("bank", (("bank", PURSE),), options={"reap_interval": 1_000})
        while world.crank < cranks:
            planted = not found and world.crank + 1 >= wrong
            world.queue_to_root("bank", "change", [-(1 << 40) if planted else 1], policy="none")
            while (report := world.step()) is not None:
                if planted and type(report.event).__name__ == "Send":
                    found, planted = report.number, False
        world.history.export(path)
    return found


def since_when(world: swingset.Controller) -> tuple[int | None, int]:
    """The crank that made the purse wrong, and how many moments were looked at."""
    since = swingset.when(world, "purse.balance < 0")
    return since.crank, since.looks


def look(world: swingset.Controller, crank: int) -> float:
    """Milliseconds of one look."""
    start = time.perf_counter()
    with world.at(crank) as moment:
        assert moment.crank == crank
    return (time.perf_counter() - start) * 1_000


def measure(path: Path, cranks: int, looks: int) -> tuple[float, float, float, int, bool]:
    """Milliseconds of the first look, the median and the worst; looks of a bisection; whether it is right."""
    chance = random.Random(cranks)
    wrong = make(path, cranks, chance.randrange(cranks // 4, cranks))
    with swingset.open_world(path, look_only=True) as world:
        first = look(world, cranks // 2)
        took = [first] + [look(world, chance.randint(1, world.crank)) for _ in range(looks)]
        found, asked = since_when(world)
        return first, statistics.median(took), max(took), asked, found == wrong


def main() -> int:
    """Measure, print, and fail where a target is missed."""
    cranks = int(sys.argv[1]) if len(sys.argv) > 1 else CRANKS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.world"
        first, median, worst, asked, right = measure(path, cranks, LOOKS)
        size = path.stat().st_size
    print(f"a world of {cranks:,} cranks, each a commit, {size / 1e6:,.0f} MB; load {os.getloadavg()[0]:.1f}")
    print(f"first look {first:,.0f} ms, median {median:,.1f} ms, worst {worst:,.0f} ms of {LOOKS}")
    print(f"a purse that went wrong is found in {asked} looks" + ("" if right else ", BUT NOT WHERE IT WAS"))
    missed = median > MEDIAN_MS or worst > WORST_MS or asked > MOST_LOOKS or not right
    print(f"target: {MEDIAN_MS} ms, {WORST_MS:,} ms and {MOST_LOOKS} looks" + (", MISSED" if missed else ""))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
