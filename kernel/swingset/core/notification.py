"""What one notification tells a vat, and what follows where that is more than the vat can take.

A vat that is told of a promise is told at once of every settled promise that the outcome mentions, and of
those that theirs mention. The names of all of them are retired together: told one after the other, two
promises that mention each other would be told for ever, each telling bringing up the retired name of the
other as a new one. So a notification is as large as whoever settled the promises made it, and the vat that
waits has no say in it: 700 promises, each settled with a list of all 700, come as 490,000 references, and
a single outcome of ten million characters can be past the limits of any vat.

A delivery that fails is undone, and a message that was undone is rejected to its sender. A notification has
no sender, so its vat is suspended, and whoever could make a notification fail could suspend any vat that
waits for his promises. Two rules keep that from him:

- No more is gathered than twice what one value may hold. A promise whose outcome drags along more is not
  told as it was settled.
- A notification that failed and was not modest is not told again either. Modest is what any vat can take;
  where that fails, it is the vat's own code that failed, and the vat is suspended as ever, with the event
  parked until it has better code.

What the vat is told instead is that the promise was rejected, with the reason `too-large`. For that its name
is moved, in its c-list alone, to a new promise, rejected by the kernel, and of that one it is notified as of
any other. So nothing is left over: the vat lets go of the old promise as if it had been told. And it ends:
what the kernel says mentions nothing, so its telling is modest, and there is one for each promise that the
vat waited for. Other vats hear the outcome as it is, if they can.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from swingset.core.store import KernelStore
from swingset.model import capdata, reasons
from swingset.model.capdata import MAX_BODY, MAX_SLOTS, CapData
from swingset.model.messages import Notify
from swingset.model.refs import kref_type
from swingset.model.reports import Fault
from swingset.world.promises import FULFILLED, REJECTED
from swingset.world.vats import VatRecord

MOST_SLOTS, MOST_TEXT = 2 * MAX_SLOTS, 2 * MAX_BODY
"""How many references and characters one notification may have, where it tells of more than one promise."""

MODEST_SLOTS, MODEST_TEXT = 100, 10_000
"""What is not too much for any vat."""

NOT_ITS_FAULT = frozenset(
    {
        reasons.OUT_OF_COMPUTRONS,
        reasons.OUT_OF_MEMORY,
        reasons.STACK_OVERFLOW,
        reasons.GUEST_CRASHED,
        reasons.TOO_MUCH_WRITTEN,
        reasons.STORE_FULL,
    }
)
"""Faults that the size of what it is told can bring a vat to."""


@dataclass(frozen=True)
class Notification:
    """Outcomes by promise, as (rejected, data), first that of the promise the notification is about.

    `slots` and `text` count the references and characters of all of them. Where they are `too_much`, not all
    were gathered.
    """

    outcomes: dict[str, tuple[bool, CapData]]
    slots: int
    text: int

    @property
    def too_much(self) -> bool:
        """Whether no vat is to be told this."""
        return len(self.outcomes) > 1 and (self.slots > MOST_SLOTS or self.text > MOST_TEXT)

    def broke(self, fault: Fault) -> bool:
        """Whether a vat that failed in this way may have done so for the size of what it was told."""
        modest = self.slots <= MODEST_SLOTS and self.text <= MODEST_TEXT
        return not modest and fault.code in NOT_ITS_FAULT


def gather(store: KernelStore, promise: str) -> Notification:
    """What there is to tell of a promise; no outcomes where it is not settled."""
    outcomes: dict[str, tuple[bool, CapData]] = {}
    slots = text = 0
    pending = deque([promise])
    while pending:
        kref = pending.popleft()
        record = store.promises.get(kref) if kref not in outcomes and kref_type(kref) == "p" else None
        if record is None or record.state not in (FULFILLED, REJECTED):
            continue
        assert record.data is not None
        outcomes[kref] = (record.state == REJECTED, record.data)
        slots += len(record.data.slots)
        text += len(record.data.body)
        notification = Notification(outcomes, slots, text)
        if notification.too_much:
            return notification
        pending.extend(record.data.slots)
    return Notification(outcomes, slots, text)


def too_much(notification: Notification) -> Fault:
    """Why the outcomes are not told."""
    words = (
        f"its outcome and those that it mentions have more than {MOST_SLOTS:,} references or"
        f" {MOST_TEXT:,} characters ({len(notification.outcomes):,} promises with"
        f" {notification.slots:,} references so far)"
    )
    return Fault(reasons.TOO_LARGE, words)


def tell_instead(store: KernelStore, vat: VatRecord, promise: str, fault: Fault) -> None:
    """Have the vat be told that the promise was rejected, as far as this vat is concerned."""
    entry = store.clists.by_kref(vat.id, promise)
    assert entry is not None
    words, code = f"vat {vat.name} cannot be told the outcome of this promise: {fault.message}", fault.code
    if fault.code != reasons.HOST_FAILED:
        code = reasons.TOO_LARGE
        words = (
            f"the outcome of this promise is more than vat {vat.name} can be told in one delivery:"
            f" {fault.message}. Ask for it in portions"
        )
    instead = store.new_promise(None)
    store.forget(vat.id, promise, exported=False)
    store.clists.add(vat.id, instead, entry.vref)
    store.hold(instead)
    store.resolve([(instead, True, capdata.error("Error", words, code=code))])
    store.enqueue(Notify(vat.id, instead))
