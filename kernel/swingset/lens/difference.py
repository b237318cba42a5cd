"""How a vat's new source differs from the one that runs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One cell of a vat, as it runs (`old`, None where the part is new) and as it was given (`new`)."""

    vat: str
    part: str
    old: str | None
    new: str

    def unified(self, context: int = 2) -> list[str]:
        """The lines of a unified diff, without line ends; line numbers are those of the cells."""
        before = (self.old or "").splitlines()
        after = self.new.splitlines()
        names = (f"{self.part} (running)", f"{self.part} (this cell)")
        return list(difflib.unified_diff(before, after, *names, n=context, lineterm=""))
