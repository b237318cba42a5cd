"""The vat `vatMover`: carries what is said when a vat moves from one world to another.

One world sends a vat by an acceptance of the other. It offers it, and gets an arrival. It sends the package
in pieces, the references in portions, and asks for the objects that will be the vat's exports, one message
after the other. Each answer is awaited by a durable watcher. If one is a rejection, the vat stays, and the
arrival is cancelled. When all is answered, the device of the old home decides. The message that starts the
vat is not sent from here: it is queued in the same crank.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import Baggage, D, E, Promise, durable, remotable, watch_promise

promises: dict[object, list[Any]] = {}
"""The promises that have come with arrivals, until the device has asked for them."""


@durable
class Departure:
    """One vat of this world that is on its way."""

    node: object
    arrival: object = None

    def begin(self, acceptance: object, offer: dict[str, Any]) -> None:
        """Offer the vat."""
        watch_promise(E(acceptance).offer(offer), self, "offered")

    def on_fulfilled(self, answer: Any, step: str) -> None:
        """The other world has answered: go on."""
        try:
            if step == "started":
                D(self.node).started(None)
                return
            if step == "offered":
                D(self.node).offered(answer)
                self.arrival = answer
            elif step == "objects":
                D(self.node).answered(answer)
            following = D(self.node).next()
            if following is None:
                started = D(self.node).go(self.arrival)
                self.arrival = None
                watch_promise(started, self, "started")
                return
            what, part = following
            watch_promise(E(self.arrival).take(what, part), self, what)
        except Exception as problem:
            self._stay(problem)

    def on_rejected(self, reason: Any, step: str) -> None:
        """The other world has refused, or is gone."""
        if step == "started":
            D(self.node).started(str(reason))
        else:
            self._stay(reason)

    def _stay(self, reason: Any) -> None:
        arrival, self.arrival = self.arrival, None
        code = getattr(reason, "code", None)
        words = reason.get("name") if isinstance(reason, dict) else str(reason)
        D(self.node).stay(str(words), code if isinstance(code, str) else None)
        if arrival is not None:
            E.send_only(arrival).cancel()  # the other world may have answered with anything


@durable
class Acceptance:
    """The right to send vats to this world; whoever fetches it may."""

    node: object

    def offer(self, offer: Any) -> Arrival:
        """Offer a vat; raises if it is not taken."""
        return Arrival(D(self.node).offer(offer))


@durable
class Arrival:
    """A vat of another world that comes to this one."""

    node: object

    async def take(self, what: str, part: Any) -> Any:
        """Take a piece of the package or a portion of references, or answer with a portion of objects."""
        if what != "refs":
            return D(self.node).take(what, part, self)
        found: list[Any] = []
        promised: list[Any] = []
        for is_promise, each in part:
            if is_promise:
                promised.append(each)
                found.append(None)
            else:
                # An object of a third world may come as a promise, until it was introduced.
                found.append(await each if isinstance(each, Promise) else each)
        if promised:
            promises[self] = promised
        try:
            return D(self.node).take(what, found, self)
        except Exception:
            promises.pop(self, None)
            raise

    def promise(self) -> Any:
        """The next promise that has come; only the device asks, which cannot be given one."""
        waiting = promises[self]
        found = waiting.pop(0)
        if not waiting:
            del promises[self]
        return found

    def start(self) -> None:
        """The old home has decided: the vat is here from now on."""
        promises.pop(self, None)
        D(self.node).start()

    def cancel(self) -> None:
        """The vat does not come."""
        promises.pop(self, None)
        D(self.node).cancel()


@remotable
class VatMover:
    """What the host of a world asks for."""

    def __init__(self, device: object) -> None:
        self._device = device

    def accept(self, most: int, vats: int, meter: str | None) -> Acceptance:
        """An acceptance."""
        return Acceptance(D(self._device).accept(most, vats, meter))

    def take_back(self, vat: str) -> str:
        """Make a vat here anew that has not arrived where it was to go; returns its name."""
        name: str = D(self._device).take_back(vat)
        return name

    def move(self, vat: str, acceptance: object, there: str, name: str | None) -> Promise[Any]:
        """Move a vat; a promise for what became of it."""
        node, promise, offer = D(self._device).depart(vat, there, name)
        Departure(node).begin(acceptance, offer)
        moved: Promise[Any] = promise
        return moved


def build_root_object(parameters: dict[str, object] | None, baggage: Baggage) -> VatMover:
    """Make the root. Only the first incarnation gets the device; the baggage keeps it."""
    for name, device in (parameters or {}).items():
        baggage[name] = device
    return VatMover(baggage["mover"])
