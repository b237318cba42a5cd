"""How a vat's new source differs from the one that runs.

What runs may be a stranger's. The search for equal lines looks at each pair of them again for every piece
that is left, which takes hours for some ten thousand lines that repeat. So the pairs are counted first; where
they are too many, the difference is all lines of the one, and all of the other.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from swingset.lens.source.sides import DiffRow, side_by_side
from swingset.model.lines import source_lines

MOST_STEPS = 50_000_000
"""How many comparisons of lines a difference may take; ten millions are about a second."""

_MANY = 200
"""From how many lines on `difflib` passes over those that make up more than a hundredth."""


@dataclass(frozen=True)
class Difference:
    """One cell of a vat: the source that runs (`old`, None for a new cell) and the source given (`new`).

    Source:
        Ours.
    """

    vat: str
    part: str
    old: str | None
    new: str

    def unified(self, context: int = 2) -> list[str]:
        """The change as lines of a unified diff, without line ends.

        Args:
            context: how many lines that are the same stand around a change.
        Example:
            >>> print(session.difference("bank", "bank", "x = 1").unified()[-1])
            +x = 1
        """
        before = source_lines(self.old or "")
        after = source_lines(self.new)
        names = (f"{self.part} (running)", f"{self.part} (this cell)")
        return unified(before, after, names, context)

    def side_by_side(self, context: int = 2) -> list[DiffRow]:
        """The change as rows: each has a running line, and the new line that takes its place.

        Args:
            context: how many lines that are the same stand around a change.
        Example:
            >>> rows = session.difference("bank", "bank", "x = 1").side_by_side()
            >>> [row.new.text for row in rows if row.new is not None]
            ['x = 1']
        """
        return self.first_rows(None, context)[0]

    def first_rows(self, most: int | None, context: int = 2) -> tuple[list[DiffRow], int]:
        """The first rows of `side_by_side`, and how many more there are, which are not made.

        Args:
            most: how many rows at most; None for all.
            context: how many lines that are the same stand around a change.
        Example:
            >>> rows, left = session.difference("bank", "bank", "x = 1").first_rows(400)
            >>> left
            0
        """
        before, after = source_lines(self.old or ""), source_lines(self.new)
        return side_by_side(before, after, context, most, searched=steps(before, after) <= MOST_STEPS)


def unified(before: Sequence[str], after: Sequence[str], names: tuple[str, str], context: int) -> list[str]:
    """The lines of a unified diff, without line ends."""
    if steps(before, after) <= MOST_STEPS:
        return list(difflib.unified_diff(before, after, *names, n=context, lineterm=""))
    return [
        *(f"--- {names[0]}", f"+++ {names[1]}", f"@@ -1,{len(before)} +1,{len(after)} @@"),
        *(f"-{line}" for line in before),
        *(f"+{line}" for line in after),
    ]


def steps(before: Sequence[str], after: Sequence[str]) -> int:
    """How many comparisons of lines a difference takes at most."""
    seen, there = Counter(before), Counter(after)
    most = len(after) // 100 + 1 if len(after) >= _MANY else len(after)
    pairs = sum(times * seen[line] for line, times in there.items() if times <= most)
    return pairs * min(len(before), len(after))
