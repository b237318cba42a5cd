"""Words that strangers chose, made fit to be stored and passed on.

A vat picks the names of its methods and errors, and what it says when it fails or ends. Such words get into
rejections, reasons and fates, which are written to the world file, some of them once for every object of the
vat. So they are cut, and half of a surrogate pair, which JSON can spell but no file can hold, is replaced.
"""

from __future__ import annotations

MOST_WORDS = 2_000
"""Most characters of a sentence that quotes a vat."""

MOST_NAME = 200
"""Most characters of a name of a method, an error or a function."""


def fit(text: str, most: int = MOST_WORDS) -> str:
    """The text, well-formed and of at most `most` characters."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
