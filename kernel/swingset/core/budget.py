"""What one delivery may add to the world, counted while it is under way.

All that a vat says is kept: on its transcript, and what it stores, sends and settles in the world's state and
then in the history of commits. So it has a limit, and so has the work that the host does for it, since what
is cheap to say can be dear to do: each syscall and each reference counts as so many bytes. What replaces or
deletes a stored value counts that value too, for the commit holds what was before. Sums are those of the
texts as JSON, never of a file's pages, and so the same on every host and for every worker.

A delivery that goes over is undone like any other that goes past its limits.

Who settles a promise has the host do work that others have left there: the messages that wait for it are sent
on, and each promise that follows it is given the outcome. That is not what the vat wrote, else whoever may
send to its promise, or let others follow it, could make it fail. So it has a sum of its own, `PASSED_ON`,
that no option lowers. What waits for one promise is limited where it comes to wait (`MOST_WAITING`), to half
of that. Copies of an outcome have the other half; a follower that finds it used up is told a rejection.
"""

from __future__ import annotations

from swingset.core.errors import OverLimit
from swingset.model import reasons
from swingset.model.limits import Limits

SYSCALL = 128
"""What a syscall counts, whatever it says."""

REFERENCE = 320
"""What each mention of a reference counts: the host looks it up and counts it."""


PASSED_ON = 48 << 20
"""How many bytes others may have left with the promises that one delivery settles."""

MOST_WAITING, MOST_WAITING_BYTES = 10_000, PASSED_ON // 2
"""How many messages may wait for one promise, and how many bytes they may have, as they are stored."""


class Budget:
    """What one delivery has left."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._written = self._passed_on = self._copied = 0

    def pass_on(self, bytes: int) -> None:
        """Count what others have left with a promise that is settled. Raises `OverLimit`."""
        self._passed_on += bytes
        if self._passed_on > PASSED_ON:
            raise OverLimit(
                reasons.TOO_MUCH_WRITTEN,
                f"the promises that the delivery settles have others wait with more than {PASSED_ON:,} bytes:"
                " settle them in several deliveries",
            )

    def copy(self, bytes: int) -> bool:
        """Count an outcome that a follower is given, too; whether it still may be."""
        if self._copied + bytes > PASSED_ON // 2:
            return False
        self._copied += bytes
        return True

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
