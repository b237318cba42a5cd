"""What to do about what went wrong: the sections of `docs/recovering.md`, by code and by name of an error.

The page is the only place that says it. The wheel carries the page inside of the package; in a clone it is
read where it lies. A section has what the code means, and a list of cures; the examples between are for
readers of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "recovering.md"
_IN_A_CLONE = Path(__file__).parents[3] / "docs" / "recovering.md"

_SECTION = re.compile(r"^##+ ([\w-]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```.*?^```$\n?", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[`?([^\]`]+)`?\]\((?:([\w/-]+\.md))?(?:#[\w-]+)?\)")


@dataclass(frozen=True)
class Recovery:
    """One section: the code or the error's class, what it means, and what to do, in order."""

    name: str
    meaning: str
    cures: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where all of it stands, with an example."""
        return f"docs/recovering.md#{self.name.lower()}"

    def lines(self) -> Iterator[str]:
        """The section in short, for a terminal."""
        yield f"{self.name}: {self.meaning}"
        yield from (f"- {cure}" for cure in self.cures)
        yield f"more, with an example: {self.place}"


@cache
def recoveries() -> Mapping[str, Recovery]:
    """All sections with cures, in the order of the page."""
    text = (_PACKAGED if _PACKAGED.is_file() else _IN_A_CLONE).read_text("utf-8")
    found: dict[str, Recovery] = {}
    for name, section in _SECTION.findall(text):
        paragraphs = [part for part in _FENCE.sub("", section).split("\n\n") if part.strip()]
        cures = [line[2:] for part in paragraphs for line in part.split("\n") if line.startswith("- ")]
        if cures:
            meaning = " ".join(paragraphs[0].split())
            found[name] = Recovery(name, _plain(meaning), tuple(_plain(cure) for cure in cures))
    return found


def recovery(name: str) -> Recovery | None:
    """The section of a code, such as `vat-upgraded`, or of an error, such as `DamagedRow`; None if none.

    An error that the page only mentions belongs to the section that does.

    Example:
        >>> recovery("dropped").cures
        ('Send it again, if it is still wanted.',)
    """
    found = recoveries()
    exact = {known.lower(): section for known, section in found.items()}
    if name.lower() in exact:
        return exact[name.lower()]
    errors = [section for section in found.values() if section.name[0].isupper()]
    if not name[:1].isupper():
        return None
    return next((section for section in errors if f"`{name}`" in section.meaning), None)


def _plain(text: str) -> str:
    """A line of the page without links: what they lead to stands behind them, if it is another page."""
    return _LINK.sub(lambda link: f"{link[1]} (docs/{link[2]})" if link[2] else link[1], text)
