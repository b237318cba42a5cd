"""Translates between a vat's names and the kernel's.

A vat can name only what is in its c-list, or what it newly allocates itself. Everything that it sends passes
through `to_kernel`, and everything that it receives through `to_vat`; there is no other way. A vat that names
something it was never given has a broken or hostile guest: that is an illegal syscall.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from swingset.core.budget import REFERENCE
from swingset.core.errors import IllegalSyscall
from swingset.core.notification import Notification
from swingset.core.store import KernelStore
from swingset.model import reasons
from swingset.model.capdata import CapData, ifaces_of
from swingset.model.foreign import stored_size
from swingset.model.messages import Message
from swingset.model.refs import FIRST_IMPORT, ROOT, MalformedReference, VRef, kref_type, parse_vref
from swingset.model.states import CollectionKind
from swingset.world.clists import CListEntry
from swingset.world.gc import DROP_EXPORT, RETIRE_EXPORT, RETIRE_IMPORT
from swingset.world.holdings import GIVEN_OUT
from swingset.world.promises import UNRESOLVED


class Translator:
    """Translates the names of one vat."""

    def __init__(self, store: KernelStore, vat: str) -> None:
        self._store = store
        self._vat = vat

    # From the kernel to the vat

    def to_vat(self, kref: str) -> str:
        """The vat's name for a kref, which is imported if the vat does not know it yet."""
        store, vat = self._store, self._vat
        entry = store.clists.by_kref(vat, kref)
        if entry is None:
            letter = kref_type(kref)
            vref = f"{letter}-{store.counters.take(f'{vat}.{letter}', FIRST_IMPORT[letter])}"
            store.clists.add(vat, kref, vref)
            store.hold(kref)
            return vref
        if not entry.reachable:
            store.set_reachable(vat, kref, True, exported="+" in entry.vref)
        return entry.vref

    def capdata_to_vat(self, value: CapData) -> dict[str, Any]:
        """Capdata in the vat's names, in wire form."""
        return value.map_slots(self.to_vat).to_json()

    def message_to_vat(self, target: str, message: Message) -> list[Any]:
        """Make a `message` delivery. The vat becomes the decider of the result."""
        vref = self.to_vat(target)
        methargs = self.capdata_to_vat(message.methargs)
        result = None
        if message.result is not None:
            result = self.to_vat(message.result)
            self._store.promises.set_decider(message.result, self._vat)
        return ["message", vref, {"methargs": methargs, "result": result}]

    def notify_to_vat(self, notification: Notification) -> list[Any]:
        """Make a `notify` delivery, and delete its c-list entries: a vat is notified of a promise once."""
        resolutions = [
            [self.to_vat(kref), {"rejected": rejected, "data": self.capdata_to_vat(data)}]
            for kref, (rejected, data) in notification.outcomes.items()
        ]
        for kref in notification.outcomes:
            self._store.forget(self._vat, kref, exported=False)
        return ["notify", resolutions]

    # From the vat to the kernel

    def to_kernel(self, text: str) -> str:
        """The kref of a vat's name; a new export gets one. Raises `IllegalSyscall` for other names."""
        vref = _vref(text)
        store, vat = self._store, self._vat
        store.write(REFERENCE)
        entry = store.clists.by_vref(vat, vref.text)
        if entry is not None:
            if not entry.reachable:
                if not vref.exported:
                    raise IllegalSyscall(f"{vref.text} was dropped by the vat and cannot be mentioned")
                store.set_reachable(vat, entry.kref, True, exported=True)
            return entry.kref
        if not vref.exported or vref.type == "d":
            raise IllegalSyscall(f"{vref.text} is not in the vat's c-list: it was never given to the vat")
        if vref.type == "p":
            return self._exported(store.new_promise(decider=vat), vref)
        return self._exported(store.new_object(vat), vref)

    def _exported(self, kref: str, vref: VRef) -> str:
        """Enter a new export into the c-list; returns its kref."""
        store, vat = self._store, self._vat
        store.clists.add(vat, kref, vref.text)
        if vref.type == "p":
            store.hold(kref)
        if store.budget is not None:
            store.budget.keep(store.holdings.of(vat), GIVEN_OUT)
        return kref

    def capdata_to_kernel(self, value: CapData) -> CapData:
        """Capdata in the kernel's names. The interface names of new exports are recorded, for people."""
        self._store.write(stored_size(value.body))
        if not value.slots:
            return value
        krefs: list[str] = []
        ifaces: dict[int, str] | None = None
        for index, slot in enumerate(value.slots):
            fresh = slot.startswith("o+") and self._store.clists.by_vref(self._vat, slot) is None
            krefs.append(self.to_kernel(slot))
            if not fresh:
                continue
            if ifaces is None:
                ifaces = ifaces_of(value.body)
            if index in ifaces:
                self._store.objects.set_iface(krefs[-1], ifaces[index])
        return CapData(value.body, tuple(krefs))

    def message_to_kernel(self, given: CapData, result: str | None) -> Message:
        """Translate a message that the vat sends. Its result, if any, must be a newly allocated promise."""
        methargs = self.capdata_to_kernel(given)
        if result is None:
            return Message(methargs)
        vref = _vref(result)
        if vref.type != "p" or not vref.exported:
            raise IllegalSyscall(f"{vref.text} cannot be a result: a newly allocated promise is wanted")
        if self._store.clists.by_vref(self._vat, vref.text) is not None:
            raise IllegalSyscall(f"{vref.text} cannot be a result: the kernel knows it already")
        self._store.write(REFERENCE)
        return Message(methargs, self._exported(self._store.new_promise(decider=None), vref))

    def resolutions_to_kernel(
        self, given: Sequence[tuple[str, bool, CapData]]
    ) -> list[tuple[str, bool, CapData]]:
        """Translate resolutions; each promise must be unresolved and decided by the vat."""
        found: dict[str, tuple[bool, CapData]] = {}
        for vref, rejected, outcome in given:
            kref = self.to_kernel(vref)
            promise = self._store.promises.get(kref) if kref_type(kref) == "p" else None
            if promise is None:
                raise IllegalSyscall(f"{vref} cannot be resolved: it is not a promise")
            if promise.decider != self._vat or promise.state != UNRESOLVED or kref in found:
                raise IllegalSyscall(f"{vref} cannot be resolved: the vat does not decide it")
            found[kref] = (rejected, self.capdata_to_kernel(outcome))
        return [(kref, rejected, outcome) for kref, (rejected, outcome) in found.items()]

    def own_promises(self, vpids: Sequence[str]) -> list[str]:
        """Translate names of unresolved promises that the vat decides; it may allocate new ones."""
        krefs = [self.to_kernel(vref) for vref in vpids]
        for vref, kref in zip(vpids, krefs, strict=True):
            promise = self._store.promises.get(kref) if kref_type(kref) == "p" else None
            if promise is None or promise.decider != self._vat or promise.state != UNRESOLVED:
                raise IllegalSyscall(f"{vref} cannot be kept: it is no promise that the vat decides")
        return krefs

    def retire(self, krefs: list[str]) -> None:
        """Remove settled promises from the vat's c-list; their names are not used again."""
        for kref in krefs:
            if self._store.clists.by_kref(self._vat, kref) is not None:
                # A forwarded promise keeps its subscribers, but not one that has no name for it any more.
                self._store.promises.unsubscribe(kref, self._vat)
                self._store.forget(self._vat, kref, exported=False)

    # Garbage

    def collection_to_vat(self, kind: CollectionKind, krefs: tuple[str, ...]) -> list[Any]:
        """Make a `dropExports`, `retireExports` or `retireImports` delivery, and update the c-list."""
        store, vat = self._store, self._vat
        vrefs = []
        for kref in krefs:
            entry = store.clists.by_kref(vat, kref)
            assert entry is not None
            vrefs.append(entry.vref)
            if kind == DROP_EXPORT:
                store.set_reachable(vat, kref, False, exported=True)
            elif kind == RETIRE_EXPORT:
                store.clists.delete(vat, kref)
                store.objects.delete(kref)
            else:
                store.clists.delete(vat, kref)
        return [f"{kind}s", vrefs]

    def still_meant(self, kind: CollectionKind, kref: str) -> bool:
        """Whether a GC action is still right; much may have changed since it was queued."""
        entry = self._store.clists.by_kref(self._vat, kref)
        if entry is None:
            return False
        if kind == RETIRE_IMPORT:
            return True
        obj = self._store.objects.get(kref)
        if obj is None or obj.reachable > 0:
            return False
        return entry.reachable if kind == DROP_EXPORT else obj.recognizable == 0

    def drop_imports(self, vrefs: Sequence[str]) -> None:
        """Note that the vat cannot reach these imports any more; it may still recognize them."""
        for entry in self._object_entries(vrefs, exported=False):
            if not entry.reachable:
                raise IllegalSyscall(f"{entry.vref} is dropped already")
            self._store.set_reachable(self._vat, entry.kref, False, exported=False)

    def retire_imports(self, vrefs: Sequence[str]) -> None:
        """Note that the vat cannot recognize these imports any more; it must have dropped them before."""
        for entry in self._object_entries(vrefs, exported=False):
            if entry.reachable:
                raise IllegalSyscall(f"{entry.vref} cannot be retired: it is still reachable, drop it first")
            self._store.forget(self._vat, entry.kref, exported=False, reachable=False)

    def retire_exports(self, vrefs: Sequence[str]) -> None:
        """Note that these exports are gone; vats that can still recognize them are notified."""
        for entry in self._object_entries(vrefs, exported=True):
            if entry.reachable:
                raise IllegalSyscall(f"{entry.vref} cannot be retired: others can still reach it")
            self._store.clists.delete(self._vat, entry.kref)
            self._store.delete_object(entry.kref)

    def abandon_exports(self, vrefs: Sequence[str]) -> None:
        """Note that the vat abandons these exports, even if others hold them."""
        for entry in self._object_entries(vrefs, exported=True):
            if entry.vref == ROOT:
                raise IllegalSyscall("a vat cannot abandon its root object")
            self._store.clists.delete(self._vat, entry.kref)
            self._store.orphan(entry.kref, f"{reasons.ABANDONED}: its vat gave it up")
            self._store.touch(entry.kref)

    def _object_entries(self, vrefs: Sequence[str], *, exported: bool) -> Iterator[CListEntry]:
        for text in vrefs:
            vref = _vref(text)
            self._store.write(REFERENCE)
            entry = self._store.clists.by_vref(self._vat, vref.text)
            if entry is None or vref.type == "p" or vref.exported != exported:
                wanted = "an export" if exported else "an import"
                raise IllegalSyscall(f"{vref.text} is not {wanted} in the vat's c-list")
            yield entry


def _vref(text: str) -> VRef:
    try:
        return parse_vref(text)
    except MalformedReference as error:
        raise IllegalSyscall(str(error)) from None
