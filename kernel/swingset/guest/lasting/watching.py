"""Watching promises durably: a durable object is notified, even in a later incarnation.

A callback given to `then` is in the heap, and an upgrade drops the heap. A watch consists of a durable object
and durable arguments, stored under the promise's name in the kernel. The incarnation that is notified of the
outcome calls `on_fulfilled(value, *args)` or `on_rejected(reason, *args)` on the watcher.

A promise that only this vat knows gets a name, and the vat subscribes to its own promise. If an upgrade comes
first, the kernel rejects the promise with the disconnection object, and notifies the next incarnation, whose
store still has the watch, like any subscriber.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.context import current
from ..base.promises import PENDING, Promise, settled
from ..passing.passable import brief
from ..passing.remotables import Presence, method_table_of
from ..stores.baggage import StoredMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vat import Vat

WATCHES = 3  # the number of the collection in which watches are stored

ON_FULFILLED, ON_REJECTED = "on_fulfilled", "on_rejected"


class _Watched:
    """A promise with watches, and its name in the store; None once its watches were moved."""

    __slots__ = ("vpid",)

    def __init__(self, vpid: str) -> None:
        self.vpid: str | None = vpid


class Watches:
    """The durable watches of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._stored = StoredMap(vat, WATCHES, "watches")
        self._watched: dict[str, _Watched] = {}
        self._inherited: dict[str, None] = {}
        vat.promises.on_moved.append(self.moved)
        self.on_step: Callable[[list[Any], bool, Any], None] | None = None  # for watches of resumable calls

    def load(self) -> None:
        """Read the watches that earlier incarnations have stored."""
        for vpid in self._stored:
            self._inherited[vpid] = None
            self._attach(vpid, self._vat.promises.restore(vpid))

    def lack_code(self, vpid: str) -> bool:
        """Whether a watcher of a promise is of an earlier interpreter and has no code here yet."""
        if vpid not in self._inherited or vpid not in self._watched:
            return False
        try:
            entries = self._stored[vpid]
        except LookupError:  # the kind of a watcher is not defined
            return True
        calls = self._vat.calls
        return any(entry[0] != "call" and calls.waits(entry[1]) for entry in entries)

    def expected(self, kind: str) -> dict[int, dict[int, Promise[Any]]]:
        """The promises that entries `[kind, number, index]` wait for, by number and index."""
        found: dict[int, dict[int, Promise[Any]]] = {}
        for vpid in self._watched:
            try:
                entries = self._stored[vpid]
            except LookupError:  # the kind of a watcher is not defined yet; other watchers are notified
                continue
            for entry in entries:
                if entry[0] == kind:
                    found.setdefault(entry[1], {})[entry[2]] = self._vat.promises.restore(vpid)
        return found

    def watch(self, promise: Any, watcher: Any, args: list[Any]) -> None:
        """Notify a durable object of the outcome of a promise; raises TypeError if it cannot watch."""
        turns = self._vat.turns
        _check(watcher)
        promise = settled(turns, promise)
        entry = ["call", watcher, args]
        self._vat.slots.encode_durable([watcher, args], "watch_promise(..., watcher, *args)")
        if promise.status is PENDING:
            self.add(promise, entry)
        else:
            promise._react(lambda v: self._tell(entry, False, v), lambda e: self._tell(entry, True, e))

    def add(self, promise: Promise[Any], entry: list[Any]) -> str:
        """Store a watch of a pending promise; returns the promise's name in the kernel."""
        promises = self._vat.promises
        decider = promise._last()
        ours = promises.known(decider) is None
        vpid = promises.name(decider)
        self._stored[vpid] = [*self._stored.get(vpid, ()), entry]
        if vpid not in self._watched:
            if ours:
                self._vat.syscall(["subscribe", vpid])
            self._attach(vpid, decider)
        return vpid

    def moved(self, old: str, new: str) -> None:
        """Note that a promise was forwarded to another, and move its watches there."""
        watched = self._watched.get(old)
        if watched is not None:
            watched.vpid = None
            promise = self._vat.promises.find(new)
            lack = self.lack_code(old)
            del self._watched[old]
            if lack:
                self._carry(old, new, promise)
                return
            for entry in self._stored.pop(old):
                if promise is not None:
                    self.add(promise, entry)

    def _carry(self, old: str, new: str, promise: Promise[Any] | None) -> None:
        """Move watches that cannot be decoded yet, as stored text."""
        store, prefix = self._vat.store, f"vc.{WATCHES}.s"
        text = store.get(prefix + old)
        if text is not None and promise is not None and new not in self._stored:
            store.delete(prefix + old)
            store.set(prefix + new, text)
            self._inherited[new] = None
            self._attach(new, promise)
        else:
            self._vat.on_unhandled(f"in {self._vat.vat_name}: who watched {old} cannot also watch {new}")

    def _attach(self, vpid: str, promise: Promise[Any]) -> None:
        watched = self._watched[vpid] = _Watched(vpid)
        promise._react(lambda v: self._settled(watched, False, v), lambda e: self._settled(watched, True, e))

    def _settled(self, watched: _Watched, rejected: bool, value: Any) -> None:
        if watched.vpid is not None:
            del self._watched[watched.vpid]
            for entry in self._stored.pop(watched.vpid):
                self._tell(entry, rejected, value)

    def _tell(self, entry: list[Any], rejected: bool, value: Any) -> None:
        if entry[0] != "call":
            if self.on_step is not None:
                self.on_step(entry, rejected, value)
            return
        _, watcher, args = entry
        method = ON_REJECTED if rejected else ON_FULFILLED
        outcome: Promise[Any] = Promise(self._vat.turns)
        table = method_table_of(watcher)
        title = f"{table.tag if table else brief(watcher)}.{method}()"
        outcome._cause = f"{title} was to be told by watch_promise"
        if table is not None and method in table.methods():
            outcome._run(table.invoke, watcher, method, [value, *args], {}, self._vat.turns)
        elif rejected:
            outcome._reject(value)


def _check(watcher: Any) -> None:
    if isinstance(watcher, Presence):
        raise TypeError(f"{watcher!r} lives in another vat and cannot watch here: pass a @durable object")
    table = method_table_of(watcher)
    if table is None:
        raise TypeError(f"a watcher is a @durable object of this vat, not {brief(watcher)}")
    if not {ON_FULFILLED, ON_REJECTED} & set(table.methods()):
        raise TypeError(
            f"a {table.tag} cannot watch: give it a method {ON_FULFILLED}(self, value, *args) "
            f"or {ON_REJECTED}(self, reason, *args)"
        )


def watch_promise(promise: Any, watcher: Any, /, *args: Any) -> None:
    """Notify a durable object of a promise's outcome, in this incarnation or in a later one.

    It calls `watcher.on_fulfilled(value, *args)` or `watcher.on_rejected(reason, *args)`. A rejection without
    such a method is reported as unhandled. Raises TypeError if the watcher has neither method or is not
    durable, or if an argument is not.

        watch_promise(E(bank).open(), account, "opened")

    Source:
        `watchPromise(p, watcher, ...args)`.
    """
    vat: Vat = current()
    vat.watches.watch(promise, watcher, list(args))
