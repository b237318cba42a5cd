"""What one delivery may add to the world, counted while it is under way.

Everything that a vat writes is kept: in its transcript, in the world's state, and then in the history of
commits. So it is limited. The host's work for the vat is limited too, since a short request can cost much
work: each syscall and each reference counts as a fixed number of bytes. Replacing or deleting a stored value
counts the old value too, because the commit holds it. Sizes are those of the texts as JSON, never of a file's
pages, so they are the same on every host and for every worker.

A delivery over the limit is rolled back, as with every other limit.

Settling a promise makes the host do work that other vats have caused: waiting messages are sent on, and each
promise that follows it gets the outcome. This does not count as written by the vat; otherwise every vat that
can send to its promise, or make others follow it, could make it fail. It counts against a separate limit,
`PASSED_ON`, that no option lowers. Messages that wait for one promise are limited when they are queued
(`MOST_WAITING`), to half of that. Copies of an outcome have the other half; a follower beyond it is rejected.
"""

from __future__ import annotations

from swingset.core.errors import OverLimit
from swingset.model import reasons
from swingset.model.limits import Limits

SYSCALL = 128
"""The bytes that each syscall counts, in addition to its content."""

REFERENCE = 320
"""The bytes that each mention of a reference counts: the host looks it up and counts it."""


PASSED_ON = 48 << 20
"""How many bytes of other vats' messages and copies the promises that one delivery settles may have."""

MOST_WAITING, MOST_WAITING_BYTES = 10_000, PASSED_ON // 2
"""How many messages may wait for one promise, and how many bytes they may have as they are stored."""

NO_ROOM = (
    f"{MOST_WAITING:,} messages or {MOST_WAITING_BYTES:,} bytes wait for this promise to be settled,"
    " and no more may: send again when it is"
)
"""Why a message to a promise is rejected."""


class Budget:
    """What one delivery may still write."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._written = self._passed_on = self._copied = 0

    def pass_on(self, bytes: int) -> None:
        """Count the messages that other vats have queued to a promise that is settled. Raises `OverLimit`."""
        self._passed_on += bytes
        if self._passed_on > PASSED_ON:
            raise OverLimit(
                reasons.TOO_MUCH_WRITTEN,
                f"the promises that the delivery settles have others wait with more than {PASSED_ON:,} bytes:"
                " settle them in several deliveries",
            )

    def copy(self, bytes: int) -> bool:
        """Count the copy of an outcome for a follower; returns whether the budget allows it."""
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
        """Count `more` stored bytes, and check the vat's total. Raises `OverLimit`."""
        most = self._limits.stored_bytes
        if most is not None and more > 0 and bytes > most:
            raise OverLimit(
                reasons.STORE_FULL,
                f"the vat would keep {bytes:,} bytes, {most:,} are allowed (stored_bytes): delete something,"
                " or give the vat more",
            )
