"""Which vat is running now.

Vat code says `E(x).m()` and `Purse(owner="alice")` without naming its vat, so something has to remember whose
turn it is. That is one context variable, set for the length of a delivery, with a default below it for a vat
that is always there (the notebook's own). With neither, vat code is being imported as a plain module, and a
small world of its own is made for it, so that it works under a unit test and a type checker.

Objects that already belong to a vat (promises, presences, durable instances) remember it themselves and never
ask here.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .ended import renewed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..liveslots import Liveslots

_active: ContextVar[Liveslots | None] = ContextVar("swingset_active_vat", default=None)
_default: Liveslots | None = None
_standalone: Liveslots | None = None


class DeliveryAbandonedError(BaseException):
    """Thrown into a delivery by the worker that wants it stopped: nothing in the guest catches it.

    Every other exception that vat code raises or meets, even KeyboardInterrupt, becomes a rejection.
    """


def current() -> Liveslots:
    """The vat whose turn it is, the default one, or the stand-alone world made for a plain import."""
    found = _active.get() or _default
    if found is None:
        from ..standalone import world

        found = world()
    elif found.ended is not None:
        renewed(found)
        found = _active.get() or _default or found
    return found


def found() -> Liveslots | None:
    """Like `current`, but makes nothing."""
    return _active.get() or _default or _standalone


def place_of(filename: str, line: int) -> str:
    """A line of code, as a person calls the file it is in."""
    world = found()
    return f"{world.file_called(filename) if world is not None else filename}:{line}"


def set_standalone(liveslots: Liveslots) -> None:
    """Name the vat that stands in where there is none."""
    global _standalone
    _standalone = liveslots


def set_default(liveslots: Liveslots | None) -> None:
    """Name the vat that runs when no delivery does."""
    global _default
    _default = liveslots


def unset_default(liveslots: Liveslots) -> None:
    """Have that vat run no more when no delivery does, if it did."""
    global _default
    if _default is liveslots:
        _default = None


@contextmanager
def activate(liveslots: Liveslots) -> Iterator[Liveslots]:
    """Make a vat the current one for the length of a `with`."""
    token = _active.set(liveslots)
    try:
        yield liveslots
    finally:
        _active.reset(token)
