"""Lets references and errors about them speak to people: `<Purse of bank>`, and `E(bank)` instead of `E(x)`.

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
from typing import Any
from weakref import WeakKeyDictionary

from swingset.host.callers import Inside
from swingset.lens.described import Described
from swingset.world.errors import WorldError

MOST_SPELLED = 80
"""A longer expression is not repeated in an error."""

_LIBRARIES = tuple(
    os.path.join(path, "")
    for name, path in sysconfig.get_paths().items()
    if name in ("stdlib", "purelib", "platlib")
)


class People:
    """The people at one session's interpreter."""

    def __init__(self, describe: Callable[[object], Described], lock: Inside) -> None:
        self._describe = describe
        self._lock = lock
        self._names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
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

    def called(self, presence: Any) -> str | None:
        """What the object of a presence is called, such as `Purse of bank`; None if that cannot be told.

        It is looked up once for each presence, because a program may print many, and not while another thread
        is at work in the world, because printing must not wait for it.
        """
        if not presence._vref or presence._vat.ended is not None:
            return None
        name = self._names.get(presence)
        if name is None and self._lock.acquire(blocking=False):
            try:
                name = self._names[presence] = self._describe(presence).name
            except WorldError:  # the file is damaged there, which other checks report
                return None
            finally:
                self._lock.release()
        return name

    def refused(self, error: Exception) -> None:
        """Prepare an error that is raised for a misuse of a reference."""
        if self.shorten is not None:
            self.shorten(error)
