"""The line of commits that leads to the current one, by which a crank or a record is found.

History is a tree, and a moment lies on one branch of it: the line from the first commit to the head. Cranks
and records are numbered along the line, so a commit is found by bisection. The line follows the head: only
the commits that were not on it are read.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import apsw

from .errors import HistoryBroken
from .history import History

_FEW = 200  # commits that are read one by one; more are read at once


class Mark(NamedTuple):
    """A commit of the line: its number, and its last crank and record."""

    seq: int
    crank: int
    record: int


class Line:
    """The commits from the first one to a head, oldest first."""

    def __init__(self, db: apsw.Connection, history: History, name: str) -> None:
        self._db = db
        self._history = history
        self._name = name
        self.marks: list[Mark] = []
        self.places: dict[int, int] = {}
        """The place of each commit on the line."""

    def follow(self, head: int) -> int:
        """Make the line end with `head`; returns how many of its first commits stayed.

        Raises `HistoryBroken` if a commit is missing, or if its numbers are lower than its parent's.
        """
        new: list[Mark] = []
        at: int | None = head
        while at is not None and at not in self.places:
            if len(new) == _FEW:
                new += self._all_before(at)
                at = None
                break
            parent = self._history.parent(at)
            query = "SELECT crank, record FROM commits WHERE seq = ?"
            ((crank, record),) = self._db.execute(query, (at,))
            new.append(Mark(at, crank, record))
            at = parent
        stays = 0 if at is None else self.places[at] + 1
        for mark in self.marks[stays:]:
            del self.places[mark.seq]
        del self.marks[stays:]
        for mark in reversed(new):
            before = self.marks[-1] if self.marks else Mark(-1, 0, 0)
            if mark.crank < before.crank or mark.record < before.record:
                words = f"commit {mark.seq} has lower numbers than commit {before.seq}, which is before it"
                raise HistoryBroken(f"{self._name}: {words}")
            self.places[mark.seq] = len(self.marks)
            self.marks.append(mark)
        return stays

    def _all_before(self, seq: int) -> list[Mark]:
        """That commit and all before it, newest first."""
        rows = self._db.execute("SELECT seq, parent, crank, record FROM commits WHERE seq <= ?", (seq,))
        known = {found: (parent, crank, record) for found, parent, crank, record in rows}
        line: list[Mark] = []
        at: int | None = seq
        while at is not None:
            if at not in known:
                raise HistoryBroken(f"{self._name}: commit {at} is missing from its history")
            parent, crank, record = known[at]
            if (parent is None) != (at == 0) or (parent is not None and not 0 <= parent < at):
                raise HistoryBroken(f"{self._name}: commit {at} names {parent} as the commit before it")
            line.append(Mark(at, crank, record))
            at = parent
        return line

    def with_crank(self, crank: int) -> int:
        """The place of the commit that has that crank; the length of the line if none has."""
        return bisect_left(self.marks, crank, key=lambda mark: mark.crank)

    def with_record(self, number: int) -> int:
        """The place of the commit that has that record; the length of the line if none has."""
        return bisect_left(self.marks, number, key=lambda mark: mark.record)
