"""Text that strangers wrote, made fit to be looked at.

Vats choose the names of kinds and methods and print what they like. Shown as it is, such text could hide
itself, turn the line around, move the cursor or pass for a line of the kernel's own. So every character
that is not simply drawn is replaced by its code. This is about what the eye sees; escaping for HTML or SVG is
the renderer's duty and comes on top.
"""

from __future__ import annotations

import unicodedata

_HARMLESS = frozenset("\n\t")


def visible(text: str, limit: int | None = None) -> str:
    """The text with every invisible or steering character spelt out, and cut at `limit` characters."""
    if not text.isprintable():
        text = "".join(char if _drawn(char) else _spell(char) for char in text)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


def quoted(text: str, limit: int | None = None) -> str:
    """As `visible`, for a text of several lines among lines of our own: all but the first are marked."""
    return visible(text, limit).replace("\n", f"\n{MARK}")


MARK = "  │ "
"""Stands before each further line of a stranger's text, which can then pass for no line but that."""


def one_line(text: str, limit: int | None = None) -> str:
    """As `visible`, with line ends spelt out too: for table cells and labels."""
    return visible(text.replace("\n", "⏎").replace("\t", " "), limit)


def _drawn(char: str) -> bool:
    return char in _HARMLESS or unicodedata.category(char)[0] not in "CZ" or char == " "


def _spell(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) > 0xFF else f"\\x{ord(char):02x}"
