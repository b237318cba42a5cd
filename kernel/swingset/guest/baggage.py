"""Baggage: what a vat keeps for the next incarnation of itself.

A durable map with string keys, the only thing that new code is handed from the old one. Values must be
durable (data, durable instances, presences). Underneath is a collection in the vat's store, one key per
entry, so that it may be large: looking at one entry reads one key, and iteration walks the keys in their
order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

from . import jsontext
from .keys import encode_scalar
from .passable import brief
from .smallcaps import DecodeError

if TYPE_CHECKING:
    from .liveslots import Liveslots

T = TypeVar("T")


class StoredMap(MutableMapping[str, Any]):
    """A map of durable values with string keys, kept in the vat's store, in the order of its keys."""

    def __init__(self, world: Liveslots, collection: int, label: str) -> None:
        self._world = world
        self._prefix = f"vc.{collection}.s"
        self._label = label

    def inner(self, name: str) -> StoredMap:
        """A map inside this one, whose entries are this one's under `name/...`."""
        inner = StoredMap(self._world, 0, f"{self._label}/{name}")
        inner._prefix = f"{self._prefix}{name}/"
        return inner

    def _key(self, key: Any) -> str:
        if type(key) is not str:
            raise TypeError(f"a key of {self._label} is a str, got {brief(key)}")
        encode_scalar(key)  # refuses what the kernel would end the vat for
        return self._prefix + key

    def __getitem__(self, key: str) -> Any:
        text = self._world.store.get(self._key(key))
        if text is None:
            raise KeyError(f"key {key!r} not found in {self._label}")
        try:
            return self._world.slots.decode(jsontext.read(text), frozen=True)
        except DecodeError as exc:
            raise LookupError(f"{self._label}[{key!r}] cannot be read: {exc}") from None

    def __setitem__(self, key: str, value: Any) -> None:
        stored = self._key(key)
        capdata = self._world.slots.encode_durable(value, f'{self._label}["{key}"]')
        self._change(stored, capdata["slots"])
        self._world.store.set(stored, jsontext.write(capdata))

    def _change(self, stored: str, after: list[str]) -> None:
        before = self._world.store.get(stored)
        self._world.references.change(jsontext.read(before)["slots"] if before is not None else (), after)

    def __delitem__(self, key: str) -> None:
        stored = self._key(key)
        if self._world.store.get(stored) is None:
            raise KeyError(f"key {key!r} not found in {self._label}")
        self._change(stored, [])
        self._world.store.delete(stored)

    def __contains__(self, key: object) -> bool:
        return self._world.store.get(self._key(key)) is not None

    def __iter__(self) -> Iterator[str]:
        for key in self._world.store.keys(self._prefix):
            yield key[len(self._prefix) :]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{self._label}>"


def provide(baggage: MutableMapping[str, Any], key: str, make: Callable[[], T]) -> T:
    """The value that baggage has under a key; the first incarnation makes it and puts it there."""
    if key not in baggage:
        baggage[key] = make()
    value: T = baggage[key]
    return value
