"""Interrupts a run from the notebook.

While a cell with `await` runs, ipykernel handles an interrupt by cancelling the cell's task, which takes
effect when the task next returns to the event loop. A run of the world never does. So during a run an
interrupt raises KeyboardInterrupt, as usual in Python: the controller stops between two cranks and commits
the whole ones. A delivery that was under way is rolled back, and its event waits again; the world is paused,
so that no later cell runs into it, and the error says how to drop it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from swingset.guest.base.errors import RemoteError
from swingset.guest.base.promises import Promise
from swingset.host.base.reports import RunReport
from swingset.host.sessions.handles import kinds_of
from swingset.host.sessions.session import Session
from swingset.host.worlds.controller import Controller
from swingset.model.places import places
from swingset.model.visible import one_line
from swingset.workers.pulses import Listener, listening
from swingset_nb.advice import advice_on_unhandled
from swingset_nb.clocks import Clocks
from swingset_nb.errors import Interrupted, shorten
from swingset_nb.places import Cells

_MOST_HINTS = 5
_KEPT = (
    "to run this cell again sends it once more; a promise that a name has, `p = E(x).method(...)`, can be"
    " awaited again without that: `await p`"
)


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
        self.pulse: Listener | None = None
        """Called with how far a long delivery is."""
        super().__init__(controller, name)
        self.references.people.shorten = shorten
        self.references.people.unhandled = self._note
        self._hints: dict[str, None] = {}
        self._clocks = Clocks(self)

    @property
    def was_undone(self) -> bool:
        """Whether what it did last was rolled back, and its next life has not begun: it has nothing to do."""
        return self._now.liveslots.ended is not None

    def _note(self, text: str) -> None:
        self._hint(advice_on_unhandled(text))

    def _hint(self, hints: list[str]) -> None:
        for hint in hints:
            if len(self._hints) < _MOST_HINTS:
                self._hints[hint] = None

    def hints(self) -> list[str]:
        """What to write instead of what led to rejections that nobody handled, since this was asked last.

        And what methods that were called do with clocks and chance.
        """
        told, self._hints = list(self._hints), {}
        return told

    def file_called(self, filename: str) -> str:
        """The number of a cell, instead of the file name that the front end gives it."""
        return self._cells.called(filename)

    def own_kinds(self) -> dict[str, object]:
        """The durable classes that cells have defined, by tag: another object for each definition."""
        return kinds_of(self._now.liveslots)

    def wait(self, promise: Promise[Any]) -> Any:
        """The promise's value; a rejection from this session shows only the cell's line."""
        self._hint(self._clocks.told(promise))
        try:
            with interruptible():
                return super().wait(promise)
        except Interrupted:
            raise
        except KeyboardInterrupt:
            words = "stopped waiting for another world: what was sent to it stays sent, and may still be done"
            raise Interrupted(words, _KEPT, "`%swingset peers` shows who is there") from None
        except Exception as error:
            if isinstance(error, RemoteError):
                self.references.tell_target(error, promise)
            shorten(error)
            raise

    def settle(self) -> RunReport:
        """Run the world as `Session.settle` does; an interrupt pauses it, so that no later cell runs it."""
        with self.stoppable():
            return super().settle()

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Let an interrupt stop the body between two cranks, pause the world, and raise `Interrupted`."""
        try:
            with interruptible(), listening(self.pulse) if self.pulse is not None else nullcontext():
                yield
        except KeyboardInterrupt:
            self.controller.queue.pause()
            raise self._interrupted() from None

    def _interrupted(self) -> Interrupted:
        """The error that says what was stopped, and how to go on."""
        queue = self.controller.queue
        count = len(queue)
        wait = f"the world is paused now and {count:,} {'event waits' if count == 1 else 'events wait'}"
        stopped = queue.interrupted
        if stopped is None:
            return Interrupted(f"stopped between two cranks; {wait}", "%swingset step", "%swingset run")
        vat = one_line(stopped.vat or "?", 60)
        hints = ["`%swingset cancel` drops it and runs what else waits"]
        if stopped.vat is not None:
            hints.append(f"`%swingset cancel --hold` suspends vat {vat}, for which it waits then")
        what = f"{one_line(stopped.event, 200)} in vat {vat}"
        return Interrupted(
            f"stopped in the middle of {what}, which is rolled back; {wait}",
            *hints,
            "`%swingset run` tries it again",
            frames=places(stopped.trace, self.reading.source_of, stopped.vat),
        )
