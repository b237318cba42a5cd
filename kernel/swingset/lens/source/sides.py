"""A difference side by side: each row has a line of the code that runs and the line that takes its place.

Lines that were changed are paired with those that resemble them most, and the words that are different are
marked in both. Code may be a stranger's, so the search for pairs and words is bounded: too many lines are
paired in order, and in a line that is very long or repeats a few words often everything is marked. What all
lines of a difference may take together is bounded too. Only rows that are shown get pieces.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from swingset.lens.source.tones import Toned, tones

_MOST_PAIRED = 400  # pairs of lines that are compared to find those that resemble each other
_LONGEST = 400  # characters of a line in which words are marked
_MOST_STEPS = 200_000  # comparisons of words that two lines may take
_MOST_IN_ALL = 10_000_000  # those that all lines of a difference may take: about a second
_OF_A_WORD = 5  # comparisons that reading a word counts as
_ALIKE = 0.35
_Marks = tuple[list[tuple[int, int]], list[tuple[int, int]]]
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A part of a line: its text, its tone, and whether it is a word that is different.

    The tone is one of `swingset.lens.source.tones`, empty for a plain word.
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


def side_by_side(
    before: list[str], after: list[str], context: int, most: int | None, *, searched: bool
) -> tuple[list[DiffRow], int]:
    """The first rows of a difference, and how many more there are.

    Without `searched`, all lines of the one are against all of the other.
    """
    effort = _Effort()
    planned = list(_planned(before, after, context, effort, searched=searched))
    shown = planned[:most]
    # what is behind the last row needs no tones
    old = _Lines(before[: max((a + 1 for _, a, _ in shown if a is not None), default=0)])
    new = _Lines(after[: max((c + 1 for _, _, c in shown if c is not None), default=0)])
    return [_row(old, new, plan, effort) for plan in shown], len(planned) - len(shown)


_Plan = tuple[str, int | None, int | None]
"""A row without its pieces: its change, and the places of its lines, from 0."""


def _planned(
    before: list[str], after: list[str], context: int, effort: _Effort, *, searched: bool
) -> Iterator[_Plan]:
    if not searched:
        yield from _replaced(before, after, (0, len(before)), (0, len(after)), effort)
        return
    end = 0
    matcher = difflib.SequenceMatcher(None, before, after)
    for group in matcher.get_grouped_opcodes(context):
        if group[0][1] > end:
            yield "gap", None, None
        for sort, a, b, c, d in group:
            end = b
            if sort == "equal":
                yield from (("same", a + at, c + at) for at in range(b - a))
            else:
                yield from _replaced(before, after, (a, b), (c, d), effort)
    if 0 < end < len(before):
        yield "gap", None, None


def _row(old: _Lines, new: _Lines, plan: _Plan, effort: _Effort) -> DiffRow:
    change, a, c = plan
    marks: _Marks = ([], [])
    if change == "changed" and a is not None and c is not None:
        marks = _words(old.lines[a], new.lines[c], effort)
    sides = (None if a is None else old.side(a, marks[0]), None if c is None else new.side(c, marks[1]))
    return DiffRow(change, *sides)


class _Effort:
    """What is left of the comparisons of words that one difference may take."""

    def __init__(self) -> None:
        self.left = _MOST_IN_ALL

    def matcher(self, a: list[str], b: list[str]) -> difflib.SequenceMatcher[str] | None:
        """What compares two lines word by word; None if that would take too many steps.

        A word that both lines repeat is compared as often as the product of both, for each piece found. Where
        what is left is too little for two lines, it is for all that follow.
        """
        there = Counter(b)
        pairs = sum(times * there[word] for word, times in Counter(a).items())
        steps = pairs * min(len(a), len(b))
        cost = _OF_A_WORD * (len(a) + len(b)) + (steps if steps <= _MOST_STEPS else 0)
        self.left = self.left - cost if cost <= self.left else 0
        if steps > _MOST_STEPS or not self.left:
            return None
        return difflib.SequenceMatcher(None, a, b, autojunk=False)


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


def _replaced(
    before: list[str], after: list[str], gone: tuple[int, int], come: tuple[int, int], effort: _Effort
) -> Iterator[_Plan]:
    """The rows of lines that take each other's place."""
    for a, c in _pairs(before, after, range(*gone), range(*come), effort):
        yield "added" if a is None else "removed" if c is None else "changed", a, c


def _pairs(
    before: list[str], after: list[str], gone: range, come: range, effort: _Effort
) -> Iterator[tuple[int | None, int | None]]:
    """Which lines take each other's place, in the order of both."""
    if not gone or not come or len(gone) * len(come) > _MOST_PAIRED:
        yield from zip_longest(gone, come)
        return
    alike = [[_alike(before[a], after[c], effort) for c in come] for a in gone]
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


def _alike(one: str, other: str, effort: _Effort) -> float:
    if len(one) > _LONGEST or len(other) > _LONGEST or not effort.left:
        return 0.0
    a, b = _WORD.findall(one.strip()), _WORD.findall(other.strip())
    matcher = effort.matcher(a, b) if a and b else None
    return matcher.ratio() if matcher is not None else 0.0


def _words(one: str, other: str, effort: _Effort) -> _Marks:
    """The columns of what is different in two lines; all of them if nearly everything is."""
    short = len(one) <= _LONGEST and len(other) <= _LONGEST and effort.left > 0
    a, b = (_WORD.findall(one), _WORD.findall(other)) if short else ([], [])
    matcher = effort.matcher(a, b) if short else None
    if matcher is None:
        return [(0, len(one))], [(0, len(other))]
    marks: _Marks = ([], [])
    for sort, i, j, k, m in matcher.get_opcodes():
        if sort != "equal":
            for words, (first, last), found in ((a, (i, j), marks[0]), (b, (k, m), marks[1])):
                start = len("".join(words[:first]))
                end = start + len("".join(words[first:last]))
                if start < end:
                    found.append((start, end))
    return marks
