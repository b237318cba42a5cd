"""Tells at a call that the method reads a clock or draws random numbers, which in a vat are neither.

The cell that makes the vat says so too, but the one who calls may be another, or may have forgotten: the
number that comes back looks like any other. So when a message of the session is answered, the source of its
method is looked at, once for each method of each code of a vat. Nothing runs, and nothing is sent.
"""

from __future__ import annotations

from typing import Any

from swingset.guest.base.promises import Promise
from swingset.host.sessions.called import asked_of, called
from swingset.host.sessions.session import Session
from swingset.lens.source.stillness import remarks

_MOST = 10_000  # methods that are remembered


class Clocks:
    """The methods that one session has called."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: set[tuple[str, str]] = set()

    def told(self, promise: Promise[Any]) -> list[str]:
        """What there is to say of the method that a promise is the answer of; nothing if it was said."""
        with self._session.controller.lock:
            asked = asked_of(self._session, promise)
            if asked is None or asked in self._known or len(self._known) >= _MOST:
                return []
            self._known.add(asked)
            found = called(self._session, promise)
        if found is None:
            return []
        return [
            str(each)
            for each in remarks(found.part, found.source, confined=found.confined, method=found.line)
        ]
