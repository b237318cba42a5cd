"""Keys of collections: encodes scalars as texts whose order is the order of the keys.

A key is None, a bool, a number, a str, bytes, or an object. Their order is

    False < True < numbers < objects < strings < bytes < None

Numbers are ordered by their exact value, ints of any size and floats together. An int and a float of the same
value are two keys, `5` and `5.0`, as they are two values everywhere in a vat, and the int comes first. `-0.0`
is the key `0.0`. The infinities come before and after all other numbers, and NaN, which is one key, comes
last.
Strings are in the order of their code points, bytes in that of their values, and objects in the order in
which they were added to the collection.

A number is written as its sign, the exponent of its highest binary digit, and the digits after that, without
zeros at the end; for a negative number all digits are complemented. An end mark makes a shorter text come
before a longer one that continues it if the number is positive, and after it if it is negative.
"""

from __future__ import annotations

import math
from typing import Any

from ..passing.passable import has_half_pair

LIMIT = 220
"""The text of a key is shorter than this."""

END = "|"
"""A text that comes after the texts of all keys."""

_EXPONENT = 1 << 15
_TURN = str.maketrans("0123456789abcdef", "fedcba9876543210")
_POSITIVE_END, _NEGATIVE_END = "!", "~"
_NAN = "fz"
_INFINITIES = {"fn!": -math.inf, "fpz": math.inf}


class KeyTooLargeError(ValueError):
    """The text of a key is too long."""

    def __init__(self) -> None:
        super().__init__("key too large")


def encode_scalar(key: Any) -> str | None:
    """The text of a scalar key, None for anything else; raises KeyTooLargeError, TypeError for surrogates."""
    kind = type(key)
    text: str
    if kind is str:
        text = "s" + key
    elif kind is int or kind is float:
        text = encode_number(key) + ("i" if kind is int else "r")
    elif kind is bool:
        return "b1" if key else "b0"
    elif key is None:
        return "v"
    elif kind is bytes:
        text = "t" + key.hex()
    else:
        return None
    if len(text) >= LIMIT:
        raise KeyTooLargeError
    if has_half_pair(text):
        raise TypeError("a key holds half of a surrogate pair, which cannot be stored: use bytes")
    return text


def encode_number(number: float) -> str:
    """The text of a number's value, without the letter for int or float; raises KeyTooLargeError."""
    if number == 0:
        return "fo"
    if number != number:
        return _NAN
    if isinstance(number, float) and math.isinf(number):
        return "fpz" if number > 0 else "fn!"
    over, under = number.as_integer_ratio()
    size = abs(over).bit_length() - 1
    exponent = size - (under.bit_length() - 1)
    if not -_EXPONENT <= exponent < _EXPONENT:
        raise KeyTooLargeError
    digits = -(-size // 4)
    fraction = (abs(over) - (1 << size)) << (4 * digits - size)
    text = f"{exponent + _EXPONENT:04x}" + (f"{fraction:0{digits}x}".rstrip("0") if digits else "")
    if over > 0:
        return "fp" + text + _POSITIVE_END
    return "fn" + text.translate(_TURN) + _NEGATIVE_END


def decode_scalar(text: str) -> Any:
    """The key of a text."""
    letter, rest = text[0], text[1:]
    if letter == "s":
        return rest
    if letter == "f":
        return _decode_number(text[:-1], text[-1] == "i")
    if letter == "b":
        return rest == "1"
    if letter == "t":
        return bytes.fromhex(rest)
    return None


def _decode_number(text: str, whole: bool) -> float:
    if text == "fo":
        return 0 if whole else 0.0
    if text == _NAN:
        return math.nan
    if text in _INFINITIES:
        return _INFINITIES[text]
    digits = text[2:-1] if text[1] == "p" else text[2:-1].translate(_TURN)
    exponent, width = int(digits[:4], 16) - _EXPONENT, 4 * (len(digits) - 4)
    value = (1 << width) + int(digits[4:] or "0", 16)
    shift = exponent - width
    if whole:
        found: float = value << shift if shift >= 0 else value >> -shift
    else:
        found = math.ldexp(value, shift)
    return found if text[1] == "p" else -found


def encode_object(ordinal: int, vref: str) -> str:
    """The text of an object's key; `ordinal` is its place in the order of addition."""
    return f"r{ordinal:010}:{vref}"


def object_of(text: str) -> str | None:
    """The name in the text of an object's key; None for other keys and those of weak collections."""
    return text.partition(":")[2] if text[:1] == "r" and text[1:2].isdigit() else None
