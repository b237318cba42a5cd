"""The glossary, which is a file of the package: what each term stands for, and what must not be said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from swingset.model.lines import source_lines

_STRUCK_OUT = re.compile(r"~~`([^`]+)`~~")


@dataclass(frozen=True)
class Term:
    """One row: the terms as they are written, what they stand for, and the names that are struck out."""

    written: str
    meaning: str
    not_said: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Each term of the row by itself."""
        return tuple(word.strip() for word in re.split("[,;]", re.sub(r"\([^)]*\)", "", self.written)))


@cache
def terms() -> tuple[Term, ...]:
    """All rows, in the order of the file."""
    text = (files("swingset") / "glossary.md").read_text("utf-8")
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in source_lines(text) if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return tuple(
        Term(row[0], row[1], tuple(_STRUCK_OUT.findall(row[2])))
        for row in cells
        if len(row) == 3 and row[0] != "say" and not row[0].startswith("--")
    )


@cache
def by_word() -> Mapping[str, Term]:
    """Each term by its word, in lower case; the first row wins."""
    found: dict[str, Term] = {}
    for term in terms():
        for word in term.words:
            found.setdefault(word.lower(), term)
    return found
