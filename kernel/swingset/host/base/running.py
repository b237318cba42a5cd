"""Runs a world: one crank after the other, until nothing can run or a policy stops it.

Requests of other threads run between two cranks. An interrupted run commits its completed cranks.

A run that is killed loses what it did since its last commit, and its outputs are not released before. So a
run commits after a number of cranks, or after a number of seconds if cranks take long (`Rhythm`). That
changes only the list of commits: no vat, transcript or digest depends on when a world was committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from swingset.core.cranks import CLEAN_UP_ROWS
from swingset.core.errors import KernelPanic
from swingset.core.report import CrankReport
from swingset.host.base.opened import Opened
from swingset.host.base.policies import RunPolicy, rows_allowed
from swingset.host.base.reports import Reports, RunReport
from swingset.workers import interrupts

COMMIT_AFTER = 128 << 20
"""How many changed bytes of state may wait for a commit; the size of one commit is limited."""

CRANKS = 500
SECONDS = 5.0


class Rhythm:
    """Decides after each crank of one run whether to commit now."""

    def __init__(self) -> None:
        self._cranks = 0
        self._since = time.monotonic()

    def due(self, full: bool) -> bool:
        """Count a crank, and return whether to commit now. `full` says that a commit has no room for more."""
        self._cranks += 1
        now = time.monotonic()
        if not full and self._cranks < CRANKS and now - self._since < SECONDS:
            return False
        self._cranks, self._since = 0, now
        return True


@dataclass(frozen=True)
class Running:
    """Runs one open world."""

    opened: Opened

    @property
    def paused(self) -> bool:
        """Whether the world is paused."""
        return bool(self.opened.kernel.store.counters.get("paused"))

    def set_paused(self, paused: bool, note: str) -> None:
        """Pause or unpause the world, between two cranks if another thread runs it."""
        kernel = self.opened.kernel

        def change() -> None:
            with kernel.request("pause", paused=paused):
                kernel.store.counters.set("paused", int(paused))

        self.opened.ask(change, note)

    def step(self) -> CrankReport | None:
        """Run one crank and commit it; None if nothing can run."""
        with self.opened.lock:
            self._start()
            report = self.opened.crank()
            self.opened.commit("step")
            self._raise_panic()
            return report

    def run(self, policy: RunPolicy | None, watch: Callable[[CrankReport], None] | None) -> RunReport:
        """Run until nothing can run or `policy` returns False; commit, and release the outputs.

        `watch` is called with the report of each crank. Raises `KernelPanic` if the world has panicked.
        """
        opened, rhythm = self.opened, Rhythm()
        reports = Reports()
        commit: int | None = None
        with opened.lock, opened.a_run(), interrupts.routed():
            cleans = policy is None or rows_allowed(policy) is not None
            try:
                self._start()
                opened.callers.serve()
                while not self.paused:
                    rows = CLEAN_UP_ROWS if policy is None else rows_allowed(policy)
                    report = opened.crank(rows, more=True)
                    if report is None:
                        break
                    reports.add(report)
                    if watch is not None:
                        watch(report)
                    opened.callers.serve()
                    if policy is not None and not policy(report):
                        break
                    if rhythm.due(opened.world.pending_bytes > COMMIT_AFTER):
                        commit = opened.commit("run, so far") or commit
            except BaseException:
                opened.kernel.ahead.rest()
                opened.commit("interrupted run")
                raise
            opened.kernel.ahead.rest()
            commit = opened.commit("run") or commit
            self._raise_panic()
            more = opened.kernel.cranks.has_work(clean_up=cleans)
        return RunReport(reports.count, reports.computrons, more, commit, reports.kept())

    def _start(self) -> None:
        for started in self.opened.starting:
            started()

    def _raise_panic(self) -> None:
        if (words := self.opened.kernel.cranks.panic) is not None:
            raise KernelPanic(words)
