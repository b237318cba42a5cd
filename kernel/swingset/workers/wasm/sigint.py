"""Ctrl-C while a guest runs.

Python would raise KeyboardInterrupt wherever it next gets to run, and while a guest computes that is at the
entrance of a callback from native code, where an exception is lost, or in the middle of the kernel's answer
to a syscall. So during a delivery on the main thread the signal is only noted; the guest is stopped at the
next tick, and then the signal goes to the handler that was installed before.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class NotedInterrupt:
    """A context in which SIGINT is noted instead of handled."""

    def __init__(self) -> None:
        self.came: tuple[int, FrameType | None] | None = None
        self._before: Any = None

    def __enter__(self) -> NotedInterrupt:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            if self.came is not None:
                self._before(*self.came)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = (number, frame)
