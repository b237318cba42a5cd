"""What happens around every cell: the world runs on, and the notebook's names are stored in it.

After a cell, messages that were sent without being awaited are delivered, so `E(purse).deposit(5)` alone
does what it says. Then every name that stands for something in the world goes into the notebook vat's
baggage, from where the next incarnation takes it, be it after a restart or after a kill.

What goes wrong here belongs to the cell: it is shown as any other error, and the cell counts as failed, or a
notebook that is run from end to end would pass although a message of it was lost. IPython only prints what a
callback raises; but the callback is handed the cell's result, from which the reply to the front end is made
afterwards. One step that fails keeps no other from being done. Nothing is shown twice: what the cell itself
has failed with, a file that is gone say, is what these steps fail with, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.model.foreign import said
from swingset_nb.errors import FOREIGN, SwingSetError, shorten
from swingset_nb.notebook import Notebook, events_wait, words_of


class CellHooks:
    """The callbacks of IPython that belong to one notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.in_cell = False
        self.began: Callable[[], None] | None = None
        """Told of each cell that begins."""

    def install(self) -> None:
        """Begin to be called."""
        events = self._notebook.shell.events
        events.register("pre_run_cell", self.before)
        events.register("post_run_cell", self.after)

    def remove(self) -> None:
        """Be called no more."""
        events = self._notebook.shell.events
        events.unregister("pre_run_cell", self.before)
        events.unregister("post_run_cell", self.after)

    def before(self, _info: Any = None) -> None:
        """Give the new cell its own limit of cranks."""
        self.in_cell = True
        if self.began is not None:
            self.began()
        self._notebook.allow_run()

    def after(self, result: Any = None) -> None:
        """Deliver what was sent, store the names, show the new state; what fails there fails the cell."""
        self.in_cell = False
        failed = None if result is None else result.error_before_exec or result.error_in_exec
        problem = self.catch_up(failed)
        if problem is not None and result is not None and result.success:
            result.error_in_exec = problem

    def catch_up(self, shown: BaseException | None = None) -> BaseException | None:
        """Do all that follows a cell, or something that was sent without one; the first problem, shown.

        What was `shown` already is not shown again.
        """
        notebook = self._notebook
        if notebook.world is None:
            return None
        first: BaseException | None = None
        told = set() if shown is None else {said(shown), said(shown.__cause__ or shown)}
        for step in (self._run, self._regain, self._remember, notebook.refresh_panels):
            try:
                step()
            except (Exception, KeyboardInterrupt) as problem:
                first = first or problem
                if str(problem) not in told:
                    told.add(str(problem))
                    self._show(problem)
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

    def _regain(self) -> None:
        back = self._notebook.regain()
        if back:
            print(f"names that came back: {words_of(back)}")

    def _remember(self) -> None:
        for line in self._notebook.remember(whole=False):
            print(f"will not come back after a restart: {line}")

    def _show(self, problem: BaseException) -> None:
        """Show an error as the project shows all of them; called while it is dealt with."""
        if isinstance(problem, Exception) and not isinstance(problem, (SwingSetError, *FOREIGN)):
            shorten(problem)
        self._notebook.shell.showtraceback()
