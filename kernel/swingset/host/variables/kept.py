"""Decides which of a program's variables can be kept in a world, and writes them (`regained` reads them).

A variable is written as a table of nodes, one for each container or object in it. So depth, length, two paths
to one list and a list that contains itself are no special cases. An item of a node is a leaf, which is
written as in a message (plain data, dates, references), or a link to another node. A value is read as the
type that was written: a list is a list, not a frozen copy of one.

A value is kept completely or not at all; `Unkept` names the part that prevents it, and why. An object is read
as an instance of the class that has the name of its class then, with the attributes that it had. None of the
class's code runs when it is written or read.
"""

from __future__ import annotations

import collections
import enum
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from operator import is_
from typing import Any, Literal
from uuid import UUID

from swingset.guest.base.promises import Promise
from swingset.guest.base.resolvers import Resolver
from swingset.guest.liveslots import Liveslots
from swingset.guest.passing.passable import FrozenDict, FrozenList, Tagged
from swingset.guest.passing.remotables import Presence
from swingset.guest.sending.eventual import EMethod, EProxy
from swingset.host.variables import looking
from swingset.model.visible import one_line

MOST_ITEMS = 1_000_000
"""A variable with more items is not kept."""

PIECE = 1_000
"""How many items of a node are written together."""

_SLOTS, _ROOM = 4_000, 2_000_000  # how many references, and about how many characters, one portion has

Classes = Mapping[str, Any]
"""The namespace in which classes are found by name: the program's own variables."""

Kind = Literal[
    "list", "tuple", "set", "frozenset", "dict", "OrderedDict", "Counter", "defaultdict", "deque",
    "bytearray", "SimpleNamespace", "Tagged", "complex", "range", "UUID", "enum", "namedtuple", "object",
]  # fmt: skip

LEAVES = frozenset(
    map(id, (type(None), bool, int, float, str, bytes, date, datetime, timedelta, Decimal, Fraction))
)
_SEQUENCES: dict[int, Kind] = {
    id(list): "list", id(FrozenList): "list", id(tuple): "tuple", id(set): "set", id(frozenset): "frozenset",
    id(collections.deque): "deque",
}  # fmt: skip
_TABLES: dict[int, Kind] = {
    id(dict): "dict", id(FrozenDict): "dict", id(collections.OrderedDict): "OrderedDict",
    id(collections.Counter): "Counter", id(collections.defaultdict): "defaultdict",
}  # fmt: skip
TABLES = frozenset(_TABLES.values())
FACTORIES: dict[str, Any] = {"": None} | {
    made.__name__: made for made in (list, dict, set, tuple, int, float, str, bool, bytes, collections.deque)
}


class Unkept(Exception):
    """A part of a value cannot be kept; `args[0]` says which part, and why."""


@dataclass(eq=False)
class Node:
    """One container or object: its kind, data that the kind needs, its items, and which of them are links."""

    kind: Kind
    extra: Any
    items: list[Any]
    links: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Written:
    """A value in portions, and the objects that it was written from, to detect changes."""

    portions: list[list[Any]]
    made_of: list[tuple[object, Any, list[Any]]]

    def still(self, classes: Classes) -> bool:
        """Whether every part is the same object as before; equality would run the parts' own code."""
        for value, extra, items in self.made_of:
            kind = type(value)
            if kind is list or kind is set:
                if len(value) != len(items) or not all(map(is_, value, items)):  # type: ignore[call-overload,arg-type]
                    return False
                continue
            if kind is tuple:
                continue
            try:
                node = _opened(value, classes)
            except Unkept:
                return False
            now = node.items
            if node.extra != extra or len(now) != len(items):
                return False
            if not all(map(is_, now, items)):
                return False
        return True


_FACTORY: Callable[[Any], Any] = collections.defaultdict.__dict__["default_factory"].__get__


def is_leaf(value: object) -> bool:
    """Whether a value is a leaf, which is written as in a message."""
    return id(type(value)) in LEAVES or looking.reaches(value)


def write(value: object, live: Liveslots, classes: Classes) -> Written:
    """Write a value that is no leaf; raises `Unkept`."""
    return _Writing(value, live, classes).written()


class _Writing:
    """One value that is being written: its containers by number, in the order in which they are found."""

    def __init__(self, value: object, live: Liveslots, classes: Classes) -> None:
        self._live = live
        self._classes = classes
        self._nodes: list[Node] = []
        self._numbers: dict[int, int] = {}
        self._values: list[object] = []
        self._from_where: list[tuple[int, int]] = []
        """For each container, the number of the one that it was found in, and its position there."""
        self._number(value, -1, 0)

    def written(self) -> Written:
        """Open one container after the other, until no more are found."""
        made_of: list[tuple[object, Any, list[Any]]] = []
        count = at = 0
        while at < len(self._values):
            try:
                node = _opened(self._values[at], self._classes)
            except Unkept as problem:
                raise self._unkept(at, str(problem)) from None
            made_of.append((self._values[at], node.extra, list(node.items)))
            self._nodes.append(node)
            count += len(node.items)
            if count > MOST_ITEMS:
                raise Unkept(f"has more than {MOST_ITEMS:,} items: keep it in a vat")
            self._link(at, node)
            self._check_keys(at, node)
            at += 1
        return Written(list(_portions(self._nodes)), made_of)

    def _link(self, at: int, node: Node) -> None:
        """Replace the containers among the items of a node by their numbers."""
        for position, item in enumerate(node.items):
            if id(type(item)) in LEAVES:
                continue
            try:
                if looking.reaches(item):
                    _check_reference(item, self._live)
                    continue
            except Unkept as problem:
                raise Unkept(f"{self._path(at, position)} {problem}") from None
            node.links.append((position, self._number(item, at, position)))
            node.items[position] = None

    def _check_keys(self, at: int, node: Node) -> None:
        links = dict(node.links)
        for position in _keys(node):
            key = self._values[links[position]] if position in links else node.items[position]
            if id(type(key)) not in LEAVES and not may_be_key(key):
                raise self._unkept(at, f"has a key or member that is {_a(key)}, which is not kept as one")

    def _number(self, item: object, parent: int, position: int) -> int:
        known = self._numbers.get(id(item))
        if known is None:
            known = self._numbers[id(item)] = len(self._values)
            self._values.append(item)
            self._from_where.append((parent, position))
        return known

    def _unkept(self, at: int, what: str) -> Unkept:
        where = self._path(*self._from_where[at]) if at else ""
        return Unkept(f"{where} {what}".strip())

    def _path(self, at: int, position: int | None) -> str:
        """How the program reaches a position: `[2].name`."""
        steps = []
        while at >= 0 and position is not None:
            steps.append(_label(self._nodes[at], position))
            at, position = self._from_where[at] if at else (-1, None)
        return "".join(reversed(steps))


def _opened(value: object, classes: Classes) -> Node:
    """Make the node of a container or an object, without links yet; raises `Unkept`."""
    cls = type(value)
    found: Any = value
    if (sort := _SEQUENCES.get(id(cls))) is not None:
        extra = found.maxlen if sort == "deque" else None
        return Node(sort, extra, list(found))
    if (sort := _TABLES.get(id(cls))) is not None:
        extra = None
        if sort == "defaultdict":
            factory = _FACTORY(found)
            extra = next((name for name, known in FACTORIES.items() if known is factory), None)
            if extra is None:
                raise Unkept("is a defaultdict whose default_factory is none of the usual types")
        items: list[Any] = []
        for key, item in dict.items(found):
            items += (key, item)
        return Node(sort, extra, items)
    if cls is bytearray:
        return Node("bytearray", bytes(found), [])
    if cls is complex:
        return Node("complex", None, [found.real, found.imag])
    if cls is range:
        return Node("range", None, [found.start, found.stop, found.step])
    if cls is Tagged:
        return Node("Tagged", found.tag, [found.payload])
    if cls is UUID:
        return Node("UUID", None, [(looking.attributes(found) or {}).get("int")])
    if cls is types.SimpleNamespace:
        return _of_attributes("SimpleNamespace", None, value)
    name = looking.class_name(cls)
    if type(cls) is enum.EnumMeta:
        member = (looking.attributes(value) or {}).get("_name_")
        if type(member) is str and classes.get(name) is cls:
            return Node("enum", name, [member])
        raise Unkept(f"is {_a(value)}, {_unnamed(name)}")
    if looking.is_named_tuple(cls):
        if classes.get(name) is not cls:
            raise Unkept(f"is {_a(value)}, {_unnamed(name)}")
        return Node("namedtuple", name, list(tuple.__iter__(found)))
    if looking.is_open(cls) and not looking.is_class(value) and can_be_made(cls):
        if classes.get(name) is not cls:
            raise Unkept(f"is {_a(value)}, {_unnamed(name)}")
        return _of_attributes("object", name, value)
    raise Unkept(f"is {_a(value)}, which cannot be kept")


def can_be_made(cls: type) -> bool:
    """Whether an instance can be made and deleted without running code of the class."""
    if looking.defined(cls, "__del__") is not None:
        return False
    try:
        object.__new__(cls)
    except TypeError:  # it is made of something that Python does not show
        return False
    return True


def _of_attributes(kind: Kind, extra: Any, value: object) -> Node:
    found = looking.attributes(value)
    if found is None or any(type(key) is not str for key in found):
        raise Unkept(f"is {_a(value)}, whose attributes are not plain")
    items: list[Any] = []
    for key, item in found.items():
        items += (key, item)
    return Node(kind, extra, items)


def _unnamed(name: str) -> str:
    words = f"and the name {one_line(name, 60)} does not stand for its class here"
    return f"{words}: import the class by that name, or keep plain data of it"


def check_leaf(value: object, live: Liveslots) -> None:
    """Raise `Unkept` for a reference that ends with the session."""
    if id(type(value)) not in LEAVES:
        _check_reference(value, live)


def _check_reference(item: Any, live: Liveslots) -> None:
    kind = type(item)
    if kind is EProxy or kind is EMethod:
        raise Unkept("is E(...) of something: keep the object itself")
    if kind is Resolver:
        raise Unkept("is a resolver, which ends with the session")
    if any(base is Promise for base in looking.mro(kind)):
        raise Unkept("is a promise: await it and keep its value")
    stored = looking.defined(kind, "__kind__")
    if not any(base is Presence for base in looking.mro(kind)) and not getattr(stored, "durable", False):
        sort = "@remotable" if stored is None else "@virtual"
        raise Unkept(f"is {_a(item, sort)}, which ends with the session: make its class @durable")
    owner = looking.owner_of(item)
    if owner is not None and owner is not live:
        state = owner.ended
        raise Unkept(f"belongs to {owner.title}" if state is None else "belongs to what was left or undone")


def _keys(node: Node) -> range:
    if node.kind in ("set", "frozenset"):
        return range(len(node.items))
    return range(
        0, len(node.items) if node.kind in ("dict", "OrderedDict", "Counter", "defaultdict") else 0, 2
    )


def may_be_key(value: object) -> bool:
    """Whether a value can be hashed without running code of its own."""
    cls, left = type(value), 1_000
    stack: list[Any] = [value]
    while stack and left:
        value, left = stack.pop(), left - 1
        cls = type(value)
        if cls is tuple or cls is frozenset:
            stack += value  # type: ignore[arg-type]
        elif looking.is_named_tuple(cls) and looking.defined(cls, "__hash__") is tuple.__hash__:
            stack += tuple.__iter__(value)  # type: ignore[arg-type]
        elif id(cls) in LEAVES or cls is UUID or cls is complex or cls is range:
            continue
        elif type(cls) is enum.EnumMeta:
            if looking.defined(cls, "__hash__") is not enum.Enum.__hash__:
                return False
        elif not looking.is_reference(value) or looking.defined(cls, "__hash__") is not object.__hash__:
            return False
    return not stack


def _label(node: Node, position: int) -> str:
    if node.kind in ("object", "SimpleNamespace"):
        return f".{one_line(str(node.items[position - position % 2]), 60)}"
    if node.kind in TABLES:
        key = node.items[position - position % 2]
        return f"[{one_line(repr(key), 60) if id(type(key)) in LEAVES else '...'}]"
    return f"[{'...' if node.kind in ('set', 'frozenset') else position}]"


def _a(value: object, sort: str = "") -> str:
    if looking.is_class(value):
        return f"the class {one_line(looking.class_name(value), 60)}"  # type: ignore[arg-type]
    name = one_line(looking.class_name(type(value)), 60)
    article = "an" if name[:1] in "aeiouAEIOU" and not sort else "a"
    return f"{article} {sort} {name}" if sort else f"{article} {name}"


def _portions(nodes: list[Node]) -> Iterator[list[Any]]:
    """Divide the nodes into pieces, and these into portions that fit into one value of the store."""
    portion: list[Any] = []
    slots = room = 0
    for node in nodes:
        links = dict(node.links)
        for start, end, took in _pieces(node.items):
            linked = [[at - start, links[at]] for at in range(start, end) if at in links]
            head = ["+", None] if start else [node.kind, node.extra]
            if portion and (slots + end - start > _SLOTS or room + took > _ROOM):
                yield portion
                portion, slots, room = [], 0, 0
            portion.append([*head, node.items[start:end], linked])
            slots, room = slots + end - start, room + took
    yield portion


def _pieces(items: list[Any]) -> Iterator[tuple[int, int, int]]:
    """The begin, the end and the approximate size of each piece of a node's items."""
    start, took = 0, 50
    for at, item in enumerate(items):
        room = len(item) if type(item) in (str, bytes) else 16
        if at > start and (at - start == PIECE or took + room > _ROOM):
            yield start, at, took
            start, took = at, 50
        took += room
    yield start, len(items), took
