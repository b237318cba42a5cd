"""How a vat's new source differs from the one that runs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from swingset.model.lines import source_lines


@dataclass(frozen=True)
class Difference:
    """One cell of a vat: the source that runs (`old`, None for a new cell) and the source given (`new`)."""

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
        return list(difflib.unified_diff(before, after, *names, n=context, lineterm=""))
