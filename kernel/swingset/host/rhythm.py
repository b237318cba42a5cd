"""Decides when a long run commits in between.

A run that is killed loses what it did since its last commit, and its outputs are not released before. So a
run commits after a number of cranks, or after a number of seconds if cranks take long. That changes only the
list of commits: no vat, transcript or digest depends on when a world was committed.
"""

from __future__ import annotations

import time

CRANKS = 500
SECONDS = 5.0


class Rhythm:
    """Decides after each crank of one run whether to commit now."""

    def __init__(self) -> None:
        self._cranks = 0
        self._since = time.monotonic()

    def due(self, full: bool) -> bool:
        """Count a crank; returns whether to commit now, as it always does if the commit is `full`."""
        self._cranks += 1
        now = time.monotonic()
        if not full and self._cranks < CRANKS and now - self._since < SECONDS:
            return False
        self._cranks, self._since = 0, now
        return True
