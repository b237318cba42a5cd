"""The one boundary between a vat's names and the kernel's.

A vat can speak only of what is in its c-list, or of what it newly allocates itself. All that it says
passes `vat_to_kernel`, all that it hears passes `kernel_to_vat`, and there is no third way. A vat that
names what it was never given has a broken or hostile guest: that is an illegal syscall.
"""

from __future__ import annotations

from typing import Any

from swingset.core.errors import IllegalSyscall
from swingset.core.store import KernelStore
from swingset.model.capdata import CapData, MalformedCapData
from swingset.model.messages import Message
from swingset.model.refs import FIRST_IMPORT, MalformedReference, kref_type, parse_vref
from swingset.world.promises import UNRESOLVED


class Translator:
    """The boundary of one vat."""

    def __init__(self, store: KernelStore, vat: str) -> None:
        self._store = store
        self._vat = vat

    # What the vat hears

    def to_vat(self, kref: str) -> str:
        """The vat's name for a kref, which is imported where the vat does not know it yet."""
        store, vat = self._store, self._vat
        entry = store.clists.by_kref(vat, kref)
        if entry is None:
            letter = kref_type(kref)
            vref = f"{letter}-{store.counters.take(f'{vat}.{letter}', FIRST_IMPORT[letter])}"
            store.clists.add(vat, kref, vref)
            store.hold(kref)
            return vref
        if not entry.reachable:
            store.set_reachable(vat, kref, True)
        return entry.vref

    def capdata_to_vat(self, value: CapData) -> dict[str, Any]:
        """Capdata in the vat's names, in wire form."""
        return value.map_slots(self.to_vat).to_json()

    def message_to_vat(self, target: str, message: Message) -> list[Any]:
        """A `message` delivery. The vat becomes the decider of the result."""
        vref = self.to_vat(target)
        methargs = self.capdata_to_vat(message.methargs)
        result = None
        if message.result is not None:
            result = self.to_vat(message.result)
            self._store.promises.set_decider(message.result, self._vat)
        return ["message", vref, {"methargs": methargs, "result": result}]

    def notify_to_vat(self, promise: str) -> list[Any] | None:
        """A `notify` delivery for a settled promise and all settled promises that its data mentions.

        Their c-list entries go: the vat hears of a promise's outcome once, and its name is retired. None
        where the vat heard already, with an earlier promise.
        """
        store, vat = self._store, self._vat
        if store.clists.by_kref(vat, promise) is None:
            return None
        batch: dict[str, tuple[bool, CapData]] = {}
        pending = [promise]
        while pending:
            kref = pending.pop(0)
            record = store.promises.get(kref) if kref_type(kref) == "p" else None
            if kref in batch or record is None or record.state == UNRESOLVED or record.data is None:
                continue
            batch[kref] = (record.state == "rejected", record.data)
            pending.extend(record.data.slots)
        if not batch:
            return None
        resolutions = [
            [self.to_vat(kref), {"rejected": rejected, "data": self.capdata_to_vat(data)}]
            for kref, (rejected, data) in batch.items()
        ]
        for kref in batch:
            store.forget(vat, kref, exported=False)
        return ["notify", resolutions]

    # What the vat says

    def to_kernel(self, text: object) -> str:
        """The kref of a vat's name; a new export gets one. Raises `IllegalSyscall` for the rest."""
        try:
            vref = parse_vref(text)
        except MalformedReference as error:
            raise IllegalSyscall(str(error)) from None
        store, vat = self._store, self._vat
        entry = store.clists.by_vref(vat, vref.text)
        if entry is not None:
            if not entry.reachable and not vref.exported:
                raise IllegalSyscall(f"{vref.text} was dropped by the vat and cannot be mentioned")
            return entry.kref
        if not vref.exported or vref.type == "d":
            raise IllegalSyscall(f"{vref.text} is not in the vat's c-list: it was never given to the vat")
        if vref.type == "p":
            kref = store.new_promise(decider=vat)
            store.clists.add(vat, kref, vref.text)
            store.hold(kref)
        else:
            kref = store.new_object(vat)
            store.clists.add(vat, kref, vref.text)
        return kref

    def capdata_to_kernel(self, raw: object) -> CapData:
        """Capdata in the kernel's names."""
        try:
            return CapData.from_json(raw).map_slots(self.to_kernel)
        except MalformedCapData as error:
            raise IllegalSyscall(str(error)) from None

    def message_to_kernel(self, raw: object) -> Message:
        """A message that the vat sends. Its result, if any, must be a promise the vat newly names."""
        if not isinstance(raw, dict) or set(raw) != {"methargs", "result"}:
            raise IllegalSyscall("a message wants exactly methargs and result")
        methargs = self.capdata_to_kernel(raw["methargs"])
        result = raw["result"]
        if result is None:
            return Message(methargs)
        try:
            vref = parse_vref(result)
        except MalformedReference as error:
            raise IllegalSyscall(str(error)) from None
        if vref.type != "p" or not vref.exported:
            raise IllegalSyscall(f"{vref.text} cannot be a result: a newly allocated promise is wanted")
        if self._store.clists.by_vref(self._vat, vref.text) is not None:
            raise IllegalSyscall(f"{vref.text} cannot be a result: the kernel knows it already")
        kref = self.to_kernel(vref.text)
        self._store.promises.set_decider(kref, None)
        return Message(methargs, kref)

    def resolutions_to_kernel(self, raw: object) -> list[tuple[str, bool, CapData]]:
        """Outcomes that the vat settles; each promise must be unresolved and the vat its decider."""
        if not isinstance(raw, list):
            raise IllegalSyscall("resolve wants a list of [promise, rejected, capdata]")
        found: dict[str, tuple[bool, CapData]] = {}
        for item in raw:
            if not isinstance(item, list) or len(item) != 3 or not isinstance(item[1], bool):
                raise IllegalSyscall("resolve wants a list of [promise, rejected, capdata]")
            kref = self.to_kernel(item[0])
            promise = self._store.promises.get(kref) if kref_type(kref) == "p" else None
            if promise is None:
                raise IllegalSyscall(f"{item[0]} cannot be resolved: it is not a promise")
            if promise.decider != self._vat or promise.state != UNRESOLVED or kref in found:
                raise IllegalSyscall(f"{item[0]} cannot be resolved: the vat does not decide it")
            found[kref] = (item[1], self.capdata_to_kernel(item[2]))
        for kref, (rejected, outcome) in found.items():
            if not rejected and outcome.body.startswith('#"&') and len(outcome.slots) == 1:
                raise IllegalSyscall(f"{kref} cannot be resolved to a promise")
        return [(kref, rejected, outcome) for kref, (rejected, outcome) in found.items()]

    def retire(self, krefs: list[str]) -> None:
        """Take settled promises out of the vat's c-list: their names are not used again."""
        for kref in krefs:
            if self._store.clists.by_kref(self._vat, kref) is not None:
                self._store.forget(self._vat, kref, exported=False)
