"""Tells the thread that runs a world how far a long delivery is.

A delivery is one call into the engine, which may take minutes. The engine calls back from time to time
(`workers.wasm.ticker`), and then the worker says how many computrons were spent. Whether somebody listens
changes nothing that the guest can see. Each thread listens for itself: a delivery that runs ahead on another
thread says nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from swingset.model.reports import Frame


class Pulse(NamedTuple):
    """How far a delivery to a vat is: the computrons that it has spent, and how many it may spend.

    `stands_at` returns the lines of vat code that it stands at, outermost first. That takes some 50 ms, and
    changes nothing; it may be called while the listener is.
    """

    vat: str
    computrons: int
    limit: int | None
    stands_at: Callable[[], tuple[Frame, ...]]


Listener = Callable[[Pulse], None]


class _Listening(threading.local):
    """Who listens on a thread."""

    listener: Listener | None = None


here = _Listening()
"""Who listens on the thread that asks; a worker asks once for each delivery."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call a function with each pulse of this thread in the body; it may not raise."""
    before, here.listener = here.listener, listener
    try:
        yield
    finally:
        here.listener = before
