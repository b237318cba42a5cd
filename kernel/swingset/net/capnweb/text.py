"""Messages as texts: one JSON array each, whose first item says what it is."""

from __future__ import annotations

import json
from typing import Any

from .. import capdata
from ..values import HALF_PAIR, Malformed, Refused, is_sound

MOST_NESTED = 200
"""How deep the JSON of a message may be nested. An array takes two levels."""


def read(data: bytes, most: int) -> list[Any]:
    """The message of a text; raises `Malformed` for anything else.

    Args:
        data: the text, in UTF-8.
        most: how many values it may have.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a message is a text in UTF-8") from None
    if capdata.deepest(text) > MOST_NESTED:
        raise Malformed(f"a message is nested at most {MOST_NESTED} levels deep")
    try:
        tree = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed("a message is JSON") from None
    if type(tree) is not list or not tree or type(tree[0]) is not str:
        raise Malformed("a message is an array that begins with what it is")
    if _size(tree) > most:
        raise Malformed(f"a message has at most {most} values")
    return tree


def write(message: list[Any]) -> bytes:
    """The text of a message; raises `Refused` for one with half of a surrogate pair."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if not is_sound(text):
        raise Refused(HALF_PAIR)
    return text.encode()


def _size(tree: Any) -> int:
    count, stack = 0, [tree]
    while stack:
        item = stack.pop()
        count += 1
        if type(item) is list:
            stack += item
        elif type(item) is dict:
            stack += item.values()
    return count


def _no_constant(text: str) -> Any:
    raise ValueError(text)
