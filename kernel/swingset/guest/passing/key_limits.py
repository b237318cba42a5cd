"""Keys of dicts that a stranger chose: how many there may be, so that no choice of them makes a dict slow.

A dict looks for a key where its hash says. Anybody can work out what the hash of a number is, and choose
numbers that all have the same one, or numbers of which each is looked for in the places of all others: then
each is compared with all that came before, and a message of a megabyte keeps its receiver busy for minutes.
What collides differs between a vat in the engine, whose hashes have 32 bits, and a host, where they have 64.
So nothing is asked of hashes here. All keys that are not text are counted, in all dicts of one value; and
those that can be made to share one hash, because they lie outside of what every hash holds, are counted
apart: large ints, and floats. So few of them cost little wherever they fall.

The hash of a text has a key of its own in each process of a host, so nobody can choose by it. In the engine
that key is fixed, else a vat could not be brought back; what texts cost there, the receiver's computrons
bound, and the message is the one that is refused.
"""

from __future__ import annotations

from typing import Any

MOST_KEYS = 20_000
"""The most keys that are not str, in all dicts of one value."""

MOST_FAR = 2_000
"""The most of them that are floats, or ints from 2**30 on to either side."""

_NEAR = 1 << 30


class KeyCount:
    """The keys that are not str of one value, counted."""

    __slots__ = ("far", "keys")

    def __init__(self) -> None:
        self.keys = self.far = 0

    def add(self, key: Any) -> str | None:
        """Count a key that is not a str; what is wrong where there are too many."""
        self.keys += 1
        if self.keys > MOST_KEYS:
            return f"more than {MOST_KEYS} keys of dicts that are not str"
        kind = type(key)
        if kind is float or (kind is int and not -_NEAR < key < _NEAR):
            self.far += 1
            if self.far > MOST_FAR:
                return f"more than {MOST_FAR} keys of dicts that are floats or large ints"
        return None
