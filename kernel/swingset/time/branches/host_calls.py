"""The host's functions and own devices in a branch: their code never runs, and records answer their callers.

A call is answered as the next recorded one to that node that is equal, with the same effects on the device's
state. If there is none, its caller gets an error, and the call is listed. What the host did at a device
by itself, in a `visit`, is done again from the record's effects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.kernel import Kernel
from swingset.devices.plugin import PluginDevice
from swingset.model.capdata import CapData
from swingset.model.foreign import Unreadable, read_json
from swingset.time.branches.origins import Origins, Withheld
from swingset.time.replaying.device_effects import repeat_effect
from swingset.time.replaying.script import OWN_KINDS
from swingset.world.records import DeviceAnswer, DeviceEffect, Record, RequestRecord


class HostCalls:
    """The recorded calls of host code in one branch."""

    def __init__(self, kernel: Kernel, origins: Origins, unanswered: Callable[[str], None]) -> None:
        self._kernel = kernel
        self.origins = origins
        self._unanswered = unanswered
        self._calls: dict[str, deque[DeviceAnswer]] = {}  # by recorded node
        self._kinds = {device.kind for device in kernel.store.devices.all()}
        self._hooks: dict[str, list[DeviceEffect]] = {}  # by the name of the device
        self.is_heard = True
        """Whether the caller hears the answer; a script that calls between two deliveries does not."""

    def learn(self, record: Record) -> None:
        """Learn the calls of a record, and the kinds of devices that the host adds."""
        for call in record.calls or ():
            self._calls.setdefault(call.node, deque()).append(call)
        if isinstance(record, RequestRecord) and record.verb == "add-device":
            self._kinds.add(str(record.arguments.get("kind")))

    def install(self) -> None:
        """Have the records answer for all devices whose code is the host's."""
        for kind in sorted(self._kinds - set(OWN_KINDS)):
            self._kernel.devices.install(_Recorded(kind, self))

    def stand_at(self, record: Record) -> None:
        """Have the devices of the host do what they did then without a call, when they are told why."""
        self._hooks.clear()
        for effect in record.effects or ():
            found = self._kernel.store.devices.named(self.origins.device(effect.device) or "")
            if found is not None and found.kind not in (*OWN_KINDS, PluginDevice.kind):
                self._hooks.setdefault(found.name, []).append(effect)

    def told(self, context: DeviceContext) -> None:
        """Repeat what a device did when it was told that a vat ended, or that a node is gone."""
        effects = self._hooks.pop(context.device.name, [])
        with suppress(Withheld):
            while effects:
                self._repeat(effects[0], context)
                effects.pop(0)
        if effects:
            self._hooks[context.device.name] = effects

    def not_told(self) -> list[str]:
        """The devices that have not done all that they did then, by name."""
        return list(self._hooks)

    def answer(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Answer a call. Raises `DeviceError`, as the host's code did, or because no record answers."""
        for node, calls in self._calls.items():
            if calls and self.origins.is_kref(node, context.node):
                place = next((at for at, call in enumerate(calls) if self._fits(call, method, args)), None)
                if place is not None:
                    for _ in range(place):
                        calls.popleft()
                    return self._answered(calls.popleft(), args, context)
        if self.is_heard:
            self._unanswered(f"{method}() of device {context.device.name}")
        words = f"{method}() of device {context.device.name}: host code does not run in a branch"
        raise DeviceError(f"{words}, and no record answers this call", name="LookupError", code="no-record")

    def _fits(self, call: DeviceAnswer, method: str, args: CapData) -> bool:
        return (call.method, call.args.body, len(call.args.slots)) == (
            method,
            args.body,
            len(args.slots),
        ) and all(map(self.origins.may_be, call.args.slots, args.slots))

    def _answered(self, call: DeviceAnswer, args: CapData, context: DeviceContext) -> CapData:
        for then, here in zip(call.args.slots, args.slots, strict=True):
            self.origins.same(then, here)
        try:
            for effect in call.effects:
                self._repeat(effect, context)
            answer = call.answer.map_slots(self.origins.kref)
        except Withheld as lacking:
            raise DeviceError(
                f"the recorded answer has no meaning here: {lacking}", code="no-record"
            ) from None
        if call.failed:
            raise error_of(answer)
        return answer

    def visit(self, record: RequestRecord) -> None:
        """Repeat what the host did at a device in a visit. Raises `Withheld`, and what the kernel raises."""
        name = record.arguments["name"]
        self._hooks.pop(name, None)
        with self._kernel.request("visit-device", name=name):
            context = self._kernel.devices.context(name)
            for effect in record.effects or ():
                if self.origins.device(effect.device) == name:  # what other devices do follows from it
                    self._repeat(effect, context)

    def _repeat(self, effect: DeviceEffect, context: DeviceContext) -> None:
        repeat_effect(self._kernel.store, context, effect, self.origins.kref, self.origins.same)


class _Recorded:
    """The code of all devices of one kind in a branch."""

    def __init__(self, kind: str, calls: HostCalls) -> None:
        self.kind = kind
        self._calls = calls

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Answer from the records. Raises `DeviceError`."""
        return self._calls.answer(method, args, context)

    def vat_ended(self, _vat: str, _rejected: bool, _outcome: CapData, context: DeviceContext) -> None:
        """Repeat what the host's code did then."""
        self._calls.told(context)

    def node_gone(self, _state: CapData, context: DeviceContext) -> None:
        """Repeat what the host's code did then."""
        self._calls.told(context)


def error_of(answer: CapData) -> DeviceError:
    """The exception that a device's recorded error was made of."""
    try:
        tree = read_json(answer.json)
    except Unreadable:
        tree = None
    if not isinstance(tree, dict):
        tree = {}
    message, name, code = (tree.get(key) for key in ("#error", "name", "code"))
    return DeviceError(
        message.removeprefix("!") if isinstance(message, str) else answer.body,
        name=name.removeprefix("!") if isinstance(name, str) else "Error",
        code=code.removeprefix("!") if isinstance(code, str) else None,
    )
