"""Data from strangers, read and described with bounded work.

Bytes of a guest, answers of a device and texts of a world file become values in one place, here. Python's own
JSON reader recurses on its caller's stack, and so does `repr`: how deep is too deep would depend on how deep
the host's stack was already, and would differ between two hosts. So the shape of a text (how deep it nests,
how many values it has) is measured before it is read, in one pass that does not recurse. Numbers have a limit
of this module's own, because Python's is a setting of the process. The error message depends on the text
alone.

Where a sentence has to name a value, it gives the type and, if it is short, the value. Nothing here looks
further into a value than its first level, calls a method that its author could have written, or takes longer
for a larger value.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any, NoReturn

MOST_DEPTH = 32
"""How deep the JSON that the kernel reads may nest; the values inside messages are texts to it."""

MOST_VALUES = 1_000_000
"""How many values one text may have."""

MOST_DIGITS = 4_300
"""How many digits a number may have."""

_SHORT = 600  # digits that `int` reads under every setting of `sys.set_int_max_str_digits`
_QUOTED = 60
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_name_of = type.__dict__["__name__"].__get__  # does not run a metaclass's code


class Unreadable(ValueError):
    """A text is not JSON, or exceeds a limit; the message depends on the text alone."""


def read_json(text: str | bytes, *, depth: int = MOST_DEPTH, values: int = MOST_VALUES) -> Any:
    """Read JSON that a stranger wrote; raises `Unreadable` for anything wrong with it."""
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            raise Unreadable("not JSON: it is not UTF-8") from None
    if type(text) is not str:  # a row in a record may hold anything
        raise Unreadable("not JSON: it is no text")
    _measure(text, depth, values)
    try:
        return _decoder.decode(text)
    except Unreadable:
        raise
    except ValueError:
        raise Unreadable("not JSON") from None


def read_object(text: str | bytes | None, *, longest: int | None = None) -> dict[str, Any] | None:
    """A JSON object that a stranger wrote; None for anything else, and for a text of more than `longest`."""
    if text is None or (longest is not None and len(text) > longest):
        return None
    try:
        raw = read_json(text)
    except Unreadable:
        return None
    return raw if isinstance(raw, dict) else None


def whole(text: str) -> int:
    """The int of a text of digits with an optional sign, whatever digit limit the process has set."""
    if len(text) <= _SHORT:
        return int(text)
    digits = text.lstrip("+-")
    if len(digits) > MOST_DIGITS:
        raise Unreadable(f"a number has {len(digits):,} digits, {MOST_DIGITS:,} are allowed")
    value = 0
    for at in range(0, len(digits), _SHORT):
        piece = digits[at : at + _SHORT]
        value = value * 10 ** len(piece) + int(piece)
    return -value if text.startswith("-") else value


def quoted(value: object) -> str:
    """A text as people typed it, on one line and not long; anything else as `shown` has it."""
    if type(value) is not str:
        return shown(value)
    return repr(value if len(value) <= _QUOTED else f"{value[:_QUOTED]}…")


def shown(value: object) -> str:
    """The type of a value and, if it is short, the value: about 90 characters at most, equal on all hosts."""
    kind = type(value)
    if value is None:
        return "None"
    if kind is int and value.bit_length() >= 200:  # type: ignore[attr-defined]
        return "int (very large)"
    if kind in (bool, int, float):
        return f"{kind.__name__} {value!r}"
    if kind in (str, bytes):
        piece = value[:60]  # type: ignore[index]
        return f"{kind.__name__} {piece!r}" + ("..." if len(value) > 60 else "")  # type: ignore[arg-type]
    if kind in (list, tuple, dict, set, frozenset):
        return f"{kind.__name__} of {len(value):,}"  # type: ignore[arg-type]
    return str(_name_of(kind))[:60]


def said(error: BaseException) -> str:
    """The message of an exception, even if its class is a stranger's and `str` of it raises."""
    try:
        return str(error)
    except Exception:
        return "it cannot be put into words"


def stored_size(text: str) -> int:
    """How many bytes a text takes when it is written as JSON, the same on every host."""
    written: str = encode_basestring(text)
    return len(written) if written.isascii() else len(written.encode("utf-8", "surrogatepass"))


def _measure(text: str, depth: int, values: int) -> None:
    """Refuse a text of too many values, or one that nests too deep, before any of it is read."""
    opened = text.count("[") + text.count("{")
    if opened <= depth and text.count(",") + opened < values:
        return
    # Each step scans the whole text, and makes no more pieces than the step before has allowed.
    if text.count('"') - text.count('\\"') > 4 * values:
        raise _too_many(values)
    # Up to the first error, where the reader stops, a backslash can only be inside a string. Without escapes,
    # every second piece between quotes lies outside of strings.
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    if outside.count(",") + outside.count("[") + outside.count("{") >= values:
        raise _too_many(values)
    level = 0
    for bracket in _NOT_BRACKETS.sub("", outside):
        level += 1 if bracket in "[{" else -1
        if level > depth:
            raise Unreadable(f"nested deeper than {depth} levels")


def _too_many(values: int) -> Unreadable:
    return Unreadable(f"more than {values:,} values")


def _real(text: str) -> float:
    if len(text) > MOST_DIGITS:
        raise Unreadable(f"a number has {len(text):,} characters, {MOST_DIGITS:,} are allowed")
    value = float(text)
    if value - value != 0:
        raise Unreadable("a number is out of range")
    return value


def _no_constant(name: str) -> NoReturn:
    raise Unreadable(f"not JSON: {name}")


_decoder = json.JSONDecoder(parse_int=whole, parse_float=_real, parse_constant=_no_constant)
