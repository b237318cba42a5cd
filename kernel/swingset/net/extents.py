"""How large values are in a message, at least, which is found before anything of them is written."""

from __future__ import annotations

from typing import Any

from .names import REMOTE
from .values import Ref, Symbol, Tagged

_AROUND = 1_000
"""More bytes than a message has around its arguments."""

_REFERENCE, _CERTIFICATE = 40, 1_000
"""More bytes than a reference takes: one of this session, and one that introduces another peer."""


def measured(value: Any) -> int:
    """At least as many bytes as a message with this value has, found before its references are given out."""
    return _AROUND + extent(value)


def extent(value: Any) -> int:
    """At least as many bytes as a value takes in a message."""
    size, stack = 0, [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str | bytes):
            size += 12 + (len(item) if isinstance(item, bytes) else len(item.encode("utf-8", "replace")))
        elif isinstance(item, list):
            size += 2
            stack += item
        elif isinstance(item, dict):
            size += 2
            stack += item
            stack += item.values()
        elif isinstance(item, Tagged):
            size += 20
            stack += (item.tag, item.value)
        elif isinstance(item, Symbol):
            size += 12 + len(item.name.encode("utf-8", "replace"))
        elif isinstance(item, int):
            size += 2 + item.bit_length() // 3
        elif isinstance(item, Ref):
            size += _CERTIFICATE if item.name.startswith(REMOTE) else _REFERENCE
        else:
            size += 12
    return size
