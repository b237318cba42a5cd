"""The loop of a vat in the wasm guest: it gets deliveries and returns results, through one host function.

`turn()` asks the host for a delivery, serves it, and returns the result. A host call is expensive, so
syscalls that return nothing wait in a buffer and are sent together with the next one that does, or with the
end of the delivery. Their order is never changed. Whatever goes wrong here, the host gets a result.

The vat is in this module's globals, which are in the linear memory, and so in the heap image.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from swingset.wire.parts import is_raw

from .base import jsontext
from .base.logged import LAST_RESORT
from .base.no_event_loop import refuse_sleep
from .liveslots import Liveslots, SyscallError
from .raw import RawVat

# The syscalls that return nothing.
_SILENT = frozenset(
    (
        "send",
        "subscribe",
        "resolve",
        "vatstoreSet",
        "vatstoreDelete",
        "dropImports",
        "retireImports",
        "retireExports",
        "abandonExports",
        "keepPromises",
    )
)
_BUFFER_LIMIT = 256

_NOTHING = b'["ok",null]'

_text = jsontext.write_text

_STREAMS = (sys.stdout, sys.stderr)

if sys.platform == "wasi":  # in a host, other code uses these modules too
    time.sleep = refuse_sleep
    logging.lastResort = LAST_RESORT  # type: ignore[assignment]

_vat: Liveslots | RawVat | None = None
_buffer: list[list[Any]] = []


if TYPE_CHECKING:

    def _call(request: bytes) -> bytes:
        """Call the host."""
        ...

elif sys.platform == "wasi":  # the host function exists only inside the guest
    from _host import call as _call


def _spelled(knock: str, calls: list[list[Any]]) -> bytes:
    """A knock that makes syscalls."""
    try:
        said = ",".join([_piece(call) for call in calls])
    except (TypeError, LookupError, ValueError):  # no syscall of this library; the host says what is wrong
        said = jsontext.write(calls)[1:-1]
    return f"{knock}[{said}]".encode()


def _piece(call: list[Any]) -> str:
    """One syscall as JSON. The commonest are put together from ready pieces, for a third of the codec's cost.

    Names of things hold nothing that JSON would have to escape: the kernel or this library has made them.
    """
    kind = call[0]
    if kind == "resolve" and len(call[1]) == 1 and not call[1][0][2]["slots"]:
        promise, rejected, data = call[1][0]
        settled, body = "true" if rejected else "false", _text(data["body"])
        return f'["resolve",[["{promise}",{settled},{{"body":{body},"slots":[]}}]]]'
    if kind == "subscribe":
        return f'["subscribe","{call[1]}"]'
    if kind == "vatstoreSet":
        return f'["vatstoreSet",{_text(call[1])},{_text(call[2])}]'
    if kind == "send" and not call[2]["methargs"]["slots"] and call[2]["result"] is not None:
        message = call[2]
        body, result = _text(message["methargs"]["body"]), message["result"]
        return f'["send","{call[1]}",{{"methargs":{{"body":{body},"slots":[]}},"result":"{result}"}}]'
    return jsontext.write(call)


def _flush() -> Any:
    request = _spelled("S", _buffer)
    _buffer.clear()
    answer = _call(request)
    if answer == _NOTHING:
        return None
    status, value = jsontext.read(answer.decode())
    if status != "ok":
        raise SyscallError(str(value))
    return value


def _syscall(call: list[Any]) -> Any:
    _buffer.append(call)
    if call[0] in _SILENT and len(_buffer) < _BUFFER_LIMIT:
        return None
    return _flush()


def _print() -> None:
    """Flush what the vat printed; a stream that the vat has closed is skipped."""
    for stream in _STREAMS:
        try:  # runs in each delivery, and `suppress` costs six thousand computrons
            stream.flush()
        except (OSError, ValueError):
            continue


def _next() -> list[Any]:
    """Ask for the delivery. A message, or the outcome of one promise, comes as lines, others as JSON."""
    global _vat
    said = _call(b"G").decode()
    sort = said[0]
    if sort == "J":
        request = jsontext.read(said[1:])
        spec = request.get("vat")
        if spec is not None:
            made = RawVat if is_raw(spec["parts"]) else Liveslots
            _vat = made(_syscall, vat_name=spec["name"], incarnation=spec["incarnation"], parts=spec["parts"])
        delivery: list[Any] = request["delivery"]
        return delivery
    name, second, slots, body = said[1:].split("\n", 3)
    data = {"body": body, "slots": slots.split(" ") if slots else []}
    if sort == "M":
        return ["message", name, {"methargs": data, "result": second or None}]
    return ["notify", [[name, {"rejected": second != "", "data": data}]]]


def _serve() -> bytes:
    """Serve a delivery; returns the host call that ends it."""
    _buffer.clear()
    delivery = _next()
    if _vat is None:
        raise RuntimeError("this worker has no vat: its first delivery must be startVat")
    result = _vat.deliver(delivery)
    _vat.collector.tidy()
    if result["status"] == "ok":
        return _spelled("F", _buffer)
    if _buffer:
        _flush()
    return b"R" + jsontext.write(result).encode("utf-8", "replace")


def turn() -> None:
    """Serve one delivery, and send the host its result, whatever happens."""
    try:
        last = _serve()
    except BaseException as exc:
        error = {"name": type(exc).__name__, "message": str(exc)[:10_000], "trace": []}
        said = jsontext.write({"status": "error", "error": error})
        last = b"R" + said.encode("utf-8", "replace")
    _buffer.clear()
    _print()
    _call(last)
