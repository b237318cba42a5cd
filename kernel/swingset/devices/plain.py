"""Reading and writing the plain data that devices deal in.

Devices see capdata in the kernel's names. What they are told is mostly small: numbers, names, a reference or
two. This reads that much and no more; whatever else a vat hands over, such as the parameters of another vat,
a device passes on unread with `part`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from swingset.core.devices import DeviceContext, DeviceError
from swingset.model import foreign
from swingset.model.capdata import CapData, is_well_formed
from swingset.model.foreign import Unreadable, read_json
from swingset.model.foreign import whole as whole_of

MOST_DEPTH = 64
"""How deep data nests that a device reads or hands on; it is walked by recursion, so the bound is low."""

SAFE_INT = 2**53 - 1
_REFERENCE = re.compile(r"([$&])(0|[1-9][0-9]{0,5})(?:\.(.*))?\Z", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,20}\Z", re.ASCII)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BIG_INT = re.compile(r"[+-][0-9]{1,4300}\Z")


@dataclass(frozen=True)
class Ref:
    """A reference in plain data: an object, a device node or a promise."""

    kref: str
    iface: str = "Remotable"


def read(value: CapData) -> Any:
    """The data in a body: scalars, lists, dicts with str keys, and `Ref`s. Raises `DeviceError`."""
    tree = _tree(value)
    if _SURROGATE.search(value.body) and not is_well_formed(json.dumps(tree, ensure_ascii=False)):
        raise DeviceError("text with half of a surrogate pair cannot be stored", name="ValueError")
    return _read(tree, value.slots)


def _tree(value: CapData) -> Any:
    """A body as JSON data. Raises `DeviceError` for one that no device reads."""
    try:
        return read_json(value.body[1:], depth=MOST_DEPTH)
    except Unreadable as problem:
        raise DeviceError(f"no device reads this: it is {problem}", name="TypeError") from None


def _read(node: Any, slots: tuple[str, ...]) -> Any:
    if isinstance(node, str):
        return _read_text(node, slots)
    if isinstance(node, list):
        return [_read(item, slots) for item in node]
    if isinstance(node, dict):
        return {_read_key(key): _read(item, slots) for key, item in node.items()}
    return node


def _read_text(text: str, slots: tuple[str, ...]) -> Any:
    if not text or not "!" <= text[0] <= "-":
        return text
    if text[0] == "!":
        return text[1:]
    if _BIG_INT.match(text):
        return whole_of(text)
    found = _REFERENCE.match(text)
    if found is None or int(found[2]) >= len(slots):
        raise DeviceError(f"{text[:40]!r} is nothing a device can read", name="TypeError")
    return Ref(slots[int(found[2])], (found[3] or "Alleged: Remotable").removeprefix("Alleged: "))


def _read_key(key: str) -> str:
    if key.startswith("#"):
        raise DeviceError("a device reads numbers, text, lists, dicts and references only", name="TypeError")
    return key[1:] if key.startswith("!") else key


def kept(context: DeviceContext, key: str, fits: Callable[[Any], bool]) -> Any:
    """What a device keeps under a key, as data; None where it keeps nothing.

    Raises `DamagedRow` for what does not fit: no device has written that.
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
    """Whether something kept is a number that a device counts with."""
    return type(value) is int and 0 <= value < 1 << 62


def number_in(context: DeviceContext, key: str, prefix: str) -> int:
    """The number that follows a prefix in a key, up to a point. Raises `DamagedRow` where there is none."""
    digits = key.removeprefix(prefix).partition(".")[0]
    if not key.startswith(prefix) or not _DIGITS.match(digits):
        raise context.damaged(key, "no number is in its key")
    return int(digits)


def write(value: Any) -> CapData:
    """Capdata of plain data with `Ref`s in it."""
    slots: dict[str, int] = {}
    return _capdata(_write(value, slots), slots)


def _capdata(tree: Any, slots: Iterable[str]) -> CapData:
    """Capdata of a tree in its wire form, if a file can hold it: JSON can spell text that no file can."""
    body = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    if not is_well_formed(body):
        raise DeviceError("text with half of a surrogate pair cannot be stored", name="ValueError")
    return CapData("#" + body, tuple(slots))


def _write(value: Any, slots: dict[str, int]) -> Any:
    if isinstance(value, Ref):
        sigil = "&" if value.kref.startswith("kp") else "$"
        if value.kref in slots:
            return f"{sigil}{slots[value.kref]}"
        index = slots[value.kref] = len(slots)
        return f"&{index}" if sigil == "&" else f"${index}.Alleged: {value.iface}"
    if isinstance(value, str):
        return "!" + value if value and "!" <= value[0] <= "-" else value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE_INT:
        return f"{value:+d}"
    if isinstance(value, list | tuple):
        return [_write(item, slots) for item in value]
    if isinstance(value, dict):
        return {_write(key, slots): _write(item, slots) for key, item in value.items()}
    return value


def part(value: CapData, *path: int | str) -> CapData:
    """The capdata of one part of a value, with only the references that this part mentions."""
    node = _tree(value)
    for step in path:
        node = node[step]
    order: dict[int, tuple[int, str]] = {}
    # The interface stands at the first mention, which may lie outside of this part.
    renumbered = _renumber(node, value.slots, order)
    return _capdata(renumbered, (kref for _, kref in order.values()))


def _renumber(node: Any, slots: tuple[str, ...], order: dict[int, tuple[int, str]]) -> Any:
    if isinstance(node, str) and node[:1] in ("$", "&"):
        found = _REFERENCE.match(node)
        if found is None or int(found[2]) >= len(slots):
            raise DeviceError(f"{node[:40]!r} is no reference", name="TypeError")
        old = int(found[2])
        if old in order:
            return f"{found[1]}{order[old][0]}"
        order[old] = (len(order), slots[old])
        if found[1] == "&":
            return f"&{order[old][0]}"
        return f"${order[old][0]}.{found[3] or 'Alleged: Remotable'}"
    if isinstance(node, list):
        return [_renumber(item, slots, order) for item in node]
    if isinstance(node, dict):
        return {key: _renumber(item, slots, order) for key, item in node.items()}
    return node


def blank(value: CapData, *path: int | str) -> CapData:
    """The same value with None in place of one part, if it has it: for what is not to be read."""
    tree = node = _tree(value)
    try:
        for step in path[:-1]:
            node = node[step]
        if node[path[-1]] is not None:
            node[path[-1]] = None
    except (LookupError, TypeError):
        return value
    return _capdata(tree, value.slots)


def arguments(args: CapData, method: str, *names: str, optional: int = 0) -> list[Any]:
    """The arguments of a call, checked for number and filled up with None."""
    found = read(args)
    if not isinstance(found, list) or not len(names) - optional <= len(found) <= len(names):
        given = len(found) if isinstance(found, list) else "no list of"
        raise DeviceError(f"{method}({', '.join(names)}) got {given} arguments", name="TypeError")
    return [*found, *[None] * (len(names) - len(found))]


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
    """A short name for what came."""
    if isinstance(value, Ref):
        return f"a reference to {value.iface}"[:80]
    if isinstance(value, str):
        return f"str {json.dumps(value[:40], ensure_ascii=False)[:40]}"  # as who wrote it would write it
    return foreign.shown(value)


def not_plain(what: str) -> DeviceError:
    """The complaint about a reference where only data can pass."""
    return DeviceError(f"{what} takes plain data, and was given a reference", name="TypeError")


def no_method(kind: str, method: str, *known: str) -> DeviceError:
    """The complaint about a method that is not there."""
    return DeviceError(f"{kind} has no method {method[:60]!r}, has [{', '.join(known)}]", name="TypeError")
