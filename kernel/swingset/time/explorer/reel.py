"""The records of a world as lines, followed as it grows and read in either direction within bounds.

The explorer asks about the newest records after each cell, and looks backwards for the last time that
something happened. So the line of commits is kept and followed: only new commits are read. A line is
decoded only if it has what is looked for, and a search reads at most so many commits and bytes, which are
counted and not timed, so that two readers of the same world find the same.

Records that wait for their commit are the last place of the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from swingset.core.errors import KernelError
from swingset.world.edge import told_in_words
from swingset.world.file import WorldFile
from swingset.world.gone import Gone, what_is_gone
from swingset.world.line import Line, Mark
from swingset.world.record_lines import lines, read_briefly, read_lines
from swingset.world.records import CrankRecord, Record

MOST_COMMITS, MOST_BYTES = 3_000, 32 << 20
"""How many commits, and how many bytes of their records, one search reads."""

_KEPT, _KEPT_BYTES = 64, 1 << 20

Wanted = Callable[[bytes], bool]


@dataclass
class Budget:
    """How much a search may still read; `spent` says that it was stopped."""

    commits: int = MOST_COMMITS
    bytes: int = MOST_BYTES
    spent: bool = False

    def take(self, size: int) -> bool:
        """Count a commit; returns whether it may be read."""
        if self.commits <= 0 or size > self.bytes:
            self.spent = True
            return False
        self.commits -= 1
        self.bytes -= size
        return True


class Reel:
    """The line of commits of one world, with its records."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._kept: dict[int, list[bytes]] = {}
        self._long: tuple[int, list[bytes], list[int]] | None = None
        self._begin()

    def _begin(self) -> None:
        world = self._world
        self._line = Line(world.db, world.history, world.name)
        self._cuts, self._head = world.cuts, -1
        self._gone: Gone | None = None
        self._kept.clear()
        self._long = None

    def follow(self) -> None:
        """Follow the world to its present."""
        world = self._world
        if self._cuts != world.cuts:
            self._begin()
        if self._head == world.head:
            return
        with told_in_words(world.name):
            self._line.follow(world.head)
            self._gone = what_is_gone(world.history, self._line)
        self._head = world.head

    @property
    def marks(self) -> list[Mark]:
        """The commits, oldest first."""
        return self._line.marks

    @property
    def places(self) -> dict[int, int]:
        """The place of each commit by its number."""
        return self._line.places

    @property
    def gone(self) -> Gone | None:
        """What of the past is not there, or None."""
        return self._gone

    @property
    def first(self) -> int:
        """The first crank that is left."""
        return 1 if self._gone is None else self._gone.first

    @property
    def start(self) -> int:
        """The place of the first commit whose records are there."""
        return 0 if self._gone is None else self._gone.place + 1

    def waiting(self) -> list[bytes]:
        """The lines of the records that wait for their commit."""
        return self._world.journal.lines()

    def of(self, place: int) -> list[bytes]:
        """The lines of one commit; at the place behind the last, those that wait for their commit."""
        if place >= len(self.marks):
            return self.waiting()
        seq = self.marks[place].seq
        if seq in self._kept:
            return self._kept[seq]
        found = list(self.streamed(place))
        if sum(map(len, found)) <= _KEPT_BYTES:
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[seq] = found
        return found

    def streamed(self, place: int) -> Iterator[bytes]:
        """As `of`, one line after the other: a hostile commit may have half a gigabyte of them."""
        if place >= len(self.marks):
            yield from self.waiting()
            return
        with told_in_words(self._world.name):
            yield from lines(self._world.history.records(self.marks[place].seq))

    def _size(self, place: int) -> int:
        if place >= len(self.marks):
            return self._world.journal.size
        seq = self.marks[place].seq
        if seq in self._kept:
            return sum(map(len, self._kept[seq]))
        with told_in_words(self._world.name):
            return self._world.history.records(seq).size

    def before(self, place: int) -> Mark:
        """The commit before a place."""
        return self.marks[place - 1] if place else Mark(-1, 0, 0)

    def decode(self, place: int, at: int, line: bytes, crank: int, rows: bool = True) -> Record:
        """Decode the line `at` of a commit; `crank` is the last crank before it. Raises `WorldError`.

        Without `rows`, the changed rows are left out: most of a long record are rows.
        """
        before = self.before(place)
        seq = self.marks[place].seq if place < len(self.marks) else before.seq
        with told_in_words(self._world.name):
            where, number = (self._world.name, seq, [line]), before.record + 1 + at
            if rows:
                return next(read_lines(*where, number=number, crank=crank))
            return next(read_briefly(*where, number=number, crank=crank, wanted=_any, tables=()))

    def number(self, number: int, budget: Budget) -> Record | None:
        """The record of that number, or None, also if it is in a commit too long for the budget."""
        place = self._line.with_record(number)
        crank, first = self.before(place).crank, self.before(place).record + 1
        if place < self.start or number < first:
            return None
        counted = self._counted(place)
        if counted is not None:
            found, cranks = counted
            at = number - first
            return self.decode(place, at, found[at], crank + cranks[at]) if at < len(found) else None
        if not budget.take(self._size(place)):
            return None
        for at, line in enumerate(self.streamed(place)):
            if first + at == number:
                return self.decode(place, at, line, crank)
            crank += is_crank(line)
        return None

    def _counted(self, place: int) -> tuple[list[bytes], list[int]] | None:
        """The lines of a commit, and how many of those before each are cranks; None if it is too long.

        That of one commit is kept, because a chain of causes mostly stays within one.
        """
        if place >= len(self.marks) or self._size(place) > MOST_BYTES:
            return None
        seq = self.marks[place].seq
        if self._long is None or self._long[0] != seq:
            found = self.of(place)
            self._long = seq, found, [0, *accumulate(map(is_crank, found))]
        return self._long[1:]

    def crank(self, crank: int) -> CrankRecord:
        """The record of a crank. Raises `KernelError` if there is none."""
        place = self._line.with_crank(crank)
        if crank > 0 and place >= self.start:
            last = self.before(place).crank
            for at, line in enumerate(self.streamed(place)):
                if is_crank(line):
                    last += 1
                    found = self.decode(place, at, line, last - 1) if last == crank else None
                    if isinstance(found, CrankRecord):
                        return found
        known = str(self._gone) if self._gone is not None else "they are numbered from 1"
        raise KernelError(f"{self._world.name} has no record of crank {crank:,}: {known}")

    def back(
        self, wanted: Wanted, budget: Budget, before: int | None = None, rows: bool = True
    ) -> Iterator[Record]:
        """The records whose line is wanted, newest first; those before record number `before`, if given.

        They are without their rows if these are not asked for.
        """
        last = len(self.marks) if before is None else self._line.with_record(before)
        for place in range(min(last, len(self.marks)), self.start - 1, -1):
            if not budget.take(self._size(place)):
                return
            found, mark = self.of(place), self.before(place)
            at = len(found)
            for line in reversed(found):
                at -= 1
                if (before is None or mark.record + at + 1 < before) and wanted(line):
                    crank = mark.crank + sum(map(is_crank, found[:at]))
                    yield self.decode(place, at, line, crank, rows)

    def on(self, wanted: Wanted, budget: Budget, after: int) -> Iterator[Record]:
        """The records after that number whose line is wanted, oldest first."""
        for place in range(max(self._line.with_record(after + 1), self.start), len(self.marks) + 1):
            if not budget.take(self._size(place)):
                return
            mark = self.before(place)
            crank = mark.crank
            for at, line in enumerate(self.of(place)):
                if mark.record + at + 1 > after and wanted(line):
                    yield self.decode(place, at, line, crank)
                crank += is_crank(line)


def _any(_line: bytes) -> bool:
    return True


def is_crank(line: bytes) -> bool:
    """Whether a line is the record of a crank, which begins otherwise than that of a request."""
    return line.startswith(b'{"c') and not line.startswith(b'{"cell"')
