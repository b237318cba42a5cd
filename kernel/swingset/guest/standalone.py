"""A vat with no kernel: what vat code runs in when it is imported as a plain module.

So that the file that becomes a vat can be opened by a type checker and exercised by an ordinary test: durable
instances keep their state in a dict, `E(x).m()` reaches objects of the same process, and `await` or `drain()`
run the turns. There is no other vat to send to, and nothing is kept when the process ends.
"""

from __future__ import annotations

from typing import Any

from .context import set_standalone
from .liveslots import Liveslots
from .promises import Promise


class DictStore:
    """The part of a kernel that a vat alone needs: its store, in a dict."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def __call__(self, call: list[Any]) -> Any:
        """Serve one syscall."""
        name = call[0]
        if name == "vatstoreGet":
            return self.entries.get(call[1])
        if name == "vatstoreSet":
            self.entries[call[1]] = call[2]
        elif name == "vatstoreDelete":
            self.entries.pop(call[1], None)
        elif name == "vatstoreGetNextKey":
            return min((key for key in self.entries if key > call[1]), default=None)
        elif name not in ("exit", "resolve", "subscribe", "keepPromises"):
            raise RuntimeError(f"outside a kernel there is nobody to {name} to")
        return None


class StandaloneVat(Liveslots):
    """A vat that serves no deliveries, because nobody makes any."""

    def __init__(self) -> None:
        super().__init__(DictStore(), vat_name="standalone", incarnation=0)
        self.keep_cache = True
        self.kinds.independent = True
        self.copies.redefinable = True
        self.await_hook = self._wait
        self.open()

    def _wait(self, promise: Promise[Any]) -> Any:
        self.settle()
        if promise.status == "pending":
            raise RuntimeError("this promise will never settle: nothing is left to run that could resolve it")
        return promise.result()


_world: StandaloneVat | None = None


def world() -> StandaloneVat:
    """The vat of this process, made when first needed."""
    global _world
    if _world is None:
        _world = StandaloneVat()
        set_standalone(_world)
    return _world


def drain() -> None:
    """Run everything that is waiting to run."""
    world().settle()
