"""The inbox of a world's wire: what came in, until the world's own thread takes it.

It is bounded: while it is full, nothing more is read and no further session begins, so the other sides have
to wait. What a session has said that never began is forgotten with its connection.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

FULL = 8 << 20
"""How many bytes may wait in the inbox of a world before no more is read."""

MOST_INPUTS = 2_000
"""How many inputs may."""


class Inbox:
    """What came in and was not taken yet, as inputs of the service vat: a method and its arguments.

    One that is `beside` another wakes whoever waits for the other, and announces what came as the other does.
    """

    def __init__(self, beside: Inbox | None = None) -> None:
        self._changed: threading.Condition = threading.Condition() if beside is None else beside._changed
        self._main = self if beside is None else beside
        self._all = [self]
        if beside is not None:
            beside._all.append(self)
        self._inputs: deque[tuple[str, list[Any]]] = deque()
        self._bytes = 0
        self.arrived: Callable[[], None] = lambda: None
        """Called on the thread of the sockets when something came."""

    @property
    def full(self) -> bool:
        """Whether no more should be read."""
        return self._bytes >= FULL or len(self._inputs) >= MOST_INPUTS

    def __bool__(self) -> bool:
        return bool(self._inputs)

    def put(self, method: str, *args: Any) -> None:
        """Add an input, whose first argument is the name of its connection."""
        with self._changed:
            self._inputs.append((method, list(args)))
            self._bytes += _size(args)
            self._changed.notify_all()
        self._main.arrived()

    def take(self) -> tuple[str, list[Any]] | None:
        """The oldest input, or None."""
        with self._changed:
            if not self._inputs:
                return None
            method, args = self._inputs.popleft()
            self._bytes -= _size(args)
            return method, args

    def forget(self, connection: str) -> bool:
        """Forget a connection whose session has not begun; returns whether none of it was taken."""
        with self._changed:
            mine = [each for each in self._inputs if each[1][0] == connection]
            self._inputs = deque(each for each in self._inputs if each[1][0] != connection)
            self._bytes -= sum(_size(args) for _, args in mine)
            return any(method in ("opened", "visit") for method, _ in mine)

    def clear(self) -> None:
        """Forget all inputs."""
        with self._changed:
            self._inputs.clear()
            self._bytes = 0

    def wait(self, seconds: float) -> bool:
        """Wait until there is an input, here or beside; returns whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: any(each._inputs for each in self._all), seconds)


def _size(args: Any) -> int:
    found = 100
    for arg in args.values() if isinstance(args, dict) else args:
        if isinstance(arg, bytes | str):
            found += len(arg)
        elif isinstance(arg, dict | list | tuple):
            found += _size(arg)
    return found
