"""Devices: vats call them synchronously, and only through them can a vat reach the outside.

A device is host code with state in the world file. A vat that holds a reference to one of its nodes calls it
with `callNow` and has the answer before its next line runs. The answer is written to the vat's transcript, so
a vat that is replayed gets the same answer again, and the device is not called a second time.

What a device writes belongs to the crank of the caller and is rolled back with it. If a device fails, only
its own writes are rolled back: its caller gets the error and may catch it. Nodes are counted and collected
like objects; the references in the state of a collected node are released. Devices get their powers when the
host constructs them: the context of a call gives access only to the device's own state and to sending.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from swingset.core.errors import IllegalSyscall, KernelError, OverLimit
from swingset.core.store import KernelStore
from swingset.model import capdata
from swingset.model.capdata import CapData, MalformedCapData, Ref
from swingset.model.foreign import said
from swingset.model.messages import Message, Send
from swingset.model.refs import is_kref, kref_type
from swingset.model.sourced import Naming, looks_sourced
from swingset.model.wording import named
from swingset.world.device_records import DeviceRecord
from swingset.world.errors import DamagedRow, WorldError
from swingset.world.promises import UNRESOLVED

MAX_METHOD = 200

SOURCES = "bundle"
"""The kind of the devices that have the source of bundles."""


class DeviceError(Exception):
    """What a device tells its caller; becomes an exception of that `name` in the vat."""

    def __init__(self, message: str, *, name: str = "Error", code: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.code = code


class DeviceContext:
    """One device's own corner of the world, for the length of one call.

    `node` is the device node that was called, or None where the host calls. `caller` is the id of the
    calling vat, or None.
    """

    def __init__(
        self, store: KernelStore, device: DeviceRecord, *, node: str | None = None, caller: str | None = None
    ) -> None:
        self._store = store
        self.device = device
        self.node = node
        self.caller = caller

    def of(self, device: DeviceRecord) -> DeviceContext:
        """The corner of another device, for one that knows its ways."""
        return DeviceContext(self._store, device)

    def get(self, key: str) -> CapData | None:
        """What the device keeps under a key."""
        return self._store.devices.load(self.device.id, key)

    def damaged(self, key: str, reason: str) -> DamagedRow:
        """The complaint about what is kept under a key."""
        return self._store.devices.damaged(self.device.id, key, reason)

    def set(self, key: str, value: CapData | None) -> None:
        """Keep a value, or forget it with None. The references in it are held as long as it is kept."""
        self._note("set", key, value)
        self._store.keep_for_device(self.device.id, key, value)

    def _note(self, what: str, *given: object) -> None:
        self._store.effects.note(self.device.id, what, *given)

    def keys(self, prefix: str = "", limit: int | None = None) -> list[str]:
        """The keys in use, in order."""
        return self._store.devices.keys(self.device.id, prefix, limit)

    def new_node(self, state: CapData) -> str:
        """Make a device node, which lives as long as something holds it; its state is stored by its kref."""
        kref = self._store.new_device_node(self.device.id)
        self._note("new_node", kref)
        self.set(kref, state)
        return kref

    def owns(self, kref: str) -> bool:
        """Whether a kref is a node of this device."""
        node = self._store.objects.get(kref)
        return node is not None and node.owner == self.device.id

    def send(self, target: str, methargs: CapData) -> None:
        """Send a message without a result."""
        self._note("send", target, methargs)
        self._store.write_data(methargs)
        self._store.enqueue(Send(target, Message(methargs)))

    def new_promise(self) -> str:
        """A promise that this device, for the kernel, will settle."""
        kref = self._store.new_promise(None)
        self._note("new_promise", kref)
        return kref

    def settle(self, promise: str, rejected: bool, outcome: CapData) -> None:
        """Settle a promise made by `new_promise`; a second outcome is ignored."""
        record = self._store.promises.get(promise)
        if record is not None and record.state == UNRESOLVED and record.decider is None:
            self._note("settle", promise, rejected, outcome)
            self._store.resolve([(promise, rejected, outcome)])


class Device(Protocol):
    """The code that serves all devices of one kind.

    Code with a true attribute `takes_promises` is given promises too, because it passes them on and never
    waits for one.
    """

    kind: str

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Answer a call on one of the device's nodes; `args` is a list. Raises `DeviceError`."""
        ...


class DeviceBoard:
    """The devices of one world, and the code by kind that this host has for them."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._code: dict[str, Device] = {}
        store.node_gone = self._node_gone

    def install(self, code: Device) -> None:
        """Have devices of that kind served by this code, from now until the world is closed."""
        self._code[code.kind] = code

    def find(self, kind: str, name: str | None = None) -> DeviceRecord | None:
        """The device of that name, or the only one of the kind. None where there is none of the kind.

        Raises `KernelError` for a name that no device of the kind has, and where it takes a name to choose.
        """
        found = [device for device in self._store.devices.all() if device.kind == kind]
        if name is None and len(found) < 2:
            return found[0] if found else None
        for device in found:
            if device.name == name:
                return device
        known = named(device.name for device in found)
        if name is None:
            raise KernelError(f"there are several devices of kind {kind}, say which one: {known}")
        raise KernelError(f"there is no device {name!r} of kind {kind} in this world; there are: {known}")

    def ensure(self, name: str, kind: str) -> DeviceRecord:
        """The device of that name, made if there is none. Within a crank."""
        found = self._store.devices.named(name)
        if found is not None:
            if found.kind != kind:
                raise KernelError(f"device {name} is a {found.kind}, not a {kind}: give it another name")
            return found
        device = self._store.devices.new_id()
        root = self._store.new_device_node(device)
        self._store.hold(root)
        record = DeviceRecord(device, name, kind, root)
        self._store.devices.add(record)
        return record

    def context(self, name: str) -> DeviceContext:
        """The corner of a device, for the host. Raises `KernelError` where there is no such device."""
        record = self._store.devices.named(name)
        if record is None:
            known = named(device.name for device in self._store.devices.all())
            raise KernelError(f"there is no device {name!r} in this world; there are: {known}")
        return DeviceContext(self._store, record)

    def call(self, caller: str, node: str, method: str, args: CapData) -> tuple[bool, CapData]:
        """Serve a vat's call in krefs; returns whether it failed, and the answer or the error."""
        if len(method) > MAX_METHOD:
            raise IllegalSyscall(f"the method of a device is a str of at most {MAX_METHOD} characters")
        owned = self._store.objects.get(node)
        record = self._store.devices.get(owned.owner) if owned and owned.owner else None
        if record is None:
            return True, capdata.error("Error", f"there is no device behind {node} any more")
        code = self._code.get(record.kind)
        if code is None:
            return True, capdata.error("Error", f"this host has no code for devices of kind {record.kind!r}")
        if any(kref_type(slot) == "p" for slot in args.slots) and not getattr(code, "takes_promises", False):
            raise IllegalSyscall("a device cannot be given a promise: await it first")
        context = DeviceContext(self._store, record, node=node, caller=caller)
        effects, failed = self._store.effects, False
        since = len(effects.other)
        self._store.savepoint("device")
        try:
            answer = code.call(method, args, context)
            answer = self._checked(answer, record)
        except BaseException as error:
            self._store.rollback_to("device")
            self._store.world.release("device")
            # A damaged file is the host's concern: what it says of itself must not reach a vat.
            if not isinstance(error, Exception) or isinstance(error, WorldError | OverLimit):
                raise
            failed, answer = True, _told(record, method, error)
        else:
            self._store.world.release("device")
        effects.called(since, caller, node, method, args, failed, answer)
        return failed, answer

    def _checked(self, answer: CapData, device: DeviceRecord) -> CapData:
        """A device's answer, if it can pass: code of the host can be wrong, and its caller is a vat."""
        if not isinstance(answer, CapData):
            raise MalformedCapData(f"it is {type(answer).__name__}, not CapData")
        named_by_device = isinstance(answer, Naming) and device.kind == SOURCES
        answer = CapData.from_json(answer.to_json())
        for slot in answer.slots:
            known = is_kref(slot) and (
                self._store.promises.get(slot) if kref_type(slot) == "p" else self._store.objects.get(slot)
            )
            if not known:
                raise MalformedCapData(f"it mentions {slot!r:.40}, which there is not")
        if looks_sourced(answer) and not named_by_device:
            raise MalformedCapData("only a bundle device answers with the source of a bundle")
        return answer

    def vat_ended(self, vat: str, rejected: bool, outcome: CapData) -> None:
        """Notify the devices that handle it how a vat ended, or that it never started."""
        for listener, context in self._listeners("vat_ended"):
            listener(vat, rejected, outcome, context)

    def vat_started(self, vat: str, root: str) -> None:
        """Notify the devices that handle it that a vat has started."""
        for listener, context in self._listeners("vat_started"):
            listener(vat, root, context)

    def vat_cloned(self, clone: str, refs: list[Ref]) -> None:
        """Notify the devices that handle it that a clone was made, with its listed objects."""
        for listener, context in self._listeners("vat_cloned"):
            listener(clone, refs, context)

    def _node_gone(self, device: str, state: CapData) -> None:
        """Notify a device, if it handles it, that one of its nodes was collected, with the node's state."""
        record = self._store.devices.get(device)
        listener = getattr(self._code.get(record.kind), "node_gone", None) if record else None
        if record is not None and listener is not None:
            listener(state, DeviceContext(self._store, record))

    def _listeners(self, event: str) -> Iterator[tuple[Any, DeviceContext]]:
        for record in self._store.devices.all():
            listener = getattr(self._code.get(record.kind), event, None)
            if listener is not None:
                yield listener, DeviceContext(self._store, record)


def _told(device: DeviceRecord, method: str, error: Exception) -> CapData:
    if isinstance(error, DeviceError):
        return capdata.error(error.name, str(error), error.code)
    if isinstance(error, MalformedCapData):
        return capdata.error(
            "TypeError", f"device {device.name}: the answer of {method}() cannot pass: {error}"
        )
    name = type(error).__name__
    return capdata.error(name, f"device {device.name}: {method}() failed: {name}: {said(error)}"[:20_000])
