"""The edges of what passes: depths, counts of keys, names and slots, to the last one and the one after it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from swingset.guest.passing import copies, key_limits, smallcaps
from swingset.guest.passing.key_limits import KeyCount
from swingset.guest.passing.passable import (
    MAX_DEPTH,
    NAME_LIMIT,
    Tagged,
    UnpassableError,
    check_name,
    copy_passable,
    has_half_pair,
    printable,
)
from swingset.guest.passing.smallcaps import DecodeError

from .test_smallcaps import decode, encode

NEAR = 2**30
KEYS: list[tuple[str, list[Any], str | None]] = [
    ("as many as there may be", [1, 2, 3, 4, 5], None),
    ("one more", [1, 2, 3, 4, 5, 6], "more than 5 keys of dicts that are not str"),
    ("of any sort", [1, b"x", None, True, 2, False], "more than 5 keys of dicts that are not str"),
    ("as many far ones as there may be", [NEAR, -NEAR, 1, 2], None),
    ("one more, above", [NEAR, -NEAR, NEAR + 1], "more than 2 keys of dicts that are floats or large ints"),
    ("one more, below", [NEAR, NEAR + 1, -NEAR], "more than 2 keys of dicts that are floats or large ints"),
    ("floats", [0.5, 1.5, 2.5], "more than 2 keys of dicts that are floats or large ints"),
    ("the last near ones", [NEAR - 1, 1 - NEAR, 0, NEAR - 2], None),
    ("bools and bytes are near", [True, False, b"x" * 50, None], None),
]


@pytest.mark.parametrize(("keys", "complaint"), [case[1:] for case in KEYS], ids=[case[0] for case in KEYS])
def test_keys_are_counted_to_the_last(
    monkeypatch: pytest.MonkeyPatch, keys: list[Any], complaint: str | None
) -> None:
    """Each that is no text counts, and ints from 2**30 on to either side and floats count apart."""
    monkeypatch.setattr(key_limits, "MOST_KEYS", 5)
    monkeypatch.setattr(key_limits, "MOST_FAR", 2)
    count = KeyCount()
    assert [count.add(key) for key in keys] == [None] * (len(keys) - 1) + [complaint]


class Colour(Enum):
    """Passes as a copy, by the name of its member."""

    RED = 1


class Box:
    """Passes as a copy of what is in it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner


def _box(inner: Any) -> Box:
    if inner == "bad":
        raise ValueError("nothing bad goes into a box")
    return Box(inner)


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have boxes pass, for one test."""
    for copy in (copies.Copy("box", Box, lambda box: box.inner, _box), copies._of_enum("colour", Colour)):
        monkeypatch.setitem(copies._BY_CLASS, copy.cls, copy)
        monkeypatch.setitem(copies._BY_TAG, copy.tag, copy)


WRAPS: list[tuple[str, Callable[[Any], Any]]] = [
    ("list", lambda value: [value]),
    ("tuple", lambda value: (value,)),
    ("dict", lambda value: {"a": value}),
    ("dict of sigils", lambda value: {"#a": value}),
    ("map", lambda value: {1: value}),
    ("Tagged", lambda value: Tagged("t", value)),
    ("copy", Box),
]
INNERMOST: list[tuple[str, Any]] = [
    ("int", 5),
    ("large int", 10**30),
    ("text", "$0"),
    ("infinity", float("inf")),
    ("empty list", []),
    ("empty dict", {}),
    ("empty tuple", ()),
    ("bytes", b"hi"),
    ("map", {1: 2}),
    ("map of bytes", {b"k": 1}),
    ("map of large ints", {10**30: 1}),
    ("copy", Decimal("1.5")),
    ("enum", Colour.RED),
]
FLAT = ("int", "large int", "text")


def depth_of(name: str, at: int) -> int:
    """How deep something may stand; what holds something takes a level of its own."""
    return at if name in FLAT else at - 1


def deep(wrap: Callable[[Any], Any], inner: Any, times: int) -> Any:
    for _ in range(times):
        inner = wrap(inner)
    return inner


@pytest.mark.usefixtures("boxes")
@pytest.mark.parametrize("wrap", [case[1] for case in WRAPS], ids=[case[0] for case in WRAPS])
@pytest.mark.parametrize(("name", "inner"), INNERMOST, ids=[case[0] for case in INNERMOST])
def test_what_can_be_written_at_the_deepest_can_be_read(
    wrap: Callable[[Any], Any], name: str, inner: Any
) -> None:
    """Whatever holds it and whatever it is; one level more is refused where it is written."""
    times = depth_of(name, MAX_DEPTH)
    body = encode(deep(wrap, inner, times))
    assert encode(decode(body)) == body
    with pytest.raises(UnpassableError, match="100 levels"):
        encode(deep(wrap, inner, times + 1))


@pytest.mark.usefixtures("boxes")
@pytest.mark.parametrize("wrap", [case[1] for case in WRAPS], ids=[case[0] for case in WRAPS])
def test_what_is_too_deep_is_not_read(wrap: Callable[[Any], Any]) -> None:
    """A body that another encoder wrote, one level deeper than ours writes, is refused."""
    body = encode(deep(wrap, 5, MAX_DEPTH))
    head, tail = encode(wrap(0))[1:].rsplit("0", 1)
    with pytest.raises(DecodeError, match="nested deeper than 100 levels"):
        decode(f"#{head}{body[1:]}{tail}")


@pytest.mark.usefixtures("boxes")
@pytest.mark.parametrize("wrap", [case[1] for case in WRAPS], ids=[case[0] for case in WRAPS])
def test_a_copy_within_a_vat_is_as_deep_as_a_message(wrap: Callable[[Any], Any]) -> None:
    """What could leave the vat is copied in it, one level more is not."""
    value = deep(wrap, 5, MAX_DEPTH)
    copied = copy_passable(value)
    assert copied is not value
    assert encode(copied) == encode(value)
    with pytest.raises(UnpassableError, match="100 levels"):
        copy_passable(wrap(value))


UNFIT: list[tuple[str, Any, str]] = [
    ("a key of no sort", {(1, 2): 3}, "a key is a str"),
    ("an object", [object()], "an object whose class is @remotable"),
    ("a set", {"a": {1}}, "pass sorted(...) of it"),
    ("a copy that cannot be made", Box("bad"), "nothing bad goes into a box"),
    ("what is unfit in a copy", Box({1}), "pass sorted(...) of it"),
]


@pytest.mark.usefixtures("boxes")
@pytest.mark.parametrize(("value", "words"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT])
def test_what_cannot_leave_a_vat_is_not_copied_in_it(value: Any, words: str) -> None:
    """It is refused with what to do, before anybody gets a part of it."""
    with pytest.raises(UnpassableError) as caught:
        copy_passable(value)
    assert words in caught.value.fix


def test_a_name_has_so_many_characters() -> None:
    """The last one fits, one more does not, nor does half of a pair."""
    check_name("a label", "x" * NAME_LIMIT)
    assert NAME_LIMIT == 1_000
    with pytest.raises(TypeError, match="a label has up to 1000 characters, got 1001"):
        check_name("a label", "x" * (NAME_LIMIT + 1))
    with pytest.raises(TypeError, match="a label holds half of a surrogate pair"):
        check_name("a label", "\ud800")


TEXTS: list[tuple[Any, str, bool]] = [
    # a text, how it is shown in three characters, whether it is half of a pair
    ("abc", "abc", False),
    ("abcd", "abc...", False),
    ("é", "é", False),
    ("\x1b", r"'\x1b'", False),
    ("a\nb", r"'a\nb'", False),
    ("\U0001f600", "\U0001f600", False),
    ("\udc00", r"'\udc00'", True),
    ("", "", False),
]


@pytest.mark.parametrize(("text", "shown", "half"), TEXTS)
def test_a_strangers_text_is_cut_and_spelt_out(text: str, shown: str, half: bool) -> None:
    """What is not drawn is spelt out, and what is long is cut."""
    assert printable(text, 3) == shown
    assert has_half_pair(text) is half


SLOTS: list[tuple[str, list[str]]] = [
    ('#"$0"', ["o-50"]),
    ('#["$1","$0","$1"]', ["o-50", "o-51"]),
]


@pytest.mark.parametrize(("body", "slots"), SLOTS)
def test_slots_are_asked_for_by_their_number(body: str, slots: list[str]) -> None:
    """With their sigil, and with what is said of them at their first mention."""
    asked: list[tuple[str, int, str | None]] = []
    smallcaps.decode(body, lambda *slot: asked.append(slot))
    assert {index for _, index, _ in asked} == set(range(len(slots)))
    assert {sigil for sigil, _, _ in asked} == {"$"}
