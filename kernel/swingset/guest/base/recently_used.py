"""Holds recently used objects, so that vat code cannot see when the interpreter frees memory.

Presences and the stand-ins of stored objects are found by name and held weakly, because there may be more of
them than fit into memory. But vat code can detect that one was freed, with a weak reference or with an
attribute that it set on the object, and what it would see would depend on the engine. So every object that
was used is held until the next `bringOutYourDead`, unless there are too many: then the least recently used
are dropped, by the count of uses and nothing else.
"""

from __future__ import annotations

from typing import Any

ROOM = 5_000  # at least this many are held, and at most twice as many


class RecentlyUsed:
    """Objects by name; the most recently used are held."""

    __slots__ = ("_newer", "_older")

    def __init__(self) -> None:
        self._newer: dict[str, Any] = {}
        self._older: dict[str, Any] = {}

    def touch(self, name: str, item: Any) -> None:
        """Note a use of an object, and hold it."""
        self._newer[name] = item
        if len(self._newer) >= ROOM:
            self._older, self._newer = self._newer, {}

    def let_go(self) -> None:
        """Drop all."""
        self._older, self._newer = {}, {}
