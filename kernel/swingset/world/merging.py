"""Merges the changes of many commits into the changes between two of them, so that a long way is one step.

A state 50,000 commits away is reached by the net changes in between. To merge the changes of a commit costs a
few microseconds; to apply them by themselves costs a hundred times as much. The merged changes of each 256
and 4,096 commits of a line are kept in memory, compressed, so the next way over them is shorter still.

They are not stored in the file: it would grow by them, and a reader would have to check them against the
commits, which takes longer than to merge the commits anew.
"""

from __future__ import annotations

import apsw

from .codec import Unpacking, compress, decompress
from .edge import told_in_words
from .errors import HistoryBroken
from .history import History
from .line import Line

SPANS = (4_096, 256)
"""How many commits are merged into one span, largest first."""

MOST_MERGED = 16 << 20
"""How many bytes of changes are merged into one; more are applied one after the other."""

MOST_ALONE = 1 << 20
"""How many bytes the changes of one commit may have to be merged with others."""

MOST_KEPT = 64 << 20
"""How many bytes of merged changes are kept."""

Changes = Unpacking | bytes
"""A changeset, packed in the file or plain in memory."""


class Merger:
    """Merges changesets in order, and returns them in as few pieces as their sizes allow."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._builder: apsw.ChangesetBuilder | None = None
        self._size = 0
        self._pieces: list[Changes] = []

    def add(self, changes: Unpacking, seq: int) -> None:
        """Add the changes of a commit. Raises `HistoryBroken` if they cannot be read."""
        if changes.size > MOST_ALONE:
            self._end()
            self._pieces.append(changes)
        elif changes.size:
            self.add_plain(changes.whole(), f"the changes of commit {seq}")

    def add_plain(self, changes: bytes, what: str) -> None:
        """Add changes that are merged already."""
        if self._size + len(changes) > MOST_MERGED:
            self._end()
        if self._builder is None:
            self._builder = apsw.ChangesetBuilder()  # type: ignore[no-untyped-call]
        try:
            self._builder.add(changes)
        except (apsw.Error, UnicodeDecodeError) as problem:
            raise HistoryBroken(f"{self._name}: {what} cannot be read: {problem}") from problem
        self._size += len(changes)

    def _end(self) -> None:
        if self._builder is not None:
            self._pieces.append(self._builder.output())
            self._builder, self._size = None, 0

    def pieces(self) -> list[Changes]:
        """All that was added, in pieces to be applied in this order."""
        self._end()
        return self._pieces


class Merged:
    """The merged changes of one line of commits."""

    def __init__(self, history: History, line: Line, name: str) -> None:
        self._history = history
        self._line = line
        self._name = name
        self._spans: dict[tuple[int, int], bytes | None] = {}
        self._kept = 0

    def drop(self, stays: int) -> None:
        """Drop what covers other commits than the first `stays` of the line."""
        for (size, at), packed in list(self._spans.items()):
            if at + size >= stays:
                del self._spans[size, at]
                self._kept -= len(packed or b"")

    def pieces(self, start: int, end: int) -> list[Changes]:
        """The changes from the state at place `start` of the line to that at `end`, in order."""
        merger, at = Merger(self._name), start
        with told_in_words(self._name):
            while at < end:
                for size in SPANS:
                    if at % size == 0 and at + size <= end and (span := self._span(size, at)) is not None:
                        merger.add_plain(span, f"the changes of {size:,} commits")
                        at += size
                        break
                else:
                    at += 1
                    seq = self._line.marks[at].seq
                    merger.add(self._history.changes(seq), seq)
        return merger.pieces()

    def _span(self, size: int, at: int) -> bytes | None:
        """The merged changes of that many commits after a place; None if they are too large for one piece."""
        if (size, at) not in self._spans:
            pieces = self._merge(size, at)
            whole = b"" if not pieces else pieces[0]
            packed = compress(whole) if isinstance(whole, bytes) and len(pieces) < 2 else None
            self._spans[size, at] = packed
            self._kept += len(packed or b"")
            while self._kept > MOST_KEPT and len(self._spans) > 1:
                self._kept -= len(self._spans.pop(next(iter(self._spans))) or b"")
        packed = self._spans[size, at]
        return None if packed is None else decompress(packed, MOST_MERGED, "merged changes")

    def _merge(self, size: int, at: int) -> list[Changes]:
        merger = Merger(self._name)
        smaller = SPANS[SPANS.index(size) + 1] if size != SPANS[-1] else 1
        for start in range(at, at + size, smaller):
            if smaller == 1:
                seq = self._line.marks[start + 1].seq
                merger.add(self._history.changes(seq), seq)
            elif (span := self._span(smaller, start)) is not None:
                merger.add_plain(span, f"the changes of {smaller:,} commits")
            else:
                return [b"", b""]  # too large for one piece
        return merger.pieces()
