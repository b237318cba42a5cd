"""What panels show of other code beside the running code, as JSON: a difference, a verdict, and answers.

The upgrade panel and the page of a proposal have these in common. The rows of a difference are those of
`swingset.lens.source.sides`, with their pieces as lengths, so that each text is sent once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swingset.host.code.rehearsal import Rehearsal
from swingset.lens.source.fixes import Fix
from swingset.lens.source.sides import DiffRow, Side
from swingset.model.visible import one_line
from swingset.time.forks.redelivery import Answered, Redelivered, answers_in_words
from swingset_nb.sides import SIGNS

MOST_SENTENCES = 60
"""The most lines of a report."""
_MOST_PIECES = 200
"""The most pieces of one line."""

View = dict[str, Any]


def row_view(row: DiffRow) -> list[Any]:
    """A row as the page gets it: the sort of change, and both sides."""
    signs = SIGNS.get(row.change, "  ")
    return [row.change, _side(row.old, signs[0]), _side(row.new, signs[1])]


def _side(side: Side | None, sign: str) -> list[Any] | None:
    """The number of a line, its text behind its sign, and how many characters each of its pieces has."""
    if side is None:
        return None
    pieces = [[_units(piece.text), piece.tone, piece.marked] for piece in side.pieces[:_MOST_PIECES]]
    return [side.number, f"{sign} {one_line(side.text)}", pieces]


def _units(text: str) -> int:
    """How long a text is for the page, which counts what is outside of the basic plane twice."""
    return len(one_line(text).encode("utf-16-le")) // 2


def verdict_view(found: Rehearsal, told: Redelivered | None, fixes: Sequence[Fix]) -> View:
    """The report of a rehearsal. Another answer is no fault: it may be what the change is for."""
    words = found.verdict if told is None else f"{found.verdict} {told.verdict}"
    sections = [] if found.fault is not None else found.consequences.sections()
    lines = found.lines if found.fault is not None else (told.notes if told is not None else ())
    return {
        "ok": found.ok,
        "words": words,
        "sections": [[heading, some(lines)] for heading, lines in sections],
        "lines": some(lines),
        "answers": [_answers(old, new) for old, new in (told.answers if told is not None else ())],
        "fixes": [{"title": fix.title, "why": fix.why} for fix in fixes],
    }


def _answers(old: Answered | None, new: Answered | None) -> list[Any]:
    call = (old or new or Answered("", "")).call
    return [call, *answers_in_words(old, new), old is not None and old.is_same(new)]


def some(lines: Sequence[str]) -> list[str]:
    """The first sentences of a report, and how many more there are."""
    more = len(lines) - MOST_SENTENCES
    return [*lines[:MOST_SENTENCES], *([f"and {more:,} more"] if more > 0 else [])]
