"""What a vat asks of the kernel, applied in the order it asks.

The handler is the only thing a worker is given. It answers `["ok", value]` or `["error", message]`; an
illegal syscall is answered with an error, remembered, and ends the vat when the crank is judged. Nothing
that comes in is trusted: shapes and sizes are checked before anything is looked up.
"""

from __future__ import annotations

from typing import Any

from swingset.core.budget import SYSCALL
from swingset.core.devices import DeviceBoard
from swingset.core.errors import IllegalSyscall, OverLimit
from swingset.core.store import KernelStore
from swingset.core.translate import Translator
from swingset.model.capdata import is_well_formed
from swingset.model.foreign import shown, stored_size
from swingset.model.messages import Notify, Send
from swingset.model.refs import kref_type
from swingset.model.reports import Fault
from swingset.model.wording import fit
from swingset.world.promises import FORWARDED, UNRESOLVED

MAX_KEY = 1_000
MAX_VALUE = 12_000_000


class SyscallHandler:
    """The kernel's ear for one vat during one delivery.

    `log` is the delivery's part of the transcript: `[[syscall, answer], ...]`. `illegal` is the first
    illegal syscall's reason, `over` the first limit that was passed; `exit_request` is
    `(is_failure, capdata)` where the vat asked to end.
    """

    def __init__(self, store: KernelStore, vat: str, devices: DeviceBoard) -> None:
        self._store = store
        self._vat = vat
        self._devices = devices
        self._translate = Translator(store, vat)
        self.log: list[list[Any]] = []
        self.illegal: str | None = None
        self.over: Fault | None = None
        self.exit_request: tuple[bool, dict[str, Any]] | None = None

    def __call__(self, syscall: list[Any]) -> list[Any]:
        """Apply one syscall in the vat's names; never raises for anything a vat can say."""
        if self.illegal is not None:
            return ["error", self.illegal]
        if self.over is not None:
            return ["error", self.over.message]
        try:
            self._store.write(SYSCALL)
            answer = ["ok", self._apply(syscall)]
        except OverLimit as error:
            self.over = Fault(error.code, str(error), "DeliveryStopped")
            return ["error", self.over.message]
        except IllegalSyscall as error:
            self.illegal = fit(f"illegal syscall {_kind(syscall)}: {error}")
            return ["error", self.illegal]
        self.log.append([syscall, answer])
        return answer

    def _apply(self, syscall: list[Any]) -> Any:
        if not isinstance(syscall, list):
            raise IllegalSyscall(f"a syscall is a list, got {type(syscall).__name__}")
        store, vat = self._store, self._vat
        match syscall:
            case ["send", target, message]:
                kref = self._translate.to_kernel(target)
                if kref_type(kref) == "d":
                    raise IllegalSyscall(f"{target} is a device: messages go to objects and promises")
                store.enqueue(Send(kref, self._translate.message_to_kernel(message), vat))
            case ["subscribe", promise]:
                self._subscribe(promise)
            case ["resolve", raw]:
                resolutions = self._translate.resolutions_to_kernel(raw)
                store.resolve(resolutions)
                self._translate.retire([kref for kref, _, _ in resolutions])
            case ["vatstoreGet", key]:
                value = store.vatstore.get(vat, self._named(key))
                store.write(stored_size(value) if value is not None else 0)
                return value
            case ["vatstoreSet", key, value]:
                self._set(self._named(key), _value(value))
            case ["vatstoreDelete", key]:
                store.write(store.vatstore.size(vat, self._named(key)) or 0)
                store.vatstore.delete(vat, key)
            case ["vatstoreGetNextKey", prior]:
                found = store.vatstore.next_key(vat, self._named(prior))
                store.write(stored_size(found) if found is not None else 0)
                return found
            case ["dropImports", vrefs]:
                self._translate.drop_imports(vrefs)
            case ["retireImports", vrefs]:
                self._translate.retire_imports(vrefs)
            case ["retireExports", vrefs]:
                self._translate.retire_exports(vrefs)
            case ["keepPromises", vpids]:
                for kref in self._translate.own_promises(vpids):
                    store.promises.keep(kref)
            case ["abandonExports", vrefs]:
                self._translate.abandon_exports(vrefs)
            case ["callNow", node, method, args]:
                return self._call_now(node, method, args)
            case ["exit", bool(is_failure), info]:
                self.exit_request = (is_failure, self._translate.capdata_to_kernel(info).to_json())
            case _:
                came = ", ".join(shown(argument) for argument in syscall[1:4]) or "no arguments"
                raise IllegalSyscall(f"no syscall of this name wants {came}")
        return None

    def _call_now(self, vref: object, method: object, raw: object) -> list[Any]:
        kref = self._translate.to_kernel(vref)
        if kref_type(kref) != "d":
            raise IllegalSyscall(f"{vref} cannot be called at once: it is not a device")
        args = self._translate.capdata_to_kernel(raw)
        failed, answer = self._devices.call(self._vat, kref, method, args)
        self._store.write_data(answer)
        return [failed, self._translate.capdata_to_vat(answer)]

    def _named(self, raw: object) -> str:
        """A key of the vat's store that it names."""
        key = _key(raw)
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

    def _subscribe(self, vref: object) -> None:
        store = self._store
        kref = self._translate.to_kernel(vref)
        promise = store.promises.get(kref) if kref_type(kref) == "p" else None
        if promise is None:
            raise IllegalSyscall(f"{vref} cannot be subscribed to: it is not a promise")
        if promise.state in (UNRESOLVED, FORWARDED):
            store.promises.subscribe(kref, self._vat)
        else:
            store.enqueue(Notify(self._vat, kref))


def _kind(syscall: object) -> str:
    kind = syscall[0] if isinstance(syscall, list) and syscall else syscall
    return repr(kind[:40]) if isinstance(kind, str) else shown(kind)


def _key(key: object) -> str:
    if not isinstance(key, str) or len(key) > MAX_KEY:
        raise IllegalSyscall(f"a vatstore key is a str of at most {MAX_KEY} characters")
    return _well_formed(key)


def _value(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise IllegalSyscall(f"a vatstore value is a str of at most {MAX_VALUE:,} characters")
    return _well_formed(value)


def _well_formed(text: str) -> str:
    if not is_well_formed(text):
        raise IllegalSyscall("text with a lone surrogate cannot be stored")
    return text
