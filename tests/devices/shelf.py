"""A device for tests: it keeps things, hands out tickets for them, and fails on demand."""

from __future__ import annotations

import json

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.model import capdata
from swingset.model.capdata import CapData


class Shelf:
    """`put(thing)` gives a ticket (a device node); `take()` on the ticket gives the thing back."""

    kind = "shelf"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        self.calls.append(method)
        if method == "put":
            return CapData('#"$0.Alleged: ticket"', (context.new_node(args),))
        if method == "take":
            thing = context.get(context.node or "")
            assert thing is not None
            return thing
        if method == "count":
            before = context.get("count")
            number = int(before.body[1:]) + 1 if before else 1
            context.set("count", CapData(f"#{number}"))
            return CapData(f"#{number}")
        if method == "fail":
            context.set("count", CapData("#1000"))
            context.new_node(args)
            raise DeviceError("the shelf is wet", name="ValueError", code="wet")
        if method == "crash":
            raise ZeroDivisionError("by zero")
        if method == "later":
            promise = context.new_promise()
            context.set("promise", CapData('#"&0"', (promise,)))
            return CapData('#"&0"', (promise,))
        if method == "now":
            kept = context.get("promise")
            assert kept is not None
            context.settle(kept.slots[0], False, capdata.data(json.loads(args.body[1:])[0]))
            context.set("promise", None)
            return CapData("#null")
        raise DeviceError(f"a shelf has no method {method}", name="TypeError")
