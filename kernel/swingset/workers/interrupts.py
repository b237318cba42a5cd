"""Where Ctrl-C goes while vats run.

Python would raise KeyboardInterrupt wherever it next gets to run. While vat code runs that is the wrong
place: a guest's callback from native code, where an exception is lost, the middle of the kernel's answer to a
syscall, or vat code itself, which would make a rejection of it. So a worker takes Ctrl-C for the length of a
delivery, and says itself what becomes of it.

To change the handler of a signal takes longer than much of what a small delivery does. So a run installs one
handler, which passes the signal at once: to the worker that has taken it, or else to the handler that was
there before. A delivery outside of a run installs it for itself. Only the main thread gets signals; on any
other, all of this does nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

Taker = Callable[[int, FrameType | None], None]

_takers: list[Taker] = []
_before: Any = None  # the handler that was there; None while ours is not installed


def _route(number: int, frame: FrameType | None) -> None:
    taker = _takers[-1] if _takers else _before
    if callable(taker):
        taker(number, frame)


def before() -> Any:
    """The handler that a signal goes to if nobody takes it; None where it was not installed for that."""
    return _before


def is_main_thread() -> bool:
    """Whether this is the thread that gets signals."""
    return threading.get_ident() == threading.main_thread().ident


class routed:
    """A context in which Ctrl-C can be taken without a change of the signal's handler."""

    __slots__ = ("_mine",)

    def __enter__(self) -> None:
        global _before
        self._mine = False
        if _before is None and is_main_thread():
            found = signal.getsignal(signal.SIGINT)
            if callable(found):
                _before = found
                signal.signal(signal.SIGINT, _route)
                self._mine = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _before
        if self._mine:
            if signal.getsignal(signal.SIGINT) is _route:
                signal.signal(signal.SIGINT, _before)
            _before = None


class taken:
    """A context in which Ctrl-C goes to `taker`, on the main thread and where it would go to a function."""

    __slots__ = ("_routed", "_taker", "_taking")

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._routed: routed | None = None
        self._taking = False

    def __enter__(self) -> None:
        if _before is None:
            self._routed = routed()
            self._routed.__enter__()
        if _before is not None and is_main_thread():
            _takers.append(self._taker)
            self._taking = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._taking:
            _takers.pop()
            self._taking = False
        if self._routed is not None:
            self._routed.__exit__(kind, error, trace)


class NotedInterrupt:
    """A context in which Ctrl-C is noted while a guest runs, and passed on at its end.

    The guest is stopped at the next tick. Passed on it is to whatever would have had it without the guest,
    which mostly raises KeyboardInterrupt.
    """

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
