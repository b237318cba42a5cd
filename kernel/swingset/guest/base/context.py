"""Which vat is running now.

Vat code writes `E(x).m()` and `Purse(owner="alice")` without naming its vat, so this module remembers the vat
that runs. One context variable is set during a delivery; below it is a default, for a vat that is always
there (the notebook's own). With neither, vat code was imported as a plain module, and a small standalone vat
is made for it, so that it works under a unit test and a type checker.

Objects that already belong to a vat (promises, presences, durable instances) remember it themselves and do
not ask here.
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
    """Raised in a delivery by a worker to stop it; nothing in the guest catches it.

    Every other exception in vat code, even KeyboardInterrupt, becomes a rejection.
    """


def current() -> Any:
    """The vat that runs, else the default one, else the standalone one made for a plain import.

    The caller says by an annotation which parts of a vat it needs, `vat: Vat = current()`.
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
    """Like `current`, but makes no vat; None if there is none."""
    return _active.get() or _default or _standalone


def place_of(filename: str, line: int) -> str:
    """A line of code for people, `file:line`, with the file's name in the vat."""
    vat = found()
    return f"{vat.file_called(filename) if vat is not None else filename}:{line}"


def set_stand_in(make: Callable[[], Vat]) -> None:
    """Set the function that makes the standalone vat."""
    global _stand_in
    _stand_in = make


def set_standalone(vat: Vat) -> None:
    """Set the standalone vat."""
    global _standalone
    _standalone = vat


def set_default(vat: Vat | None) -> None:
    """Set the vat that is current outside of deliveries."""
    global _default
    _default = vat


def unset_default(vat: Vat) -> None:
    """Unset the default vat, if it is this one."""
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
