"""The records of a world, found by number, by crank, or by what is in them.

Records are stored by commit, each commit's as one compressed value. Who looks for one record decodes those of
its commit, which is found by bisection. Who looks for all records that mention something first searches the
plain text of each commit, which is quick, and decodes only the commits where the text occurs.

All records are those of the line of commits that leads to the current one, and only what was committed is
there. Records of a pruned commit are gone, and who asks for one is told where the past begins (`gone`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from functools import cached_property
from typing import TypeVar

from swingset.core.errors import KernelError
from swingset.world.edge import told_in_words
from swingset.world.file import WorldFile
from swingset.world.gone import Gone, Made, what_is_gone
from swingset.world.line import Line, Mark
from swingset.world.record_lines import lines, read_briefly
from swingset.world.records import CrankRecord, Record

_T = TypeVar("_T")
_FEW = 2_000  # records of a commit that are kept for the next question
_KEPT = 16

Wanted = Callable[[bytes], bool]
"""Whether a line of records may be of interest."""


class Recorded:
    """The committed records of one world, as of the commit that was current when this was made."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._line = Line(world.db, world.history, world.name)
        with told_in_words(world.name):
            self._line.follow(world.head)
        self._marks = self._line.marks
        self._kept: dict[int, tuple[Record, ...]] = {}

    @property
    def origin(self) -> str:
        """The seal of the first commit that has records: it tells worlds apart, and stays while they grow."""
        with told_in_words(self._world.name):
            first = next((mark.seq for mark in self._marks if mark.record), 0)
            return self._world.history.seal(first)

    @cached_property
    def gone(self) -> Gone | None:
        """What the past lacks; None if it begins with the empty world."""
        with told_in_words(self._world.name):
            return what_is_gone(self._world.history, self._line)

    def made_before(self, name: str) -> bool:
        """Whether an object, promise, device or vat was made before the past that is left, by its name."""
        return self._made.before(name)

    @cached_property
    def _made(self) -> Made:
        with told_in_words(self._world.name):
            return Made(self._world.history, self._line, self.gone)

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self._marks[-1].record

    @property
    def last_crank(self) -> int:
        """The number of the last crank."""
        return self._marks[-1].crank

    def number(self, number: int) -> Record | None:
        """The record of that number, or None."""
        place = self._line.with_record(number)
        if number < 1 or place == len(self._marks):
            return None
        return next((found for found in self.of(place) if found.number == number), None)

    def crank(self, crank: int) -> CrankRecord:
        """The record of a crank. Raises `KernelError` if there is none."""
        place = self._line.with_crank(crank)
        if crank > 0 and place < len(self._marks):
            for found in self.of(place):
                if found.crank == crank and isinstance(found, CrankRecord):
                    return found
        last = self._marks[-1].crank
        if self.gone is not None and 0 < crank <= self.gone.crank:
            known = str(self.gone)
        elif self.gone is not None:
            known = (
                f"it has those of cranks {self.gone.first:,} to {last:,}"
                if last > self.gone.crank
                else "it has none"
            )
        else:
            known = f"it has those of cranks 1 to {last:,}" if last else "it has none"
        raise KernelError(f"{self._world.name} has no record of crank {crank}: {known}")

    def of(self, place: int) -> Iterable[Record]:
        """The records of the commit at a place of the line, oldest first."""
        if place in self._kept:
            return self._kept[place]
        found = self._guarded(self._world.history.records_of(self._marks[place].seq))
        before = self._marks[place - 1].record if place else 0
        if self._marks[place].record - before > _FEW:
            return found
        while len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[place] = tuple(found)
        return self._kept[place]

    def through(self, crank: int) -> int:
        """The number of a record after which all that came after a crank is, and little else."""
        place = self._line.with_crank(crank + 1)
        return self._marks[place - 1].record if place else 0

    def after(self, number: int = 0) -> Iterator[Record]:
        """All records after that number, oldest first."""
        return self.mentioning(lambda _: True, number)

    def mentioning(self, wanted: Wanted, after: int = 0) -> Iterator[Record]:
        """The records after that number, of those commits that have a line which is wanted.

        Other records of such a commit come too, in order.
        """
        start = self._line.with_record(after + 1)
        for place in range(start, len(self._marks)):
            if self._has(place, wanted):
                yield from (record for record in self.of(place) if record.number > after)

    def briefly(self, wanted: Wanted, after: int, tables: Collection[str] = ()) -> Iterator[Record]:
        """The records after that number whose lines are wanted, with rows of these tables only.

        They have no calls, effects and transcripts either. The crank of a request is that of the last record
        that was wanted.
        """
        start = self._line.with_record(after + 1)
        for place in range(start, len(self._marks)):
            mark, before = self._marks[place], self._marks[place - 1] if place else Mark(0, 0, 0)
            found = read_briefly(
                self._world.name,
                mark.seq,
                lines(self._world.history.records(mark.seq)),
                number=before.record + 1,
                crank=before.crank,
                wanted=wanted,
                tables=tables,
            )
            yield from (record for record in self._guarded(found) if record.number > after)

    def before(self, wanted: Wanted, number: int) -> Iterator[Record]:
        """The records before that number, newest first, of those commits that have a wanted line."""
        start = self._line.with_record(number)
        for place in range(min(start, len(self._marks) - 1), -1, -1):
            if self._has(place, wanted):
                found = [record for record in self.of(place) if record.number < number]
                yield from reversed(found)

    def _has(self, place: int, wanted: Wanted) -> bool:
        if place in self._kept:
            return True
        packed = self._world.history.records(self._marks[place].seq)
        return any(map(wanted, self._guarded(lines(packed))))

    def _guarded(self, found: Iterator[_T]) -> Iterator[_T]:
        with told_in_words(self._world.name):
            yield from found


def naming(text: str) -> Wanted:
    """Lines that have this text between quotes: a kref, an id or a word."""
    needle = f'"{text}"'.encode()
    return lambda line: needle in line


_SENDER = re.compile(rb'"sender":([0-9]{1,16})')


def sent_by(numbers: Container[int]) -> Wanted:
    """Lines of what one of these records sent; records may be added to the collection meanwhile."""
    return lambda line: any(int(found[1]) in numbers for found in _SENDER.finditer(line))
