"""Makes errors about references speak of the user's own line: `E(bank)` where a text could only say `E(x)`.

The compiled code of a line knows which columns an instruction came from, so the text before an attribute is
cut out of the line. That is done only when an error is raised; code of Python's library and of installed
packages is not shown, because its variables mean nothing to the user.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Callable
from itertools import islice
from types import FrameType

MOST_SPELLED = 80
"""A longer expression is not repeated in an error."""

_LIBRARIES = tuple(
    os.path.join(path, "")
    for name, path in sysconfig.get_paths().items()
    if name in ("stdlib", "purelib", "platlib")
)


class People:
    """The people at one session's interpreter."""

    def __init__(self) -> None:
        self.shorten: Callable[[Exception], None] | None = None
        """Called with an error that is about to be raised on a line of the user's, to shorten its display."""

    def spelled(self, frame: FrameType, name: str) -> str | None:
        """The text before `.name` in the line that a frame is at; None if it is unknown or long."""
        code = frame.f_code
        if code.co_filename.startswith(_LIBRARIES):
            return None
        line, end, start, stop = next(islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
        if line is None or line != end or start is None or stop is None:
            return None
        text = linecache.getline(code.co_filename, line).encode()[start:stop].decode(errors="replace")
        before = text.removesuffix(f".{name}")
        known = before != text and len(before) <= MOST_SPELLED and before.isprintable()
        return before if known else None

    def refused(self, error: Exception) -> None:
        """Prepare an error that is raised for a misuse of a reference."""
        if self.shorten is not None:
            self.shorten(error)
