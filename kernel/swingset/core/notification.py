"""Gathers the outcomes of one notification, and handles one that is too large for its vat.

A vat that is notified of a promise is also notified of every settled promise that the outcome mentions, of
those that theirs mention, and so on. The names of all of them are retired together. Otherwise two promises
that mention each other would be notified for ever, because each notification would bring up the retired name
of the other as a new one. So the settlers of promises decide how large a notification is, and not the vat
that waits: 700 promises, each settled with a list of all 700, are 490,000 references, and a single outcome of
ten million characters can exceed the limits of any vat.

A delivery that fails is rolled back, and if it was a message, its sender gets a rejection. A notification has
no sender, so its vat is suspended. So a vat that could make notifications fail could suspend every vat that
waits for its promises. Two rules prevent that:

- At most twice the size of the largest value is gathered. A promise whose outcome brings along more is not
  notified as it was settled.
- A notification that failed and was not modest is not repeated either. A modest one is small enough for any
  vat; if it fails, the vat's own code is at fault, and the vat is suspended with the event parked until it is
  upgraded or resumed.

Instead the vat is notified that the promise was rejected, with the reason `too-large`. For that, its name is
moved, in this vat's c-list only, to a new promise that the kernel rejects, and the vat is notified of that
one. So nothing is left over: the vat drops the old promise as if it had been notified. And it ends: the
kernel's rejection mentions nothing, so it is modest, and there is one for each promise that the vat waits
for. Other vats get the original outcome, if they can take it.
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
"""The most references and characters of a notification of more than one promise."""

MODEST_SLOTS, MODEST_TEXT = 100, 10_000
"""The most references and characters of a modest notification, which every vat can take."""

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
"""The faults that a large notification can cause."""


@dataclass(frozen=True)
class Notification:
    """Outcomes by promise, as (rejected, data); the first is of the promise that the vat waits for.

    `slots` and `text` count the references and characters of all of them. If they are `too_much`, gathering
    stopped early.
    """

    outcomes: dict[str, tuple[bool, CapData]]
    slots: int
    text: int

    @property
    def too_much(self) -> bool:
        """Whether it is too large for every vat."""
        return _too_much(len(self.outcomes), self.slots, self.text)

    def broke(self, fault: Fault) -> bool:
        """Whether the size of the notification may have caused this fault of its vat."""
        modest = self.slots <= MODEST_SLOTS and self.text <= MODEST_TEXT
        return not modest and fault.code in NOT_ITS_FAULT


def gather(store: KernelStore, promise: str) -> Notification:
    """Gather the notification of a promise; it has no outcomes if the promise is not settled."""
    outcomes: dict[str, tuple[bool, CapData]] = {}
    slots = text = 0
    pending = deque([promise])
    while pending:
        kref = pending.popleft()
        record = store.promises.get(kref) if kref not in outcomes and kref_type(kref) == "p" else None
        if record is None or record.state not in (FULFILLED, REJECTED):
            continue
        data = record.data
        assert data is not None
        outcomes[kref] = (record.state == REJECTED, data)
        slots += len(data.slots)
        text += len(data.body)
        if _too_much(len(outcomes), slots, text):
            break
        pending.extend(data.slots)
    return Notification(outcomes, slots, text)


def _too_much(promises: int, slots: int, text: int) -> bool:
    return promises > 1 and (slots > MOST_SLOTS or text > MOST_TEXT)


def too_much(notification: Notification) -> Fault:
    """The fault for a notification that is too large."""
    words = (
        f"its outcome and those that it mentions have more than {MOST_SLOTS:,} references or"
        f" {MOST_TEXT:,} characters ({len(notification.outcomes):,} promises with"
        f" {notification.slots:,} references so far)"
    )
    return Fault(reasons.TOO_LARGE, words)


def tell_instead(store: KernelStore, vat: VatRecord, promise: str, fault: Fault) -> None:
    """Notify only this vat that the promise was rejected, instead of its outcome."""
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
