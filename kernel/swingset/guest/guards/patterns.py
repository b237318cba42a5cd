"""Patterns: tests of a value beyond its type, for annotations and for the keys of collections.

`Annotated[int, gt(0)]` is an int above zero. A pattern has two texts: `text`, as it is written in code, which
is stored with a kind and compared at an upgrade, and `words`, which complete an error ("wanted int > 0"). It
never converts a value, and a value that it cannot compare does not fit. A range keeps its bounds as
attributes, so that a collection can iterate over just the keys between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ..passing.remotables import Presence, method_table_of

S = TypeVar("S", int, float, str, bytes)


class Pattern:
    """A test of a value. `text` is how code writes it, `words` is how errors say it."""

    __slots__ = ("_test", "text", "words")

    def __init__(self, text: str, words: str, test: Callable[[Any], bool]) -> None:
        self.text = text
        self.words = words
        self._test = test

    def fits(self, value: Any) -> bool:
        """Whether a value fits the pattern."""
        return self._test(value)

    def __repr__(self) -> str:
        return self.text


class Range(Pattern):
    """The numbers, the strings or the bytes between two bounds; None stands for no bound.

    Raises TypeError for a bound of another type.
    """

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
    """The strings that begin with the same text."""

    __slots__ = ("start",)

    def __init__(self, start: str) -> None:
        super().__init__(f"prefix({start!r})", f"starting with {start!r}", self._starts)
        self.start = start

    def _starts(self, value: Any) -> bool:
        return isinstance(value, str) and value.startswith(self.start)


def gt(low: S) -> Range:
    """A value greater than `low`: `Annotated[int, gt(0)]`.

    Source:
        `M.gt`.
    """
    return Range(f"gt({low!r})", f"> {low!r}", low, None, False, False)


def gte(low: S) -> Range:
    """A value greater than or equal to `low`: `Annotated[int, gte(1)]`.

    Source:
        `M.gte`.
    """
    return Range(f"gte({low!r})", f">= {low!r}", low, None, True, False)


def lt(high: S) -> Range:
    """A value less than `high`: `Annotated[int, lt(100)]`.

    Source:
        `M.lt`.
    """
    return Range(f"lt({high!r})", f"< {high!r}", None, high, False, False)


def lte(high: S) -> Range:
    """A value less than or equal to `high`: `Annotated[float, lte(1)]`.

    Source:
        `M.lte`.
    """
    return Range(f"lte({high!r})", f"<= {high!r}", None, high, False, True)


def between(low: S, high: S) -> Range:
    """A value from `low` to `high`, both included: `Annotated[str, between("a", "f")]`.

    Raises TypeError if the bounds are not both numbers, both str or both bytes.

    Source:
        `M.and(M.gte(low), M.lte(high))`.
    """
    text = f"between({low!r}, {high!r})"
    if _family(low) != _family(high):
        raise TypeError(f"{text}: both bounds are numbers, or both are strings")
    return Range(text, f"from {low!r} to {high!r}", low, high, True, True)


def prefix(start: str) -> Prefix:
    """A str that starts with `start`: `Annotated[str, prefix("user:")]`. Raises TypeError if it is no str.

    Source:
        Ours.
    """
    if type(start) is not str:
        raise TypeError(f"prefix({start!r}): wants a str")
    return Prefix(start)


def matching(regex: str) -> Pattern:
    """A str that a regular expression matches as a whole: `Annotated[str, matching("[a-z]+")]`.

    Raises TypeError if `regex` is no str, and `re.error` if it is no regular expression.

    Source:
        Ours.
    """
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
    """A str, bytes, list, tuple or dict with `at_least` to `at_most` items: `Annotated[str, length(80)]`.

    Source:
        The limits of `M.string`, `M.bytes`, `M.arrayOf` and `M.recordOf`.
    """
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
    """An object that calls itself an `iface`: `Annotated[Remotable, alleged("Purse")]`.

    Another vat's object may lie about this, so it is no proof.

    Source:
        `M.remotable(label)`.
    """

    def test(value: Any) -> bool:
        if isinstance(value, Presence):
            return value._iface == f"Alleged: {iface}"
        table = method_table_of(value)
        return table is not None and table.tag == iface

    return Pattern(f"alleged({iface!r})", f"alleged to be {iface}", test)


MAKING: dict[str, Callable[..., Pattern]] = {
    maker.__name__: maker for maker in (alleged, between, gt, gte, length, lt, lte, matching, prefix)
}
"""The functions that make patterns, by name, for reading their texts."""

MAKERS = tuple(MAKING)

regexes: set[str] = set()
"""The regular expressions that this process's code has passed to `matching`."""
