"""Tells the thread that runs a world how far a long delivery is.

A delivery is one call into the engine, which may take minutes. The engine calls back from time to time
(`workers.wasm.ticker`), and then the worker says how many computrons were spent, as far as it knows. Whether
somebody listens changes nothing that the guest can see. Each thread listens for itself: a delivery that runs
ahead on another thread says nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from swingset.model.reports import Frame


class Pulse(NamedTuple):
    """How far a delivery to a vat is.

    It has spent at least so many `computrons`, and may spend `limit`: the engine counts them in the middle of
    a loop, and tells only now and then. `beats` counts the pulses of this delivery, about 20 a second.
    `stands_at` returns the lines of vat code that it stands at, outermost first. That takes some 50 ms, and
    changes nothing; it may be called while the listener is.
    """

    vat: str
    computrons: int
    limit: int | None
    beats: int
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
