"""The activity digest: one running hash over all that was done, crank by crank.

Two runs that did the same things in the same order have the same digest, and the first crank that differs
makes all later ones differ. So two hosts can compare a number instead of their transcripts.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from swingset.model.spelling import canonical

if TYPE_CHECKING:
    from .file import WorldFile

START = hashlib.sha256(b"swingset activity 1").hexdigest()
"""The digest of a world in which nothing has happened."""


class Activity:
    """The table `activity`, which has at most one row."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._held: dict[str, str] = world.remembered.records("activity")

    def digest(self) -> str:
        """The digest as of the last crank, SHA-256 in hex."""
        if "cranks" not in self._held:
            row = self._world.row("SELECT digest from activity where name = 'cranks'")
            self._held["cranks"] = str(row[0]) if row else START
        return self._held["cranks"]

    def extend(self, done: Any) -> None:
        """Take in what one crank did, as JSON data."""
        digest = hashlib.sha256(canonical([self.digest(), done]).encode()).hexdigest()
        self._held.clear()
        self._world.write("insert or replace into activity values ('cranks', ?)", (digest,))
        self._held["cranks"] = digest
