"""Waiting bids in memory, highest offer first: one heap per slope.

Bids of equal slope never change their order while time passes, so each slope has one heap, and only the tops
of the heaps are compared: a bid costs a few steps of one heap, however many others wait. A bid that has
reached its cap rises no more, and moves to the heap of slope 0 when it comes to the top of its own.

One may look at a later tick, to which the clock has to jump, and come back. So a bid that has moved is
checked when it comes to the top again, and goes back to its slope if it has not reached its cap at the tick
of the look.

Entries may be stale, because a message was taken, dropped or raised; each has a stamp, and what has no living
stamp is thrown out when it comes to the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import NamedTuple

from swingset.model.bids import UNIT, Bid


class Entry(NamedTuple):
    """A bid in a heap: the higher its key the better, then the earlier born, then the earlier queued."""

    key: int  # negated, because heaps have the least first
    born: int
    seq: int
    stamp: int
    cap: int | None
    slope: int  # of the bid; it is in the heap of slope 0 once its cap is reached
    start: int  # its key in the heap of its own slope

    def is_capped(self, tick: int) -> bool:
        """Whether a bid that rises has reached its cap at a tick."""
        return self.cap is not None and self.slope * tick - self.start >= self.cap * UNIT


class Ladders:
    """The heaps of one sort of bids."""

    def __init__(self, living: dict[int, int]) -> None:
        """`living` is the stamp of each waiting message by its position."""
        self._living = living
        self._heaps: dict[int, list[Entry]] = {0: []}

    def add(self, seq: int, bid: Bid, stamp: int) -> None:
        """Add a bid."""
        key = bid.slope * bid.born - bid.base * UNIT
        if bid.slope == 0 and bid.cap is not None:
            key = max(key, -bid.cap * UNIT)
        self._push(bid.slope, Entry(key, bid.born, seq, stamp, bid.cap, bid.slope, key))

    def _push(self, slope: int, entry: Entry) -> None:
        heappush(self._heaps.setdefault(slope, []), entry)

    def _top(self, slope: int, tick: int) -> Entry | None:
        """The highest valid entry of a heap; those that are in another's place at this tick are moved."""
        heap = self._heaps[slope]
        while heap:
            entry = heap[0]
            if self._living.get(entry.seq) != entry.stamp:
                heappop(heap)
            elif slope and entry.cap is not None and entry.is_capped(tick):
                heappop(heap)
                self._push(0, entry._replace(key=-entry.cap * UNIT))
            elif entry.slope != slope and not entry.is_capped(tick):
                heappop(heap)
                self._push(entry.slope, entry._replace(key=entry.start))
            else:
                return entry
        return None

    def _tops(self, tick: int) -> list[tuple[int, Entry]]:
        """The highest valid entry of each slope that has one."""
        self._top(0, tick)  # first, for what rises still goes back to its slope; and last, for what does not
        found = []
        for slope in sorted(self._heaps, reverse=True):
            entry = self._top(slope, tick)
            if entry is not None:
                found.append((slope, entry))
        return found

    @contextmanager
    def descending(self, tick: int) -> Iterator[Iterator[tuple[int, Entry]]]:
        """An iterator over offers, in 1/1,024 of a unit, and entries at a tick, highest first.

        The heaps are whole again after the body.
        """
        taken: list[tuple[int, Entry]] = []
        try:
            yield self._descend(tick, taken)
        finally:
            for slope, entry in taken:
                self._push(slope, entry)

    def _descend(self, tick: int, taken: list[tuple[int, Entry]]) -> Iterator[tuple[int, Entry]]:
        while True:
            best: tuple[tuple[int, int, int], int, Entry] | None = None
            for slope, entry in self._tops(tick):
                rank = (entry.key - slope * tick, entry.born, entry.seq)
                if best is None or rank < best[0]:
                    best = rank, slope, entry
            if best is None:
                return
            rank, slope, entry = best
            yield -rank[0], entry
            heappop(self._heaps[slope])
            taken.append((slope, entry))

    def soonest(self, tick: int, reserve: int) -> int | None:
        """The first tick from which on an offer reaches a reserve, or None if none ever does."""
        found = None
        for slope, entry in self._tops(tick):
            lacking = reserve - (slope * tick - entry.key)
            if lacking <= 0:
                return tick
            if slope:
                when = tick + -(-lacking // slope)
                found = when if found is None else min(found, when)
        return found
