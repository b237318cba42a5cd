"""What one delivery may add to the world, counted while it is under way.

All that a vat says is kept: on its transcript, and what it stores, sends and settles in the world's state and
then in the history of commits. So it has a limit, and so has the work that the host does for it, since what
is cheap to say can be dear to do: each syscall and each reference counts as so many bytes. What replaces or
deletes a stored value counts that value too, for the commit holds what was before. Sums are those of the
texts as JSON, never of a file's pages, and so the same on every host and for every worker.

A delivery that goes over is undone like any other that goes past its limits.
"""

from __future__ import annotations

from swingset.core.errors import OverLimit
from swingset.model import reasons
from swingset.model.limits import Limits

SYSCALL = 128
"""What a syscall counts, whatever it says."""

REFERENCE = 320
"""What each mention of a reference counts: the host looks it up and counts it."""


class Budget:
    """What one delivery has left."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._written = 0

    def write(self, bytes: int) -> None:
        """Count what is added to the world. Raises `OverLimit`."""
        self._written += bytes
        if self._written > self._limits.write_bytes:
            raise OverLimit(
                reasons.TOO_MUCH_WRITTEN,
                f"the delivery wrote more than {self._limits.write_bytes:,} bytes (write_bytes): do it in"
                " several deliveries, or give the vat more",
            )

    def keep(self, bytes: int, more: int) -> None:
        """Look at what the vat keeps now, having added `more`. Raises `OverLimit`."""
        most = self._limits.stored_bytes
        if most is not None and more > 0 and bytes > most:
            raise OverLimit(
                reasons.STORE_FULL,
                f"the vat would keep {bytes:,} bytes, {most:,} are allowed (stored_bytes): delete something,"
                " or give the vat more",
            )
