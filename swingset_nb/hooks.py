"""The hooks around every cell: they run the world, and store the notebook's names in it.

After a cell, messages that it sent without awaiting them are delivered, so `E(purse).deposit(5)` alone works.
Then every name whose value is a reference into the world is stored in the notebook vat's baggage, from which
the next incarnation restores it, after a restart as well as after a kill.

An error in these steps belongs to the cell: it is shown like any other error, and the cell fails. Otherwise a
notebook that is run from end to end would pass although a message was lost. IPython only prints what a
callback raises; but the callback gets the cell's result, from which the reply to the front end is made
afterwards. If one step fails, the others are still done. An error with which the cell itself has failed, such
as a missing file, is not shown again if these steps fail with it too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from swingset.model.foreign import said
from swingset.model.visible import one_line
from swingset_nb.again import Again
from swingset_nb.binding import SHOWN
from swingset_nb.errors import FOREIGN, SwingSetError, shorten
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.open_world import events_wait
from swingset_nb.parted import Parted


class CellHooks:
    """The IPython callbacks of one notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.in_cell = False
        self._again = Again(notebook)
        self._parted = Parted(notebook)
        self.began: Callable[[], None] | None = None
        """Called when a cell begins."""
        self.ended: Callable[[], None] | None = None
        """Called when a cell has ended."""

    def install(self) -> None:
        """Register the callbacks."""
        events = self._notebook.shell.events
        events.register("pre_run_cell", self.before)
        events.register("post_run_cell", self.after)

    def remove(self) -> None:
        """Unregister the callbacks."""
        events = self._notebook.shell.events
        events.unregister("pre_run_cell", self.before)
        events.unregister("post_run_cell", self.after)

    def before(self, _info: Any = None) -> None:
        """Give the new cell its own limit of cranks."""
        self.in_cell = True
        self._notebook.cells.begin()
        if self.began is not None:
            self.began()
        self._notebook.console.begin()
        self._notebook.allow_run()
        if self._notebook.world is not None:
            self._notebook.world.session.steps.begin()
        self._again.before()

    def after(self, result: Any = None) -> None:
        """Deliver messages, store the names, refresh the panels; an error in this fails the cell."""
        self.in_cell = False
        self._notebook.cells.ran()
        here, world = self._notebook.cells.here(), self._notebook.world
        if here is not None and world is not None:
            world.session.steps.name(here[0])
        self._again.after()
        failed = None if result is None else result.error_before_exec or result.error_in_exec
        try:
            problem = self.catch_up(failed)
        finally:
            self._notebook.cells.end()
        for line in self._parted.lines():
            print(f"{line}: %swingset peers")
        if problem is not None and result is not None and result.success:
            result.error_in_exec = problem
        if self.ended is not None:
            self.ended()

    def guarded(self, act: Callable[[], bool]) -> bool:
        """Do something outside of cells; an error is shown, and counts as False."""
        try:
            return act()
        except (Exception, KeyboardInterrupt) as problem:
            self._show(problem)
            return False

    def catch_up(self, shown: BaseException | None = None) -> BaseException | None:
        """Do the steps after a cell, or after a message outside of cells; returns the first error.

        Errors are shown, except one that was `shown` already.
        """
        notebook = self._notebook
        if notebook.world is None or notebook.world.halted:
            return None
        first: BaseException | None = None
        told = set() if shown is None else {said(shown), said(shown.__cause__ or shown)}
        for step in (self._run, self._arrive, self._regain, self._remember, notebook.refresh_panels):
            try:
                step()
            except (Exception, KeyboardInterrupt) as problem:
                first = first or problem
                if str(problem) not in told:
                    told.add(str(problem))
                    self._show(problem)
        notebook.console.end()
        for hint in notebook.require().session.hints():
            sys.stderr.flush()  # what it is about may stand there
            print(f"→ {one_line(hint, 600)}")
        return first

    def _run(self) -> None:
        notebook = self._notebook
        world = notebook.require()
        if not notebook.settings.autorun:
            notebook.flush()
            return
        report = notebook.settle()
        if report.more and not world.controller.queue.paused:
            limit = notebook.settings.run_limit
            print(f"stopped after {limit:,} cranks, {events_wait(world)}: %swingset run")

    def _arrive(self) -> None:
        for line in self._notebook.arrive():
            print(line)

    def _regain(self) -> None:
        back = self._notebook.regain()
        if back:
            print(f"names that came back: {words_of(back)}")

    def _remember(self) -> None:
        lost = self._notebook.remember(whole=False)
        for line in lost[:SHOWN]:
            print(f"will not come back after a restart: {line}")
        if len(lost) > SHOWN:
            print(f"and {len(lost) - SHOWN:,} more will not: %swingset names")

    def _show(self, problem: BaseException) -> None:
        """Show an error in the library's way; called while it is handled."""
        if isinstance(problem, Exception) and not isinstance(problem, (SwingSetError, *FOREIGN)):
            shorten(problem)
        self._notebook.shell.showtraceback()
