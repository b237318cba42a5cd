"""Delivers messages that are sent while no cell runs: from a button, a task of the event loop, a thread.

Messages that a cell sends are delivered by the hook after the cell. A message that is sent outside of a cell
schedules a callback in the kernel's event loop, which does the same as soon as the loop is free. One callback
delivers all messages that were sent before it runs. Within a cell none is scheduled.
If there is no event loop, as in a plain terminal between two prompts, the next cell delivers the messages.
"""

from __future__ import annotations

import asyncio
import threading

from swingset_nb.hooks import CellHooks
from swingset_nb.notebook import Notebook


class Deliveries:
    """Delivers the messages that one notebook sends outside of its cells."""

    def __init__(self, notebook: Notebook, hooks: CellHooks) -> None:
        self._notebook = notebook
        self._hooks = hooks
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._noted = False
        self._at_work: int | None = None
        self._over = False

    def install(self) -> None:
        """Begin to schedule deliveries."""
        self._find_loop()
        self._hooks.began = self._find_loop
        self._notebook.stirred = self.note

    def remove(self) -> None:
        """Stop scheduling deliveries."""
        self._over = True
        self._hooks.began = None
        self._notebook.stirred = None

    def _find_loop(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no loop runs now; the loop that was found before is still used

    def note(self) -> None:
        """Schedule a delivery, from any thread."""
        if self._hooks.in_cell or self._at_work == threading.get_ident():
            return
        with self._lock:
            if self._noted or self._loop is None or self._loop.is_closed():
                return
            self._noted = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._noted = False
        if self._over or self._hooks.in_cell:
            return  # the cell's own hook delivers
        self._at_work = threading.get_ident()
        try:
            self._notebook.console.begin()
            self._notebook.allow_run()
            self._hooks.catch_up()
        finally:
            self._notebook.console.end()
            self._at_work = None
