"""Looks at a program's variables without running any of their code.

A variable may be anything: a mock that has every attribute, a class whose metaclass raises, an object that
lies about its class, a lazy proxy that connects when it is used. `isinstance`, `len`, `==` or an attribute of
such an object would run its code. So types are only compared with `is`, the items of a container are read
with the container's own C methods, and the attributes of an object are read by the descriptors that the
interpreter made for its class. Everything else is opaque and skipped.
"""

from __future__ import annotations

import collections
import types
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from swingset.guest.base.promises import Promise
from swingset.guest.base.resolvers import Resolver
from swingset.guest.base.vat import Vat
from swingset.guest.guards.method_tables import MethodTable
from swingset.guest.kinds.kind import Kind
from swingset.guest.passing.passable import FrozenDict, FrozenList, Tagged
from swingset.guest.passing.remotables import Presence
from swingset.guest.sending.eventual import EMethod, EProxy

_HEAPTYPE = 1 << 9
_CLASS_DICT = type.__dict__["__dict__"].__get__
_CLASS_MRO = type.__dict__["__mro__"].__get__
_CLASS_NAME = type.__dict__["__name__"].__get__
_CLASS_FLAGS = type.__dict__["__flags__"].__get__

PLAIN = (type(None), bool, int, float, str, bytes, complex, bytearray, range)
"""The exact types whose values hold no other objects."""

PLAIN_IDS = frozenset(map(id, PLAIN))
"""The ids of these types; ids, because hashing a type may run its metaclass."""

_SEQUENCES = (list, tuple, set, frozenset, collections.deque, FrozenList)
_TABLES: tuple[type, ...] = (
    *(dict, FrozenDict, collections.defaultdict, collections.OrderedDict, collections.Counter),
)
CONTAINERS = frozenset(map(id, (*_SEQUENCES, *_TABLES)))
"""The ids of the built-in container types; ids, because hashing a type may run its metaclass."""

PORTION = 1_000
"""How many items of a large container are looked at in one step."""

_SEQUENCE_IDS, _TABLE_IDS = frozenset(map(id, _SEQUENCES)), frozenset(map(id, _TABLES))


def mro(cls: type) -> tuple[type, ...]:
    """The bases of a class, in the order of lookup, itself first."""
    found: tuple[type, ...] = _CLASS_MRO(cls)
    return found


def class_name(cls: type) -> str:
    """The name that a class was defined with."""
    return str(_CLASS_NAME(cls))


def own(cls: type) -> Mapping[str, Any]:
    """The attributes that a class itself defines."""
    found: Mapping[str, Any] = _CLASS_DICT(cls)
    return found


def defined(cls: type, name: str) -> Any:
    """The attribute that a class or one of its bases defines under a name; None if none does."""
    for base in mro(cls):
        table = own(base)
        if name in table:
            return table[name]
    return None


def is_plain(value: object) -> bool:
    """Whether a value is of a type that holds no other objects."""
    return id(type(value)) in PLAIN_IDS


def is_class(value: object) -> bool:
    """Whether a value is a class."""
    return any(base is type for base in mro(type(value)))


class _Looks:
    """What is known of one class, which is held so that its id is not reused."""

    __slots__ = ("cls", "container", "open", "reference", "slots")

    def __init__(self, cls: type) -> None:
        self.cls = cls
        bases = mro(cls)
        own_kind = type(defined(cls, "__method_table__")) is MethodTable
        self.reference = own_kind or any(base is Presence or base is Promise for base in bases)
        self.open = is_open(cls)
        self.container = next((base for base in bases if id(base) in _LARGE), None)
        self.slots: list[tuple[str, Any]] | None = []
        for base in bases:
            for name, slot in own(base).items():
                if type(slot) is types.MemberDescriptorType:
                    self.slots.append((name, slot))
                elif name == "__dict__" and base is not type:
                    if type(slot) is not types.GetSetDescriptorType:
                        self.slots = None
                        return
                    self.slots.append(("", slot))


_looks: dict[int, _Looks] = {}


def look_again() -> None:
    """Forget what is known of classes, because they may have changed."""
    _looks.clear()


def _of(cls: type) -> _Looks:
    found = _looks.get(id(cls))
    if found is None:
        found = _looks[id(cls)] = _Looks(cls)
    return found


def is_reference(value: object) -> bool:
    """Whether a value belongs to a world: a presence, a promise, or an object that other vats may hold."""
    cls = type(value)
    if id(cls) in PLAIN_IDS or id(cls) in CONTAINERS:
        return False
    return _of(cls).reference


def owner_of(value: Any) -> Vat | None:
    """The life that a reference belongs to; None for an object of the heap, which has none."""
    bases = mro(type(value))
    kind = defined(type(value), "__kind__")
    live: Vat | None = kind.vat if type(kind) is Kind else None
    if any(base is Presence for base in bases):
        live = value._vat
    elif any(base is Promise for base in bases):
        live = value._turns.vat
    return live


def reaches(value: object) -> bool:
    """Whether a value is a reference, or of no use without one."""
    kind = type(value)
    return kind is EProxy or kind is EMethod or kind is Resolver or is_reference(value)


def is_open(cls: type) -> bool:
    """Whether instances of a class consist of attributes only, without a built-in base."""
    bases = mro(cls)
    return len(bases) > 1 and all(_CLASS_FLAGS(base) & _HEAPTYPE for base in bases[:-1])


def is_named_tuple(cls: type) -> bool:
    """Whether a class was made by `namedtuple` or `NamedTuple`."""
    bases = mro(cls)
    fields = own(cls).get("_fields")
    return (
        len(bases) == 3
        and bases[1] is tuple
        and type(fields) is tuple
        and all(type(field) is str for field in fields)
    )


def attributes(value: object) -> dict[str, Any] | None:
    """Read the attributes of an object by the interpreter's own descriptors; None if it has others."""
    cls = type(value)
    if cls is types.SimpleNamespace:
        return dict(types.SimpleNamespace.__dict__["__dict__"].__get__(value))
    slots = _of(cls).slots
    if slots is None:
        return None
    found: dict[str, Any] = {}
    for name, slot in slots:
        try:
            inner = slot.__get__(value)
        except AttributeError:
            continue  # never set
        if name:
            found[name] = inner
        elif type(inner) is dict:
            found.update(inner)
        else:
            return None
    return found


def set_attributes(value: object, given: Mapping[str, Any]) -> None:
    """Set the attributes of a new object by the interpreter's own descriptors."""
    cls = type(value)
    slots = {
        name: slot
        for base in mro(cls)
        for name, slot in own(base).items()
        if type(slot) is types.MemberDescriptorType or (name == "__dict__" and base is not object)
    }
    if cls is types.SimpleNamespace:
        slots = {"__dict__": types.SimpleNamespace.__dict__["__dict__"]}
    rest = {}
    for name, item in given.items():
        if name != "__dict__" and name in slots:
            slots[name].__set__(value, item)
        else:
            rest[name] = item
    if rest:
        if type(slots.get("__dict__")) not in (types.GetSetDescriptorType, types.MemberDescriptorType):
            raise LookupError(f"{class_name(cls)} has no attribute {next(iter(rest))!r} any more")
        slots["__dict__"].__get__(value).update(rest)


_WALKS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (list, list.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
    (collections.deque, collections.deque.__iter__),
)


def _keys_and_values(table: dict[Any, Any]) -> Iterator[Any]:
    return chain(dict.keys(table), dict.values(table))


_LARGE: Mapping[int, tuple[Callable[[Any], int], Callable[[Any], Iterator[Any]]]] = {
    **{id(cls): (cls.__len__, cls.__iter__) for cls in (list, tuple, set, frozenset, collections.deque)},
    id(dict): (dict.__len__, _keys_and_values),
}
"""The built-in containers by their ids, with the functions that count and list their items."""

Inside = Callable[[type], bool]
"""Tells whether to look inside the instances of a class."""


def contents(value: object, inside: Inside) -> list[Any] | None:
    """The objects directly inside a value; None for a value that is opaque."""
    cls = type(value)
    if id(cls) in _SEQUENCE_IDS:
        return list(value)  # type: ignore[call-overload, no-any-return]
    if id(cls) in _TABLE_IDS:
        return [*dict.keys(value), *dict.values(value)]  # type: ignore[arg-type]
    if id(cls) in PLAIN_IDS:
        return None
    if cls is Tagged:
        return [value.payload]  # type: ignore[attr-defined]
    if cls is types.SimpleNamespace:
        return list((attributes(value) or {}).values())
    bases = mro(cls)
    if any(base is tuple for base in bases):
        return list(tuple.__iter__(value))  # type: ignore[arg-type]
    if any(base is dict for base in bases):
        return [*dict.keys(value), *dict.values(value)]  # type: ignore[arg-type]
    for known, walk in _WALKS:
        if any(base is known for base in bases):
            return list(walk(value))
    if _of(cls).open and inside(cls):
        found = attributes(value)
        return None if found is None else list(found.values())
    return None


def all_plain(items: list[Any]) -> bool:
    """Whether no item of a list can hold other objects."""
    return set(map(id, map(type, items))) <= PLAIN_IDS


def portions(value: Any) -> Iterator[list[Any]] | None:
    """The items of a large container in portions; None for a value that is none.

    They are read as they are asked for. A container of which items are added or removed meanwhile is copied.
    """
    cls = type(value)
    base = cls if id(cls) in _LARGE else None if id(cls) in PLAIN_IDS else _of(cls).container
    if base is None:
        return None
    length, walk = _LARGE[id(base)]
    if length(value) <= PORTION:
        return None
    if base is list or base is tuple:
        return _slices(value, base)
    return _steps(value, walk)


def _slices(value: Any, base: Any) -> Iterator[list[Any]]:
    start = 0
    while items := base.__getitem__(value, slice(start, start + PORTION)):
        yield list(items)
        start += PORTION


def _steps(value: Any, walk: Callable[[Any], Iterator[Any]]) -> Iterator[list[Any]]:
    items = walk(value)
    try:
        while portion := list(islice(items, PORTION)):
            yield portion
    except RuntimeError:
        yield from _slices(list(walk(value)), list)


class Search:
    """A search for a reference, or for one that is `wanted`, in one value; it can be interrupted.

    The objects found so far are held, so that their ids are not reused; each is searched once.
    """

    def __init__(self, value: object, inside: Inside, wanted: Callable[[object], bool] = reaches) -> None:
        self._inside, self._wanted = inside, wanted
        self._seen: dict[int, Any] = {}
        self._left: list[Any] = [value]
        self._large: list[Iterator[list[Any]]] = []
        self.found = False

    @property
    def done(self) -> bool:
        """Whether the search is complete."""
        return self.found or not (self._left or self._large)

    def go_on(self, budget: int) -> int:
        """Search about `budget` more objects; returns the rest of the budget."""
        while budget > 0 and not self.done:
            budget -= 1
            if not self._left:
                inner = next(self._large[-1], None)
                if inner is None:
                    self._large.pop()
            elif self._wanted(value := self._left.pop()):
                self.found = True
                break
            else:
                inner = None if id(value) in self._seen else self._enter(value)
            if inner is not None:
                budget -= len(inner) // 20
                if not all_plain(inner):
                    budget -= len(inner)
                    self._left += inner
        if self.done:
            self._seen, self._left, self._large = {}, [], []
        return budget

    def _enter(self, value: object) -> list[Any] | None:
        """The objects inside a value that is found for the first time; a large container is read later."""
        large = portions(value)
        if large is not None:
            self._seen[id(value)] = value
            self._large.append(large)
            return None
        inner = contents(value, self._inside)
        if inner is not None:
            self._seen[id(value)] = value
        return inner
