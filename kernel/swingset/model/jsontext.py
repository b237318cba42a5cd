"""Rows of a world file that are JSON, read within bounds.

What is wrong with one is a single exception, a `MalformedJSON`, whose words fit behind the name of the place.
The reading itself is that of everything strange (`foreign`), only that a row may be larger than anything that
is said in one go.
"""

from __future__ import annotations

from typing import Any

from swingset.model.foreign import Unreadable, read_json

DEEPEST = 100
"""How many lists and dicts may lie in each other. What the kernel itself writes has four or five."""

MOST_VALUES = 1 << 26
"""How many values one row may have: some for each syscall that a delivery can make."""


class MalformedJSON(ValueError):
    """The text is not JSON, or deeper than allowed."""


def parse(text: str, deepest: int = DEEPEST) -> Any:
    """The value of a JSON text. Raises `MalformedJSON` for anything else."""
    try:
        return read_json(text, depth=deepest, values=MOST_VALUES)
    except Unreadable as problem:
        raise MalformedJSON(f"is no JSON that can be read: {problem}") from None
