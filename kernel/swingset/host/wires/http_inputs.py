"""What came in by HTTP, written into the device's state and sent to vats, in a visit of the host.

Each function is one kind of input. An input for something that is not there any more, because the vat has
closed it or the world has gone back, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.guest.base.errors import VatError
from swingset.host.controls.own_devices import DeviceCall
from swingset.host.wires.http_checks import REPEATABLE
from swingset.host.wires.http_device import ASK, CONN, MUCH, OUT, SITE, HttpDevice
from swingset.model.capdata import Ref

Fault = tuple[str, str]
"""A code and a message."""

LOST: Fault = ("disconnected", "the host of this world has begun anew, and its WebSockets are gone")
_UNKNOWN = "it is not known whether it was done: the host has begun anew before an answer came"


def error_of(fault: Fault) -> VatError:
    """The error that vats get."""
    code, words = fault
    return VatError(words, code=code)


def begin(call: DeviceCall) -> list[str]:
    """A life of the device begins: what was open is gone. Returns the requests that are to be sent again."""
    again = []
    for key in [key for key in call.state if key.startswith(OUT)]:
        del call.state[key]
    for key in [key for key in call.state if key.startswith(ASK)]:
        number, row = key.removeprefix(ASK), call.state[key]
        if row["method"] in REPEATABLE:
            again.append(number)
        else:
            answered(call, number, ("outcome-unknown", _UNKNOWN), None)
    for key in [key for key in call.state if key.startswith(CONN)]:
        closed(call, key.removeprefix(CONN), LOST, None)
    return again


def answered(call: DeviceCall, number: str, fault: Fault | None, answer: Any) -> None:
    """The answer to a request, or why there is none."""
    row = call.state.pop(ASK + number, None)
    if row is None:
        return
    waiting = f"waiting.{row['origin']}"
    left = int(call.state.get(waiting, 1)) - 1
    if left > 0:
        call.state[waiting] = left
    else:
        call.state.pop(waiting, None)
    call.settle(row["promise"], answer if fault is None else error_of(fault))


def opened(call: DeviceCall, name: str) -> None:
    """A WebSocket that was wanted is open."""
    row = call.state.get(CONN + name)
    if row is not None and row.get("promise") is not None:
        call.settle(row["promise"], row["connection"])
        call.state[CONN + name] = {**row, "promise": None, "connection": None, "wanted": None}


def received(call: DeviceCall, name: str, data: Any) -> None:
    """A message came over a WebSocket."""
    row = call.state.get(CONN + name)
    if row is not None and isinstance(row["listener"], Ref):
        call.send(row["listener"], "received", data)


def written(call: DeviceCall, name: str, size: int) -> None:
    """So many bytes were sent over a WebSocket: who waits for room goes on."""
    row = call.state.get(CONN + name)
    if row is None:
        return
    row["unsent"] = max(row["unsent"] - size, 0)
    if row["room"] is not None and row["unsent"] <= MUCH:
        call.settle(row["room"], None)
        row["room"] = None
    call.state[CONN + name] = row


def closed(call: DeviceCall, name: str, fault: Fault | None, why: Any) -> None:
    """A WebSocket has ended: by itself with a code and a reason, or by a fault."""
    row = call.state.pop(CONN + name, None)
    if row is None:
        return
    problem = error_of(fault or ("disconnected", "the WebSocket was closed"))
    for waiting in (row.get("promise"), row["room"]):
        if waiting is not None:
            call.settle(waiting, problem)
    if isinstance(row["listener"], Ref) and row.get("promise") is None:
        said = {"code": fault[0], "reason": fault[1]} if fault is not None else why
        call.send(row["listener"], "closed", said)


def requested(call: DeviceCall, name: str, prefix: str, request: dict[str, Any]) -> bool:
    """A request came to a site; returns whether there is one."""
    door = _door(call, prefix)
    if door is not None:
        call.send(door, "incoming", name, request)
    return door is not None


def knocked(call: DeviceCall, name: str, prefix: str, request: dict[str, Any], device: HttpDevice) -> bool:
    """A WebSocket is asked for at a site; returns whether there is one, and room for it."""
    door = _door(call, prefix)
    if door is None:
        return False
    try:
        device.add_connection(call, name, {})
    except Exception:
        return False
    call.send(door, "knock", name, request, call.new_node({"what": "connection", "name": name}))
    return True


def _door(call: DeviceCall, prefix: str) -> Ref | None:
    for key in call.state:
        if key.startswith(SITE) and call.state[key]["prefix"] == prefix:
            door = call.state[key].get("door")
            return door if isinstance(door, Ref) else None
    return None


def withdrawn(call: DeviceCall, prefix: str) -> bool:
    """The host serves a site no more; returns whether it did."""
    found = [key for key in call.state if key.startswith(SITE) and call.state[key]["prefix"] == prefix]
    for key in found:
        del call.state[key]
    return bool(found)


def prefixes(call: DeviceCall) -> dict[str, dict[str, Any]]:
    """The sites by their prefixes."""
    found = {}
    for key in call.state:
        if key.startswith(SITE) and "door" in call.state[key]:
            found[str(call.state[key]["prefix"])] = call.state[key]
    return found


INPUTS: dict[str, Callable[..., Any]] = {
    "answered": answered,
    "opened": opened,
    "received": received,
    "written": written,
    "closed": closed,
}
"""The inputs that need no answer of the host, by name."""
