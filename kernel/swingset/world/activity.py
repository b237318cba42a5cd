"""The activity digest: one running hash of all cranks.

Two runs that did the same things in the same order have the same digest, and the first crank that differs
makes all later ones differ. So two hosts can compare a number instead of their transcripts.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from swingset.model.spelling import canonical

from .one_table import OneTable
from .tables import Table

START = hashlib.sha256(b"swingset activity 1").hexdigest()
"""The digest of a world in which nothing has happened."""


class Running(NamedTuple):
    """The one row."""

    name: str
    digest: str


class Activity(OneTable[Running]):
    """The table `activity`, which has at most one row."""

    table = Table("activity", Running)

    def digest(self) -> str:
        """The digest as of the last crank, SHA-256 in hex."""
        found = self._rows.get("cranks")
        return START if found is None else found.digest

    def extend(self, done: Any) -> None:
        """Add one crank to the digest; `done` is JSON data about it."""
        digest = hashlib.sha256(canonical([self.digest(), done]).encode()).hexdigest()
        self._rows.put(Running("cranks", digest))
