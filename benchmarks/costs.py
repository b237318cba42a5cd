"""What benchmarks share: the cost of something in wall and processor time, and a vat that only adds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, NamedTuple

COUNTER = """
from swingset.vat import remotable

@remotable
class Counter:
    def add(self, amount: int) -> int:
        return amount

def build_root_object():
    return Counter()
"""
"""A vat that does next to nothing, so that what is measured is what happens around it."""


class Cost(NamedTuple):
    """What something took, in milliseconds."""

    wall: float
    processor: float


def cost(act: Callable[[], Any], count: int = 1, used: Callable[[], float] = time.process_time) -> Cost:
    """What each of so many things took that `act` does; `used` says the seconds of the processor so far."""
    before, begun = used(), time.perf_counter()
    act()
    wall = time.perf_counter() - begun
    return Cost(wall / count * 1_000, (used() - before) / count * 1_000)


def middle(costs: Iterable[Cost]) -> Cost:
    """The medians, each figure by itself."""
    return Cost(*map(median, zip(*costs, strict=True)))
