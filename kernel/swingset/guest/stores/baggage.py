"""Baggage: the state that a vat keeps for its next incarnation.

It is a durable map with string keys, and all that new code gets from the old code. Values must be durable
(data, durable instances, presences). It is stored as a collection, one key of the store per entry, so it may
be large: reading one entry reads one key, and iteration goes through the keys in order. As in a `BigMap`, no
key may be added during iteration.

A baggage may hold maps, and these hold more maps. Their entries never mix, however their keys are spelled:
the entries of `vc.1.` are stored under `vc.1.s`, and all that the map `orders` in it holds under
`vc.1.morders/`, or under `vc.1.lorders/` if this library made the map and vat code must not find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..base import jsontext
from ..base.context import current
from ..passing.passable import came
from ..passing.smallcaps import DecodeError
from .collections import ADDED
from .keys import LIMIT, encode_scalar

if TYPE_CHECKING:
    from .vat import Vat

T = TypeVar("T")

_ROOM = 1_000 - LIMIT  # the longest prefix of a key, so that the kernel accepts the whole key


class StoredMap(MutableMapping[str, Any]):
    """A map from str to durable values, in the vat's store, in the order of its keys.

    `build_root_object` gets one as `baggage`. A test that imports vat code as a plain module makes one with
    `Baggage()`. Setting a value that is not durable raises TypeError.

        baggage["owner"] = "alice"

    Source:
        `baggage` of SwingSet, a durable map whose keys are str.
    """

    def __init__(self, vat: Vat | None = None, collection: int | None = None, label: str = "baggage") -> None:
        self._vat: Vat = current() if vat is None else vat
        if collection is None:
            if self._vat.kind.name != "standalone":
                raise TypeError(
                    "a vat is handed its baggage: name it as a parameter, `def build_root_object(baggage)`"
                )
            collection = self._vat.counters.take("collectionID")
        self._root = f"vc.{collection}."
        self._label = label
        self._added: dict[str, int] = {}  # how many keys were added to each map since this baggage was opened

    @property
    def _prefix(self) -> str:
        return self._root + "s"

    def inner(self, name: str, *, hidden: bool = False) -> StoredMap:
        """The map with a name inside this one; vat code cannot reach a hidden one, whatever name it uses."""
        inner: StoredMap = object.__new__(StoredMap)
        inner._vat, inner._added = self._vat, self._added
        inner._root = f"{self._root}{'l' if hidden else 'm'}{name}/"
        inner._label = f"{self._label}/{name}"
        encode_scalar(name)
        if len(inner._prefix) > _ROOM:
            raise TypeError(f"{inner._label[:80]}... lies in too many maps of long names: shorten them")
        return inner

    def has_any(self, start: str) -> bool:
        """Whether any key begins with `start`."""
        return next(self._vat.store.keys(self._prefix + start), None) is not None

    def __bool__(self) -> bool:
        return self.has_any("")

    def _key(self, key: Any) -> str:
        if type(key) is not str:
            raise TypeError(f"a key of {self._label} is a str, got {came(key)}")
        encode_scalar(key)  # refuses keys for which the kernel would terminate the vat
        return self._prefix + key

    def __getitem__(self, key: str) -> Any:
        text = self._vat.store.get(self._key(key))
        if text is None:
            raise KeyError(f"key {key!r} not found in {self._label}")
        try:
            return self._vat.slots.decode(jsontext.read(text), frozen=True)
        except DecodeError as exc:
            raise LookupError(f"{self._label}[{key!r}] cannot be read: {exc}") from None

    def __setitem__(self, key: str, value: Any) -> None:
        stored = self._key(key)
        capdata = self._vat.slots.encode_durable(value, f'{self._label}["{key}"]')
        if not self._change(stored, capdata["slots"]):
            self._added[self._root] = self._added.get(self._root, 0) + 1
        self._vat.store.set(stored, jsontext.write(capdata))

    def _change(self, stored: str, after: list[str]) -> bool:
        before = self._vat.store.get(stored)
        self._vat.references.change(jsontext.read(before)["slots"] if before is not None else (), after)
        return before is not None

    def __delitem__(self, key: str) -> None:
        stored = self._key(key)
        if self._vat.store.get(stored) is None:
            raise KeyError(f"key {key!r} not found in {self._label}")
        self._change(stored, [])
        self._vat.store.delete(stored)

    def __contains__(self, key: object) -> bool:
        return self._vat.store.get(self._key(key)) is not None

    def __iter__(self) -> Iterator[str]:
        started = self._added.get(self._root, 0)
        walk = self._vat.store.keys(self._prefix)
        while True:
            if self._added.get(self._root, 0) != started:
                raise RuntimeError(ADDED)
            key = next(walk, None)
            if key is None:
                return
            yield key[len(self._prefix) :]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{self._label}>"


def provide(baggage: MutableMapping[str, Any], key: str, make: Callable[[], T]) -> T:
    """Return the value of a key in the baggage; if there is none, store and return what `make` returns.

    So the first incarnation makes the value and later ones find it. Raises TypeError if it is not durable.

        purses = provide(baggage, "purses", lambda: BigMap("purses", keys=str, values=Purse))

    Source:
        `provide` of vat-data.
    """
    if key not in baggage:
        baggage[key] = make()
    value: T = baggage[key]
    return value
