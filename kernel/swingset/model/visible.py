"""Text that strangers wrote, made safe to show.

Vats choose the names of kinds and methods and print what they like. Shown unchanged, such text could hide
itself, reverse the line, move the cursor or pass for a line of the kernel's own. So every character that is
not printable is replaced by its code. Escaping for HTML or SVG is separate: the renderer does it on top.
"""

from __future__ import annotations

import unicodedata

from swingset.model.foreign import said

_HARMLESS = frozenset("\n\t")


def visible(text: str, limit: int | None = None) -> str:
    """The text with every invisible or control character spelt out, cut at `limit` characters."""
    if limit is not None:
        text = text[: limit + 1]  # a character is spelt with one or more, so no later one is shown
    if not text.isprintable():
        text = "".join(char if _drawn(char) else _spell(char) for char in text)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


def quoted(text: str, limit: int | None = None) -> str:
    """As `visible`, for a text of several lines among lines of our own: all but the first get a mark."""
    return visible(text, limit).replace("\n", f"\n{MARK}")


MARK = "  │ "
"""The mark before each further line of a stranger's text, so that it cannot pass for one of our own."""


def one_line(text: str, limit: int | None = None) -> str:
    """As `visible`, with line ends spelt out too: for table cells and labels."""
    if limit is not None:
        text = text[: limit + 1]
    return visible(text.replace("\n", "⏎").replace("\t", " "), limit)


def error_in_words(error: BaseException, limit: int = 400) -> str:
    """The type of an error and what it says, on one line; both may be a stranger's."""
    return f"{one_line(type(error).__name__, 80)}: {one_line(said(error), limit)}"


def _drawn(char: str) -> bool:
    return char in _HARMLESS or unicodedata.category(char)[0] not in "CZ" or char == " "


def _spell(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) > 0xFF else f"\\x{ord(char):02x}"
