"""How a vat's new source differs from the one that runs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from swingset.model.lines import source_lines


@dataclass(frozen=True)
class Difference:
    """One cell of a vat, as it runs (`old`, None where the part is new) and as it was given (`new`)."""

    vat: str
    part: str
    old: str | None
    new: str

    def unified(self, context: int = 2) -> list[str]:
        """The lines of a unified diff, without line ends; line numbers are those of the cells."""
        before = source_lines(self.old or "")
        after = source_lines(self.new)
        names = (f"{self.part} (running)", f"{self.part} (this cell)")
        return list(difflib.unified_diff(before, after, *names, n=context, lineterm=""))
