"""What devices have in common: reading and checking the plain data of calls and state, and their errors.

Devices see capdata in the kernel's names. Most arguments are small: numbers, names, a reference or two. Only
those are read (`swingset.model.capdata`); anything else that a vat passes, such as the parameters of another
vat, a device passes on unread with `part`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.model import capdata, foreign
from swingset.model.capdata import NOTHING, CapData, HalfPair, NotPlain, Ref

_DIGITS = re.compile(r"[0-9]{1,20}\Z", re.ASCII)


@contextmanager
def _told() -> Iterator[None]:
    """Raise what is wrong with data as a `DeviceError`, which the device's caller gets."""
    try:
        yield
    except HalfPair as problem:
        raise DeviceError(str(problem), name="ValueError") from None
    except NotPlain as problem:
        raise DeviceError(str(problem), name="TypeError") from None


def read(value: CapData) -> Any:
    """The data in a body: scalars, lists, dicts with str keys, and `Ref`s. Raises `DeviceError`."""
    with _told():
        return capdata.read(value)


def write(value: Any) -> CapData:
    """Capdata of plain data with `Ref`s in it. Raises `DeviceError`."""
    with _told():
        return capdata.data(value)


def part(value: CapData, *path: int | str) -> CapData:
    """The capdata of one part of a value, unread. Raises `DeviceError`, and other errors for a wrong path."""
    with _told():
        return capdata.part(value, *path)


def blank(value: CapData, *path: int | str) -> CapData:
    """The same value with None in place of one part that must not be read. Raises `DeviceError`."""
    with _told():
        return capdata.blank(value, *path)


def kept(context: DeviceContext, key: str, fits: Callable[[Any], bool]) -> Any:
    """What a device keeps under a key, as data; None if it keeps nothing.

    Raises `DamagedRow` for data that fails the check: no device has written it.
    """
    value = context.get(key)
    if value is None:
        return None
    try:
        found = read(value)
    except DeviceError as problem:
        raise context.damaged(key, f"value cannot be read ({problem})") from None
    if not value.body.startswith("#") or not fits(found):
        raise context.damaged(key, "value is not what this device keeps there")
    return found


def kept_reference(context: DeviceContext, key: str, letter: str = "o") -> str | None:
    """The kref that a device keeps under a key, or None. Raises `DamagedRow` for anything else."""
    found = kept(context, key, lambda value: isinstance(value, Ref) and value.kref[1] == letter)
    return None if found is None else str(found.kref)


def is_number(value: Any) -> bool:
    """Whether a stored value is a number that a device counts with."""
    return type(value) is int and 0 <= value < 1 << 62


def number_in(context: DeviceContext, key: str, prefix: str) -> int:
    """The number between a prefix and the next point in a key. Raises `DamagedRow` if there is none."""
    digits = key.removeprefix(prefix).partition(".")[0]
    if not key.startswith(prefix) or not _DIGITS.match(digits):
        raise context.damaged(key, "no number is in its key")
    return int(digits)


def arguments(args: CapData, method: str, *names: str, optional: int = 0) -> list[Any]:
    """The arguments of a call, filled up with None. Raises `DeviceError` for too many."""
    found = read(args)
    if not isinstance(found, list) or not len(names) - optional <= len(found) <= len(names):
        given = len(found) if isinstance(found, list) else "no list of"
        raise DeviceError(f"{method}({', '.join(names)}) got {given} arguments", name="TypeError")
    return [*found, *[None] * (len(names) - len(found))]


def register(args: CapData, context: DeviceContext) -> CapData:
    """Serve `register(handler)`: keep who is to be told. Raises `DeviceError`."""
    handler = reference(arguments(args, "register", "handler")[0], "handler")
    context.set("handler", write(handler))
    return NOTHING


def whole(value: Any, what: str) -> int:
    """A whole number from 0 to 2**62. Raises `DeviceError`."""
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise DeviceError(f"{what} wants an int from 0 to 2**62, got {shown(value)}", name="TypeError")
    return value


def text(value: Any, what: str) -> str:
    """A str. Raises `DeviceError`."""
    if not isinstance(value, str):
        raise DeviceError(f"{what} wants a str, got {shown(value)}", name="TypeError")
    return value


def reference(value: Any, what: str, letter: str = "o") -> Ref:
    """A reference to an object, or with `letter` d to a device node. Raises `DeviceError`."""
    if not isinstance(value, Ref) or value.kref[1] != letter:
        wanted = "a device node" if letter == "d" else "an object"
        raise DeviceError(f"{what} wants {wanted}, got {shown(value)}", name="TypeError")
    return value


def shown(value: Any) -> str:
    """A short description of a value, for an error."""
    if isinstance(value, Ref):
        return f"a reference to {value.iface}"[:80]
    if isinstance(value, str):
        return f"str {json.dumps(value[:40], ensure_ascii=False)[:40]}"  # as its author would write it
    return foreign.shown(value)


def not_plain(what: str) -> DeviceError:
    """The error for a reference where only data can pass."""
    return DeviceError(f"{what} takes plain data, and was given a reference", name="TypeError")


def no_method(kind: str, method: str, *known: str) -> DeviceError:
    """The error for a method that does not exist."""
    return DeviceError(f"{kind} has no method {method[:60]!r}, has [{', '.join(known)}]", name="TypeError")


__all__ = [
    "NOTHING",
    "Ref",
    "arguments",
    "blank",
    "is_number",
    "kept",
    "kept_reference",
    "no_method",
    "not_plain",
    "number_in",
    "part",
    "read",
    "reference",
    "register",
    "shown",
    "text",
    "whole",
    "write",
]
