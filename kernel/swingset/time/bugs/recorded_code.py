"""Stands in for a program's own objects and devices in another world: they answer as records say.

The code of such an object or device is in the program, and not in the world that it served. What it heard and
answered is in the world's records. So a test that is made of such a world has stand-ins: each answers a
message or call that it was recorded with, in order; to any other, its caller gets a `LookupError`.

Two messages are the same if method and arguments are. References are compared by their places only, because
their names are others in another world.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from swingset.guest.base.errors import RemoteRejection
from swingset.guest.guards.remotable import remotable
from swingset.guest.passing import smallcaps
from swingset.host.base.requests import read, write
from swingset.host.code.upgrading import parameters_of
from swingset.host.controls.own_devices import Device, DeviceCall
from swingset.host.sessions.session import Session
from swingset.model.capdata import CapData, method_of
from swingset.model.stack import room
from swingset.model.visible import one_line
from swingset.time.branches.host_calls import error_of
from swingset.time.replaying.device_effects import repeat_effect
from swingset.world.record_lines import call_of
from swingset.world.records import DeviceAnswer

_IFACE = re.compile(r'"([$&][0-9]+)\.[^"\\]*"')


def recorded_object(session: Session, name: str, answers: Mapping[str, Sequence[tuple[bool, str]]]) -> str:
    """Export an object of a session that answers as an object of a program did in another world.

    Each message gets the next answer that was recorded for it; the last one is given again from then on. For
    a message that has none, the sender gets a `LookupError`.

    Args:
        session: the session whose object it is; the host holds it.
        name: the name of its class.
        answers: by the body of the message, as capdata, its answers: whether it was rejected, and the body of
            the outcome, without references.
    Returns:
        The kref of the object.
    Source:
        Ours.
    Example:
        >>> heard = {'#["tell",[5]]': [(False, '#"thanks"')]}
        >>> kref = swingset.recorded_object(session, "Teller", heard)
        >>> result = world.queue_to_object(kref, "tell", [5])
        >>> report = world.run()
        >>> world.resolution(result)
        'thanks'
    """
    left = {_plain(body): list(reversed(found)) for body, found in answers.items()}

    def answering(method: str) -> Callable[..., Any]:
        def answer(_self: object, *args: Any, **kwargs: Any) -> Any:
            found = left.get(_plain(smallcaps.encode_call(method, list(args), kwargs, lambda _: ()).body))
            if not found:
                raise LookupError(f"no answer of {name} to this {method}() was recorded")
            rejected, body = found[-1] if len(found) == 1 else found.pop()
            value = _value(body)
            if not rejected:
                return value
            raise value if isinstance(value, Exception) else RemoteRejection(value)

        return answer

    methods = {method_of(CapData(body)) for body in answers}
    public = {method: answering(method) for method in sorted(methods) if not method.startswith("_")}
    made = remotable(type(name, (), public))()
    with session.controller.lock:
        given = parameters_of(session, made)
        assert given is not None, "an object is something"
        session.controller.kernel.pin(given.slots[0])  # nothing else holds it yet
        session.controller.commit(f"stand-in for a {one_line(name, 60)}")
        return given.slots[0]


def recorded_device(kind: str, calls: Sequence[Mapping[str, Any]]) -> Device:
    """A device for `controller.devices.own.install` that does what a program's device did in another world.

    Each call gets the answer of the next equal call that was recorded, with its effects on the device's state
    and its messages. For a call that none is left for, the caller gets a `LookupError`.

    Args:
        kind: the kind of the device.
        calls: the calls as records have them, in JSON; references have the names of that world.
    Returns:
        The device.
    Source:
        Ours.
    Example:
        >>> heard = {"caller": "v2", "node": "kd20", "method": "roll"}
        >>> heard |= {"args": {"body": "#[]", "slots": []}, "answer": {"body": "#6", "slots": []}}
        >>> dice = swingset.recorded_device("dice", [heard])
        >>> kref = world.devices.own.install(dice)
        >>> session.devices.call(session.devices.get("dice"), "roll")
        6
    """
    played = _Played([call_of(call) for call in calls])

    def answering(method: str) -> Callable[..., Any]:
        def answer(_self: Device, call: DeviceCall, *args: Any) -> Any:
            return played.answer(call, method, write(list(args)))

        return answer

    methods = {call.method for call in played.calls if not call.method.startswith(("_", "on_"))}
    parts = {**{name: answering(name) for name in methods}, "kind": kind}
    made: Device = type("Recorded", (Device,), parts)()
    return made


class _Played:
    """The calls of a device that were not repeated yet, and what their references are called here."""

    def __init__(self, calls: list[DeviceAnswer]) -> None:
        self.calls = calls
        self._left = list(calls)
        self._here: dict[str, str] = {}

    def answer(self, call: DeviceCall, method: str, args: CapData) -> Any:
        """Answer the next equal call, with its effects. Raises what the device raised then."""
        node = "" if call.node is None else call.node.kref
        found = next((then for then in self._left if self._is(then, node, method, args)), None)
        if found is None:
            raise LookupError(f"no answer to this {one_line(method, 60)}() was recorded")
        self._left.remove(found)
        self._here |= {found.node: node, **dict(zip(found.args.slots, args.slots, strict=True))}
        context = call._context
        for effect in found.effects:
            repeat_effect(call._kernel.store, context, effect, self._kref, self._here.__setitem__)
        answer = found.answer.map_slots(self._kref)
        if found.failed:
            raise error_of(answer)
        return read(answer)

    def _is(self, then: DeviceAnswer, node: str, method: str, args: CapData) -> bool:
        pairs = zip((then.node, *then.args.slots), (node, *args.slots), strict=False)
        return (
            then.method == method
            and _plain(then.args.body) == _plain(args.body)
            and len(then.args.slots) == len(args.slots)
            and all(self._here.get(one, other) == other for one, other in pairs)
        )

    def _kref(self, recorded: str) -> str:
        if recorded not in self._here:
            raise LookupError(f"nothing here is {one_line(recorded, 40)} of the recorded world")
        return self._here[recorded]


def _plain(body: str) -> str:
    """A body without the names that its references have for people."""
    return _IFACE.sub(r'"\1"', body)


def _value(body: str) -> Any:
    def fetch(_sigil: str, _index: int, _iface: str | None) -> Any:
        raise smallcaps.DecodeError("an answer with references is not repeated")

    with room():
        return smallcaps.decode(body, fetch)
