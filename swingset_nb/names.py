"""What happens around every cell: the world runs on, and the notebook's names are stored in it.

After a cell, messages that were sent without being awaited are delivered, so `E(purse).deposit(5)` alone
does what it says. Then every name that stands for something in the world goes into the notebook vat's
baggage, from where the next incarnation takes it, be it after a restart or after a kill.

A hook must not raise: IPython would show the machinery. What goes wrong is shown as any other error.
"""

from __future__ import annotations

from typing import Any

from swingset_nb.errors import FOREIGN, SwingSetError
from swingset_nb.notebook import Notebook, events_wait, words_of


class CellHooks:
    """The callbacks of IPython that belong to one notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

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
        self._notebook.allow_run()

    def after(self, _result: Any = None) -> None:
        """Deliver what was sent, store the names, show the new state."""
        notebook = self._notebook
        world = notebook.world
        if world is None:
            return
        try:
            if notebook.settings.autorun:
                report = notebook.settle()
                if report.more and not world.controller.paused:
                    limit = notebook.settings.run_limit
                    print(f"stopped after {limit:,} cranks, {events_wait(world)}: %swingset run")
            else:
                notebook.flush()
            back = notebook.regain()
            if back:
                print(f"names that came back: {words_of(back)}")
            notebook.remember()
            notebook.refresh_panels()
        except (KeyboardInterrupt, SwingSetError, *FOREIGN):
            notebook.shell.showtraceback()
