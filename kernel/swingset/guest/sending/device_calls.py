"""D: calls a device at once.

A device belongs to the host: a timer, a mailbox, a function that a notebook has passed in. Unlike a send,
`D(device).method(...)` returns the device's answer itself, and raises the device's error. Arguments are data
and references, but not promises, because a device cannot wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.promises import Promise
from ..passing import smallcaps
from ..passing.passable import UnpassableError, brief
from ..passing.remotables import Presence
from ..passing.smallcaps import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..base.vat import Vat


class DevicePresence(Presence):
    """Stands for a device; call it with `D(device).method(...)`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        raise AttributeError(f"{self!r} is a device: use `D(x).{name}(...)`")

    def __repr__(self) -> str:
        return f"<Device {self._vref} {self._iface}>"


class DeviceProxy:
    """What `D(device)` returns: each of its attributes calls the device's method of that name at once."""

    __slots__ = ("_device",)

    def __init__(self, device: DevicePresence) -> None:
        self._device = device

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(f"{name} cannot be called: names that start with _ are not for others")
        return lambda *args: call_now(self._device, name, list(args))

    def __repr__(self) -> str:
        return f"D({self._device!r})"


def D(device: Any) -> DeviceProxy:
    """Return a proxy that calls a device: `now = D(timer).now()`. Raises TypeError for anything else.

    A call returns the device's answer or raises its error. Arguments that cannot pass are a TypeError.

    Source:
        `D(device)` of a vat's powers, a synchronous `callNow`.
    """
    if not isinstance(device, DevicePresence):
        raise TypeError(f"D(x) wants a device, got {brief(device)}: send to anything else with E(x)")
    return DeviceProxy(device)


def call_now(device: DevicePresence, method: str, args: list[Any]) -> Any:
    """Call a device and return its answer, or raise its error."""
    vat: Vat = device._vat
    slots = vat.slots
    try:
        if any(isinstance(item, Promise) for item in smallcaps.encode(args, vat.trace_of).objects):
            raise UnpassableError(None, "a device cannot be given a promise: await it first")
        written = slots.encode(args)
    except UnpassableError as exc:
        told = slots.explain("", args, exc)
        raise TypeError(f"D(x).{method}(...) was not called: {told}") from None
    failed, answer = vat.syscall(["callNow", device._vref, method, written])
    try:
        value = slots.decode(answer)
    except DecodeError as exc:
        raise TypeError(f"the answer of D(x).{method}(...) cannot be read: {exc}") from None
    vat.promises.subscribe_new()
    if failed:
        raise value if isinstance(value, BaseException) else RuntimeError(f"the device said {value!r}")
    return value
