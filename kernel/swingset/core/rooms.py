"""Who is followed for the room that it takes, and what is refused to a vat that takes too much.

A vat is followed (`world.footprints`) if it pays rent, or if its option `total_bytes` limits it. What would
have it pass its limit is rolled back: a message is rejected to its sender, so the vat goes on with the next
one. A notification has no sender, and a vat that does not hear it is broken, so it runs, and so does all
housekeeping and every upgrade. Only if the vat itself stores or sends more in it is it stopped, and the vat
suspended with it. Otherwise a vat could go on for ever in what it is notified of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from swingset.core.store import KernelStore, size_of
from swingset.model.messages import Event, Notify, Send
from swingset.world.footprints import Room
from swingset.world.vats import VatRecord


class Rooms:
    """The room of the vats of one world. Callers provide the crank around it."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._before = Room(0, 0, 0, 0)

    def follow(self, vat: VatRecord) -> None:
        """Follow a vat whose options ask for it, and no other."""
        footprints = self._store.footprints
        if is_followed(vat) == footprints.follows(vat.id):
            return
        if is_followed(vat):
            imports, waiting = counted(self._store, vat.id)
            footprints.follow(vat.id, imports, waiting)
        else:
            footprints.forget(vat.id)

    def begin(self, vat: VatRecord) -> None:
        """Look at the room that a vat takes, before it is given anything in this crank."""
        self.follow(vat)
        if is_followed(vat):
            self._before = self._store.footprints.of(vat.id)

    def grows(self, event: Event, vat: VatRecord) -> bool:
        """Whether an event had a vat take more room in a way that can be refused to it."""
        now = self._store.footprints.of(vat.id)
        if isinstance(event, Notify):
            return now.own > self._before.own
        return isinstance(event, Send) and now.total > self._before.total

    def trouble(self, event: Event, vat: VatRecord) -> str | None:
        """Why a delivery to a vat has to be rolled back, or None."""
        most = vat.options.get("total_bytes")
        if most is None:
            return None
        now = self._store.footprints.of(vat.id)
        if now.total <= most or not self.grows(event, vat):
            return None
        return (
            f"the vat would take {now.total:,} bytes in all ({now}), {most:,} are allowed (total_bytes): have"
            " it store, refer to or send less, or give it more"
        )


def is_followed(vat: VatRecord) -> bool:
    """Whether the options of a vat have its room counted."""
    return "account" in vat.options or vat.options.get("total_bytes") is not None


def counted(store: KernelStore, vat: str) -> tuple[int, int]:
    """The imports of a vat, and the bytes of its messages that wait, computed from all rows."""
    question = "SELECT count(*) from clists where vat = ? and substr(vref, 2, 1) = '-'"
    ((imports,),) = store.world.rows(question, (vat,))
    return int(imports), waiting_bytes(store)[vat]


def waiting_bytes(store: KernelStore) -> Counter[str]:
    """The bytes of the messages that wait, by the vats that have sent them, computed from all rows."""
    found = Counter[str]()
    for event in waiting_sends(store):
        if event.sender is not None:
            found[event.sender] += size_of(event.message.methargs)
    return found


def waiting_sends(store: KernelStore) -> Iterator[Send]:
    """Every message that waits, in the run-queue, for a vat or for a promise."""
    waiting = [event for _, event in store.queues.all()]
    waiting += [event for vat in store.vats.all() for _, event in store.queues.parked(vat.id)]
    for (promise,) in store.world.rows("SELECT distinct promise from promise_queue order by promise"):
        waiting += store.promises.waiting_events(promise)
    yield from (event for event in waiting if isinstance(event, Send))
