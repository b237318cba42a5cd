"""How far one run goes: asked after every crank whether to go on.

A run that stops early loses nothing. What is left stays in the run-queue for the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from swingset.core.report import CrankReport

RunPolicy = Callable[[CrankReport], bool]
"""Told of each crank; answers whether to run another."""


def forever() -> RunPolicy:
    """Until nothing can run."""
    return lambda _report: True


def cranks(limit: int) -> RunPolicy:
    """At most `limit` cranks."""
    left = limit

    def policy(_report: CrankReport) -> bool:
        nonlocal left
        left -= 1
        return left > 0

    return policy


def computrons(limit: int) -> RunPolicy:
    """Until at least `limit` computrons are spent."""
    left = limit

    def policy(report: CrankReport) -> bool:
        nonlocal left
        left -= report.computrons or 0
        return left > 0

    return policy


def seconds(limit: float) -> RunPolicy:
    """For about `limit` seconds of wall-clock time: for hosts that have to answer somebody."""
    end = time.monotonic() + limit
    return lambda _report: time.monotonic() < end
