"""Interrupting a run from the notebook.

While a cell with `await` runs, ipykernel answers an interrupt by cancelling the cell's task, which takes
effect when the task next gives way to the loop. A run of the world never does. So for the length of a run
an interrupt means what it means everywhere in Python: the controller stops between two cranks and commits
the whole ones.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swingset.guest.base.promises import Promise
from swingset.host.controller import Controller
from swingset.host.reports import RunReport
from swingset.host.session import Session
from swingset_nb.errors import Interrupted, shorten
from swingset_nb.places import Cells


@contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGINT raise KeyboardInterrupt meanwhile. Other threads than the main one get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class NotebookSession(Session):
    """A session whose runs can be interrupted from the front end, and whose errors are short."""

    def __init__(self, controller: Controller, cells: Cells) -> None:
        self._cells = cells
        super().__init__(controller)

    def file_called(self, filename: str) -> str:
        """A cell by its number; what a front end calls its file says nothing."""
        return self._cells.called(filename)

    def wait(self, promise: Promise[Any]) -> Any:
        """The promise's value; a rejection that arose in this session shows the cell's line and no more."""
        try:
            return super().wait(promise)
        except Exception as error:
            shorten(error)
            raise

    def settle(self) -> RunReport:
        """Run the world as `Session.settle` does; an interrupt pauses it, so that it stays still."""
        try:
            with interruptible():
                return super().settle()
        except KeyboardInterrupt:
            self.controller.queue.pause()
            waiting = len(self.controller.queue)
            events = "event waits" if waiting == 1 else "events wait"
            raise Interrupted(
                f"stopped between two cranks; the world is paused now and {waiting:,} {events}",
                "%swingset step",
                "%swingset run",
            ) from None
