"""Lines of source text, counted as Python counts them.

Python ends a line at a line feed, at a carriage return, or at both together. `str.splitlines` also ends one
at form feeds, at U+2028 and at half a dozen others, which may well stand within a line of code. Counting with
it would show another line than the one that an error is about.
"""

from __future__ import annotations


def source_lines(text: str) -> list[str]:
    """The lines of a source, without their line ends; index 0 is line 1."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines
