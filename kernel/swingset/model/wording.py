"""Text from vats, made safe to store and pass on.

A vat chooses the names of its methods and errors, and the message it fails or ends with. Such text gets into
rejections, reasons and fates, which are written to the world file, some of them once for every object of the
vat. So it is cut, and half of a surrogate pair, which JSON can spell but no file can hold, is replaced.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST_WORDS = 2_000
"""Most characters of a sentence that quotes a vat."""

MOST_NAME = 200
"""Most characters of a name of a method, an error or a function."""

MOST_NAMES = 20
"""Most names that a sentence lists."""


def fit(text: str, most: int = MOST_WORDS) -> str:
    """The text, well-formed and cut to `most` characters."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def named(names: Iterable[str], none: str = "none") -> str:
    """The first of some names for a sentence, each of a bounded length, and how many more there are."""
    known = list(names)
    shown = [fit(name, MOST_NAME) for name in known[:MOST_NAMES]]
    if not shown:
        return none
    return ", ".join(shown) + (f" and {len(known) - len(shown):,} more" if len(known) > len(shown) else "")
