"""What the move of a vat to another world costs: `python benchmarks/moves.py`.

Two worlds in files and in one process, joined by a Unix socket; the vats are confined. A move is measured up
to the first answer of the vat in its new home, with all commits of both worlds. Beside it stands an upgrade
of the same vat in its old home up to its first answer, because a move does what an upgrade does, and carries
the vat's store besides.

Wall time on a busy machine says little, so the processor's time stands beside it: that of both worlds.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from swingset import costs_over_time
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.model.capdata import Ref

RUNS = 5
KEPT = (0, 1_000, 10_000)
"""How many objects the vats keep."""

SHOP = """
from swingset.vat import BigMap, durable, provide, remotable

@durable
class Item:
    number: int
    words: str

@remotable
class Shop:
    def __init__(self, baggage):
        self.items = provide(baggage, "items", BigMap)

    def fill(self, first: int, last: int):
        for number in range(first, last):
            self.items[number] = Item(number, f"an item with some words about it, {number}")

    def read(self, number: int):
        return self.items[number].words if number in self.items else ""

def build_root_object(baggage):
    return Shop(baggage)
"""


class Cost(NamedTuple):
    """What something took, in milliseconds."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:,.0f} ms, {self.processor:,.0f} ms"


class Measured(NamedTuple):
    """What was measured of a vat: how many bytes it stores, its upgrade, and its move."""

    stored: int
    upgrade: Cost
    move: Cost


class Pair:
    """Two worlds; the vat is in the first."""

    def __init__(self, old: Controller, new: Controller) -> None:
        self.old, self.new = old, new

    def done(self, kref: str | None) -> Any:
        """Have both worlds do what they have to until a promise of the first is settled."""
        assert kref is not None
        while self.old.status(kref) == "unresolved":
            for world in (self.old, self.new):
                world.run()
                world.net.wait(0.001)
                world.net.pump()
        if self.old.status(kref) != "fulfilled":
            raise SystemExit(f"not done: {self.old.resolution(kref)}")
        return self.old.resolution(kref)

    def ask(self, shop: Ref, method: str, *args: Any) -> Any:
        """Ask the vat."""
        return self.done(self.old.queue_to_object(shop.kref, method, list(args)))


@contextmanager
def pair() -> Iterator[Pair]:
    """Two worlds that are linked."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with open_world(place / "old.world") as old, open_world(place / "new.world") as new:
            for world in (old, new):
                world.net.listen("unix")
            yield Pair(old, new)


def measure(kept: int) -> Measured:
    """One vat that keeps so many objects."""
    with pair() as worlds:
        old, new = worlds.old, worlds.new
        made = new.net.accept_vats()
        new.run()
        acceptance = worlds.done(old.net.fetch(new.net.share(new.resolution(made))))
        old.create_vat("shop", (("shop", SHOP),))
        shop = Ref(old.vats.root("shop"), "shop")
        for first in range(0, kept, 1_000):
            worlds.ask(shop, "fill", first, min(first + 1_000, kept))
        (stored,) = [vat.stored for vat in costs_over_time(old).vats if vat.vat == "shop"]

        def cost(act: Any) -> Cost:
            wall, processor = time.perf_counter(), time.process_time()
            act()
            worlds.ask(shop, "read", kept // 2)
            return Cost(
                *(
                    1_000 * (now - then)
                    for now, then in zip(
                        (time.perf_counter(), time.process_time()), (wall, processor), strict=True
                    )
                )
            )

        upgrade = cost(lambda: old.upgrade_vat("shop", (("shop", SHOP),)))
        move = cost(lambda: worlds.done(old.net.move_vat("shop", acceptance)))
        return Measured(stored or 0, upgrade, move)


def median(costs: list[Cost]) -> Cost:
    """The medians, each figure by itself."""
    half = len(costs) // 2
    return Cost(*(sorted(figures)[half] for figures in zip(*costs, strict=True)))


def main() -> None:
    """Print a line for each vat."""
    print("an upgrade, and a move to another world, up to the first answer: wall and processor")
    print(f"medians of {RUNS}; load {os.getloadavg()[0]:.1f}\n")
    print(f"{'objects':>8}{'bytes stored':>14}{'upgrade':>22}{'move':>22}")
    for kept in KEPT:
        runs = [measure(kept) for _ in range(RUNS)]
        upgrade, move = median([run.upgrade for run in runs]), median([run.move for run in runs])
        print(f"{kept:>8,}{runs[0].stored:>14,}{upgrade!s:>22}{move!s:>22}", flush=True)


if __name__ == "__main__":
    main()
