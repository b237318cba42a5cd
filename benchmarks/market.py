"""How long messages take in a world with a market, beside the same messages in plain order: `make bench`.

One local vat gets many messages, which wait when the run begins. Choosing among many bids should cost little
more than choosing among few, so the choice alone is measured too, up to 100,000 bids: it grows with the
logarithm of their number. And an urgent message is measured by how many others run before it. Times depend on
the machine; the tests count steps instead.
"""

from __future__ import annotations

import statistics
import time

from swingset.core.ladders import Ladders
from swingset.host.base import policies
from swingset.host.worlds.opening import open_world
from swingset.model.bids import MENU, Bid

RUNS = 3
COUNTS = (100, 1_000, 4_000)
BIDS = (1_000, 10_000, 100_000)
CHOICES = 1_000

VAT = """
from swingset.vat import remotable

@remotable
class Shop:
    def sell(self, what: int) -> None:
        pass

def build_root_object():
    return Shop()
"""


def microseconds(count: int, *, bids: bool) -> float:
    """What one message takes of a run in which so many wait."""
    with open_world(None, worker="local") as world:
        world.create_vat("shop", (("shop", VAT),))
        if bids:
            world.market.open()
            world.market.open_account("ann", None)
        for number in range(count):
            if bids:
                bid = {"account": "ann", "base": number % 97, "slope": 1 << number % 5, "cap": 10_000}
                world.market.send("shop", "sell", [number], policy="none", **bid)
            else:
                world.queue_to_root("shop", "sell", [number], policy="none")
        before = time.perf_counter()
        world.run()
        return (time.perf_counter() - before) / count * 1e6


def choosing(count: int) -> float:
    """What it takes to choose the best of so many bids and to put another in its place, in microseconds."""
    living = dict[int, int]()
    ladders = Ladders(living)

    def add(seq: int) -> None:
        living[seq] = seq
        bid = Bid("ann", seq % 977, MENU[1 + seq % 9], 100_000, 1, seq % 31)
        ladders.add(seq, bid, seq)

    for seq in range(count):
        add(seq)
    before = time.perf_counter()
    for number in range(CHOICES):
        with ladders.descending(100 + number) as offers:
            _, entry = next(offers)
        del living[entry.seq]
        add(count + number)
    return (time.perf_counter() - before) / CHOICES * 1e6


def ahead_of(count: int, *, bids: bool) -> int:
    """How many of so many waiting messages run before one that came last and is urgent."""
    with open_world(None, worker="local") as world:
        for name in ("shop", "express"):
            world.create_vat(name, (("shop", VAT),))
        if bids:
            world.market.open()
            world.market.open_account("ann", None)
        for number in range(count):
            world.queue_to_root("shop", "sell", [number], policy="none")
        if bids:
            urgent = world.market.send("express", "sell", [0], account="ann", base=count, slope=0)
        else:
            urgent = world.queue_to_root("express", "sell", [0])
        before = world.crank
        while world.status(urgent or "") == "unresolved":
            world.run(policies.cranks(1))
        return world.crank - before - 1


def main() -> None:
    """Print a line for each number of waiting messages."""
    for count in COUNTS:
        plain, bidding = (
            statistics.median(microseconds(count, bids=bids) for _ in range(RUNS)) for bids in (False, True)
        )
        print(f"{count:>6,} messages wait: {plain:7.0f} µs each in plain order, {bidding:7.0f} µs with bids")
    for count in BIDS:
        taken = statistics.median(choosing(count) for _ in range(RUNS))
        print(f"{count:>7,} bids: {taken:5.1f} µs to choose the best and add another")
    for count in COUNTS[:2]:
        plain, bidding = (ahead_of(count, bids=bids) for bids in (False, True))
        print(f"{count:>6,} messages wait: {plain:,} run before an urgent one, {bidding} if it bids")


if __name__ == "__main__":
    main()
