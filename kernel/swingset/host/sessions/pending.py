"""Explains why a promise that the caller waits for is not settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.kernel import Kernel
from swingset.guest.base.promises import Promise
from swingset.host.base.reports import RunReport
from swingset.lens.present.rows import PromiseRow, QueueRow
from swingset.lens.present.tables import Lens
from swingset.lens.present.waits import waits
from swingset.world.promises import FORWARDED
from swingset.world.vats import SUSPENDED


class StillPending(KernelError):
    """The caller waits for a promise, nothing is left that could run, and it is not settled.

    `suspended` is the name of the vat that has to be resumed first, if that is why. `kref` is the kernel's
    name of the promise, if it has one.
    """

    def __init__(self, message: str, suspended: str | None = None, kref: str | None = None) -> None:
        super().__init__(message)
        self.suspended = suspended
        self.kref = kref


def why_pending(
    kernel: Kernel, vat_id: str, promise: Promise[Any], report: RunReport, paused: bool
) -> tuple[str, str | None, str | None]:
    """What `StillPending` says that an unsettled promise waits for, the suspended vat, and the promise."""
    waiting = kernel.store.queues.length()
    if paused:
        events = "1 event" if waiting == 1 else f"{waiting} events"
        return f"the world is paused with {events} in the run-queue: run it, or step through them", None, None
    if report.more:
        words = f"the run ended at its limit of cranks with {waiting} events left in the run-queue"
        return f"{words}: run the world again to continue", None, None
    vpid = getattr(promise, "_vpid", None)
    kref = kernel.recognize(vat_id, vpid) if vpid else None
    lens = Lens(kernel.store)
    rows = {row.kref: row for row in lens.promises()}
    row = _last(rows, kref or "")
    if row is None:
        words = "nothing is left to run, and the promise is still unresolved: it waits for something in this"
        return f"{words} session", None, None
    decider = kernel.store.vats.named(row.decider)
    if decider is not None and decider.state == SUSPENDED:
        words = f"vat {decider.name}, which has to settle promise {row.kref}, is suspended"
        return f"{words}: {decider.reason}; upgrade the vat, or resume it", decider.name, row.kref
    sent = {event.result: event for event in lens.queue() if event.result is not None}
    event = sent.get(row.kref)
    if decider is not None:
        why = f"vat {decider.name} has to settle it"
        if cycle := waits(kernel.store, row.kref).cycle:
            why += f", and {' and '.join(cycle)} wait for each other"
    elif event is not None:
        why = f"the message {event.summary}, whose result it is, waits: {event.where}"
    else:
        why = "it waits for a device or for the host"
    suspended = {vat.name for vat in lens.vats() if vat.state == SUSPENDED}
    words = f"nothing is left to run, and promise {row.kref} is still unresolved: {why}"
    return words, _holds_up(rows, sent, row, suspended), row.kref


def _last(rows: Mapping[str, PromiseRow], kref: str) -> PromiseRow | None:
    """The promise that a promise follows in the end."""
    row, passed = rows.get(kref), 0
    while row is not None and row.state == FORWARDED and passed <= len(rows):
        row = rows.get(row.decider)  # the decider of a promise that follows another is that promise
        passed += 1
    return row


def _holds_up(
    rows: Mapping[str, PromiseRow], sent: Mapping[str, QueueRow], row: PromiseRow, suspended: set[str]
) -> str | None:
    """The suspended vat whose message a promise waits for, also if that is sent to the answer of another."""
    for _ in range(len(rows)):
        if row.decider in suspended:
            return row.decider
        event = sent.get(row.kref)
        if event is None:
            return None
        vat = event.where.removeprefix("vat ").removesuffix(", suspended")
        if vat in suspended:
            return vat
        before = _last(rows, event.where.removeprefix("promise "))
        if before is None:
            return None
        row = before
    return None
