"""Where the tables of all sessions are: an ordered store of texts by text keys, such as a vat's own store.

A `Batch` lies over it for the time of one input. What an input writes is applied at its end, all or nothing,
so a message that turns out to be malformed in its middle has changed nothing.
"""

from __future__ import annotations

import json
from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import Any, Protocol

PREFIX = "net."
"""How all keys begin."""


class Store(Protocol):
    """An ordered store of texts by text keys."""

    def get(self, key: str) -> str | None:
        """The value at a key, or None."""
        ...

    def set(self, key: str, value: str) -> None:
        """Store a value."""
        ...

    def delete(self, key: str) -> None:
        """Delete a key, whether it is there or not."""
        ...

    def next_key(self, prior: str) -> str | None:
        """The first key after `prior`, in the order of code points, or None."""
        ...


class MemoryStore:
    """A store in memory."""

    def __init__(self) -> None:
        self.table: dict[str, str] = {}
        self._keys: list[str] = []

    def get(self, key: str) -> str | None:
        """The value at a key, or None."""
        return self.table.get(key)

    def set(self, key: str, value: str) -> None:
        """Store a value."""
        if key not in self.table:
            insort(self._keys, key)
        self.table[key] = value

    def delete(self, key: str) -> None:
        """Delete a key, whether it is there or not."""
        if self.table.pop(key, None) is not None:
            self._keys.remove(key)

    def next_key(self, prior: str) -> str | None:
        """The first key after `prior`, or None."""
        at = bisect_right(self._keys, prior)
        return self._keys[at] if at < len(self._keys) else None


class Batch:
    """Rows over a store: each row is a JSON value. Nothing reaches the store before `apply`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed: dict[str, Any] = {}
        self._read: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The row at a key, or None. What is returned is a copy, unless it was put here before."""
        key = PREFIX + key
        if key in self._changed:
            return self._changed[key]
        if key not in self._read:
            text = self._store.get(key)
            self._read[key] = None if text is None else json.loads(text)
        return self._read[key]

    def put(self, key: str, row: Any) -> None:
        """Store a row, which is not None. It is spelled at the end, so it may be changed until then."""
        self._changed[PREFIX + key] = row

    def drop(self, key: str) -> None:
        """Delete a row."""
        self._changed[PREFIX + key] = None

    def below(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, without it, in order; rows may be dropped meanwhile."""
        prefix = PREFIX + prefix
        found = {key for key, row in self._changed.items() if row is not None and key.startswith(prefix)}
        key = self._store.next_key(prefix)
        while key is not None and key.startswith(prefix):
            if self._changed.get(key, key) is not None:
                found.add(key)
            key = self._store.next_key(key)
        for each in sorted(found):
            yield each[len(prefix) :]

    def count(self, name: str) -> int:
        """The next number of a counter, from 1."""
        key = f"n.{name}"
        number: int = (self.get(key) or 0) + 1
        self.put(key, number)
        return number

    def apply(self) -> None:
        """Write what has changed."""
        for key, row in self._changed.items():
            if row is None:
                self._store.delete(key)
            else:
                self._store.set(key, json.dumps(row, separators=(",", ":")))
        self._changed.clear()
        self._read.clear()
