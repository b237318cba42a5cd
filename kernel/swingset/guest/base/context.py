"""Which vat is running now.

Vat code says `E(x).m()` and `Purse(owner="alice")` without naming its vat, so something has to remember whose
turn it is. That is one context variable, set for the length of a delivery, with a default below it for a vat
that is always there (the notebook's own). With neither, vat code is being imported as a plain module, and a
small one of its own is made for it, so that it works under a unit test and a type checker.

Objects that already belong to a vat (promises, presences, durable instances) remember it themselves and never
ask here.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from .ended import renewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vat import Vat

_active: ContextVar[Vat | None] = ContextVar("swingset_active_vat", default=None)
_default: Vat | None = None
_standalone: Vat | None = None
_stand_in: Callable[[], Vat] | None = None


class DeliveryAbandonedError(BaseException):
    """Thrown into a delivery by the worker that wants it stopped: nothing in the guest catches it.

    Every other exception that vat code raises or meets, even KeyboardInterrupt, becomes a rejection.
    """


def current() -> Any:
    """The vat whose turn it is, the default one, or the stand-alone one made for a plain import.

    Who asks says by an annotation how much of a vat it needs, `vat: Vat = current()`.
    """
    found = _active.get() or _default
    if found is None:
        if _stand_in is None:
            raise RuntimeError("no vat is running: vat code imports what it uses from swingset.vat")
        found = _stand_in()
    elif found.ended is not None:
        renewed(found)
        found = _active.get() or _default or found
    return found


def found() -> Any:
    """Like `current`, but makes nothing; None where there is no vat."""
    return _active.get() or _default or _standalone


def place_of(filename: str, line: int) -> str:
    """A line of code, as a person calls the file it is in."""
    vat = found()
    return f"{vat.file_called(filename) if vat is not None else filename}:{line}"


def set_stand_in(make: Callable[[], Vat]) -> None:
    """Say how to get the vat that stands in where there is none."""
    global _stand_in
    _stand_in = make


def set_standalone(vat: Vat) -> None:
    """Name the vat that stands in where there is none, once it is made."""
    global _standalone
    _standalone = vat


def set_default(vat: Vat | None) -> None:
    """Name the vat that runs when no delivery does."""
    global _default
    _default = vat


def unset_default(vat: Vat) -> None:
    """Have that vat run no more when no delivery does, if it did."""
    global _default
    if _default is vat:
        _default = None


def enter(vat: Vat) -> Token[Vat | None]:
    """Make a vat the current one, until `leave` is called with what this returns."""
    return _active.set(vat)


def leave(token: Token[Vat | None]) -> None:
    """Make the vat before the current one again."""
    _active.reset(token)


class activate:
    """Make a vat the current one for the length of a `with`."""

    __slots__ = ("_token", "_vat")

    def __init__(self, vat: Vat) -> None:
        self._vat = vat

    def __enter__(self) -> Vat:
        self._token = _active.set(self._vat)
        return self._vat

    def __exit__(self, *_: object) -> None:
        _active.reset(self._token)
