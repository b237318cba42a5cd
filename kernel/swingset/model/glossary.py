"""The glossary, which is a file of the package: what each term stands for, and what must not be said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from swingset.model.lines import source_lines

_ENDINGS = (
    *(("s", ""), ("es", ""), ("ies", "y"), ("ied", "y"), ("d", ""), ("ed", ""), ("ing", ""), ("ing", "e")),
    *(("ment", ""), ("er", ""), ("ness", "")),
)
"""How words end in other forms, and what their stem ends with instead."""

_SHORTEST = 3

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


def find(word: str) -> Term | None:
    """The term that somebody asks for, in another form of the word if need be: plural, past, or with `-ing`.

    Returns None if there is none.

    Example:
        >>> find("Notified").written
        'notification, notify'
    """
    asked = _spaced(word)
    exact = {_spaced(known): term for known, term in by_word().items()}
    if asked in exact:
        return exact[asked]
    return next((_by_stem()[stem] for stem in _stems(asked) if stem in _by_stem()), None)


@cache
def _by_stem() -> Mapping[str, Term]:
    """Each term by the stems of its words; the first row wins."""
    found: dict[str, Term] = {}
    for word, term in by_word().items():
        for stem in _stems(_spaced(word)):
            found.setdefault(stem, term)
    return found


def _spaced(word: str) -> str:
    """A word as it is looked up: `run-queue`, `run queue` and `Run_queue` are the same."""
    return " ".join(re.split(r"[-_\s]+", word.lower().strip()))


def _stems(word: str) -> Iterator[str]:
    """A word without its ending, for each that it may have, the word itself first."""
    yield word
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST:
            yield stem + instead
            if not instead and stem[-1] == stem[-2]:
                yield stem[:-1]


@cache
def by_word() -> Mapping[str, Term]:
    """Each term by its word, in lower case; the first row wins."""
    found: dict[str, Term] = {}
    for term in terms():
        for word in term.words:
            found.setdefault(word.lower(), term)
    return found
