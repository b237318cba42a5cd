"""The spelling of message bodies: how a text, a number or a reference stands in JSON.

A body is `#` and JSON. Plain data is plain JSON. What JSON lacks is written as a string that starts with a
sigil, or as an object whose first key starts with `#`. Texts and keys that would look like either are escaped
with `!`. A reference is the index of a slot: `$0.Alleged: Purse` where an object is mentioned first, and `$0`
from then on; `&1` for a promise.

The guest makes objects of a body (`swingset.guest`); the kernel reads plain data in one or passes it on
unread (`swingset.model.capdata`). Both take these rules, and the limits on a body's size, from here.
"""

from __future__ import annotations

import re

BODY_LIMIT = 10_000_000
"""Largest body: in characters where it is read, in bytes where it is written (the reference's limit)."""

SLOT_LIMIT = 10_000
"""Most slots in one value (the reference's limit)."""

SAFE_INT = 2**53 - 1
"""The largest int written as a JSON number; a larger one is a string of its digits after a `+` or a `-`."""

SIGILS = frozenset("!\"#$%&'()*+,-")
"""The characters that an unescaped text may not start with."""

ALLEGED = "Alleged: "
"""The prefix of an interface's name: the name is only what the sender claims."""

BIG_INT = re.compile(r"[+-][0-9]{1,4300}\Z")
"""A large number."""

REFERENCE = re.compile(r"([$&])(0|[1-9][0-9]{0,5})(?:\.(.*))?\Z", re.DOTALL)
"""A reference: its sigil, the index of its slot, and its interface."""

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The beginning of an escaped surrogate, which no encoder of the project writes."""


def escaped(text: str) -> str:
    """The spelling of a text."""
    return "!" + text if text and text[0] in SIGILS else text


def reference(sigil: str, index: int, iface: str | None = None) -> str:
    """The spelling of a reference; the first mention of an object has its interface."""
    return f"{sigil}{index}" if iface is None else f"{sigil}{index}.{iface}"
