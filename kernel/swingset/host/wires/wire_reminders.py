"""Reminds the service vat of what is to be done in a while: what it owes to say, and what grows old.

The clock is the host's. The vat is told by an input, and a reminder that nobody wants any more by then is
thrown away before it is one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from swingset.host.wires.wire_inbox import Inbox
from swingset.host.wires.wire_thread import thread


@dataclass
class Reminders:
    """The reminders of one world, of which there is one of each sort at a time."""

    inbox: Inbox
    _waiting: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    def set(self, method: str, seconds: float, *args: int) -> None:
        """Have the vat told something in a while, once for all that is wanted until then."""
        if method not in self._waiting:
            thread.loop.call_soon_threadsafe(self._set, method, seconds, args)

    def clear(self) -> None:
        """Remind of nothing; on the thread of the sockets."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _set(self, method: str, seconds: float, args: tuple[int, ...]) -> None:
        def due() -> None:
            del self._waiting[method]
            self.inbox.put(method, "", *args)

        if method not in self._waiting:
            self._waiting[method] = thread.loop.call_later(seconds, due)
