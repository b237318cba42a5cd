"""The one module that speaks wasmtime's C API.

wasmtime-py's public classes have three limits that a vat engine cannot accept: a call or a host function
through them looks up types and boxes every value (several times the cost of the call itself), an exception in
a host function goes through one slot for the whole process (two vats on two threads would take each other's),
and a store cannot be given a callback for its epochs. wasmtime's documented C API has none of these limits,
and wasmtime-py loads it under one private name, ``wasmtime._ffi``. That is the only private name used, and
this is the only module that uses it.

A guest runs on a stack of its own, not on that of the thread which calls it. Deep recursion in the
interpreter's C code needs far more native stack than threads have (a chain of 100,000 nodes that is let go,
lists that nest as deep), and how much of it is left may not depend on the caller. The engine makes such
stacks for its calls "async"; here nothing ever waits in one, so such a call ends before it returns, and its
host functions run on the calling thread. What those call must not switch stacks itself, as greenlets do.

This module knows nothing of vats: it makes instances and host functions, moves bytes, and reports how a call
into the guest ended. An exception raised by a host function stops the guest and is raised by
``Guest.call``.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
    string_at,
)
from enum import Enum
from typing import Any

import wasmtime
from wasmtime import _ffi  # the C API: see above

from swingset.workers.base import WorkerError

MAX_WASM_STACK = 64 << 20
"""Native stack for the guest, in bytes: lists nested 100,000 deep can be let go in it."""

_HOST_STACK = 8 << 20
"""What host functions find below the guest's part: as much as a thread has by default."""

ENGINE_RECIPE = f"fuel,epochs,nan-canonical,fixed-base,stack={MAX_WASM_STACK}"
"""The settings of the engine that change compiled code or its behaviour; part of the cache key."""

UNLIMITED_FUEL = (1 << 63) - 1
"""More than any delivery can spend."""

_SLOT = 16  # one wasmtime_val_raw_t: a union as wide as a v128
_FUNC, _GLOBAL, _MEMORY = (
    _ffi.WASMTIME_EXTERN_FUNC.value,
    _ffi.WASMTIME_EXTERN_GLOBAL.value,
    _ffi.WASMTIME_EXTERN_MEMORY.value,
)
_U32: Any = c_uint32.__ctype_le__
_FORMATS = {"i32": "I12x", "i64": "Q8x"}
_MOST_ARGUMENTS = 4
_VALUE = ctypes.sizeof(_ffi.wasmtime_val_t)
_SLOTS_AT = [at * _VALUE + _ffi.wasmtime_val_t.of.offset for at in range(_MOST_ARGUMENTS + 1)]


def _c(name: str, result: Any, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(result, *arguments)((name, _ffi.dll))


_instantiate = _c(
    "wasmtime_instance_pre_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, POINTER(c_void_p)
)
_export = _c("wasmtime_instance_export_get", c_uint8, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
_context_of = _c("wasmtime_store_context", c_void_p, c_void_p)
_call_within = _c(
    "wasmtime_func_call_unchecked", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_void_p)
)
_begin_call = _c(
    "wasmtime_func_call_async",
    c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_void_p,
)  # fmt: skip
_go_on = _c("wasmtime_call_future_poll", c_uint8, c_void_p)
_end_call = _c("wasmtime_call_future_delete", None, c_void_p)
_stack_size = _c("wasmtime_config_async_stack_size_set", None, c_void_p, c_size_t)
_memory_data = _c("wasmtime_memory_data", c_void_p, c_void_p, c_void_p)
_memory_size = _c("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p)
_memory_grow = _c("wasmtime_memory_grow", c_void_p, c_void_p, c_void_p, c_uint64, POINTER(c_uint64))
_global_get = _c("wasmtime_global_get", None, c_void_p, c_void_p, c_void_p)
_global_set = _c("wasmtime_global_set", c_void_p, c_void_p, c_void_p, c_void_p)
_set_fuel = _c("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64)
_get_fuel = _c("wasmtime_context_get_fuel", c_void_p, c_void_p, POINTER(c_uint64))
_set_epoch_deadline = _c("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
_watch_epochs = _c("wasmtime_store_epoch_deadline_callback", None, c_void_p, c_void_p, c_void_p, c_void_p)
_define = _c(
    "wasmtime_linker_define_func_unchecked",
    c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p,
)  # fmt: skip
_trap_new = _c("wasmtime_trap_new", c_void_p, c_char_p, c_size_t)
_trap_code = _c("wasmtime_trap_code", c_uint8, c_void_p, POINTER(c_uint8))
_trap_message = _c("wasm_trap_message", None, c_void_p, c_void_p)
_trap_delete = _c("wasm_trap_delete", None, c_void_p)
_error_new = _c("wasmtime_error_new", c_void_p, c_char_p)
_error_message = _c("wasmtime_error_message", None, c_void_p, c_void_p)
_error_delete = _c("wasmtime_error_delete", None, c_void_p)
_bytes_delete = _c("wasm_byte_vec_delete", None, c_void_p)

_HOST_FUNCTION = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_size_t)
_EPOCH_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, POINTER(c_uint64), POINTER(c_uint8))


class StopCode(Enum):
    """What stopped the guest in the middle of a call."""

    FUEL = "fuel"
    STACK = "stack"
    TRAP = "trap"


_STOP_CODES = {
    wasmtime.TrapCode.OUT_OF_FUEL.value: StopCode.FUEL,
    wasmtime.TrapCode.STACK_OVERFLOW.value: StopCode.STACK,
}


class GuestStopped(Exception):
    """The guest was stopped by a trap."""

    def __init__(self, code: StopCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class OutOfBounds(Exception):
    """The guest passed an address outside its memory."""


class _Current(threading.local):
    """The guest that runs on this thread: what host functions are called for."""

    guest: Guest | None = None


_current = _Current()


def new_engine() -> wasmtime.Engine:
    """An engine as `ENGINE_RECIPE` says: metered, interruptible, and deterministic in its floats."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.cranelift_nan_canonicalization = True
    config.memory_may_move = False
    _stack_size(_address(config.ptr()), MAX_WASM_STACK + _HOST_STACK)
    config.max_wasm_stack = MAX_WASM_STACK
    return wasmtime.Engine(config)


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, c_void_p).value or 0


class HostFunctions:
    """The host functions of one engine, in one linker that every instance shares.

    Each is called as ``function(guest.host, *arguments)`` with integers, and returns an integer or None.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self.linker = wasmtime.Linker(engine)
        self._alive: list[Any] = []

    def define(self, imported: wasmtime.ImportType, function: Callable[..., int | None]) -> None:
        """Answer one import of the module with a Python function."""
        kind = imported.type
        if not isinstance(kind, wasmtime.FuncType):
            raise TypeError(f"import {imported.module}.{imported.name} is not a function")
        unpack = struct.Struct("<" + "".join(_FORMATS[str(p)] for p in kind.params)).unpack
        length = _SLOT * len(kind.params)

        def callback(_env: int, _caller: int, raw: int, _slots: int) -> int:
            guest = None
            try:
                guest = _current.guest
                answer = function(guest.host, *unpack(string_at(raw, length)))  # type: ignore[union-attr]
                if answer is not None:
                    c_int32.from_address(raw).value = answer
                return 0
            except BaseException as error:
                guest.raised = error  # type: ignore[union-attr]
                return int(_trap_new(b"stopped", 7))

        thunk = _HOST_FUNCTION(callback)
        self._alive.append(thunk)
        module, name = imported.module.encode(), (imported.name or "").encode()
        error = _define(
            _address(self.linker.ptr()), module, len(module), name, len(name), _address(kind.ptr()),
            ctypes.cast(thunk, c_void_p), None, None,
        )  # fmt: skip
        if error:
            raise wasmtime.WasmtimeError(_take_error(error))


def _epoch_ended(_context: int, _data: int, delta: Any, kind: Any) -> int:
    guest = None
    try:
        guest = _current.guest
        if guest is not None:
            guest.on_tick()
        delta[0], kind[0] = 1, 0
        return 0
    except BaseException as error:
        if guest is not None:
            guest.raised = error
        return int(_error_new(b"stopped"))


_on_epoch = _EPOCH_CALLBACK(_epoch_ended)


def _take_text(message: Callable[[int, Any], None], pointer: int) -> str:
    vector = _ffi.wasm_byte_vec_t()
    message(pointer, byref(vector))
    text = string_at(vector.data, vector.size).decode("utf-8", "replace").rstrip("\0")
    _bytes_delete(byref(vector))
    return text


def _take_error(pointer: int) -> str:
    text = _take_text(_error_message, pointer)
    _error_delete(pointer)
    return text


class Guest:
    """One instance of a module in a store of its own, with quick ways into it."""

    def __init__(self, engine: wasmtime.Engine, pre: wasmtime.InstancePre, host: Any) -> None:
        self.host = host
        self.raised: BaseException | None = None
        self.on_tick: Callable[[], None] = _no_tick
        self.calls: HostFunctions | None = None
        """What the instance calls: held, because the engine does not hold it, and would call freed memory."""
        self._store = wasmtime.Store(engine)
        self._context: int = _context_of(_address(self._store.ptr()))
        _watch_epochs(_address(self._store.ptr()), ctypes.cast(_on_epoch, c_void_p), None, None)
        self._instance = _ffi.wasmtime_instance_t()
        trap = c_void_p()
        error = _instantiate(_address(pre.ptr()), self._context, byref(self._instance), byref(trap))
        self._check(error, trap)
        self._memory = self._find(b"memory", _MEMORY).memory
        self._memory_at = ctypes.addressof(self._memory)
        self._globals: dict[str, Any] = {}
        self._raw = (c_uint64 * 8)()
        self._raw_at = ctypes.addressof(self._raw)
        self._values = (_ffi.wasmtime_val_t * (_MOST_ARGUMENTS + 1))()  # all zero: of kind i32
        self._values_at = ctypes.addressof(self._values)
        self._slots = [c_int32.from_buffer(self._values, at) for at in _SLOTS_AT]
        self.refresh()

    def _find(self, name: bytes, kind: int) -> Any:
        item = _ffi.wasmtime_extern_t()
        if (
            not _export(self._context, byref(self._instance), name, len(name), byref(item))
            or int(item.kind) != kind
        ):
            raise wasmtime.WasmtimeError(f"the module has no export {name.decode()} of the wanted kind")
        return item.of

    def function(self, name: str) -> Callable[..., int]:
        """An exported function of i32s, as a callable that returns its i32."""
        handle = self._find(name.encode(), _FUNC).func

        def call(*arguments: int) -> int:
            return self._invoke(handle, arguments)

        return call

    def _invoke(self, handle: Any, arguments: tuple[int, ...]) -> int:
        if _current.guest is self:  # called by a host function: it goes on on the same stack
            return self._invoke_within(handle, arguments)
        slots = self._slots
        for index, value in enumerate(arguments):
            slots[index].value = value
        trap, error = c_void_p(), c_void_p()
        result_at = self._values_at + _MOST_ARGUMENTS * _VALUE
        before, _current.guest = _current.guest, self
        try:
            call = _begin_call(
                self._context, byref(handle), self._values_at, len(arguments), result_at, 1,
                byref(trap), byref(error),
            )  # fmt: skip
            ended = _go_on(call)
            _end_call(call)
        finally:
            _current.guest = before
        if not ended:
            raise wasmtime.WasmtimeError("a call into the guest waited for something, and nothing can come")
        if error.value or trap.value:
            self._check(error.value, trap)
        return slots[_MOST_ARGUMENTS].value & 0xFFFFFFFF

    def _invoke_within(self, handle: Any, arguments: tuple[int, ...]) -> int:
        raw = self._raw
        for index, value in enumerate(arguments):
            raw[2 * index] = value
        trap = c_void_p()
        error = _call_within(self._context, byref(handle), self._raw_at, max(len(arguments), 1), byref(trap))
        if error or trap.value:
            self._check(error, trap)
        return raw[0] & 0xFFFFFFFF

    def _check(self, error: int | None, trap: c_void_p) -> None:
        """Raise the exception for either of the C API's two ways to report a failure."""
        code, message = StopCode.TRAP, ""
        if trap.value:
            number = c_uint8()
            if _trap_code(trap, byref(number)):
                code = _STOP_CODES.get(number.value, StopCode.TRAP)
            message = _take_text(_trap_message, trap.value)
            _trap_delete(trap)
        if error:
            message = _take_error(error)
        raised, self.raised = self.raised, None
        if raised is not None:
            raise raised
        if error:
            raise WorkerError(f"the engine failed, not the guest: {message}; if memory is short, free some")
        if trap.value:
            raise GuestStopped(code, message)

    def global_i32(self, name: str) -> int:
        """The value of an exported global."""
        value = _ffi.wasmtime_val_t()
        found = self._globals.get(name)
        if found is None:
            found = self._globals[name] = self._find(name.encode(), _GLOBAL)
        _global_get(self._context, ctypes.addressof(found), byref(value))
        return int(value.of.i32) & 0xFFFFFFFF

    def copy_memory(self, other: Guest, stack_pointer: str, below: int) -> None:
        """Make the memory that of another guest, and go on so many bytes below where its stack stands."""
        other.refresh()
        self.grow_to(other.size)
        ctypes.memmove(self.base, other.base, other.size)
        self.global_i32(stack_pointer)  # which looks it up
        value = _ffi.wasmtime_val_t()  # all zero: of kind i32
        value.of.i32 = (other.global_i32(stack_pointer) - below) & ~0xF
        error = _global_set(self._context, ctypes.addressof(self._globals[stack_pointer]), byref(value))
        if error:
            raise wasmtime.WasmtimeError(_take_error(error))

    def set_fuel(self, fuel: int) -> None:
        """Set the guest's fuel."""
        _set_fuel(self._context, fuel)

    def fuel(self) -> int:
        """The fuel that is left."""
        left = c_uint64()
        _get_fuel(self._context, byref(left))
        return left.value

    def arm_epochs(self) -> None:
        """Call `on_tick` at the engine's next epoch, and at each one after it."""
        _set_epoch_deadline(self._context, 1)

    def limit_memory(self, size: int) -> None:
        """Refuse growth of memory beyond a number of bytes (-1: no limit)."""
        self._store.set_limits(memory_size=size)

    def refresh(self) -> None:
        """Read the size of memory again; its base never moves."""
        self.size: int = _memory_size(self._context, self._memory_at)
        self.base: int = _memory_data(self._context, self._memory_at)

    def grow_to(self, size: int) -> None:
        """Grow memory to a number of bytes (a multiple of 64 KiB)."""
        self.refresh()
        if size > self.size:
            before = c_uint64()
            error = _memory_grow(self._context, self._memory_at, (size - self.size) >> 16, byref(before))
            if error:
                raise wasmtime.WasmtimeError(_take_error(error))
            self.refresh()

    def read(self, at: int, length: int) -> bytes:
        """Copy bytes out of the guest."""
        if at + length > self.size:
            self.refresh()
            if at + length > self.size:
                raise OutOfBounds(f"{length} bytes at {at} are outside the guest's memory")
        return string_at(self.base + at, length)

    def write(self, at: int, data: bytes) -> None:
        """Copy bytes into the guest."""
        if at + len(data) > self.size:
            self.refresh()
            if at + len(data) > self.size:
                raise OutOfBounds(f"{len(data)} bytes at {at} are outside the guest's memory")
        ctypes.memmove(self.base + at, data, len(data))

    def write_u32(self, at: int, value: int) -> None:
        """Write a number of 32 bits into the guest."""
        if at + 4 > self.size:
            self.refresh()
            if at + 4 > self.size:
                raise OutOfBounds(f"4 bytes at {at} are outside the guest's memory")
        _U32.from_address(self.base + at).value = value

    def close(self) -> None:
        """Free the instance and its memory."""
        self.base = self.size = 0
        self._store.close()


def _no_tick() -> None:
    return None
