"""The vat's own store: ordered string keys, read once per delivery, written back at its end.

Everything durable in a vat (records of durable instances, baggage, counters, descriptors of kinds) is kept
under string keys that the host holds. Each access is a syscall, and syscalls are recorded and replayed. So a
key is read at most once in a delivery, writes are buffered and sent in the order of their keys when the
delivery ends, and nothing is cached from one delivery to the next: the syscalls of a delivery depend on the
delivery alone.

Iteration follows the host's order (by UTF-8 bytes, which for Python strings is the order of `<`), so buffered
writes are sent before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from . import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .ended import Ended


VALUE_LIMIT = 10_000_000
"""The most characters that a value of the store has: the kernel would end the delivery for one more."""

_SURELY_FITS = 2_000_000  # written out, a body doubles at most, and its references take less than the rest


def check_room(what: str, data: dict[str, Any], *bodies: str) -> None:
    """Refuse data that is larger than one value of the store may be; raises TypeError.

    `bodies` are the bodies in the data: only if they are long is the data written as JSON to measure it.
    """
    if sum(map(len, bodies)) > _SURELY_FITS:
        size = len(jsontext.write(data))
        if size > VALUE_LIMIT:
            raise TypeError(
                f"{what} is too large: stored it would take {size} characters, and one value has room for "
                f"{VALUE_LIMIT}: keep it in pieces, such as the entries of a BigMap"
            )


class Store:
    """Reads and writes of one vat's store."""

    def __init__(self, syscall: Callable[[list[Any]], Any]) -> None:
        self._syscall = syscall
        self._known: dict[str, str | None] = {}
        self._dirty: dict[str, None] = {}
        # The @resumable function that is running and may not use the store, or the end of this life.
        self.closed: str | Ended | None = None

    def refuse(self) -> None:
        """Raise if a resumable function, which may run twice, uses the store, or if this life has ended."""
        if self.closed is not None:
            if type(self.closed) is not str:
                raise self.closed.error(None)  # type: ignore[union-attr]
            raise RuntimeError(
                f"@resumable {self.closed} touches the state of its vat, which nobody would log: "
                "do it in a method, and send to that: `await E(x).method(...)`"
            )

    def get(self, key: str) -> str | None:
        """The value under a key, or None."""
        if self.closed is not None:
            self.refuse()
        if key not in self._known:
            self._known[key] = self._syscall(["vatstoreGet", key])
        return self._known[key]

    def look(self, key: str) -> str | None:
        """The value under a key, without keeping it in memory: for walks through much of the store."""
        return self._known[key] if key in self._known else self._syscall(["vatstoreGet", key])

    def known_absent(self, key: str) -> None:
        """Note that the key has no value, so that a read needs no syscall."""
        self._known.setdefault(key, None)

    def set(self, key: str, value: str) -> None:
        """Put a value under a key, at the end of the delivery."""
        if self.closed is not None:
            self.refuse()
        self._known[key] = value
        self._dirty[key] = None

    def delete(self, key: str) -> None:
        """Remove a key, at the end of the delivery."""
        if self.closed is not None:
            self.refuse()
        if key not in self._dirty and self._known.get(key, "") is None:
            return
        self._known[key] = None
        self._dirty[key] = None

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """The keys that start with a prefix, in order, from the first or after one of them.

        Keys may be added and deleted meanwhile.
        """
        # Start from the last text before the prefix, so that the prefix itself may be a key.
        self.refuse()
        key: str | None = after or prefix[:-1] + chr(ord(prefix[-1]) - 1) + "\U0010ffff"
        while True:
            self.write_back()
            key = self._syscall(["vatstoreGetNextKey", key])
            if key is None or not key.startswith(prefix):
                return
            yield key

    def next_key(self, after: str) -> str | None:
        """The first key after a text."""
        self.write_back()
        found: str | None = self._syscall(["vatstoreGetNextKey", after])
        return found

    def flush(self) -> None:
        """Send the buffered writes, and forget what was read."""
        if self._dirty:
            self.write_back()
        self._known.clear()

    def write_back(self) -> None:
        """Send the buffered writes in the order of keys; later writes are sent after them."""
        dirty = self._dirty
        for key in sorted(dirty) if len(dirty) > 1 else dirty:
            value = self._known[key]
            self._syscall(["vatstoreDelete", key] if value is None else ["vatstoreSet", key, value])
        self._dirty.clear()


class Counters:
    """The next ids of this vat, kept in the store so that no incarnation uses an id twice."""

    KEY = "idCounters"
    FIRST: ClassVar = {"exportID": 10, "promiseID": 5, "kindID": 10, "callID": 1, "collectionID": 10}

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = dict(self.FIRST)
        self._spelled: list[str] = []  # such as `"promiseID":5`
        self._places: dict[str, int] = {}
        self._taken: dict[str, None] = {}  # since they were last stored

    def load(self) -> None:
        """Load the counters as the last incarnation left them."""
        text = self._store.get(self.KEY)
        if text is not None:
            self._next.update(jsontext.read(text))
            self._spelled = []

    def take(self, name: str) -> int:
        """The next id of that name."""
        value = self._next[name]
        self._next[name] = value + 1
        self._taken[name] = None
        return value

    def peek(self, name: str) -> int:
        """The next id of that name, without taking it."""
        return self._next[name]

    def save(self) -> None:
        """Put changed counters into the store."""
        if self._taken:
            self._store.set(self.KEY, self.text())
            self._taken.clear()

    def text(self) -> str:
        """All of them, as they are stored."""
        # A delivery takes of one or two. To spell the others anew would cost it as much as all the rest.
        if not self._spelled:
            self._spelled = [f'"{name}":{number}' for name, number in self._next.items()]
            self._places = {name: at for at, name in enumerate(self._next)}
        else:
            for name in self._taken:
                self._spelled[self._places[name]] = f'"{name}":{self._next[name]}'
        return f"{{{','.join(self._spelled)}}}"
