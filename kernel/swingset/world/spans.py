"""Keeps the merged changes of long spans of a line of commits, so that a way over them is short.

The merged changes of each 256 and 4,096 commits are kept in memory, compressed, once somebody has passed
them. They are not stored in the file: it would grow by them, and they would have to be checked against the
commits, which takes longer than to merge the commits anew (half a second for 100,000).
"""

from __future__ import annotations

from collections.abc import Iterator

from .codec import Unpacking, compress
from .history import History
from .line import Line
from .merging import MOST_MERGED, Changes, merged

SIZES = (4_096, 256)
"""How many commits are merged into one span, largest first."""

MOST_KEPT = 64 << 20
"""How many bytes of merged changes are kept."""


class Spans:
    """The changes between the places of one line of commits."""

    def __init__(self, history: History, line: Line) -> None:
        self._history = history
        self._line = line
        self._spans: dict[tuple[int, int], bytes | None] = {}
        self._kept = 0

    def drop(self, stays: int) -> None:
        """Drop what covers other commits than the first `stays` of the line."""
        for (size, at), packed in list(self._spans.items()):
            if at + size >= stays:
                del self._spans[size, at]
                self._kept -= len(packed or b"")

    def between(self, start: int, end: int, *, backwards: bool) -> Iterator[Changes]:
        """The changes from the state at place `start` of the line to that at `end`, in pieces.

        If they are to be undone, with `backwards`, the last piece comes first.
        """
        return merged(self._way(start, end, backwards), backwards=backwards)

    def _way(self, start: int, end: int, backwards: bool) -> Iterator[Unpacking]:
        while start < end:
            for size in SIZES:
                at = end - size if backwards else start
                if at % size == 0 and start <= at <= end - size and (span := self._span(size, at)):
                    yield span
                    break
            else:
                size = 1
                yield self._changes(end if backwards else start + 1)
            start, end = (start, end - size) if backwards else (start + size, end)

    def _changes(self, place: int) -> Unpacking:
        return self._history.changes(self._line.marks[place].seq)

    def _span(self, size: int, at: int) -> Unpacking | None:
        """The merged changes of that many commits after a place; None if they are too large for one piece."""
        if (size, at) not in self._spans:
            packed = self._merge(size, at)
            self._spans[size, at] = packed
            self._kept += len(packed or b"")
            while self._kept > MOST_KEPT and len(self._spans) > 1:
                self._kept -= len(self._spans.pop(next(iter(self._spans))) or b"")
        else:
            packed = self._spans[size, at]
        return None if packed is None else Unpacking(packed, MOST_MERGED, f"the changes of {size:,} commits")

    def _merge(self, size: int, at: int) -> bytes | None:
        way: list[Unpacking] = []
        if size == SIZES[-1]:
            marks, places = self._line.marks, self._line.places
            commits = self._history.changes_of(marks[at + 1].seq, marks[at + size].seq)
            way = [changes for seq, changes in commits if seq in places]
        else:
            smaller = SIZES[SIZES.index(size) + 1]
            for start in range(at, at + size, smaller):
                if (part := self._span(smaller, start)) is None:
                    return None
                way.append(part)
        if sum(part.size for part in way) > MOST_MERGED:
            return None
        pieces = list(merged(way, backwards=False))
        if len(pieces) > 1:
            return None  # changes too large to be merged
        whole = pieces[0] if pieces else b""
        return compress(whole) if isinstance(whole, bytes) else None
