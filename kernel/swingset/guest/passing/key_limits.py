"""Limits for the keys of dicts in a message, so that no choice of keys makes a dict slow.

A dict looks for a key at a place that its hash gives. The hash of a number is easy to compute, so a sender
can choose numbers that all share one hash, or numbers whose places overlap. Each is then compared with all
that came before it, and a message of one megabyte keeps its receiver busy for minutes.
Which keys collide differs between the engine, whose hashes have 32 bits, and a host, where they have 64. So
this module does not look at hashes. It counts all keys that are not str, in all dicts of one value. It counts
large ints and floats separately and allows fewer, because they do not fit in every hash and so can be chosen
to share one. Keys within these limits cost little, however they collide.

A host picks a random key for the hashes of str in each process, so a sender cannot choose str that collide.
In the engine that key is fixed, because otherwise a vat could not be restored. There the receiver's computron
limit bounds the cost of colliding str: the message is rejected.
"""

from __future__ import annotations

from typing import Any

MOST_KEYS = 20_000
"""The most keys that are not str, in all dicts of one value."""

MOST_FAR = 2_000
"""The most of them that are floats, or ints of at least 2**30 or at most -2**30."""

_NEAR = 1 << 30


class KeyCount:
    """Counts the keys of one value that are not str."""

    __slots__ = ("far", "keys")

    def __init__(self) -> None:
        self.keys = self.far = 0

    def add(self, key: Any) -> str | None:
        """Count a key that is not a str; returns what is wrong if there are too many, else None."""
        self.keys += 1
        if self.keys > MOST_KEYS:
            return f"more than {MOST_KEYS} keys of dicts that are not str"
        kind = type(key)
        if kind is float or (kind is int and not -_NEAR < key < _NEAR):
            self.far += 1
            if self.far > MOST_FAR:
                return f"more than {MOST_FAR} keys of dicts that are floats or large ints"
        return None
