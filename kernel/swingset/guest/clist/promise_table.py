"""The promises that the kernel knows by name, and whether this vat decides them.

A promise has a name in the kernel (a vpid) only while it is unresolved there. Two tables hold those names:
the promises that others decide (results of this vat's sends, promises that came in) and those that this vat
decides (promises that it sent, results of messages sent to it). When a promise resolves, on either side, its
name is retired on both sides at once. The Python object lives on. If it is sent again, it gets a new name,
which is resolved within the same delivery, because its value is known.

If a promise that this vat decides comes to follow another that the kernel knows, it is forwarded: the kernel
is told which promise decides it, and this vat has no further part in it.

A resolution also resolves every settled promise of this vat that its data mentions, and those that their data
mentions, and so on, so that a receiver never has to ask for a known value. Promises that mention each other
are resolved in one batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.promises import FULFILLED, PENDING, Promise
from ..passing.passable import UnpassableError
from ..passing.smallcaps import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vat import Vat


class PromiseTable:
    """The promises of one vat that have a vpid."""

    def __init__(self, vat: Vat) -> None:
        self._vat = vat
        self._imported: dict[str, Promise[Any]] = {}
        self._exported: dict[str, Promise[Any]] = {}
        self._unsubscribed: dict[str, None] = {}
        self.answers: dict[str, tuple[str, str]] = {}  # the tag and method of a result promise, for errors
        self.on_moved: list[Callable[[str, str], None]] = []
        """Called with both names when a promise of this vat is forwarded to another."""
        self.keeps: Callable[[Promise[Any]], bool] = lambda _: False
        """Whether a promise is handed on to the next incarnation."""

    def known(self, promise: Promise[Any]) -> str | None:
        """The vpid of a promise that another vat decides, to which messages can be pipelined; else None."""
        vpid = promise._vpid
        return vpid if vpid is not None and vpid in self._imported else None

    def name_of(self, promise: Promise[Any]) -> str | None:
        """The vpid of a promise, whoever decides it; None if it has none."""
        return promise._vpid or promise._last()._vpid

    def find(self, vpid: str) -> Promise[Any] | None:
        """The promise with a vpid, whoever decides it; None if it is unknown."""
        found = self._imported.get(vpid)
        return found if found is not None else self._exported.get(vpid)

    def new_result(self) -> tuple[str, Promise[Any]]:
        """Make a vpid and a promise for the answer to a message that is about to be sent."""
        vpid = self._new_vpid()
        promise: Promise[Any] = Promise(self._vat.turns)
        promise._vpid = vpid
        self._imported[vpid] = promise
        return vpid, promise

    def name(self, promise: Promise[Any]) -> str:
        """The vpid of a promise that is about to be sent; this vat decides one that has no vpid yet."""
        vpid = self.name_of(promise)
        if vpid is None:
            vpid = self._new_vpid()
            self._export(vpid, promise._last())
        return vpid

    def accept_result(self, vpid: str) -> Promise[Any]:
        """Return the promise for the answer to an incoming message, which this vat decides from now on."""
        known = self._imported.pop(vpid, None)
        self._unsubscribed.pop(vpid, None)
        answer: Promise[Any] = Promise(self._vat.turns)
        if known is None:
            answer._vpid = vpid
            self._exported[vpid] = answer
            answer._tell_kernel(vpid)
        else:
            # Vat code may already hold this promise, which it now decides itself.
            known._resolve(answer)
            self._export(vpid, known)
        return answer

    def receive(self, vpid: str) -> Promise[Any]:
        """Return the promise for a vpid in incoming data; a new one is subscribed to later."""
        promise = self.find(vpid)
        if promise is None:
            promise = Promise(self._vat.turns)
            promise._vpid = vpid
            promise._handled = True  # its sender handles a rejection; no code here asked for it
            self._imported[vpid] = promise
            self._unsubscribed[vpid] = None
        return promise

    def forward(self, vpid: str, decider: Promise[Any]) -> None:
        """Tell the kernel that a promise of this vat follows another that it knows, and retire its name."""
        target = decider._vpid
        if target is not None and vpid in self._exported:
            self._exported.pop(vpid)._vpid = None
            self.answers.pop(vpid, None)
            self._vat.syscall(["resolve", [[vpid, False, {"body": '#"&0"', "slots": [target]}]]])
            for moved in self.on_moved:
                moved(vpid, target)

    def restore(self, vpid: str) -> Promise[Any]:
        """Return the promise for a vpid that an earlier incarnation has subscribed to."""
        promise = self.find(vpid)
        if promise is None:
            promise = self._imported[vpid] = Promise(self._vat.turns)
            promise._vpid = vpid
        return promise

    def take_over(self, vpid: str) -> Promise[Any]:
        """Return the promise for a vpid that an earlier incarnation decided and this one decides now."""
        promise: Promise[Any] = Promise(self._vat.turns)
        self._export(vpid, promise)
        return promise

    def subscribe_new(self) -> None:
        """Subscribe to the promises that have come in."""
        if not self._unsubscribed:
            return
        fresh, self._unsubscribed = self._unsubscribed, {}
        for vpid in fresh:
            self._vat.syscall(["subscribe", vpid])

    def notified(self, resolutions: list[Any]) -> None:
        """Settle promises as the kernel says, and retire their names."""
        if len(resolutions) == 1:
            ((vpid, resolution),) = resolutions
            promise = self.receive(vpid)
            self._settle(promise, resolution, self._read(resolution))
            self._retire(promise, vpid)
            return
        settled = [(self.receive(vpid), resolution) for vpid, resolution in resolutions]
        # All data is read before any name is retired, because the data of one may mention another.
        values = [self._read(resolution) for _, resolution in settled]
        for (promise, resolution), value in zip(settled, values, strict=True):
            self._settle(promise, resolution, value)
        for (promise, _), (vpid, _) in zip(settled, resolutions, strict=True):
            self._retire(promise, vpid)

    def _settle(self, promise: Promise[Any], resolution: dict[str, Any], value: Any) -> None:
        if type(value) is _UnreadableError:
            promise._reject(value.error)
        elif resolution.get("rejected"):
            promise._reject(value)
        else:
            promise._resolve(value)

    def _retire(self, promise: Promise[Any], vpid: str) -> None:
        promise._vpid = None
        self._imported.pop(vpid, None)
        self._exported.pop(vpid, None)
        self._unsubscribed.pop(vpid, None)

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

        promise._tell_kernel(vpid)

    def resolved(self, vpid: str) -> None:
        """Resolve a settled promise of this vat in the kernel, with all that its data mentions."""
        decided = self._exported.get(vpid)
        if decided is None:
            return  # an earlier batch has resolved it
        rejected, capdata = self._settlement(decided, self.answers.pop(vpid, None))
        if capdata["slots"]:
            self._resolve_all(vpid, rejected, capdata)
        else:
            self._vat.syscall(["resolve", [[vpid, rejected, capdata]]])
            del self._exported[vpid]
            decided._vpid = None

    def _resolve_all(self, vpid: str, rejected: bool, capdata: dict[str, Any]) -> None:
        queue = [vpid]
        batch: list[list[Any]] = []
        for name in queue:
            if batch:
                rejected, capdata = self._settlement(self._exported[name], self.answers.pop(name, None))
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
            return promise._state is not FULFILLED, slots.encode(promise._value)
        except UnpassableError as exc:
            what = f"{method[0]}.{method[1]}()" if method else "the promise"
            return True, slots.encode(TypeError(slots.explain(f"the result of {what}", promise._value, exc)))


class _UnreadableError:
    def __init__(self, error: Exception) -> None:
        self.error = error
