"""Delivers messages that are sent while no cell runs: from a button, a task of the event loop, a thread.

Messages that a cell sends are delivered by the hook after the cell. A message that is sent outside of a cell
schedules a callback in the kernel's event loop, which does the same as soon as the loop is free. One callback
delivers all messages that were sent before it runs. Within a cell none is scheduled.
What comes from other worlds is delivered in the same way, in slices of a twentieth of a second with a commit
each, and never while a cell runs.
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
        self._expected = False
        self._at_work: int | None = None
        self._over = False

    def install(self) -> None:
        """Begin to schedule deliveries."""
        self._find_loop()
        self._hooks.began = self._find_loop
        self._notebook.stirred = self.note
        self._notebook.came = self._hooks.ended = self.came

    def remove(self) -> None:
        """Stop scheduling deliveries."""
        self._over = True
        self._hooks.began = None
        self._notebook.stirred = self._notebook.came = self._hooks.ended = None

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

    def came(self) -> None:
        """Schedule the delivery of what came from other worlds, from any thread."""
        with self._lock:
            if self._expected or self._loop is None or self._loop.is_closed():
                return
            self._expected = True
            self._loop.call_soon_threadsafe(self._receive)

    def _receive(self) -> None:
        """Deliver for a short while, then let the loop do what else there is."""
        with self._lock:
            self._expected = False
        world = self._notebook.world
        if self._over or self._hooks.in_cell or world is None or not self._notebook.settings.autorun:
            return  # the end of the cell asks again
        self._at_work = threading.get_ident()
        try:
            self._notebook.console.begin()
            world.session.steps.begin(from_outside=True)
            more = self._hooks.guarded(world.controller.net.pump)
            if more:
                self._notebook.refresh_panels()
        finally:
            self._notebook.console.end()
            self._at_work = None
        if more:
            self.came()

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
