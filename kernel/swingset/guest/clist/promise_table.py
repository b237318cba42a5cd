"""The promises that the kernel knows by name, and who of us decides them.

A promise has a name in the kernel (a vpid) only while it is unresolved there. Two tables hold those names:
the promises that others decide (results of our sends, promises that came in) and those that we decide
(promises we sent out, results of messages sent to us). When one resolves, in either direction, its name is
retired on both sides at once. The Python object lives on; sending it again gives it a new name, which is
resolved within the same delivery, because by then we know the answer.

A promise of ours that comes to follow another which the kernel knows is forwarded: the kernel is told at once
which promise decides it, and from then on we have no part in it.

A resolution takes along every promise of ours that its data mentions and that is settled too, and theirs in
turn, so that a receiver never has to ask for what is known. Cycles come out as one batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.promises import FULFILLED, PENDING, Promise
from ..passing.passable import UnpassableError
from ..passing.smallcaps import DecodeError

if TYPE_CHECKING:
    from .vat import Vat


class PromiseTable:
    """The vpids of one vat."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._imported: dict[str, Promise[Any]] = {}
        self._exported: dict[str, Promise[Any]] = {}
        self._unsubscribed: dict[str, None] = {}
        self.answers: dict[str, tuple[str, str]] = {}  # which method decides a result promise, for errors

    def known(self, promise: Promise[Any]) -> str | None:
        """The vpid of a promise that somebody else decides, or None: where a message can be pipelined to."""
        vpid = promise._vpid
        return vpid if vpid is not None and vpid in self._imported else None

    def name_of(self, promise: Promise[Any]) -> str | None:
        """The vpid of a promise, whoever decides it; None while it has none."""
        return promise._vpid or promise._last()._vpid

    def find(self, vpid: str) -> Promise[Any] | None:
        """The promise of that name, whoever decides it."""
        found = self._imported.get(vpid)
        return found if found is not None else self._exported.get(vpid)

    def new_result(self) -> tuple[str, Promise[Any]]:
        """A fresh name and promise for the answer to a message that is about to be sent."""
        vpid = self._new_vpid()
        promise: Promise[Any] = Promise(self._vat.turns)
        promise._vpid = vpid
        self._imported[vpid] = promise
        return vpid, promise

    def name(self, promise: Promise[Any]) -> str:
        """The vpid of a promise that is about to be sent; one that has none is ours to decide."""
        vpid = self.name_of(promise)
        if vpid is None:
            vpid = self._new_vpid()
            self._export(vpid, promise._last())
        return vpid

    def accept_result(self, vpid: str) -> Promise[Any]:
        """The promise for the answer to a message that came in: ours to decide from now on."""
        known = self._imported.pop(vpid, None)
        self._unsubscribed.pop(vpid, None)
        answer: Promise[Any] = Promise(self._vat.turns)
        if known is None:
            self._export(vpid, answer)
        else:
            # Vat code may already hold the promise that now turns out to be its own to answer.
            known._resolve(answer)
            self._export(vpid, known)
        return answer

    def receive(self, vpid: str) -> Promise[Any]:
        """The promise for a vpid met in incoming data; a new one will be subscribed to."""
        promise = self.find(vpid)
        if promise is None:
            promise = Promise(self._vat.turns)
            promise._vpid = vpid
            promise._handled = True  # its sender knows of its fate; nobody here asked for it
            self._imported[vpid] = promise
            self._unsubscribed[vpid] = None
        return promise

    def forward(self, vpid: str, decider: Promise[Any]) -> None:
        """Tell the kernel that one of our promises follows another that it knows, and retire its name."""
        target = decider._vpid
        if target is not None and vpid in self._exported:
            self._exported.pop(vpid)._vpid = None
            self.answers.pop(vpid, None)
            self._vat.syscall(["resolve", [[vpid, False, {"body": '#"&0"', "slots": [target]}]]])
            self._vat.watches.moved(vpid, target)
            self._vat.adoptions.moved(vpid, target)

    def restore(self, vpid: str) -> Promise[Any]:
        """The promise of a name that an earlier incarnation has subscribed to."""
        promise = self.find(vpid)
        if promise is None:
            promise = self._imported[vpid] = Promise(self._vat.turns)
            promise._vpid = vpid
        return promise

    def take_over(self, vpid: str) -> Promise[Any]:
        """The promise of a name that an earlier incarnation was to decide, and that this one decides now."""
        promise: Promise[Any] = Promise(self._vat.turns)
        self._export(vpid, promise)
        return promise

    def subscribe_new(self) -> None:
        """Ask the kernel for the fate of the promises that have come in."""
        if not self._unsubscribed:
            return
        fresh, self._unsubscribed = self._unsubscribed, {}
        for vpid in fresh:
            self._vat.syscall(["subscribe", vpid])

    def notified(self, resolutions: list[Any]) -> None:
        """Settle promises as the kernel tells; their names are gone afterwards."""
        settled = [(self.receive(vpid), resolution) for vpid, resolution in resolutions]
        # Everything is read before any name is dropped: the data of one may mention another.
        values = [self._read(resolution) for _, resolution in settled]
        for (promise, resolution), value in zip(settled, values, strict=True):
            if isinstance(value, _UnreadableError):
                promise._reject(value.error)
            elif resolution.get("rejected"):
                promise._reject(value)
            else:
                promise._resolve(value)
        for (promise, _), (vpid, _) in zip(settled, resolutions, strict=True):
            promise._vpid = None
            for table in (self._imported, self._exported, self._unsubscribed):
                table.pop(vpid, None)

    def _read(self, resolution: dict[str, Any]) -> Any:
        try:
            return self._vat.slots.decode(resolution["data"])
        except DecodeError as exc:
            return _UnreadableError(TypeError(f"the answer cannot be read: {exc}"))

    def _new_vpid(self) -> str:
        return f"p+{self._vat.counters.take('promiseID')}"

    def _export(self, vpid: str, promise: Promise[Any]) -> None:
        promise._vpid = vpid
        self._exported[vpid] = promise
        if promise._reactions:
            for follower in promise._followers():
                if follower._vpid is not None:
                    self.forward(follower._vpid, promise)

        def tell(_: Any) -> None:
            self._resolved(vpid)

        promise._react(tell, tell)

    def _resolved(self, vpid: str) -> None:
        """Tell the kernel about a settled promise of ours, and all it drags along."""
        if vpid not in self._exported:
            return  # an earlier batch took it along
        queue, batch = [vpid], []
        for name in queue:
            promise = self._exported[name]
            rejected, capdata = self._settlement(promise, self.answers.pop(name, None))
            batch.append([name, rejected, capdata])
            for slot in capdata["slots"]:
                other = self._exported.get(slot)
                if other is not None and other.status is not PENDING and slot not in queue:
                    queue.append(slot)
        self._vat.syscall(["resolve", batch])
        for name in queue:
            self._exported.pop(name)._vpid = None

    def _settlement(
        self, promise: Promise[Any], method: tuple[str, str] | None
    ) -> tuple[bool, dict[str, Any]]:
        slots = self._vat.slots
        try:
            return promise.status is not FULFILLED, slots.encode(promise._value)
        except UnpassableError as exc:
            what = f"{method[0]}.{method[1]}()" if method else "the promise"
            return True, slots.encode(TypeError(slots.explain(f"the result of {what}", promise._value, exc)))


class _UnreadableError:
    def __init__(self, error: Exception) -> None:
        self.error = error
