"""The loop end of a vat in the wasm guest: one delivery in, one result out, through one door.

`turn()` asks the host for a delivery, serves it, and hands back the result. Crossing the door is the dear
part, so syscalls that return nothing wait in a buffer and cross together with the next one that does, or with
the end of the delivery. Their order is never changed. Whatever goes wrong in here, the host gets a result.

The vat lives in this module's globals, that is in linear memory, that is in the heap image.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

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

# What nearly every delivery hears and says last, ready-made: an eighth of what a small delivery spends.
_NOTHING = b'["ok",null]'
_OK = {"status": "ok"}
_WELL = b'R{"status":"ok"}'

_STREAMS = (sys.stdout, sys.stderr)

if sys.platform == "wasi":  # elsewhere the time is somebody else's too
    time.sleep = refuse_sleep

_vat: Liveslots | None = None
_buffer: list[list[Any]] = []


def _call(request: bytes) -> bytes:
    import _host  # exists only inside the guest

    answer: bytes = _host.call(request)
    return answer


def _flush() -> Any:
    request = b"S" + jsontext.write(_buffer).encode()
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
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _serve() -> dict[str, Any]:
    global _vat
    _buffer.clear()
    request = jsontext.read(_call(b"D").decode())
    spec = request.get("vat")
    if spec is not None:
        _vat = Liveslots(
            _syscall, vat_name=spec["name"], incarnation=spec["incarnation"], parts=spec["parts"]
        )
    if _vat is None:
        raise RuntimeError("this worker has no vat: its first delivery must be startVat")
    result = _vat.deliver(request["delivery"])
    _vat.collector.tidy()
    if _buffer:
        _flush()
    return result


def turn() -> None:
    """Serve one delivery."""
    try:
        result = _serve()
    except BaseException as exc:
        result = {
            "status": "error",
            "error": {"name": type(exc).__name__, "message": str(exc)[:10_000], "trace": []},
        }
    _print()
    _call(_WELL if result == _OK else b"R" + jsontext.write(result).encode("utf-8", "replace"))
