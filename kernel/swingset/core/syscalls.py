"""Applies the syscalls of a vat, in order.

A delivery has no other access to the kernel. The answer is `["ok", value]` or `["error", message]`. An
illegal syscall gets an error and is recorded, and the vat is terminated when the crank is judged. Syscalls
arrive as typed records whose form was checked when they were parsed (`swingset.model.syscalls`); this module
checks what their references mean and whether the vat may use them.
"""

from __future__ import annotations

from typing import Any

from swingset.core.budget import SYSCALL
from swingset.core.device_board import DeviceBoard
from swingset.core.errors import IllegalSyscall, OverLimit
from swingset.core.store import KernelStore
from swingset.core.translate import Translator
from swingset.model import syscalls
from swingset.model.capdata import CapData
from swingset.model.foreign import stored_size
from swingset.model.messages import Notify, Send
from swingset.model.refs import kref_type
from swingset.model.reports import Fault
from swingset.model.sourced import bundle_named, with_source
from swingset.model.syscalls import Asked, Syscall
from swingset.model.wording import fit
from swingset.world.promises import FORWARDED, UNRESOLVED

MAX_KEY = 1_000


class DeliverySyscalls:
    """Serves the syscalls of one vat during one delivery.

    `log` is the delivery's part of the transcript: `[[syscall, answer], ...]`. `illegal` is the first
    illegal syscall's reason, `over` the first limit that was exceeded; `exit_request` is
    `(is_failure, info)` if the vat asked to end.
    """

    def __init__(self, store: KernelStore, vat: str, devices: DeviceBoard) -> None:
        self._store = store
        self._vat = vat
        self._devices = devices
        self._translate = Translator(store, vat)
        self.log: list[list[Any]] = []
        self.illegal: str | None = None
        self.over: Fault | None = None
        self.exit_request: tuple[bool, CapData] | None = None

    def __call__(self, syscall: Syscall) -> list[Any]:
        """Apply one syscall in the vat's names; no syscall of a vat makes it raise."""
        if self.illegal is not None:
            return ["error", self.illegal]
        if self.over is not None:
            return ["error", self.over.message]
        try:
            self._store.write(SYSCALL)
            answer = ["ok", self._apply(syscall.asked)]
        except OverLimit as error:
            self.over = Fault(error.code, str(error), "DeliveryStopped")
            return ["error", self.over.message]
        except IllegalSyscall as error:
            self.illegal = fit(f"illegal syscall {syscall.name}: {error}")
            return ["error", self.illegal]
        self.log.append([syscall.raw, answer])
        if isinstance(syscall.asked, syscalls.CallNow):
            return with_source(answer, self._store.world.bundles.get)
        return answer

    def _apply(self, asked: Asked) -> Any:
        store, vat = self._store, self._vat
        match asked:
            case syscalls.Send(target, methargs, result):
                kref = self._translate.to_kernel(target)
                if kref_type(kref) == "d":
                    raise IllegalSyscall(f"{target} is a device: messages go to objects and promises")
                store.enqueue(Send(kref, self._translate.message_to_kernel(methargs, result), vat))
            case syscalls.Subscribe(promise):
                self._subscribe(promise)
            case syscalls.Resolve(raw):
                resolutions = self._translate.resolutions_to_kernel(raw)
                store.resolve(resolutions)
                self._translate.retire([kref for kref, _, _ in resolutions])
            case syscalls.VatstoreGet(key):
                value = store.vatstore.get(vat, self._named(key))
                store.write(stored_size(value) if value is not None else 0)
                return value
            case syscalls.VatstoreSet(key, value):
                self._set(self._named(key), value)
            case syscalls.VatstoreDelete(key):
                store.write(store.vatstore.size(vat, self._named(key)) or 0)
                store.vatstore.delete(vat, key)
            case syscalls.VatstoreGetNextKey(prior):
                found = store.vatstore.next_key(vat, self._named(prior))
                store.write(stored_size(found) if found is not None else 0)
                return found
            case syscalls.DropImports(vrefs):
                self._translate.drop_imports(vrefs)
            case syscalls.RetireImports(vrefs):
                self._translate.retire_imports(vrefs)
            case syscalls.RetireExports(vrefs):
                self._translate.retire_exports(vrefs)
            case syscalls.KeepPromises(vpids):
                for kref in self._translate.own_promises(vpids):
                    store.promises.keep(kref)
            case syscalls.AbandonExports(vrefs):
                self._translate.abandon_exports(vrefs)
            case syscalls.CallNow(node, method, args):
                return self._call_now(node, method, args)
            case syscalls.Exit(is_failure, info):
                self.exit_request = (is_failure, self._translate.capdata_to_kernel(info))
            case syscalls.Malformed(words):
                raise IllegalSyscall(words)
        return None

    def _call_now(self, vref: str, method: str, given: CapData) -> list[Any]:
        kref = self._translate.to_kernel(vref)
        if kref_type(kref) != "d":
            raise IllegalSyscall(f"{vref} cannot be called at once: it is not a device")
        args = self._translate.capdata_to_kernel(given)
        failed, answer = self._devices.call(self._vat, kref, method, args)
        self._store.write_data(answer)
        told = [failed, self._translate.capdata_to_vat(answer)]
        if (bundle := bundle_named(told)) is not None:
            self._store.write(sum(stored_size(source) for _, source in self._store.world.bundles.get(bundle)))
        return told

    def _named(self, key: str) -> str:
        """Check a key of the vat's store; raises `IllegalSyscall`."""
        if len(key) > MAX_KEY:
            raise IllegalSyscall(f"a vatstore key is a str of at most {MAX_KEY} characters")
        self._store.write(stored_size(key))
        return key

    def _set(self, key: str, value: str) -> None:
        store, vat = self._store, self._vat
        store.write(stored_size(value) + (store.vatstore.size(vat, key) or 0))
        before = store.holdings.of(vat)
        store.vatstore.set(vat, key, value)
        if store.budget is not None:
            kept = store.holdings.of(vat)
            store.budget.keep(kept, kept - before)

    def _subscribe(self, vref: str) -> None:
        store = self._store
        kref = self._translate.to_kernel(vref)
        promise = store.promises.get(kref) if kref_type(kref) == "p" else None
        if promise is None:
            raise IllegalSyscall(f"{vref} cannot be subscribed to: it is not a promise")
        if promise.state in (UNRESOLVED, FORWARDED):
            store.promises.subscribe(kref, self._vat)
        else:
            store.enqueue(Notify(self._vat, kref))
