"""As many frames for everyone, however deep the host stood when it called.

Python counts the frames of a thread, those of whoever called the kernel included, and raises RecursionError
at a limit of the process. What a vat says nests up to a hundred levels, and some five frames a level read it.
A host that calls the kernel from deep in its own stack would then fail where another does not, and code of a
local vat would see how deep it stood. So the limit is moved for the length of a crank or a delivery: it is
counted from there.

Frames are counted by looking; what the interpreter counts besides, for code in C, is a handful. The limit is
the process's, so that of the deepest thread holds for all that are inside at once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES = 1_000
"""How many frames there are from the entrance on: as many as Python allows in all unless told otherwise."""

_lock = threading.Lock()
_limits: dict[int, list[int]] = {}  # by thread, those it has entered, the innermost last
_before = 0


@contextmanager
def room(*, exactly: bool = False) -> Iterator[None]:
    """Have at least `FRAMES` more frames for the body, or exactly so many whatever the process allows."""
    thread = threading.get_ident()
    global _before
    with _lock:
        if not _limits:
            _before = sys.getrecursionlimit()
        limit = _depth() + FRAMES
        _limits.setdefault(thread, []).append(limit if exactly else max(limit, _before))
        _apply()
    try:
        yield
    finally:
        with _lock:
            _limits[thread].pop()
            if not _limits[thread]:
                del _limits[thread]
            _apply()


def _apply() -> None:
    sys.setrecursionlimit(max((limits[-1] for limits in _limits.values()), default=_before))


def _depth() -> int:
    frame, count = sys._getframe(1).f_back, 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count
