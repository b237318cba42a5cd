"""What was touched lately is held, so that memory shows nothing of what the interpreter frees.

Presences and the stand-ins of stored objects are found by name and held weakly, for there may be more of
them than memory has room for. But vat code can look for what has gone from memory, with a weak reference or
with something it hung on the object, and what it would see would depend on the engine. So whatever has been
touched is held up to the next bringing out of the dead, as long as it is not too much: then what was touched
least recently is let go of, by the count of touches and nothing else.
"""

from __future__ import annotations

from typing import Any

ROOM = 5_000  # so many are held for certain, and never more than twice as many


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
