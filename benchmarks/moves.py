"""What the move of a vat to another world costs: `python benchmarks/moves.py`.

Two worlds in files and in one process, joined by a Unix socket; the vats are confined. A move is measured up
to the first answer of the vat in its new home, with all commits of both worlds. Beside it stands an upgrade
of the same vat in its old home up to its first answer, because a move does what an upgrade does, and carries
the vat's store besides.

Wall time on a busy machine says little, so the processor's time stands beside it: that of both worlds.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for what benchmarks share

from benchmarks.costs import Cost, cost, middle  # noqa: E402
from swingset import costs_over_time  # noqa: E402
from swingset.host.worlds.controller import Controller  # noqa: E402
from swingset.host.worlds.opening import open_world  # noqa: E402
from swingset.model.capdata import Ref  # noqa: E402

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

        def answered(act: Callable[[], Any]) -> None:
            act()
            worlds.ask(shop, "read", kept // 2)

        upgrade = cost(lambda: answered(lambda: old.upgrade_vat("shop", (("shop", SHOP),))))
        move = cost(lambda: answered(lambda: worlds.done(old.net.move_vat("shop", acceptance))))
        return Measured(stored or 0, upgrade, move)


def shown(cost: Cost) -> str:
    """A cost as it stands in the table."""
    return f"{cost.wall:,.0f} ms, {cost.processor:,.0f} ms"


def main() -> None:
    """Print a line for each vat."""
    print("an upgrade, and a move to another world, up to the first answer: wall and processor")
    print(f"medians of {RUNS}; load {os.getloadavg()[0]:.1f}\n")
    print(f"{'objects':>8}{'bytes stored':>14}{'upgrade':>22}{'move':>22}")
    for kept in KEPT:
        runs = [measure(kept) for _ in range(RUNS)]
        upgrade, move = middle(run.upgrade for run in runs), middle(run.move for run in runs)
        print(f"{kept:>8,}{runs[0].stored:>14,}{shown(upgrade):>22}{shown(move):>22}", flush=True)


if __name__ == "__main__":
    main()
