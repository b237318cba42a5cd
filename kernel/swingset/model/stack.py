"""The same number of stack frames on every host, however deep its stack was when it called the kernel.

Python counts the frames of a thread, those of the kernel's callers included, and raises RecursionError at a
limit of the process. Messages of vats nest up to a hundred levels, and reading one takes about five frames a
level. A host that calls the kernel from deep in its own stack would then fail where another does not, and
code of a local vat would see how deep the stack was. So during a crank or a delivery the limit is raised by
the number of frames in use at its start.

Frames are counted by walking them; the interpreter counts a few more, for code in C. The limit belongs to the
process, so while several threads are inside, the highest limit among them applies to all.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType

FRAMES = 1_000
"""How many frames are available inside: Python's default limit for a whole thread."""

_lock = threading.Lock()
_limits: dict[int, list[int]] = {}  # by thread, the limits of the blocks it is in, the innermost last
_before = 0


class room:
    """A context with at least `FRAMES` more frames; with `exactly` no more, even if the process allows it."""

    __slots__ = ("_exactly",)

    def __init__(self, *, exactly: bool = False) -> None:
        self._exactly = exactly

    def __enter__(self) -> None:
        global _before
        with _lock:
            if not _limits:
                _before = sys.getrecursionlimit()
            limit = _depth() + FRAMES
            own = _limits.setdefault(threading.get_ident(), [])
            own.append(limit if self._exactly else max(limit, _before))
            _apply()

    def __exit__(self, *_: object) -> None:
        thread = threading.get_ident()
        with _lock:
            _limits[thread].pop()
            if not _limits[thread]:
                del _limits[thread]
            _apply()


def _apply() -> None:
    sys.setrecursionlimit(max([limits[-1] for limits in _limits.values()], default=_before))


def _depth() -> int:
    frame: FrameType | None = sys._getframe(1)
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count
