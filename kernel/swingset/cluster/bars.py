"""Tells a caller, or shows in a terminal, how much of a long call is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from swingset.model.counting import bar


def listener(progress: Callable[[int, int], None] | bool) -> Callable[[int, int], None] | None:
    """What a caller wants to be called with the progress; True is for the bar in a terminal."""
    if isinstance(progress, bool):
        return in_terminal if progress else None
    return progress


def tell(listener: Callable[..., None] | None, *told: Any) -> None:
    """Call a listener, if there is one."""
    if listener is not None:
        listener(*told)


def in_terminal(done: int, of: int) -> None:
    """Draw the bar over itself on a terminal, and remove it at the end; draw nothing if there is none."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + ("" if done == of else bar(done, of)))
        sys.stderr.flush()
