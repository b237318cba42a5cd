"""When a long run commits in between: two vats that keep each other busy would run for ever.

A run that is killed loses what it did since its last commit, and what it had to say is not heard before. So
a run commits every so many cranks, and every so many seconds where cranks take long. That reaches nothing
but the list of commits: no vat, transcript or digest can tell in which rhythm a world was run.
"""

from __future__ import annotations

import time

CRANKS = 500
SECONDS = 5.0


class Rhythm:
    """Asked after each crank of one run whether to commit now."""

    def __init__(self) -> None:
        self._cranks = 0
        self._since = time.monotonic()

    def due(self, full: bool) -> bool:
        """Count a crank; begins anew where the answer is yes, as it is where one commit holds no more."""
        self._cranks += 1
        now = time.monotonic()
        if not full and self._cranks < CRANKS and now - self._since < SECONDS:
            return False
        self._cranks, self._since = 0, now
        return True
