"""The bridge device: plain data between the vats and the program that embeds them.

What a vat sends waits in the world until the host has taken it. So the host sees it only after its commit,
and sees it again if it stops before it has acknowledged it. A vat that needs an answer at once uses a plugin.
"""

from __future__ import annotations

from collections.abc import Callable

from swingset.core.device_board import DeviceContext
from swingset.core.errors import KernelError
from swingset.devices import plain
from swingset.model.capdata import CapData, call_with


class BridgeDevice:
    """Serves devices of kind `bridge`."""

    kind = "bridge"

    def __init__(self, check: Callable[[CapData], None]) -> None:
        """`check` raises `DeviceError` for data that the host cannot read: it would block all later data."""
        self._check = check

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve `register(handler)` and `send(data)`."""
        if method == "register":
            return plain.register(args, context)
        if method == "send":
            plain.arguments(plain.blank(args, 0), method, "data")
            if args.slots:
                raise plain.not_plain("send(data) of the bridge")
            data = plain.part(args, 0)
            self._check(data)
            number = (plain.kept(context, "count", plain.is_number) or 0) + 1
            context.set("count", plain.write(number))
            context.set(f"out.{number:015d}", data)
            return plain.write(number)
        raise plain.no_method("the bridge device", method, "register", "send")

    # For the host

    def outbound(self, context: DeviceContext) -> list[tuple[int, CapData]]:
        """What vats have sent and the host has not taken yet, as (number, data), oldest first."""
        found = []
        for key in context.keys("out."):
            kept = context.get(key)
            if kept is not None:
                found.append((plain.number_in(context, key, "out."), kept))
        return found

    def taken(self, number: int, context: DeviceContext) -> None:
        """Delete everything up to a number: the host has processed it."""
        for key in context.keys("out."):
            if plain.number_in(context, key, "out.") <= number:
                context.set(key, None)

    def deliver(self, data: CapData, context: DeviceContext) -> None:
        """Send `inbound(data)` to the registered handler. Raises `KernelError` if there is none."""
        handler = plain.kept_reference(context, "handler")
        if handler is None:
            raise KernelError("no vat has registered with the bridge yet: nothing was sent")
        context.send(handler, call_with("inbound", data))
