"""The spelling of message bodies: how a text, a number or a reference stands in JSON.

A body is `#` and JSON. Plain data is plain JSON. What JSON lacks is written as a string that starts with a
sigil, or as an object whose first key starts with `#`. Texts and keys that would look like either are escaped
with `!`. A reference is the index of a slot: `$0.Alleged: Purse` where an object is mentioned first, and `$0`
from then on; `&1` for a promise.

The guest makes objects of a body (`swingset.guest`), the kernel reads plain data in one or leaves it as it is
(`swingset.model.capdata`). Both take from here what is said above, and how large a body may be.
"""

from __future__ import annotations

import re

BODY_LIMIT = 10_000_000
"""Largest body: in characters where it is read, in bytes where it is written (the reference's limit)."""

SLOT_LIMIT = 10_000
"""Most slots in one value (the reference's limit)."""

SAFE_INT = 2**53 - 1
"""Up to here a number is a JSON number; a larger one is its digits, after a `+` or a `-`."""

SIGILS = frozenset("!\"#$%&'()*+,-")
"""What a text that is not escaped may not start with."""

ALLEGED = "Alleged: "
"""What stands before the name of an interface: it is only what the sender says."""

BIG_INT = re.compile(r"[+-][0-9]{1,4300}\Z")
"""A large number."""

REFERENCE = re.compile(r"([$&])(0|[1-9][0-9]{0,5})(?:\.(.*))?\Z", re.DOTALL)
"""A reference: its sigil, the index of its slot, and what is said of it."""

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The beginning of an escaped surrogate, which no encoder of the project writes."""


def escaped(text: str) -> str:
    """How a text is spelled."""
    return "!" + text if text and text[0] in SIGILS else text


def reference(sigil: str, index: int, iface: str | None = None) -> str:
    """How a reference is spelled; an object's first mention says its interface."""
    return f"{sigil}{index}" if iface is None else f"{sigil}{index}.{iface}"
