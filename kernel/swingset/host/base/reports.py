"""The report of a run, which is bounded because a run may be endless and its messages large."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from swingset.core.report import CrankReport
from swingset.model.messages import Send


@dataclass(frozen=True)
class RunReport:
    """What a run did. `commit` is None if nothing changed.

    `more` says that another run under this policy could continue. `reports` are those of the last cranks, at
    most `MOST_REPORTS` and fewer of large ones, so that an endless run does not fill the memory; `watch` gets
    all of them.

    Source:
        What a run policy is told of each crank, for the whole run.
    """

    cranks: int
    computrons: int
    more: bool
    commit: int | None
    reports: tuple[CrankReport, ...]


MOST_REPORTS = 1_000
"""How many crank reports a run report holds."""

MOST_CHARACTERS = 10_000_000
"""How many characters of message data the reports of a run may hold."""


class Reports:
    """The reports of the last cranks of a run."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, CrankReport]] = deque()
        self._size = 0
        self.count = 0
        self.computrons = 0

    def add(self, report: CrankReport) -> None:
        """Add a report, and drop the oldest if they are too many or too large."""
        self.count += 1
        self.computrons += report.computrons or 0
        size = len(report.event.message.methargs.body) if isinstance(report.event, Send) else 0
        # What was printed is in the outputs, which have their own limit.
        self._kept.append((size, replace(report, console=()) if report.console else report))
        self._size += size
        while len(self._kept) > MOST_REPORTS or (len(self._kept) > 1 and self._size > MOST_CHARACTERS):
            self._size -= self._kept.popleft()[0]

    def kept(self) -> tuple[CrankReport, ...]:
        """The reports that were kept, oldest first."""
        return tuple(report for _, report in self._kept)
