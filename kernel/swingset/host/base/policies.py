"""Run policies: functions that decide after each crank whether a run continues.

A run that stops early loses nothing: the remaining events stay in the run-queue for the next run.

A policy is called with the report of each crank. The report's outcome says what the crank did: `created` for
a new vat, `cleaned` for deleted rows of a terminated vat. A policy with an attribute `clean_up` also decides
before each crank how many such rows it may delete; None leaves them for another run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from swingset.core.cranks import CLEAN_UP_ROWS
from swingset.core.errors import KernelError
from swingset.core.options import MOST_SECONDS
from swingset.core.report import CrankReport

RunPolicy = Callable[[CrankReport], bool]
"""Called with the report of each crank; returns whether to run another."""


def forever() -> RunPolicy:
    """Run until nothing can run.

    Source:
        `foreverPolicy`.
    Example:
        >>> world.run(swingset.policies.forever()).more
        False
    """
    return lambda _report: True


def cranks(limit: int) -> RunPolicy:
    """Run at most `limit` cranks.

    Args:
        limit: the number of cranks, at least 1.
    Raises:
        KernelError: for any other limit.
    Source:
        `crankCounter`.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> world.run(swingset.policies.cranks(1)).cranks
        1
    """
    return _until_used("cranks", limit, lambda _report: 1)


def computrons(limit: int) -> RunPolicy:
    """Run until at least `limit` computrons are spent. Local vats spend none.

    Args:
        limit: the number of computrons, at least 1; the last crank is run whole and may exceed it.
    Raises:
        KernelError: for any other limit.
    Source:
        `computronCounter`.
    Example:
        >>> report = world.run(swingset.policies.computrons(1_000_000))
    """
    return _until_used("computrons", limit, lambda report: report.computrons or 0)


def vats_created(limit: int) -> RunPolicy:
    """Run until `limit` vats were created, by the host or by vats; a failed creation does not count.

    Args:
        limit: the number of vats, at least 1.
    Raises:
        KernelError: for any other limit.
    Source:
        `crankCounter(maxCranks, maxCreateVats)`: its second limit.
    Example:
        >>> report = world.run(swingset.policies.vats_created(1))
    """
    return _until_used("vats_created", limit, lambda report: report.outcome == "created")


def seconds(limit: float) -> RunPolicy:
    """Run for about `limit` seconds of wall-clock time, for hosts that must respond in time.

    Args:
        limit: the number of seconds, which may be a fraction.
    Raises:
        KernelError: for any other limit.
    Source:
        `wallClockWaiter`.
    Example:
        >>> report = world.run(swingset.policies.seconds(0.5))
    """
    if type(limit) not in (int, float) or not 0 <= limit <= MOST_SECONDS:
        raise KernelError(
            f"seconds() wants a number of seconds from 0 to {MOST_SECONDS:,}, got {limit!r:.80}"
        )
    end = time.monotonic() + limit
    return lambda _report: time.monotonic() < end


def _until_used(what: str, limit: int, used: Callable[[CrankReport], int]) -> RunPolicy:
    """Run until `limit` is used; `used` returns how much one crank used."""
    if type(limit) is not int or limit < 1:
        raise KernelError(f"{what}() wants an int from 1, got {limit!r}: a run that begins runs a crank")
    left = limit

    def policy(report: CrankReport) -> bool:
        nonlocal left
        left -= used(report)
        return left > 0

    return policy


class Cleaning:
    """Another policy, with a budget for cleaning up after terminated vats: rows per crank, and per run.

    With `rows` 0 nothing is deleted. When the run's budget is spent, the run continues without cleaning.
    """

    def __init__(
        self, policy: RunPolicy | None = None, *, rows: int = CLEAN_UP_ROWS, total: int | None = None
    ):
        for what, budget in (("rows", rows), ("total", total)):
            if budget is not None and (type(budget) is not int or budget < 0):
                raise KernelError(f"Cleaning: {what} wants an int from 0, got {budget!r}")
        self._policy = policy or forever()
        self._rows = rows
        self._left = total

    def __call__(self, report: CrankReport) -> bool:
        """Count the deleted rows, and return what the other policy decides."""
        if self._left is not None:
            self._left -= report.cleaned
        return self._policy(report)

    def clean_up(self) -> int | None:
        """The number of rows that the next crank may delete; None for none."""
        return min(self._rows, self._rows if self._left is None else self._left) or None


def all_of(*policies: RunPolicy) -> RunPolicy:
    """Run while all policies agree; each is called with every crank.

    Args:
        policies: the policies.
    Source:
        Ours: the reference's policies are not composed.
    Example:
        >>> both = swingset.policies.all_of(swingset.policies.cranks(10), swingset.policies.seconds(1))
        >>> world.run(both).more
        False
    """
    asked = [policy for policy in policies if hasattr(policy, "clean_up")]

    def policy(report: CrankReport) -> bool:
        answers = [one(report) for one in policies]
        return all(answers)

    if asked:
        policy.clean_up = lambda: _least(asked)  # type: ignore[attr-defined]
    return policy


def rows_allowed(policy: RunPolicy) -> int | None:
    """The number of rows of a terminated vat that the next crank may delete under a policy."""
    ask = getattr(policy, "clean_up", None)
    return ask() if ask is not None else CLEAN_UP_ROWS


def _least(policies: list[RunPolicy]) -> int | None:
    allowed = [rows_allowed(policy) for policy in policies]
    return None if None in allowed else min(rows for rows in allowed if rows is not None)


__all__ = ["Cleaning", "RunPolicy", "all_of", "computrons", "cranks", "forever", "seconds", "vats_created"]
