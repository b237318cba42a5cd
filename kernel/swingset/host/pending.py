"""Explains why a promise that the caller waits for is not settled."""

from __future__ import annotations

from typing import Any

from swingset.core.errors import KernelError
from swingset.core.kernel import Kernel
from swingset.guest.base.promises import Promise
from swingset.host.reports import RunReport
from swingset.lens.tables import Lens
from swingset.world.promises import FORWARDED
from swingset.world.vats import SUSPENDED


class StillPending(KernelError):
    """The caller waits for a promise, nothing is left that could run, and it is not settled."""


def why_pending(kernel: Kernel, vat_id: str, promise: Promise[Any], report: RunReport, paused: bool) -> str:
    """The message that says what an unsettled promise waits for after a run, and what to do about it."""
    waiting = kernel.store.queues.length()
    if paused:
        events = "1 event" if waiting == 1 else f"{waiting} events"
        return f"the world is paused with {events} in the run-queue: run it, or step through them"
    if report.more:
        return (
            f"the run ended at its limit of cranks with {waiting} events left in the run-queue: run the"
            " world again to continue"
        )
    vpid = getattr(promise, "_vpid", None)
    kref = kernel.recognize(vat_id, vpid) if vpid else None
    lens = Lens(kernel.store)
    rows = {row.kref: row for row in lens.promises()}
    row = rows.get(kref or "")
    passed = 0
    while row is not None and row.state == FORWARDED and passed <= len(rows):
        row = rows.get(row.decider)  # the decider of a promise that follows another is that promise
        passed += 1
    if row is not None:
        decider = kernel.store.vats.named(row.decider)
        if decider is not None and decider.state == SUSPENDED:
            return (
                f"vat {decider.name}, which has to settle promise {row.kref}, is suspended:"
                f" {decider.reason}; upgrade the vat, or resume it"
            )
        sent = [event for event in lens.queue() if event.result == row.kref]
        if decider is not None:
            why = f"vat {decider.name} has to settle it"
        elif sent:
            why = f"the message {sent[0].summary}, whose result it is, waits: {sent[0].where}"
        else:
            why = "it waits for a device or for the host"
        return f"nothing is left to run, and promise {row.kref} is still unresolved: {why}"
    return (
        "nothing is left to run, and the promise is still unresolved: it waits for something in this session"
    )
