"""Ctrl-C while a guest runs: it is noted, the guest is stopped at the next tick, and then it is passed on.

Passed on to whatever would have had it without the guest (`workers.interrupts`), which mostly raises
KeyboardInterrupt.
"""

from __future__ import annotations

from types import FrameType

from swingset.workers.interrupts import before, taken


class NotedInterrupt:
    """A context in which SIGINT is noted instead of handled."""

    def __init__(self) -> None:
        self.came: tuple[int, FrameType | None] | None = None
        self._taken = taken(self._note)

    def __enter__(self) -> NotedInterrupt:
        self._taken.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        handler = before()
        self._taken.__exit__(None, None, None)
        if self.came is not None:
            handler(*self.came)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = (number, frame)
