"""Runs a world: one crank after the other, until nothing can run or a policy stops it.

Between two cranks, requests of other threads are served, and a long run commits now and then (`rhythm`). An
interrupted run commits its whole cranks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swingset.core.errors import KernelPanic
from swingset.core.report import CrankReport
from swingset.host.opened import Opened
from swingset.host.policies import RunPolicy, forever, rows_allowed
from swingset.host.reports import Reports, RunReport
from swingset.host.rhythm import Rhythm
from swingset.workers import interrupts

COMMIT_AFTER = 128 << 20
"""How many changed bytes of state may wait for a commit, because one commit holds no more."""


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
            report = self.opened.crank()
            self.opened.commit("step")
            self._raise_panic()
            return report

    def run(self, policy: RunPolicy | None, watch: Callable[[CrankReport], None] | None) -> RunReport:
        """Run, commit, and release the outputs."""
        opened, go_on, rhythm = self.opened, policy or forever(), Rhythm()
        reports = Reports()
        commit: int | None = None
        with opened.lock, opened.a_run(), interrupts.routed():
            cleans = rows_allowed(go_on) is not None
            try:
                opened.callers.serve()
                while not self.paused:
                    report = opened.crank(rows_allowed(go_on), more=True)
                    if report is None:
                        break
                    reports.add(report)
                    if watch is not None:
                        watch(report)
                    opened.callers.serve()
                    if not go_on(report):
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
            more = opened.kernel.has_work(clean_up=cleans)
        return RunReport(reports.count, reports.computrons, more, commit, reports.kept())

    def _raise_panic(self) -> None:
        if (words := self.opened.kernel.panic) is not None:
            raise KernelPanic(words)
