"""Big collections: maps and sets that live in the vat's store, in the order of their keys.

    accounts = BigMap("accounts", keys=str, values=Purse)
    accounts["alice"] = Purse(owner="alice")
    for name, purse in accounts.items(prefix("a")):
        ...

They read like a dict and a set, and are unlike them where size matters: nothing is in memory, keys are
scalars or objects and come in their order (`keys` says which), and a walk can be narrowed by a pattern. While
one walks, entries may be deleted and changed, but none may be added. `WeakBigMap` and `WeakBigSet` take
objects as keys, do not keep them alive, and cannot be walked or counted. With `durable=False` a collection
ends with the incarnation and may hold what does too.

`init` wants a key that is new, `set` one that is there, and item assignment takes both; `get` without a
default raises where there is nothing, as `map[key]` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, overload

from ..base.context import current
from ..guards.method_tables import MethodTable
from ..kinds.records import MISSING
from .collections import ADDED, Entries

if TYPE_CHECKING:
    from typing import Generic, TypeVar

    from typing_extensions import TypeVar as TypeVarWithDefault

    from .vat import Vat

    K = TypeVarWithDefault("K", default=Any)
    V = TypeVarWithDefault("V", default=Any)
    D = TypeVar("D")
else:
    # A type checker is told what is in a collection, `BigMap[str, Purse]`. At run time the collection itself
    # knows what it was made for, the class is the same for all, and the guards of its methods take anything.
    K = V = D = Any

    class Generic:
        """Takes parameters, and is the same with them."""

        def __class_getitem__(cls, parameters: Any) -> type:
            return cls


class _AnyVat:
    """Stands in the base classes for the kind that each vat's own subclasses have."""

    cls: type | None = None
    durable = True
    facets: tuple[str, ...] = ()


class _Collection(Generic[K]):
    """What all collections have in common: keys that are there or not, one by one."""

    __kind__: Any = _AnyVat()
    __reversed__ = None  # keys are found by what comes before them
    _label = ""

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__['__vref__']}>"

    def __contains__(self, key: object) -> bool:
        return self._find(Entries(self), key) is not None

    def has(self, key: K) -> bool:
        """Whether a key is there."""
        return key in self

    def delete(self, key: K) -> None:
        """Delete a key, which has to be there."""
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
    """A collection that holds its keys and can be walked."""

    def __len__(self) -> int:
        return Entries(self).size()

    def __bool__(self) -> bool:
        return len(self) > 0

    def size(self) -> int:
        """How many entries there are."""
        return len(self)

    def __iter__(self) -> Iterator[K]:
        return self.keys()

    def keys(self, pattern: Any = MISSING) -> Iterator[K]:
        """The keys that fit a pattern, in order."""
        for _, key in self._walk(pattern):
            yield key

    def clear(self, pattern: Any = MISSING) -> None:
        """Delete all entries, or those whose keys fit a pattern."""
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
        """The value of a key; where there is none the default, and without one an error."""
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
        """Delete a key and give its value; where there is none the default, and without one an error."""
        value = self.get(key, default)
        if key in self:
            self.delete(key)
        return value

    def setdefault(self, key: K, default: V = None) -> V:  # type: ignore[assignment]
        """The value of a key, which is given the default if it is not there."""
        if key not in self:
            self.init(key, default)
        return self.get(key)

    def init(self, key: K, value: V) -> None:
        """Add a key that is not there."""
        entries = Entries(self)
        entries.check_key(key)
        entries.check_value(value)
        if self._find(entries, key) is not None:
            raise entries.registered(key)
        self._add(entries, key, value)

    def set(self, key: K, value: V) -> None:
        """Give a key that is there another value."""
        entries = Entries(self)
        stored = self._find(entries, key)
        if stored is None:
            raise entries.missing(key)
        entries.check_value(value)
        entries.replace(stored, key, value)


class _Set(_Collection[K]):
    """A collection of keys alone."""

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
        """Add a key, if it is not there."""
        entries = Entries(self)
        entries.check_key(key)
        if self._find(entries, key) is None:
            self._add(entries, key, None)

    def remove(self, key: K) -> None:
        """Delete a key, which has to be there."""
        self.delete(key)

    def discard(self, key: K) -> None:
        """Delete a key, if it is there."""
        entries = Entries(self)
        stored = self._find(entries, key)
        if stored is not None:
            self._remove(entries, stored)


class BigMap(_Strong[K], _Map[K, V]):
    """A map that may be larger than memory, in the order of its keys."""

    _label = "map"

    def values(self, pattern: Any = MISSING) -> Iterator[V]:
        """The values of the keys that fit a pattern, in the order of keys."""
        for _, value in self.items(pattern):
            yield value

    def items(self, pattern: Any = MISSING) -> Iterator[tuple[K, V]]:
        """The keys that fit a pattern with their values, in the order of keys."""
        for stored, key in self._walk(pattern):
            entries = Entries(self)
            yield key, entries.decode(entries.store.look(stored))

    def update(self, pairs: Any) -> None:
        """Take over the items of a mapping, or pairs."""
        for key, value in pairs.items() if hasattr(pairs, "keys") else pairs:
            self[key] = value


class BigSet(_Strong[K], _Set[K]):
    """A set that may be larger than memory, in the order of its keys."""

    _label = "set"

    def values(self, pattern: Any = MISSING) -> Iterator[K]:
        """The keys that fit a pattern, in order."""
        return self.keys(pattern)

    def update(self, keys: Iterable[K]) -> None:
        """Add all of some keys."""
        for key in keys:
            self.add(key)


class WeakBigMap(_Weak[K], _Map[K, V]):
    """A map from objects to values that does not keep the objects alive."""

    _label = "weakMap"


class WeakBigSet(_Weak[K], _Set[K]):
    """A set of objects that does not keep them alive."""

    _label = "weakSet"


WALKS = ("keys", "values", "items")  # what a walk gives cannot be passed, so they are not for others to call
_BASES: dict[str, Any] = {cls.__name__: cls for cls in (BigMap, BigSet, WeakBigMap, WeakBigSet)}
for _cls in _BASES.values():
    _cls.__method_table__ = MethodTable(_cls, _cls.__name__, WALKS)


def bases() -> dict[str, type]:
    """The classes of collections by name."""
    return dict(_BASES)


def make_scalar_big_map_store(
    label: str = "map", *, key_shape: Any = MISSING, value_shape: Any = MISSING, durable: bool = False
) -> Any:
    """A `BigMap`, under its standard name; it ends with the incarnation unless it is said to be durable."""
    return BigMap(label, keys=key_shape, values=value_shape, durable=durable)


def make_scalar_big_set_store(label: str = "set", *, key_shape: Any = MISSING, durable: bool = False) -> Any:
    """A `BigSet`, under its standard name; it ends with the incarnation unless it is said to be durable."""
    return BigSet(label, keys=key_shape, durable=durable)


def make_scalar_big_weak_map_store(
    label: str = "weakMap", *, key_shape: Any = MISSING, value_shape: Any = MISSING, durable: bool = False
) -> Any:
    """A `WeakBigMap`, under its standard name; it ends with the incarnation unless it is durable."""
    return WeakBigMap(label, keys=key_shape, values=value_shape, durable=durable)


def make_scalar_big_weak_set_store(
    label: str = "weakSet", *, key_shape: Any = MISSING, durable: bool = False
) -> Any:
    """A `WeakBigSet`, under its standard name; it ends with the incarnation unless it is durable."""
    return WeakBigSet(label, keys=key_shape, durable=durable)
