"""How long messages take in a world with a market, beside the same messages in plain order: `make bench`.

One local vat gets many messages, which wait when the run begins. Choosing among many bids should cost little
more than choosing among few. Times depend on the machine; the tests count steps instead.
"""

from __future__ import annotations

import statistics
import time

from swingset.host.worlds.opening import open_world

RUNS = 3
COUNTS = (100, 1_000, 4_000)

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


def main() -> None:
    """Print a line for each number of waiting messages."""
    for count in COUNTS:
        plain, bidding = (
            statistics.median(microseconds(count, bids=bids) for _ in range(RUNS)) for bids in (False, True)
        )
        print(f"{count:>6,} messages wait: {plain:7.0f} µs each in plain order, {bidding:7.0f} µs with bids")


if __name__ == "__main__":
    main()
