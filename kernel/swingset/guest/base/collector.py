"""Hides the interpreter's garbage collector from vat code.

When Python frees an object differs between engines and between their versions, and in the host's process it
depends on what else that process does. So vat code and transcripts must not see it:

- An object with a name in the vat is held until the next `bringOutYourDead`: `recently_used`, `clist.heap`.
- A suspended call is held until it ends. A call that can never go on, because nothing can settle the promise
  that it awaits, is dropped in `bringOutYourDead` and nowhere else.
- Dropping a call closes it, and Python then runs its `finally` blocks. Those have no effect, because the vat
  is *deaf* meanwhile: a message that they send goes nowhere, a promise that they settle stays pending, the
  store is closed to them, and what they print or raise is lost. A vat is also deaf between its deliveries,
  when the host's collector may free what the vat has dropped, and for ever once its worker is closed.
- The engine's own collector is switched off in a confined vat (`workers/wasm/bake.py`) and runs only from
  here: in `bringOutYourDead`, and at the end of a delivery that leaves very many objects, where everything
  that this library holds stays held. A local vat has the host's collector, which is off during a delivery
  (`workers/local.py`).
- A class with `__del__` is refused.
"""

from __future__ import annotations

import gc
import io
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from types import CodeType
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CoroutineType
    from typing import Any

    from .vat import Vat

MANY = 250_000
"""A delivery that ends with this many more objects than the last collection left runs the collector."""

NO_FINALISER = (
    "__del__ would run whenever the interpreter happens to free an object, and differently on each engine: "
    "do it in a method that is called when the object is done with"
)


class _Nowhere(io.TextIOBase):
    """A stream that discards what is printed while the vat is deaf."""

    def write(self, text: str) -> int:
        return len(text)


class Collector:
    """Holds the suspended calls of one vat, and decides when the interpreter may free objects."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self.suspended: dict[int, CoroutineType[Any, Any, Any]] = {}  # by id(), the longest suspended first

    @contextmanager
    def deafly(self) -> Iterator[None]:
        """Make the vat deaf in the body: vat code that runs there runs because something was freed."""
        turns, store = self._vat.turns, self._vat.store
        before = turns.deaf, store.closed, sys.unraisablehook
        turns.deaf, store.closed, sys.unraisablehook = True, "of a call that is gone", lambda _: None
        try:
            with redirect_stdout(_Nowhere()), redirect_stderr(_Nowhere()):
                yield
        finally:
            turns.deaf, store.closed, sys.unraisablehook = before

    def collect(self) -> None:
        """Drop everything that only this library holds, and make the interpreter free what it can."""
        vat, suspended = self._vat, self.suspended
        with self.deafly():
            vat.hold_weakly()
            calls = [ref(call) for call in suspended.values()]
            suspended.clear()
            gc.collect()
            alive = [call() for call in calls]
            suspended.update((id(call), call) for call in alive if call is not None)

    def tidy(self) -> None:
        """Make the interpreter free rings of plain objects if there may be many; no named object dies of it.

        For an engine whose own collector is off, at the end of a delivery.
        """
        if gc.get_count()[0] >= MANY:
            with self.deafly():
                gc.collect()

    def close(self) -> None:
        """Drop all suspended calls; the vat is deaf from now on."""
        with self.deafly():
            for call in self.suspended.values():
                with suppress(BaseException):
                    call.close()
            self.suspended.clear()
        self._vat.turns.deaf = True


def refuse_finaliser(cls: type) -> None:
    """Refuse a class with `__del__`; raises TypeError."""
    if hasattr(cls, "__del__"):
        raise TypeError(f"{cls.__name__}.__del__: {NO_FINALISER}")


def refuse_finalisers(code: CodeType) -> None:
    """Refuse a source that defines `__del__` anywhere; raises SyntaxError, which names the line."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_name == "__del__":
                raise SyntaxError(NO_FINALISER, (code.co_filename, inner.co_firstlineno, None, None))
            refuse_finalisers(inner)
