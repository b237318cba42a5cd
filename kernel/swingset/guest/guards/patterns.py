"""Patterns: what a type alone cannot say of a value, for annotations and for keys.

`Annotated[int, gt(0)]` is an int above zero. A pattern is plain data with two spellings: `text`, as it is
written in code, which is stored with a kind and compared at an upgrade, and `words`, which complete the
sentence of a complaint ("wanted int > 0"). It never converts, and a value that it cannot be compared with
does not fit. The ranges keep their bounds readable, so that a collection can turn them into a walk over
its keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ..passing.remotables import Presence, method_table_of

S = TypeVar("S", int, float, str, bytes)


class Pattern:
    """A test of a value with a name: `text` as in code, `words` as in a complaint."""

    __slots__ = ("_test", "text", "words")

    def __init__(self, text: str, words: str, test: Callable[[Any], bool]) -> None:
        self.text = text
        self.words = words
        self._test = test

    def fits(self, value: Any) -> bool:
        """Whether a value is of this pattern."""
        return self._test(value)

    def __repr__(self) -> str:
        return self.text


class Range(Pattern):
    """All numbers, or all strings, between two bounds; None for a bound that is not there."""

    __slots__ = ("high", "high_included", "low", "low_included")

    def __init__(
        self, text: str, words: str, low: Any, high: Any, low_included: bool, high_included: bool
    ) -> None:
        super().__init__(text, words, self._contains)
        self.low = low
        self.high = high
        self.low_included = low_included
        self.high_included = high_included
        bounds = [bound for bound in (low, high) if bound is not None] or [None]
        for bound in bounds:
            if _family(bound) is None:
                raise TypeError(f"{text}: a bound is a number, str or bytes, not {type(bound).__name__}")

    def _contains(self, value: Any) -> bool:
        family = _family(value)
        low, high = self.low, self.high
        if low is not None and (
            family != _family(low) or not (value >= low if self.low_included else value > low)
        ):
            return False
        return high is None or (
            family == _family(high) and (value <= high if self.high_included else value < high)
        )


def _family(value: Any) -> str | None:
    if isinstance(value, (int, float)):
        return None if isinstance(value, bool) else "number"
    return "str" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else None


class Prefix(Pattern):
    """All strings that start alike."""

    __slots__ = ("start",)

    def __init__(self, start: str) -> None:
        super().__init__(f"prefix({start!r})", f"starting with {start!r}", self._starts)
        self.start = start

    def _starts(self, value: Any) -> bool:
        return isinstance(value, str) and value.startswith(self.start)


def gt(low: S) -> Range:
    """Greater than `low`."""
    return Range(f"gt({low!r})", f"> {low!r}", low, None, False, False)


def gte(low: S) -> Range:
    """Greater than or equal to `low`."""
    return Range(f"gte({low!r})", f">= {low!r}", low, None, True, False)


def lt(high: S) -> Range:
    """Less than `high`."""
    return Range(f"lt({high!r})", f"< {high!r}", None, high, False, False)


def lte(high: S) -> Range:
    """Less than or equal to `high`."""
    return Range(f"lte({high!r})", f"<= {high!r}", None, high, False, True)


def between(low: S, high: S) -> Range:
    """From `low` to `high`, both included."""
    text = f"between({low!r}, {high!r})"
    if _family(low) != _family(high):
        raise TypeError(f"{text}: both bounds are numbers, or both are strings")
    return Range(text, f"from {low!r} to {high!r}", low, high, True, True)


def prefix(start: str) -> Prefix:
    """A str that starts with `start`."""
    if type(start) is not str:
        raise TypeError(f"prefix({start!r}): wants a str")
    return Prefix(start)


def matching(regex: str) -> Pattern:
    """A str of which the whole matches a regular expression."""
    if type(regex) is not str:
        raise TypeError(f"matching({regex!r}): wants a str")
    compiled = re.compile(regex)
    regexes.add(regex)
    return Pattern(
        f"matching({regex!r})",
        f"matching {regex!r}",
        lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None,
    )


def length(at_most: int, at_least: int = 0) -> Pattern:
    """A str, bytes, list, tuple or dict with so many items, both bounds included."""
    if at_least:
        text, words = f"length({at_most}, {at_least})", f"of length {at_least} to {at_most}"
    else:
        text, words = f"length({at_most})", f"of length {at_most} at most"
    return Pattern(
        text,
        words,
        lambda value: (
            isinstance(value, (str, bytes, list, tuple, dict)) and at_least <= len(value) <= at_most
        ),
    )


def alleged(iface: str) -> Pattern:
    """An object that says of itself that it is an `iface`; a stranger may say so untruly."""

    def test(value: Any) -> bool:
        if isinstance(value, Presence):
            return value._iface == f"Alleged: {iface}"
        table = method_table_of(value)
        return table is not None and table.tag == iface

    return Pattern(f"alleged({iface!r})", f"alleged to be {iface}", test)


MAKING: dict[str, Callable[..., Pattern]] = {
    maker.__name__: maker for maker in (alleged, between, gt, gte, length, lt, lte, matching, prefix)
}
"""What makes patterns, by name: what their texts can be read with."""

MAKERS = tuple(MAKING)

regexes: set[str] = set()
"""The regular expressions that code has made patterns of here."""
