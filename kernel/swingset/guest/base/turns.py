"""The turns of a vat that are waiting to run: first in, first out, and nothing else.

There is no event loop, because an event loop has clocks, sockets and an order of its own. A vat has one
queue of turns. Settling a promise puts its reactions at the end of that queue; a delivery ends when the queue
is empty. The order of turns is therefore a function of the deliveries alone, which is what replay needs.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .promises import Promise
    from .vat import Vat


class TurnQueue:
    """The turns of one vat that are waiting to run."""

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.await_hook: Callable[[Promise[Any]], Any] | None = None
        self.stirred: Callable[[], None] | None = None  # called when a turn is put in an empty queue
        self.driving = 0
        self.deaf = False  # vat code runs only because something was freed: see `collector`
        self.rejected: list[Promise[Any]] = []
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()

    def put(self, turn: Callable[[Any], None], argument: Any) -> None:
        """Let `turn(argument)` run after everything that is already waiting."""
        if not self.deaf:
            self._waiting.append((turn, argument))
            if self.stirred is not None:
                self.stirred()

    def run(self) -> None:
        """Run turns until none is left."""
        waiting = self._waiting
        while waiting:
            turn, argument = waiting.popleft()
            turn(argument)

    def take_unhandled(self) -> list[Promise[Any]]:
        """The promises that were rejected since the last call and that nothing has handled."""
        rejected, self.rejected = self.rejected, []
        return [promise for promise in rejected if not promise._handled]
