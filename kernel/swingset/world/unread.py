"""A row that was read and not decoded yet, and the most rows that are held."""

from __future__ import annotations

from typing import Any

Key = tuple[Any, ...]
"""The key of a row: the values of its table's key columns."""

MOST = 50_000
"""The most rows of a table that are held."""

ROW = 150
"""About how many bytes a row takes, besides those of its texts."""


class Unread:
    """A row as the file has it, which nobody has looked at yet."""

    __slots__ = ("row",)

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.row = row
