"""How far one run goes: asked after every crank whether to go on.

A run that stops early loses nothing. What is left stays in the run-queue for the next run.

A policy is called with the report of each crank, whatever it was about: a vat was created where the outcome
says `created`, rows of a terminated vat were deleted where it says `cleaned`. A policy that has an attribute
`clean_up` is also asked before each crank how many such rows it may delete; None leaves them for another run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from swingset.core.cranks import CLEAN_UP_ROWS
from swingset.core.errors import KernelError
from swingset.core.options import MOST_SECONDS
from swingset.core.report import CrankReport

RunPolicy = Callable[[CrankReport], bool]
"""Told of each crank; answers whether to run another."""


def forever() -> RunPolicy:
    """Until nothing can run.

    Example:
        >>> world.run(swingset.policies.forever()).more
        False
    """
    return lambda _report: True


def cranks(limit: int) -> RunPolicy:
    """At most so many cranks.

    Args:
        limit: how many, at least 1.
    Raises:
        KernelError: where that is no such number.
    Example:
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> world.run(swingset.policies.cranks(1)).cranks
        1
    """
    return _until_used("cranks", limit, lambda _report: 1)


def computrons(limit: int) -> RunPolicy:
    """Until at least so many computrons are spent. Local vats spend none, so a run of them goes on.

    Args:
        limit: how many; the last crank may spend more, for a crank is run whole.
    Raises:
        KernelError: where that is no such number.
    Example:
        >>> report = world.run(swingset.policies.computrons(1_000_000))
    """
    return _until_used("computrons", limit, lambda report: report.computrons or 0)


def vats_created(limit: int) -> RunPolicy:
    """Until so many vats were created, by the host or by vats; one whose code fails is none.

    Args:
        limit: how many, at least 1.
    Raises:
        KernelError: for a number below 1.
    Example:
        >>> report = world.run(swingset.policies.vats_created(1))
    """
    return _until_used("vats_created", limit, lambda report: report.outcome == "created")


def seconds(limit: float) -> RunPolicy:
    """For about so many seconds of wall-clock time: for hosts that have to answer somebody.

    Args:
        limit: how many; it may be a fraction.
    Raises:
        KernelError: where that is no such number.
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
    """Go on until so much is used; `used` says how much of it one crank was."""
    if type(limit) is not int or limit < 1:
        raise KernelError(f"{what}() wants an int from 1, got {limit!r}: a run that begins runs a crank")
    left = limit

    def policy(report: CrankReport) -> bool:
        nonlocal left
        left -= used(report)
        return left > 0

    return policy


class Cleaning:
    """Another policy, with a budget for what terminated vats left: rows for one crank, and for the run.

    `rows` 0 deletes nothing. When the run's budget is spent the run goes on without cleaning.
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
        """Count what was deleted, and go on as the other policy says."""
        if self._left is not None:
            self._left -= report.cleaned
        return self._policy(report)

    def clean_up(self) -> int | None:
        """How many rows the next crank may delete."""
        return min(self._rows, self._rows if self._left is None else self._left) or None


def all_of(*policies: RunPolicy) -> RunPolicy:
    """As long as each of them says so; each is told of every crank.

    Args:
        policies: the policies that are asked.
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
    """How many rows of a terminated vat the next crank may delete under a policy."""
    ask = getattr(policy, "clean_up", None)
    return ask() if ask is not None else CLEAN_UP_ROWS


def _least(policies: list[RunPolicy]) -> int | None:
    allowed = [rows_allowed(policy) for policy in policies]
    return None if None in allowed else min(rows for rows in allowed if rows is not None)


__all__ = ["Cleaning", "RunPolicy", "all_of", "computrons", "cranks", "forever", "seconds", "vats_created"]
