"""Big collections: maps and sets that live in the vat's store, in the order of their keys.

    accounts = BigMap("accounts", keys=str, values=Purse)
    accounts["alice"] = Purse(owner="alice")
    for name, purse in accounts.items(prefix("a")):
        ...

They are used like a dict and a set, with differences that their size needs: nothing is kept in memory, keys
are scalars or objects and come in a fixed order (the module `keys` defines it), and a pattern can narrow an
iteration. During an iteration entries may be deleted and changed, but none may be added. `WeakBigMap` and
`WeakBigSet` take objects as keys, do not keep them alive, and cannot be iterated or counted. With
`durable=False` a collection ends with the incarnation, and may hold values that do too.

`init` needs a key that is new, `set` one that exists, and item assignment takes both. `get` without a default
raises KeyError for a missing key, as `map[key]` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, overload

from ..base.context import current
from ..guards.method_tables import MethodTable
from ..kinds.records import MISSING
from ..passing.remotables import OneIdentity
from .collections import ADDED, Entries

if TYPE_CHECKING:
    from typing import Generic, TypeVar

    from typing_extensions import TypeVar as TypeVarWithDefault

    from .vat import Vat

    K = TypeVarWithDefault("K", default=Any)
    V = TypeVarWithDefault("V", default=Any)
    D = TypeVar("D")
else:
    # Parameters, `BigMap[str, Purse]`, are for type checkers. At run time all have the same class, the guards
    # of its methods accept anything, and the collection itself knows the shapes of its keys and values.
    K = V = D = Any

    class Generic:
        """Ignores its parameters."""

        def __class_getitem__(cls, parameters: Any) -> type:
            return cls


class _AnyVat:
    """The kind of the base classes; each vat has subclasses with a kind of its own."""

    cls: type | None = None
    durable = True
    facets: tuple[str, ...] = ()


class _Collection(OneIdentity, Generic[K]):
    """The base of all collections: keys that can be looked up one by one."""

    __kind__: Any = _AnyVat()
    __reversed__ = None  # the store finds only the key after another
    _label = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__['__vref__']}>"

    def __contains__(self, key: object) -> bool:
        return self._find(Entries(self), key) is not None

    def has(self, key: K) -> bool:
        """Whether the collection has a key."""
        return key in self

    def delete(self, key: K) -> None:
        """Delete a key; raises KeyError if it is missing."""
        entries = Entries(self)
        stored = self._find(entries, key)
        if stored is None:
            raise entries.missing(key)
        self._remove(entries, stored)

    def _find(self, entries: Entries, key: Any) -> str | None:
        raise NotImplementedError

    def _add(self, entries: Entries, key: Any, value: Any) -> None:
        raise NotImplementedError

    def _remove(self, entries: Entries, stored: str) -> None:
        raise NotImplementedError


def _make(cls: Any, label: str | None, keys: Any, values: Any, durable: bool) -> Any:
    if hasattr(cls.__kind__, "vat") or cls.__name__ not in _BASES:
        raise TypeError(f"{cls.__name__} cannot be made a collection of: call BigMap, BigSet, or their kin")
    chosen = cls._label if label is None else label
    vat: Vat = current()
    return vat.collections.make(cls.__name__, chosen, keys, values, durable=durable)


class _Strong(_Collection[K]):
    """A collection that holds its keys and can be iterated."""

    def __len__(self) -> int:
        return Entries(self).size()

    def __bool__(self) -> bool:
        return len(self) > 0

    def size(self) -> int:
        """The number of entries."""
        return len(self)

    def __iter__(self) -> Iterator[K]:
        return self.keys()

    def keys(self, pattern: Any = MISSING) -> Iterator[K]:
        """Iterate over the keys in order, or over those that fit a pattern: `orders.keys(gte(10))`."""
        for _, key in self._walk(pattern):
            yield key

    def clear(self, pattern: Any = MISSING) -> None:
        """Delete all entries, or those whose keys fit a pattern: `orders.clear(lt(10))`."""
        entries = Entries(self)
        for stored, _ in entries.walk(pattern):
            entries.remove(stored)

    def _walk(self, pattern: Any) -> Iterator[tuple[str, Any]]:
        started = self.__dict__.get("__added__", 0)
        walk = Entries(self).walk(pattern)
        while True:
            if self.__dict__.get("__added__", 0) != started:
                raise RuntimeError(ADDED)
            found = next(walk, None)
            if found is None:
                return
            yield found

    def _find(self, entries: Entries, key: Any) -> str | None:
        return entries.find(key)

    def _add(self, entries: Entries, key: Any, value: Any) -> None:
        entries.add(key, value)
        self.__dict__["__added__"] = self.__dict__.get("__added__", 0) + 1

    def _remove(self, entries: Entries, stored: str) -> None:
        entries.remove(stored)


class _Weak(_Collection[K]):
    """A collection that does not hold its keys, which are objects."""

    def __iter__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"a {name} cannot be walked, for it does not keep its keys alive: use a "
            f"{name.removeprefix('Weak')}, or keep the objects elsewhere too"
        )

    def _find(self, entries: Entries, key: Any) -> str | None:
        return entries.weak_find(key)

    def _add(self, entries: Entries, key: Any, value: Any) -> None:
        entries.weak_add(key, value)

    def _remove(self, entries: Entries, stored: str) -> None:
        entries.weak_remove(stored)


class _Map(_Collection[K], Generic[K, V]):
    """A collection whose keys have values."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, label: str = ..., *, keys: type[K], values: type[V], durable: bool = ...
        ) -> None: ...
        @overload
        def __init__(
            self, label: str = ..., *, keys: type[K], values: Any = ..., durable: bool = ...
        ) -> None: ...
        @overload
        def __init__(
            self, label: str = ..., *, keys: Any = ..., values: type[V], durable: bool = ...
        ) -> None: ...
        @overload
        def __init__(
            self, label: str = ..., *, keys: Any = ..., values: Any = ..., durable: bool = ...
        ) -> None: ...
        def __init__(self, label: Any = ..., **options: Any) -> None:
            """Make an empty map of the current vat."""

    else:

        def __new__(
            cls,
            label: str | None = None,
            *,
            keys: Any = MISSING,
            values: Any = MISSING,
            durable: bool = True,
        ) -> Any:
            """Make an empty map of the current vat."""
            return _make(cls, label, keys, values, durable)

    def __getitem__(self, key: K) -> V:
        return self.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        entries = Entries(self)
        entries.check_key(key)
        entries.check_value(value)
        stored = self._find(entries, key)
        if stored is None:
            self._add(entries, key, value)
        else:
            entries.replace(stored, key, value)

    def __delitem__(self, key: K) -> None:
        self.delete(key)

    @overload
    def get(self, key: K) -> V: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: Any, default: Any = MISSING) -> Any:
        """Return the value of a key; if it is missing, return the default, or raise KeyError without one."""
        entries = Entries(self)
        stored = self._find(entries, key)
        if stored is not None:
            return entries.read(stored)
        if default is MISSING:
            raise entries.missing(key)
        return default

    @overload
    def pop(self, key: K) -> V: ...
    @overload
    def pop(self, key: K, default: D) -> V | D: ...
    def pop(self, key: Any, default: Any = MISSING) -> Any:
        """Delete a key and return its value; if missing, return the default or raise KeyError without one."""
        value = self.get(key, default)
        if key in self:
            self.delete(key)
        return value

    def setdefault(self, key: K, default: V = None) -> V:  # type: ignore[assignment]
        """Return the value of a key; if it is missing, add it with the default."""
        if key not in self:
            self.init(key, default)
        return self.get(key)

    def init(self, key: K, value: V) -> None:
        """Add a new key; raises KeyError if it exists, TypeError if the key or the value does not fit."""
        entries = Entries(self)
        entries.check_key(key)
        entries.check_value(value)
        if self._find(entries, key) is not None:
            raise entries.registered(key)
        self._add(entries, key, value)

    def set(self, key: K, value: V) -> None:
        """Change the value of a key; raises KeyError if it is missing, TypeError if the value is unfit."""
        entries = Entries(self)
        stored = self._find(entries, key)
        if stored is None:
            raise entries.missing(key)
        entries.check_value(value)
        entries.replace(stored, key, value)


class _Set(_Collection[K]):
    """A collection of keys without values."""

    if TYPE_CHECKING:

        @overload
        def __init__(self, label: str = ..., *, keys: type[K], durable: bool = ...) -> None: ...
        @overload
        def __init__(self, label: str = ..., *, keys: Any = ..., durable: bool = ...) -> None: ...
        def __init__(self, label: Any = ..., **options: Any) -> None:
            """Make an empty set of the current vat."""

    else:

        def __new__(cls, label: str | None = None, *, keys: Any = MISSING, durable: bool = True) -> Any:
            """Make an empty set of the current vat."""
            return _make(cls, label, keys, MISSING, durable)

    def add(self, key: K) -> None:
        """Add a key, if it is missing; raises TypeError if it does not fit."""
        entries = Entries(self)
        entries.check_key(key)
        if self._find(entries, key) is None:
            self._add(entries, key, None)

    def remove(self, key: K) -> None:
        """Delete a key; raises KeyError if it is missing."""
        self.delete(key)

    def discard(self, key: K) -> None:
        """Delete a key, if the set has it."""
        entries = Entries(self)
        stored = self._find(entries, key)
        if stored is not None:
            self._remove(entries, stored)


class BigMap(_Strong[K], _Map[K, V]):
    """A map in the vat's store, in the order of its keys, which may be larger than memory.

    `keys` and `values` are annotations that keys and values must fit; other keys and values raise TypeError.
    `label` is its name in tables. It ends with the incarnation if `durable` is false.

        purses = BigMap("purses", keys=str, values=Purse)
        purses["alice"] = Purse(owner="alice")

    Source:
        `makeScalarBigMapStore`, durable unless it is told otherwise; the order of numbers is ours.
    """

    _label = "map"

    def values(self, pattern: Any = MISSING) -> Iterator[V]:
        """Iterate over the values in the order of their keys, or over those whose keys fit a pattern."""
        for _, value in self.items(pattern):
            yield value

    def items(self, pattern: Any = MISSING) -> Iterator[tuple[K, V]]:
        """Iterate over the pairs of key and value in order, or over those whose keys fit a pattern."""
        for stored, key in self._walk(pattern):
            entries = Entries(self)
            yield key, entries.decode(entries.store.look(stored))

    def update(self, pairs: Any) -> None:
        """Set the items of a mapping, or pairs of key and value."""
        for key, value in pairs.items() if hasattr(pairs, "keys") else pairs:
            self[key] = value


class BigSet(_Strong[K], _Set[K]):
    """A set in the vat's store, in the order of its keys, which may be larger than memory.

    `keys` is an annotation that keys must fit; another key raises TypeError.
    `label` is its name in tables. It ends with the incarnation if `durable` is false.

        seen = BigSet("seen", keys=str)
        seen.add("alice")

    Source:
        `makeScalarBigSetStore`, durable unless it is told otherwise.
    """

    _label = "set"

    def values(self, pattern: Any = MISSING) -> Iterator[K]:
        """Iterate over the keys in order, or over those that fit a pattern; the same as `keys`."""
        return self.keys(pattern)

    def update(self, keys: Iterable[K]) -> None:
        """Add several keys."""
        for key in keys:
            self.add(key)


class WeakBigMap(_Weak[K], _Map[K, V]):
    """A map from objects to values that does not keep the objects alive; it cannot be iterated.

    `keys` and `values` are annotations; what does not fit them raises TypeError.
    `label` is its name in tables. It ends with the incarnation if `durable` is false.

        notes = WeakBigMap("notes", values=str)
        notes[purse] = "savings"

    Source:
        `makeScalarBigWeakMapStore`, durable unless it is told otherwise.
    """

    _label = "weakMap"


class WeakBigSet(_Weak[K], _Set[K]):
    """A set of objects that does not keep them alive; it cannot be iterated.

    `keys` is an annotation that keys must fit; another key raises TypeError.
    `label` is its name in tables. It ends with the incarnation if `durable` is false.

        trusted = WeakBigSet("trusted")
        trusted.add(purse)

    Source:
        `makeScalarBigWeakSetStore`, durable unless it is told otherwise.
    """

    _label = "weakSet"


WALKS = ("keys", "values", "items")  # no message can call these, because an iterator cannot be passed
_BASES: dict[str, Any] = {cls.__name__: cls for cls in (BigMap, BigSet, WeakBigMap, WeakBigSet)}
for _cls in _BASES.values():
    _cls.__method_table__ = MethodTable(_cls, _cls.__name__, WALKS)


def bases() -> dict[str, type]:
    """The classes of collections by name."""
    return dict(_BASES)
