"""Eager migration: migrates the records of a vat now, instead of when each is used.

The vat itself goes through its records (`guest/kinds/sweep.py`): it migrates a given number of them and
continues from where it stopped, which is in its store beside the records. This module drives it. Each step is
one crank with one commit, so a process that is killed loses at most the current step, and the next process
continues from there. A step that exceeds the vat's limits is rolled back, and a smaller one is tried.

What was done is counted from the vat's transcript, and what is left from its store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.core.report import CrankReport
from swingset.host.base.opened import Opened
from swingset.lens.state.versions import Failure, Moved, Stale, Versions
from swingset.model import reasons
from swingset.world.vats import LIVE

STEP = 100
"""How many records one crank visits."""


@dataclass(frozen=True)
class Migrated:
    """The progress of the migration of a vat's records.

    `moved` and `steps` count this run only. `left` counts the records that are older than the code, and
    `failed` those among them that could not be migrated; `failures` describes some of these. `stopped` says
    what stopped the run, if it was neither its end nor its budget.

    Source:
        Ours: kinds of the reference do not migrate.
    """

    vat: str
    steps: int
    moved: tuple[Moved, ...]
    left: tuple[Stale, ...]
    failed: int
    failures: tuple[Failure, ...]
    stopped: str | None = None

    @property
    def migrated(self) -> int:
        """The number of records that this run migrated."""
        return sum(row.count for row in self.moved)

    @property
    def remaining(self) -> int:
        """The number of records that are still older than the code."""
        return sum(row.count for row in self.left)

    def lines(self) -> list[str]:
        """The progress as sentences.

        Example:
            >>> world.vats.migrate("bank").lines()
            []
        """
        said = [
            f"{row.kind}: {_records(row.count)} went from version {row.old} to {row.new}"
            for row in self.moved
        ]
        said += [
            f"{row.kind}: {_records(row.count)} of version {row.version} left, to become version {row.wanted}"
            for row in self.left
        ]
        if self.failed:
            said.append(
                f"{_records(self.failed)} of these {'does' if self.failed == 1 else 'do'} not migrate"
            )
        said += [str(failure) for failure in self.failures]
        if self.failed > len(self.failures):
            said.append(f"and {self.failed - len(self.failures):,} more")
        if self.stopped is not None:
            said.append(f"stopped: {self.stopped}")
        return said


Watcher = Callable[[Migrated], None]


def migrate(
    opened: Opened,
    vat: str,
    *,
    budget: int | None = None,
    step: int = STEP,
    progress: Watcher | None = None,
) -> Migrated:
    """Migrate the older records of a vat; visits at most `budget` records, or all if it is None.

    `progress` is called after each step, which is committed by then.
    """
    for what, value in (("budget", budget), ("step", step)):
        if value is not None and (type(value) is not int or value < 1):
            raise KernelError(
                f"vat {vat}: the {what} of a migration is a number of records from 1, got {value!r}"
            )
    with opened.lock:
        return _Run(opened, vat).go(budget, step, progress)


class _Run:
    """One run, from the first step until it is done, spent or stopped."""

    def __init__(self, opened: Opened, vat: str) -> None:
        self._opened = opened
        self._kernel = opened.kernel
        self._vat = opened.kernel.vat(vat)
        if self._vat.state != LIVE:
            raise KernelError(
                f"vat {vat} is {self._vat.state}: {self._vat.reason}; resume it before its records migrate"
            )
        self._versions = Versions(opened.kernel.store, self._vat.id)
        self._moved: Counter[tuple[str, int, int]] = Counter()
        self._steps = 0

    def go(self, budget: int | None, step: int, progress: Watcher | None) -> Migrated:
        left = self._versions.stale()
        stopped = None
        kinds = self._versions.outdated()
        begins = True
        while kinds and (budget is None or budget > 0) and (begins or not all(kind.walked for kind in kinds)):
            begins = False
            size = step if budget is None else min(step, budget)
            store = self._kernel.store
            before, crank = store.vats.span(self._vat.id).hash, self._kernel.cranks.count
            report = self._tell(size)
            if report.outcome == "delivered":
                self._steps += 1
                budget = None if budget is None else budget - size
                moved = self._versions.moved(before, kinds)
                for row in moved:
                    self._moved[row.kind, row.old, row.new] += row.count
                quiet = self._kernel.cranks.count == crank + 1
                left = _less(left, moved) if quiet else self._versions.stale()
            elif size > 1 and report.fault is not None and report.fault.code != reasons.METER_EXHAUSTED:
                step = size // 2
            else:
                stopped = self._why(report)
                break
            kinds = self._versions.outdated()
            if progress is not None:
                progress(self._told(left, stopped))
        return self._told(self._versions.stale(), stopped)

    def _tell(self, size: int) -> CrankReport:
        """Make the vat visit its next `size` records now, and commit.

        A step that exceeds the vat's limits is rolled back, and the report says so.
        """
        name = self._vat.name
        told = self._kernel.queue_options(name, {"migrate": size})
        report = self._opened.run_up_to(
            lambda event: event == told, lambda: self._kernel.withdraw_options(told)
        )
        if report.outcome == "stopped":
            self._kernel.withdraw_options(told)
        self._opened.commit(f"options for {name}")
        return report

    def _told(self, left: tuple[Stale, ...], stopped: str | None) -> Migrated:
        kinds = self._versions.outdated()
        return Migrated(
            self._vat.name,
            self._steps,
            tuple(Moved(*what, count) for what, count in sorted(self._moved.items())),
            left,
            sum(kind.failed for kind in kinds),
            tuple(failure for kind in kinds for failure in kind.failures),
            stopped,
        )

    def _why(self, report: CrankReport) -> str:
        if report.fault is None:
            now = self._kernel.store.vats.get(self._vat.id)
            return f"vat {self._vat.name} is {now.state if now else 'gone'}: {now.reason if now else ''}"
        at = self._versions.next_stale()
        return f"{report.fault}" + (f"; it stands at record {at}" if at else "")


def _less(left: tuple[Stale, ...], moved: tuple[Moved, ...]) -> tuple[Stale, ...]:
    """The records that are left when some have been migrated."""
    gone = Counter({(row.kind, row.old): row.count for row in moved})
    rows = (Stale(row.kind, row.version, row.wanted, row.count - gone[row.kind, row.version]) for row in left)
    return tuple(row for row in rows if row.count > 0)


def _records(count: int) -> str:
    return f"{count:,} {'record' if count == 1 else 'records'}"
