"""Turns a pattern into a span of a collection's keys, and a test for the keys in it.

`keys()`, `values()`, `items()` and `clear()` take a pattern: an exact key, a type such as `int` or `str`, or
one of the patterns of annotations, `gte(10)`, `prefix("a")`, `between(1, 5)`. The span is as narrow as the
order of keys allows, so that a query reads little more than it returns. What the order cannot express is
tested for each key.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..guards.patterns import Pattern, Prefix, Range
from ..guards.shape import BadAnnotationError
from ..guards.shapes import compile_shape
from ..kinds.records import MISSING
from ..passing.passable import SCALARS, brief, is_reference
from ..passing.remotables import Remotable
from .keys import END, LIMIT, KeyTooLargeError, encode_number

if TYPE_CHECKING:
    from .collections import Entries


class Span(NamedTuple):
    """The keys after `start` and before `end` that pass the test `fits`, or the one key with text `exact`."""

    start: str
    end: str
    fits: Callable[[Any], bool] | None = None
    exact: str | None = None


ALL = Span("", END)
_FAMILIES: dict[Any, str] = {
    bool: "b",
    int: "f",
    float: "f",
    Remotable: "r",
    str: "s",
    bytes: "t",
    type(None): "v",
}


def span_of(pattern: Any, entries: Entries) -> Span | None:
    """The span of a pattern; None if nothing can fit. Raises TypeError for what is no pattern."""
    if pattern is MISSING or pattern is Any or pattern is object:
        return ALL
    if isinstance(pattern, Prefix):
        return _between("s" + pattern.start, "s" + pattern.start, pattern.fits)
    if isinstance(pattern, Range):
        return _range(pattern)
    if isinstance(pattern, Pattern):
        return ALL._replace(fits=pattern.fits)
    if isinstance(pattern, type) or typing.get_origin(pattern) is not None:
        return _of_type(pattern, entries)
    if type(pattern) in SCALARS or is_reference(pattern):
        text = entries.text_of(pattern)
        return None if text is None else Span("", "", None, text)
    raise TypeError(
        f"{brief(pattern)} is no pattern of keys: wanted a key, a type, or a pattern such as gte(10)"
    )


def _of_type(pattern: Any, entries: Entries) -> Span:
    try:
        shape = compile_shape(pattern, entries.vat.collections.scope(entries.base))
    except BadAnnotationError as exc:
        raise TypeError(f"no pattern of keys: {exc}") from None

    def fits(key: Any) -> bool:
        return shape.misfit(key) is None

    inner = typing.get_args(pattern) if typing.get_origin(pattern) is typing.Annotated else (pattern,)
    for extra in inner[1:]:
        if isinstance(extra, (Range, Prefix)):
            span = span_of(extra, entries)
            assert span is not None
            return span._replace(fits=fits)
    letter = _FAMILIES.get(inner[0])
    return ALL._replace(fits=fits) if letter is None else _between(letter, letter, fits)


def _range(pattern: Range) -> Span:
    low, high = pattern.low, pattern.high
    bound = high if low is None else low
    letter = "s" if isinstance(bound, str) else "t" if isinstance(bound, bytes) else "f"
    return _between(
        letter if low is None else _text(low, letter),
        letter if high is None else _text(high, letter),
        pattern.fits,
    )


def _text(bound: Any, too_large: str) -> str:
    if isinstance(bound, str):
        return "s" + bound
    if isinstance(bound, bytes):
        return "t" + bound.hex()
    try:
        return encode_number(bound)
    except KeyTooLargeError:
        return too_large


def _between(low: str, high: str, fits: Callable[[Any], bool]) -> Span:
    """The span from all texts that begin with `low` to all that begin with `high`."""
    return Span(_before(_clean(low)), _after(_clean(high)), fits)


def _clean(text: str) -> str:
    """The longest start of a text that a key can have: not too long, and without surrogates."""
    text = text[:LIMIT]
    for index, char in enumerate(text):
        if 0xD800 <= ord(char) < 0xE000:
            return text[:index]
    return text


def _before(text: str) -> str:
    """A text before all that begin with this one, and after most others before them."""
    last = ord(text[-1])
    if last == 0:
        return text[:-1]
    return text[:-1] + ("\ud7ff" if last == 0xE000 else chr(last - 1)) + "\U0010ffff"


def _after(text: str) -> str:
    """The first text after all that begin with this one."""
    text = text.rstrip("\U0010ffff")
    last = ord(text[-1])
    return text[:-1] + ("\ue000" if last == 0xD7FF else chr(last + 1))
