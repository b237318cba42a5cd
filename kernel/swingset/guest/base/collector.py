"""The interpreter's collector, kept from being seen.

When Python frees an object is its own affair: it differs between engines, between two versions of one, and
in the host's process it depends on what else that process does. So nothing that vat code or a transcript
could see may come of it:

- What has a name in the vat is held to the next bringing out of the dead: `recently_used`, `clist.heap`.
- A suspended call is held until it ends. One that can never go on, because nobody is left who could settle
  what it waits for, is let go of in `bringOutYourDead` and nowhere else.
- Letting go of a call closes it, and Python then runs its `finally` blocks. Nobody listens to those: the vat
  is *deaf* meanwhile. A message they send goes nowhere, a promise they settle stays as it is, the store is
  closed to them, and what they print or raise is lost. A vat is also deaf between its deliveries, when the
  host's collector may get hold of what this one has thrown away, and for ever when its worker is closed.
- The engine's own collector is switched off in a confined vat (`workers/wasm/bake.py`) and works only here:
  when the dead are brought out, and at the end of a delivery that leaves very much behind, when what this
  library holds stays held. A local vat has the collector of the host, which does nothing while a delivery
  runs (`workers/local.py`).
- `__del__` is refused where it is defined.
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
"""So many objects more than at the last collection are looked through at the end of a delivery."""

NO_FINALISER = (
    "__del__ would run whenever the interpreter happens to free an object, and differently on each engine: "
    "do it in a method that is called when the object is done with"
)


class _Nowhere(io.TextIOBase):
    """Takes what is printed where nobody listens."""

    def write(self, text: str) -> int:
        return len(text)


class Collector:
    """What one vat holds on to against the interpreter's collector, and when it lets go."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self.suspended: dict[int, CoroutineType[Any, Any, Any]] = {}  # by id(), the longest suspended first

    @contextmanager
    def deafly(self) -> Iterator[None]:
        """Hear nothing of what vat code does in the body, which runs because something was freed."""
        turns, store = self._vat.turns, self._vat.store
        before = turns.deaf, store.closed, sys.unraisablehook
        turns.deaf, store.closed, sys.unraisablehook = True, "of a call that is gone", lambda _: None
        try:
            with redirect_stdout(_Nowhere()), redirect_stderr(_Nowhere()):
                yield
        finally:
            turns.deaf, store.closed, sys.unraisablehook = before

    def collect(self) -> None:
        """Let go of all that only this library holds, and have the interpreter free what it can."""
        vat, suspended = self._vat, self.suspended
        with self.deafly():
            vat.hold_weakly()
            calls = [ref(call) for call in suspended.values()]
            suspended.clear()
            gc.collect()
            alive = [call() for call in calls]
            suspended.update((id(call), call) for call in alive if call is not None)

    def tidy(self) -> None:
        """Have the interpreter free rings of plain objects, if there may be many: nothing named dies of it.

        For an engine whose own collector is off, at the end of a delivery.
        """
        if gc.get_count()[0] >= MANY:
            with self.deafly():
                gc.collect()

    def close(self) -> None:
        """End what is suspended, for good: the vat is deaf from now on."""
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
