"""Finds the destination of a message, each time it reaches the head of the queue.

A message may have been sent to a promise that was settled or forwarded since, and an object may have lost its
owner. So the destination is decided when it is the message's turn, and not when it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.store import KernelStore
from swingset.model import capdata, reasons
from swingset.model.capdata import CapData
from swingset.model.messages import Send
from swingset.model.refs import kref_type
from swingset.world.promises import FORWARDED, REJECTED, UNRESOLVED
from swingset.world.vats import TERMINATED, VatRecord


@dataclass(frozen=True)
class ToVat:
    """Deliver to `vat`, which owns the object or decides the promise `target`."""

    vat: VatRecord
    target: str


@dataclass(frozen=True)
class ToPromise:
    """Queue the message to this promise."""

    promise: str


@dataclass(frozen=True)
class Nowhere:
    """Reject the message's result with this."""

    rejection: CapData


def route(store: KernelStore, event: Send) -> ToVat | ToPromise | Nowhere:
    """The current destination of a message."""
    target = event.target
    if kref_type(target) == "p":
        promise = store.promises.get(target)
        if promise is None:
            raise store.promises.missing(target, "a message for it waits")
        promise = store.end_of(promise)
        target = promise.kref
        if promise.state == UNRESOLVED:
            pipeliner = _pipeliner(store, promise.decider)
            return ToPromise(target) if pipeliner is None else ToVat(pipeliner, target)
        outcome = promise.data or capdata.NOTHING
        if promise.state == REJECTED:
            return Nowhere(outcome)
        slot = capdata.sole_object(outcome)
        if slot is None or kref_type(slot) != "o":
            words = f"data is not callable, has no method {event.message.method}"
            return Nowhere(capdata.error("TypeError", words, code=reasons.NOT_CALLABLE))
        target = slot
    if kref_type(target) == "d":
        words = f"a device node takes no messages; a vat calls it: D(node).{event.message.method}(...)"
        return Nowhere(capdata.error("TypeError", words, code=reasons.NOT_CALLABLE))
    obj = store.objects.get(target)
    vat = store.vats.get(obj.owner) if obj and obj.owner else None
    if vat is None or vat.state == TERMINATED:
        code, words = fate_of(obj.fate if obj else None)
        return Nowhere(capdata.error("Error", words, code=code))
    return ToVat(vat, target)


def vat_of(store: KernelStore, event: Send) -> str | None:
    """The id of the vat that `route` would find for a message, or None; looking changes nothing."""
    target, passed = event.target, set[str]()
    if kref_type(target) == "p":
        promise = store.promises.get(target)
        while promise is not None and promise.state == FORWARDED and promise.decider not in passed:
            passed.add(promise.kref)
            promise = store.promises.get(promise.decider or "")
        if promise is None or promise.state in (REJECTED, FORWARDED):
            return None
        if promise.state == UNRESOLVED:
            pipeliner = _pipeliner(store, promise.decider)
            return None if pipeliner is None else pipeliner.id
        target = capdata.sole_object(promise.data or capdata.NOTHING) or ""
    obj = store.objects.get(target) if target[1:2] == "o" else None
    vat = store.vats.get(obj.owner) if obj is not None and obj.owner else None
    return None if vat is None or vat.state == TERMINATED else vat.id


def fate_of(fate: str | None) -> tuple[str, str]:
    """An orphan's machine-readable code and words."""
    code, _, words = (fate or f"{reasons.TERMINATED}: vat terminated").partition(": ")
    return code, words


def _pipeliner(store: KernelStore, decider: str | None) -> VatRecord | None:
    """The vat that decides a promise, if it takes messages to promises that it has not settled; else None."""
    vat = store.vats.get(decider) if decider else None
    return vat if vat and vat.state != TERMINATED and vat.options.get("enable_pipelining") else None
