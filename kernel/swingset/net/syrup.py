"""Syrup: how values are spelled as bytes.

The writer is canonical, because signatures cover what it writes: the same value has one spelling, and a
dictionary is in the order of its encoded keys. There are two readers in one. The strict one accepts canonical
bytes only; the lenient one, which sessions use, forgives the order of keys, leading zeros and odd NaNs.

Neither recurses, so nesting costs no stack; depth and size have limits of their own, and a length is compared
with what is there before anything is copied. Whatever the bytes are, a reader returns a value or raises
`Malformed`. Nothing that is read is looked up or run.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from .values import Hidden, Malformed, Record, Symbol

MOST_DEPTH = 128
"""How deep lists, dictionaries and records may be nested in each other."""

MOST_VALUES = 100_000
"""How many values one message may have."""

MOST_DIGITS = 4_300
"""Most digits of an integer; values of vats have the same limit."""

_LENGTH_DIGITS = 9
_DIGITS = re.compile(rb"[0-9]+")
_NAN = struct.pack(">Q", 0x7FF8000000000000)
_OPENERS = {0x5B: "[", 0x7B: "{", 0x3C: "<"}
_SHUT = {0x5D: "[", 0x7D: "{", 0x3E: "<"}


class _Raw(bytes):
    """Bytes that are spelled already."""


def write(value: Any) -> bytes:
    """Spell a value canonically.

    Raises `Malformed` for a value that Syrup does not have, for a text with half of a surrogate pair, and for
    a `Hidden`, which only `write_hidden` can spell.

    Example: `write([1, Symbol("a")]) == b"[1+1'a]"`.
    """
    data, secrets = write_hidden(value)
    if secrets:
        raise Malformed("a secret cannot stand in what is signed or stored")
    return data


def write_hidden(value: Any) -> tuple[bytes, list[tuple[int, str]]]:
    """Spell a value canonically; each `Hidden` becomes zeros, and its offset is returned with its handle."""
    out: list[bytes] = []
    secrets: list[tuple[int, str]] = []
    size = 0
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is _Raw:
            piece = item
        elif kind is list:
            piece = b"["
            stack.append(_Raw(b"]"))
            stack.extend(reversed(item))
        elif kind is dict:
            piece = b"{"
            stack.append(_Raw(b"}"))
            pairs = sorted(((_atom(key), inner) for key, inner in item.items()), key=_first)
            for key, inner in reversed(pairs):
                stack += (inner, _Raw(key))
        elif kind is Record:
            piece = b"<"
            stack.append(_Raw(b">"))
            stack.extend(reversed(item.fields))
            stack.append(item.label)
        elif kind is Hidden:
            head = b"%d:" % item.length
            secrets.append((size + len(head), item.handle))
            piece = head + bytes(item.length)
        else:
            piece = _atom(item)
        out.append(piece)
        size += len(piece)
    return b"".join(out), secrets


def _first(pair: tuple[bytes, Any]) -> bytes:
    return pair[0]


def _atom(value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        data = _utf8(value)
        return b'%d"%s' % (len(data), data)
    if kind is int:
        try:
            return b"%d+" % value if value >= 0 else b"%d-" % -value
        except ValueError:
            raise Malformed(f"an integer has at most {MOST_DIGITS} digits") from None
    if kind is bytes:
        return b"%d:%s" % (len(value), value)
    if kind is Symbol:
        data = _utf8(value.name)
        return b"%d'%s" % (len(data), data)
    if kind is bool:
        return b"t" if value else b"f"
    if kind is float:
        return b"D" + (_NAN if value != value else struct.pack(">d", value))
    raise Malformed(f"a {kind.__name__} has no spelling in Syrup")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Malformed("a text holds half of a surrogate pair") from None


class _Open:
    """A list, dictionary or record whose end has not been read."""

    __slots__ = ("items", "sort")

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self.items: list[Any] = []


def read(data: bytes, *, strict: bool = True, depth: int = MOST_DEPTH, most: int = MOST_VALUES) -> Any:
    """Read one value, and nothing after it.

    Args:
        data: the bytes of one value; the caller has limited their number.
        strict: whether bytes that `write` would not have written are refused.
        depth: how deep containers may be nested.
        most: how many values there may be, containers among them; each costs more than its bytes.

    Raises `Malformed`, which says at which byte, for all bytes that are no such value.

    Example: `read(b"[1+1'a]") == [1, Symbol("a")]`.
    """
    stack: list[_Open] = []
    at, end, values = 0, len(data), 0
    while at < end:
        values += data[at] not in _SHUT
        if values > most:
            raise Malformed(f"at byte {at}: a message has at most {most} values")
        byte = data[at]
        if byte in _OPENERS:
            if len(stack) >= depth:
                raise Malformed(f"at byte {at}: nested deeper than {depth} levels")
            stack.append(_Open(_OPENERS[byte]))
            at += 1
            continue
        if byte in _SHUT:
            if not stack or stack[-1].sort != _SHUT[byte]:
                raise Malformed(f"at byte {at}: {chr(byte)!r} closes nothing")
            value = _closed(stack.pop(), at, strict)
            at += 1
        else:
            value, at = _read_atom(data, at, strict)
        if stack:
            stack[-1].items.append(value)
        elif at == end:
            return value
        else:
            raise Malformed(f"at byte {at}: there is more after the value")
    raise Malformed(f"at byte {end}: the value ends before its end" if end else "there are no bytes")


def _closed(opened: _Open, at: int, strict: bool) -> Any:
    items = opened.items
    if opened.sort == "[":
        return items
    if opened.sort == "<":
        if not items:
            raise Malformed(f"at byte {at}: a record has no label")
        return Record(items[0], tuple(items[1:]))
    if len(items) % 2:
        raise Malformed(f"at byte {at}: a dictionary has a key without a value")
    found: dict[Any, Any] = {}
    before = b""
    for place in range(0, len(items), 2):
        key = items[place]
        if type(key) not in (str, bytes, Symbol):
            raise Malformed(f"at byte {at}: a key is a text, a symbol or bytes, not a {type(key).__name__}")
        if key in found:
            raise Malformed(f"at byte {at}: a key comes twice")
        if strict:
            spelled = _atom(key)
            if spelled < before:
                raise Malformed(f"at byte {at}: keys are not in the order of their bytes")
            before = spelled
        found[key] = items[place + 1]
    return found


def _read_atom(data: bytes, at: int, strict: bool) -> tuple[Any, int]:
    byte = data[at]
    if byte == 0x74:  # t
        return True, at + 1
    if byte == 0x66:  # f
        return False, at + 1
    if byte == 0x44:  # D
        if at + 9 > len(data):
            raise Malformed(f"at byte {at}: a float ends before its end")
        number = struct.unpack_from(">d", data, at + 1)[0]
        if strict and number != number and data[at + 1 : at + 9] != _NAN:
            raise Malformed(f"at byte {at}: a NaN with other bits than the one NaN")
        return number, at + 9
    found = _DIGITS.match(data, at)
    if found is None:
        raise Malformed(f"at byte {at}: {bytes([byte])!r} begins no value")
    digits, after = found[0], found.end()
    if after >= len(data):
        raise Malformed(f"at byte {at}: the value ends before its end")
    if strict and len(digits) > 1 and digits[0] == 0x30:
        raise Malformed(f"at byte {at}: a number begins with zero")
    sort = data[after]
    if sort in b"+-":
        if len(digits) > MOST_DIGITS:
            raise Malformed(f"at byte {at}: an integer has at most {MOST_DIGITS} digits")
        if strict and digits == b"0" and sort == 0x2D:
            raise Malformed(f"at byte {at}: zero has no minus")
        number = _integer(digits, at)
        return (number if sort == 0x2B else -number), after + 1
    if sort not in b":\"'":
        raise Malformed(f"at byte {after}: {bytes([sort])!r} follows no number")
    if len(digits) > _LENGTH_DIGITS:
        raise Malformed(f"at byte {at}: a length has at most {_LENGTH_DIGITS} digits")
    begin, end = after + 1, after + 1 + int(digits)
    if end > len(data):
        raise Malformed(f"at byte {at}: the value ends before its end")
    taken = data[begin:end]
    if sort == 0x3A:
        return taken, end
    try:
        text = taken.decode()
    except UnicodeDecodeError:
        raise Malformed(f"at byte {begin}: a text is not UTF-8") from None
    return (text if sort == 0x22 else Symbol(text)), end


def _integer(digits: bytes, at: int) -> int:
    try:
        return int(digits)
    except ValueError:  # an interpreter may be set to read fewer digits
        raise Malformed(f"at byte {at}: an integer has more digits than this Python is set to read") from None
