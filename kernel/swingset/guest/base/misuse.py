"""Refuses what Python would do with a promise as if it was its value, and with E as if it was a vat.

Most mistakes with a promise are errors of Python already. Three are not, and would go on with nonsense: a
promise is true whatever it will be, it is equal to no value, and an attribute of it is only "not there". Each
is refused with what to write instead. A promise may still be compared with None and with other promises.

In the interpreter of an embedder the text names the variable of the user's own line, which `people` finds.
In a vat it does not, because the text of an error that a vat sees must be the same on every host.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .vat import Vat

_VALUES = (bool, int, float, complex, str, bytes, list, dict, tuple, set, frozenset)
_hash = object.__hash__


def refused(vat: Vat | None, error: Exception, target: Any = None) -> Exception:
    """An error that is about to be raised on the user's own line, for a misuse of a target."""
    if vat is not None and vat.people is not None:
        vat.people.refused(error, target)
    return error


def spelled(vat: Vat | None, name: str, depth: int = 2) -> str | None:
    """How the user's line spells the object whose attribute it asks for, as far as that can be told."""
    if vat is None or vat.people is None:
        return None
    return vat.people.spelled(sys._getframe(depth), name)


class Unsettled:
    """The base of `Promise`: what it is not before it is awaited."""

    __slots__ = ()

    if not TYPE_CHECKING:  # for a type checker a promise has none of these

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            vat = self._turns.vat
            known = spelled(vat, name)
            x = known or "x"
            text = (
                f"{known or 'this'} is {_called(self)}, so .{name} cannot be reached directly: use "
                f"`await E({x}).{name}(...)`, or `(await {x}).{name}` if it is data"
            )
            raise refused(vat, AttributeError(text))

        def __repr__(self) -> str:
            if self._turns.vat.people is not None:
                return f"<{_called(self)}, {self._state}: await it>"
            name = f" {self._vpid}" if self._vpid else ""
            return f"<Promise{name} {self._state}>"

        def __bool__(self) -> bool:
            text = f"{_called(self)} is neither true nor false: `await` it, or compare it with `is None`"
            raise refused(self._turns.vat, TypeError(text))

        def __eq__(self, other: object) -> bool:
            if self is other:
                return True
            if type(other) not in _VALUES:
                return NotImplemented
            text = f"{_called(self)} equals no {type(other).__name__}: compare its value, `(await x) == ...`"
            raise refused(self._turns.vat, TypeError(text))

        def __hash__(self) -> int:
            return _hash(self)


def _called(promise: Any) -> str:
    cause = promise._cause
    return f"the promise for the answer to {cause[0]}()" if type(cause) is tuple else "a promise"
