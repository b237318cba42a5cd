"""A vat without a kernel, in which vat code runs when it is imported as a plain module.

So a type checker can read the file that becomes a vat, and an ordinary test can run it: durable instances
keep their state in a dict, `E(x).m()` reaches objects of the same process, and `await` or `drain()` run the
turns. There is no other vat to send to, and nothing is kept when the process ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Any

from .base.context import current, set_standalone
from .base.promises import Promise, settled
from .base.vat_kinds import STANDALONE
from .liveslots import Liveslots
from .loader import call_builder
from .stores.baggage import StoredMap

if TYPE_CHECKING:
    from collections.abc import Callable


class DictStore:
    """The part of a kernel that a standalone vat needs: its store, as a dict with ordered keys."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self._order: list[str] = []

    def __call__(self, call: list[Any]) -> Any:
        """Serve one syscall; raises RuntimeError for one that needs another vat."""
        name = call[0]
        if name == "vatstoreGet":
            return self.entries.get(call[1])
        if name == "vatstoreSet":
            if call[1] not in self.entries:
                insort(self._order, call[1])
            self.entries[call[1]] = call[2]
        elif name == "vatstoreDelete":
            if self.entries.pop(call[1], None) is not None:
                del self._order[bisect_left(self._order, call[1])]
        elif name == "vatstoreGetNextKey":
            following = bisect_right(self._order, call[1])
            return self._order[following] if following < len(self._order) else None
        elif name not in ("exit", "resolve", "subscribe", "keepPromises"):
            raise RuntimeError(f"outside a kernel there is nobody to {name} to")
        return None


class StandaloneVat(Liveslots):
    """A vat that gets no deliveries."""

    def __init__(self) -> None:
        super().__init__(DictStore(), vat_name="standalone", incarnation=0, kind=STANDALONE)
        self.await_hook = self._wait
        self.open()

    def _wait(self, promise: Promise[Any]) -> Any:
        self.settle()
        if promise.status == "pending":
            raise RuntimeError("this promise will never settle: nothing is left to run that could resolve it")
        return promise.result()


_vat: StandaloneVat | None = None


def vat() -> StandaloneVat:
    """The standalone vat of this process, made when it is first needed."""
    global _vat
    if _vat is None:
        _vat = StandaloneVat()
        set_standalone(_vat)
    return _vat


def drain() -> None:
    """Run all turns that wait, in a test of vat code: `answer = E(root).total(); drain(); answer.result()`.

    Raises RuntimeError inside a vat, whose deliveries run its turns.

    Source:
        Ours; tests of JavaScript await `eventLoopIteration`.
    """
    _alone("drain()").settle()


def start(
    build_root_object: Callable[..., Any], parameters: Any = None, baggage: StoredMap | None = None
) -> Any:
    """Call `build_root_object` as a vat would and return the root object: `root = start(build_root_object)`.

    It gets `parameters` under this name. With the `baggage` of an earlier start it finds what an upgrade
    would find, though objects in memory and kinds stay as they are. Raises what `build_root_object` raises,
    and RuntimeError inside a vat.

    Source:
        Ours; `buildRootObject(vatPowers, vatParameters, baggage)` in a test.
    """
    vat = _alone("start(...)")
    kept = StoredMap(vat) if baggage is None else baggage
    offered = {"powers": vat.powers, "parameters": parameters, "baggage": kept}
    built = settled(vat.turns, call_builder(build_root_object, offered, vat.vat_name))
    vat.settle()
    return built.result()


def _alone(what: str) -> StandaloneVat:
    found = current()
    if not isinstance(found, StandaloneVat):
        raise RuntimeError(
            f"{what} is for vat code that is imported as a plain module, and this is vat {found.vat_name}, "
            "whose turns its deliveries run"
        )
    return found
