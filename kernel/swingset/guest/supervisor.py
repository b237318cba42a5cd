"""The loop end of a vat in the wasm guest: one delivery in, one result out, through one door.

`turn()` asks the host for a delivery, serves it, and hands back the result. Crossing the door is dear, so
syscalls that return nothing wait in a buffer and cross together with the next one that does, or with the end
of the delivery. Their order is never changed. Whatever goes wrong in here, the host gets a result.

The vat lives in this module's globals, that is in linear memory, that is in the heap image.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from .base import jsontext
from .base.no_event_loop import refuse_sleep
from .liveslots import Liveslots, SyscallError

# The syscalls that answer nothing.
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
_OK = {"status": "ok"}

_STREAMS = (sys.stdout, sys.stderr)

if sys.platform == "wasi":  # elsewhere the time is somebody else's too
    time.sleep = refuse_sleep

_vat: Liveslots | None = None
_buffer: list[list[Any]] = []


if TYPE_CHECKING:

    def _call(request: bytes) -> bytes:
        """Knock at the door."""
        ...

elif sys.platform == "wasi":  # the door exists only inside the guest
    from _host import call as _call


def _spelled(calls: list[list[Any]]) -> str:
    """Syscalls as JSON. The commonest is put together from ready pieces, for half of what the codec takes."""
    if len(calls) == 1 and calls[0][0] == "resolve" and len(calls[0][1]) == 1:
        ((promise, rejected, data),) = calls[0][1]
        if not data["slots"]:
            said = "true" if rejected else "false"
            body = jsontext.write_text(data["body"])
            return f'[["resolve",[["{promise}",{said},{{"body":{body},"slots":[]}}]]]]'
    return jsontext.write(calls)


def _flush() -> Any:
    request = b"S" + _spelled(_buffer).encode()
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
    """Let the host have what the vat printed; a stream that the vat has closed has nothing to say."""
    for stream in _STREAMS:
        try:  # in each delivery, and `suppress` costs six thousand computrons
            stream.flush()
        except (OSError, ValueError):
            continue


def _next() -> list[Any]:
    """Ask for the delivery. A message, or the outcome of one promise, comes as lines; all else as JSON."""
    global _vat
    said = _call(b"G").decode()
    sort = said[0]
    if sort == "J":
        request = jsontext.read(said[1:])
        spec = request.get("vat")
        if spec is not None:
            _vat = Liveslots(
                _syscall, vat_name=spec["name"], incarnation=spec["incarnation"], parts=spec["parts"]
            )
        delivery: list[Any] = request["delivery"]
        return delivery
    name, second, slots, body = said[1:].split("\n", 3)
    data = {"body": body, "slots": slots.split(" ") if slots else []}
    if sort == "M":
        return ["message", name, {"methargs": data, "result": second or None}]
    return ["notify", [[name, {"rejected": second != "", "data": data}]]]


def _serve() -> bytes:
    """Serve a delivery; what is to be said at the door to end it."""
    _buffer.clear()
    delivery = _next()
    if _vat is None:
        raise RuntimeError("this worker has no vat: its first delivery must be startVat")
    result = _vat.deliver(delivery)
    _vat.collector.tidy()
    if result == _OK:
        return b"F" + _spelled(_buffer).encode()
    if _buffer:
        _flush()
    return b"R" + jsontext.write(result).encode("utf-8", "replace")


def turn() -> None:
    """Serve one delivery."""
    try:
        last = _serve()
    except BaseException as exc:
        error = {"name": type(exc).__name__, "message": str(exc)[:10_000], "trace": []}
        said = jsontext.write({"status": "error", "error": error})
        last = b"R" + said.encode("utf-8", "replace")
    _buffer.clear()
    _print()
    _call(last)
