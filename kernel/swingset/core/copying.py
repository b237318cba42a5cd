"""Copies the rows of a vat for its clone: what it stores, what it knows, and what it waits for.

The memory of a clone names everything as the memory of its vat does. So each entry of the c-list is copied
under the same vref, and what differs is what the vref stands for:

- imports and device nodes are shared, and counted once more;
- an export that the clone is to have is a new object of the clone;
- every other export is a new object too, which nothing holds. So the clone is notified at once, as any vat
  is, that it was dropped and retired: of its own accord nothing in its memory would know;
- a promise that the vat decides is a new promise, which the clone decides;
- any other promise is shared, and the clone is notified of its outcome if the vat is.

Waiting messages are not part of a vat, and stay with it, except for outcomes on their way: the clone waits
for them as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from swingset.core.routing import vat_of
from swingset.core.store import KernelStore
from swingset.model.messages import Message, Notify, Send
from swingset.model.refs import kref_type
from swingset.world.clists import CListEntry
from swingset.world.gc import RETIRE_IMPORT
from swingset.world.promises import UNRESOLVED


def messages_for(store: KernelStore, vat: str) -> list[Send]:
    """The messages in the run-queue that would be delivered to a vat now, oldest first."""
    sends = (event for _, event in store.queues.all() if isinstance(event, Send))
    return [event for event in sends if vat_of(store, event) == vat]


def copy_rows(store: KernelStore, vat: str, clone: str, wanted: Collection[str]) -> dict[str, str]:
    """Copy the rows of a vat for its clone; returns the clone's own kref for each export that is `wanted`."""
    store.vatstore.copy(vat, clone)
    for letter in "odp":
        number = store.counters.get(f"{vat}.{letter}")
        if number:
            store.counters.set(f"{clone}.{letter}", number)
    made: dict[str, str] = {}
    kept = set(store.promises.kept_by(vat))
    for entry in store.clists.of(vat):
        if kref_type(entry.kref) == "p":
            _copy_promise(store, entry, clone, entry.kref in kept)
        elif "+" in entry.vref:
            known = _copy_export(store, entry, clone, entry.kref in wanted)
            if entry.kref in wanted:
                made[entry.kref] = known
        else:
            _copy_import(store, entry, clone)
    for _, event in store.queues.all():
        if isinstance(event, Notify) and event.vat == vat:
            store.enqueue(Notify(clone, event.promise))
    return made


def copy_messages(store: KernelStore, messages: list[Send], made: Mapping[str, str]) -> None:
    """Queue copies of messages for the clone's own objects.

    Nobody is notified of an outcome of a copy: the sender has one promise, and the vat decides that.
    """
    for event in messages:
        target = made.get(event.target)
        if target is not None:
            methargs = event.message.methargs
            store.enqueue(replace(event, target=target, message=Message(methargs), bid=None))


def _copy_promise(store: KernelStore, entry: CListEntry, clone: str, is_kept: bool) -> None:
    promises, kref = store.promises, entry.kref
    known = promises.get(kref)
    if known is None:
        raise promises.missing(kref, f"{entry.vat} knows it")
    waits = entry.vat in promises.subscribers(kref)
    if known.state == UNRESOLVED and known.decider == entry.vat:
        kref = store.new_promise(clone)
        if is_kept:
            promises.keep(kref)
    store.clists.add(clone, kref, entry.vref)
    store.hold(kref)
    if waits:
        promises.subscribe(kref, clone)


def _copy_export(store: KernelStore, entry: CListEntry, clone: str, wanted: bool) -> str:
    known = store.objects.get(entry.kref)
    kref = store.new_object(clone)
    if known is not None and known.iface is not None:
        store.objects.set_iface(kref, known.iface)
    store.clists.add(clone, kref, entry.vref)
    if not entry.reachable and not wanted:
        store.clists.set_reachable(clone, kref, False)
    return kref


def _copy_import(store: KernelStore, entry: CListEntry, clone: str) -> None:
    store.clists.add(clone, entry.kref, entry.vref)
    if store.objects.get(entry.kref) is None:
        # It is gone, and the vat is about to be notified.
        store.clists.set_reachable(clone, entry.kref, False)
        store.gc.add(clone, RETIRE_IMPORT, entry.kref)
        return
    store.hold(entry.kref)
    if not entry.reachable:
        store.set_reachable(clone, entry.kref, False, exported=False)
