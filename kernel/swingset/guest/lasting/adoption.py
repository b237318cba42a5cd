"""Promises that this vat decides and hands over to its next incarnation.

An upgrade rejects the promises that the old incarnation decided, except those with an heir. An heir is a
durable object, which gets the promise's resolver in the next incarnation, or a resumable call, which
continues where it was. The heir is stored under the promise's name, and the kernel is told to keep the
promise. The next incarnation claims it while it starts; a promise that it does not claim is rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.context import current
from ..base.promises import PENDING, Promise
from ..base.resolvers import Resolver
from ..passing.passable import brief
from ..passing.remotables import Presence, method_table_of
from ..stores.baggage import StoredMap

if TYPE_CHECKING:
    from .vat import Vat

KEPT = 4  # the number of the collection in which kept promises are stored

ON_ADOPTED = "on_adopted"


class CallPromise(Promise[Any]):
    """The result of a resumable call, which is kept if the call outlasts the delivery that began it."""

    __slots__ = ()


class Adoptions:
    """The kept promises of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._stored = StoredMap(vat, KEPT, "kept promises")
        self._kept: dict[str, None] = {}
        self._found: dict[str, Promise[Any]] = {}
        vat.promises.on_moved.append(self.moved)
        vat.promises.keeps = self.keeps

    def load(self) -> None:
        """Find the promises that the last incarnation has kept, under their old names."""
        for vpid in self._stored:
            self._found[vpid] = self._vat.promises.take_over(vpid)
            self._watch(vpid, self._found[vpid])

    def adopt(self, promise: Any, adopter: Any, args: list[Any]) -> None:
        """Store a durable object as the heir of a promise; raises TypeError if either is unfit."""
        if not isinstance(promise, Promise):
            raise TypeError(f"adopt_promise wants a promise, got {brief(promise)}")
        if isinstance(adopter, Presence):
            raise TypeError(f"{adopter!r} lives in another vat and cannot adopt: pass a @durable object")
        table = method_table_of(adopter)
        if table is None:
            raise TypeError(f"an adopter is a @durable object of this vat, not {brief(adopter)}")
        if ON_ADOPTED not in table.methods():
            raise TypeError(
                f"a {table.tag} cannot adopt: give it a method {ON_ADOPTED}(self, resolver, *args)"
            )
        if self._vat.promises.known(promise._last()) is not None:
            raise TypeError("another vat decides this promise, so an upgrade of this one does not break it")
        self._vat.slots.encode_durable([adopter, args], "adopt_promise(promise, adopter, *args)")
        if promise.status is PENDING:
            self.keep(promise._last(), ["adopt", adopter, args])

    def keep(self, promise: Promise[Any], heir: list[Any]) -> str:
        """Keep a pending promise of this vat for an heir; returns its name."""
        vpid = self._vat.promises.name(promise)
        self._stored[vpid] = heir
        if vpid not in self._kept:
            self._watch(vpid, promise)
            self._vat.syscall(["keepPromises", [vpid]])
        return vpid

    def moved(self, old: str, new: str) -> None:
        """Note that a promise was forwarded to another, and keep that instead if this vat decides it."""
        if old in self._kept:
            heir = list(self._stored[old])
            self._drop(old)
            promise = self._vat.promises.find(new)
            ours = promise is not None and self._vat.promises.known(promise) is None
            if promise is not None and ours and new not in self._kept:
                self.keep(promise, heir)

    def keeps(self, promise: Promise[Any]) -> bool:
        """Whether a promise has an heir, or belongs to a resumable call, which will keep it."""
        return isinstance(promise, CallPromise) or promise._last()._vpid in self._kept

    def give_up(self, promise: Promise[Any]) -> None:
        """Stop keeping a promise."""
        if promise._vpid is not None:
            self._drop(promise._vpid)

    def found(self) -> list[tuple[Promise[Any], list[Any]]]:
        """The promises of earlier incarnations that were found, each with its heir."""
        return [(promise, list(self._stored[vpid])) for vpid, promise in self._found.items()]

    def hand_over(self) -> None:
        """Claim the promises that were found and give each resolver to its adopter, when a start ends."""
        self.claim()
        found, self._found = self._found, {}
        for vpid, promise in found.items():
            heir = self._stored[vpid]
            if heir[0] == "adopt":
                self._give(promise, heir[1], heir[2])

    def claim(self) -> None:
        """Tell the kernel which of the promises that were found this incarnation decides."""
        self._found = {vpid: promise for vpid, promise in self._found.items() if self._open(vpid, promise)}
        if self._found:
            self._vat.syscall(["keepPromises", list(self._found)])

    def take_up(self) -> None:
        """Hand over the promises that were found whose heirs have their code by now, in a notebook."""
        for vpid, promise in list(self._found.items()):
            if not self._open(vpid, promise):
                del self._found[vpid]
                continue
            try:
                heir = self._stored[vpid]
            except LookupError:  # the adopter's kind is not defined yet
                continue
            if heir[0] == "adopt":
                del self._found[vpid]
                self._give(promise, heir[1], heir[2])
            elif self._vat.calls.take_up(heir[1], promise):
                del self._found[vpid]

    def lacking(self) -> list[str]:
        """The functions that calls need and that are not defined yet, sorted."""
        found = []
        for vpid in self._found:
            try:
                heir = self._stored[vpid]
            except LookupError:
                continue
            tag = self._vat.calls.unknown(heir[1]) if heir[0] != "adopt" else None
            if tag is not None:
                found.append(tag)
        return sorted(set(found))

    def _open(self, vpid: str, promise: Promise[Any]) -> bool:
        return vpid in self._kept and promise.status is PENDING

    def _give(self, promise: Promise[Any], adopter: Any, args: list[Any]) -> None:
        turns = self._vat.turns
        table = method_table_of(adopter)
        if table is None:
            promise._reject(TypeError(f"{brief(adopter)} was to adopt this promise, and is no object"))
            return
        outcome: Promise[Any] = Promise(turns)
        outcome._react(lambda _: None, promise._reject)
        outcome._run(table.invoke, adopter, ON_ADOPTED, [Resolver(promise), *args], {}, turns)

    def _watch(self, vpid: str, promise: Promise[Any]) -> None:
        self._kept[vpid] = None
        promise._react(lambda _: self._drop(vpid), lambda _: self._drop(vpid))

    def _drop(self, vpid: str) -> None:
        if vpid in self._kept:
            del self._kept[vpid]
            del self._stored[vpid]


def adopt_promise(promise: Any, adopter: Any, /, *args: Any) -> None:
    """Hand a promise of this vat over to a durable object, in case an upgrade comes before it is settled.

    The next incarnation calls `adopter.on_adopted(resolver, *args)` while it starts, and so does each one
    after it until the promise is settled. An upgrade rejects a promise without an adopter. Raises TypeError
    if another vat decides the promise, if the adopter has no such method, or if an argument is not durable.

        answer, resolver = make_promise()
        adopt_promise(answer, order, "paid")

    Source:
        Ours: an upgrade of the reference rejects every promise that the vat decides.
    """
    vat: Vat = current()
    vat.adoptions.adopt(promise, adopter, list(args))
