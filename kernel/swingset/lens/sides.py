"""A difference side by side: each row has a line of the code that runs and the line that takes its place.

Lines that were changed are paired with those that resemble them most, and the words that are different are
marked in both. Code may be a stranger's, so the search for pairs and words is bounded: too many lines are
paired in order, and in a very long line everything is marked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from swingset.lens.tones import Toned, tones

_MOST_PAIRED = 400  # pairs of lines that are compared to find those that resemble each other
_LONGEST = 400  # characters of a line in which words are marked
_ALIKE = 0.35
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A part of a line: its text, its tone, and whether it is a word that is different.

    The tone is one of `swingset.lens.tones`, empty for a plain word.
    """

    text: str
    tone: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Side:
    """A line of one source: its number from 1, and its pieces."""

    number: int
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The line.

        Example:
            >>> rows = session.difference("bank", "bank", "x = 1").side_by_side()
            >>> {row.new.text for row in rows if row.new is not None}
            {'x = 1'}
        """
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True)
class DiffRow:
    """A row of a difference: the running line and the new one.

    `change` is one of: same, changed, removed (there is no new line), added (there is no running line), gap
    (there is neither: equal lines are left out).
    """

    change: str
    old: Side | None = None
    new: Side | None = None


def side_by_side(before: list[str], after: list[str], context: int, *, searched: bool) -> list[DiffRow]:
    """The rows of a difference; without `searched`, all lines of the one are against all of the other."""
    old, new = _Lines(before), _Lines(after)
    if not searched:
        return list(_replaced(old, new, (0, len(before)), (0, len(after))))
    rows: list[DiffRow] = []
    end = 0
    matcher = difflib.SequenceMatcher(None, before, after)
    for group in matcher.get_grouped_opcodes(context):
        if group[0][1] > end:
            rows.append(DiffRow("gap"))
        for sort, a, b, c, d in group:
            end = b
            if sort == "equal":
                rows += [DiffRow("same", old.side(a + at, ()), new.side(c + at, ())) for at in range(b - a)]
            else:
                rows += _replaced(old, new, (a, b), (c, d))
    if rows and end < len(before):
        rows.append(DiffRow("gap"))
    return rows


class _Lines:
    """The lines of a source, with their tones."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self._tones = tones(lines)

    def side(self, at: int, marked: Sequence[tuple[int, int]]) -> Side:
        """One line, counted from 0, with the words marked that are between these columns."""
        text, toned = self.lines[at], self._tones.get(at + 1, [])
        cuts = sorted({0, len(text), *_ends(toned), *(cut for pair in marked for cut in pair)})
        return Side(at + 1, tuple(_pieces(text, cuts, toned, marked)))


def _ends(toned: Sequence[Toned]) -> Iterator[int]:
    for piece in toned:
        yield from piece[:2]


def _pieces(
    text: str, cuts: list[int], toned: Sequence[Toned], marked: Sequence[tuple[int, int]]
) -> Iterator[Piece]:
    at_tone = at_mark = 0
    for start, end in pairwise(cuts):
        while at_tone < len(toned) and toned[at_tone].end <= start:
            at_tone += 1
        while at_mark < len(marked) and marked[at_mark][1] <= start:
            at_mark += 1
        in_tone = at_tone < len(toned) and toned[at_tone].start <= start
        in_mark = at_mark < len(marked) and marked[at_mark][0] <= start
        yield Piece(text[start:end], toned[at_tone].tone if in_tone else "", in_mark)


def _replaced(old: _Lines, new: _Lines, gone: tuple[int, int], come: tuple[int, int]) -> Iterator[DiffRow]:
    """The rows of lines that take each other's place."""
    for a, c in _pairs(old.lines, new.lines, range(*gone), range(*come)):
        if a is None or c is None:
            if a is not None:
                yield DiffRow("removed", old.side(a, ()), None)
            elif c is not None:
                yield DiffRow("added", None, new.side(c, ()))
            continue
        marks = _words(old.lines[a], new.lines[c])
        yield DiffRow("changed", old.side(a, marks[0]), new.side(c, marks[1]))


def _pairs(
    before: list[str], after: list[str], gone: range, come: range
) -> Iterator[tuple[int | None, int | None]]:
    """Which lines take each other's place, in the order of both."""
    if len(gone) * len(come) > _MOST_PAIRED:
        yield from zip_longest(gone, come)
        return
    alike = [[_alike(before[a], after[c]) for c in come] for a in gone]
    # best[i][j] is how much the lines from the i-th and the j-th on resemble each other at most
    best = [[0.0] * (len(come) + 1) for _ in range(len(gone) + 1)]
    for i in range(len(gone) - 1, -1, -1):
        for j in range(len(come) - 1, -1, -1):
            paired = alike[i][j] + best[i + 1][j + 1] if alike[i][j] >= _ALIKE else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    i = j = 0
    while i < len(gone) or j < len(come):
        both = i < len(gone) and j < len(come) and alike[i][j] >= _ALIKE
        if both and best[i][j] == alike[i][j] + best[i + 1][j + 1]:
            yield gone[i], come[j]
            i, j = i + 1, j + 1
        elif i < len(gone) and (j == len(come) or best[i][j] == best[i + 1][j]):
            yield gone[i], None
            i += 1
        else:
            yield None, come[j]
            j += 1


def _alike(one: str, other: str) -> float:
    if len(one) > _LONGEST or len(other) > _LONGEST:
        return 0.0
    a, b = _WORD.findall(one.strip()), _WORD.findall(other.strip())
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() if a and b else 0.0


def _words(one: str, other: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The columns of what is different in two lines; all of them if nearly everything is."""
    if len(one) > _LONGEST or len(other) > _LONGEST:
        return [(0, len(one))], [(0, len(other))]
    a, b = _WORD.findall(one), _WORD.findall(other)
    marks: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for sort, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if sort != "equal":
            for words, (first, last), found in ((a, (i, j), marks[0]), (b, (k, m), marks[1])):
                start = len("".join(words[:first]))
                end = start + len("".join(words[first:last]))
                if start < end:
                    found.append((start, end))
    return marks
