"""What one guest is surrounded by: the closed system interface, and the door while a delivery runs."""

from __future__ import annotations

from collections.abc import Callable

import wasmtime

from swingset.workers.wasm.native import HostFunctions, OutOfBounds
from swingset.workers.wasm.wasi import Wasi, answer_for

_NO_HOST, _FAULT = -1, -2


class Surroundings(Wasi):
    """The system interface of one vat, and its door."""

    door: Callable[[bytes], bytes] | None = None
    allocate: Callable[..., int]

    def knock(self, at: int, length: int, answer_at: int, answer_length_at: int) -> int:
        """The import behind the guest's `_host.call`."""
        if self.door is None:
            return _NO_HOST
        try:
            answer = self.door(self.guest.read(at, length))
            room = self.allocate(max(len(answer), 1))
            if not room:
                return _FAULT
            self.guest.write(room, answer)
            self.guest.write_u32(answer_at, room)
            self.guest.write_u32(answer_length_at, len(answer))
        except OutOfBounds:
            return _FAULT
        return 0


def define_imports(functions: HostFunctions, module: wasmtime.Module) -> None:
    """Answer every import of the interpreter's module."""
    for imported in module.imports:
        if (imported.module, imported.name) == ("host", "call"):
            functions.define(imported, Surroundings.knock)
        elif imported.module == "wasi_snapshot_preview1":
            functions.define(imported, answer_for(imported.name or ""))
        else:
            raise wasmtime.WasmtimeError(f"nothing answers the import {imported.module}.{imported.name}")
