"""Interrupts a run from the notebook.

While a cell with `await` runs, ipykernel handles an interrupt by cancelling the cell's task, which takes
effect when the task next returns to the event loop. A run of the world never does. So during a run an
interrupt raises KeyboardInterrupt, as usual in Python: the controller stops between two cranks and commits
the whole ones.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swingset.guest.base.errors import RemoteError
from swingset.guest.base.promises import Promise
from swingset.host.controller import Controller
from swingset.host.reports import RunReport
from swingset.host.session import Session
from swingset_nb.errors import Interrupted, shorten
from swingset_nb.places import Cells


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGINT raise KeyboardInterrupt in the body. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class NotebookSession(Session):
    """A session whose runs can be interrupted from the front end, and whose errors have short tracebacks."""

    def __init__(self, controller: Controller, cells: Cells, name: str = "notebook") -> None:
        self._cells = cells
        super().__init__(controller, name)
        self.references.people.shorten = shorten

    def file_called(self, filename: str) -> str:
        """The number of a cell, instead of the file name that the front end gives it."""
        return self._cells.called(filename)

    def wait(self, promise: Promise[Any]) -> Any:
        """The promise's value; a rejection from this session shows only the cell's line."""
        try:
            return super().wait(promise)
        except Exception as error:
            if isinstance(error, RemoteError):
                self.references.tell_target(error, promise)
            shorten(error)
            raise

    def settle(self) -> RunReport:
        """Run the world as `Session.settle` does; an interrupt pauses it, so that no later cell runs it."""
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
