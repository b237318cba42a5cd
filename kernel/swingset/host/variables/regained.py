"""Reads the variables of a program from a world, as `kept` has written them.

The stored data may come from anybody. Its grammar is closed and names only the program's own classes;
anything else is refused as `Unreadable`. No code of a class runs: an object is made without its constructor,
and its attributes are set.
"""

from __future__ import annotations

import collections
import enum
import types
from typing import Any, get_args
from uuid import UUID

from swingset.guest.passing.passable import Tagged
from swingset.host.variables import looking
from swingset.host.variables.kept import (
    FACTORIES,
    LEAVES,
    TABLES,
    Classes,
    Kind,
    Node,
    can_be_made,
    may_be_key,
)
from swingset.model.visible import one_line

_KINDS = frozenset(get_args(Kind))

MOST_OF_A_HASH = 100
"""How many keys of one table may have the same hash: more were chosen by an attacker."""


class Unreadable(LookupError):
    """A stored value cannot be read, at least not yet."""


def read(pieces: list[Any], classes: Classes) -> Any:
    """Read a value that `kept` has written; raises `Unreadable`, also if a class is missing."""
    return _Reader(pieces, classes).value()


class _Reader:
    def __init__(self, pieces: list[Any], classes: Classes) -> None:
        self._classes = classes
        self._nodes: list[Node] = []
        self._made: dict[int, Any] = {}
        for piece in pieces:
            self._take(piece)

    def _take(self, piece: Any) -> None:
        _want(isinstance(piece, list) and len(piece) == 4, "a piece")
        kind, extra, items, links = piece
        _want(isinstance(items, list) and isinstance(links, list), "a piece")
        if kind == "+":
            _want(bool(self._nodes), "a piece")
            node = self._nodes[-1]
        else:
            _want(type(kind) is str and kind in _KINDS, "a kind")
            node = Node(kind, extra, [])
            self._nodes.append(node)
        base = len(node.items)
        node.items += items
        for link in links:
            _want(isinstance(link, list | tuple) and [type(part) for part in link] == [int, int], "a link")
            _want(0 <= link[0] < len(items), "a link")
            node.links.append((base + link[0], link[1]))

    def value(self) -> Any:
        """Make and fill all nodes; returns the first one."""
        _want(bool(self._nodes), "a node")
        open_ones = []
        for number, node in enumerate(self._nodes):
            _want(all(0 <= to < len(self._nodes) for _, to in node.links), "a link")
            shell = self._shell(node)
            if shell is not None:
                self._made[number] = shell
                open_ones.append((node, shell))
        for number in range(len(self._nodes)):
            self._make(number)
        for node, shell in open_ones:
            _fill(node, shell, self._items(node))
        return self._made[0]

    def _shell(self, node: Node) -> Any:
        """Make an empty container or object; None for one that needs its items first."""
        match node.kind:
            case "list":
                return []
            case "set":
                return set()
            case "dict":
                return {}
            case "OrderedDict":
                return collections.OrderedDict()
            case "Counter":
                return collections.Counter()
            case "defaultdict":
                _want(type(node.extra) is str and node.extra in FACTORIES, "a factory")
                return collections.defaultdict(FACTORIES[node.extra])
            case "deque":
                length = node.extra
                _want(length is None or (type(length) is int and 0 <= length < 2**60), "a length")
                return collections.deque(maxlen=length)
            case "SimpleNamespace":
                return types.SimpleNamespace()
            case "object":
                cls = self._class(node)
                if not looking.is_open(cls) or not can_be_made(cls):
                    raise Unreadable(f"the class {looking.class_name(cls)} is of another sort than it was")
                return object.__new__(cls)
        return None

    def _make(self, number: int) -> None:
        """Make an immutable value, after its items."""
        stack, under_way = [number], set[int]()
        while stack:
            at = stack[-1]
            if at in self._made:
                stack.pop()
                continue
            node = self._nodes[at]
            missing = [to for _, to in node.links if to not in self._made]
            if missing:
                _want(at not in under_way, "a tree")
                under_way.add(at)
                stack += missing
                continue
            self._made[at] = self._finished(node, self._items(node))
            stack.pop()

    def _finished(self, node: Node, items: list[Any]) -> Any:
        match node.kind:
            case "tuple":
                return tuple(items)
            case "frozenset":
                _check_keys(items)
                return frozenset(items)
            case "bytearray":
                _want(type(node.extra) is bytes, "a bytearray")
                return bytearray(node.extra)
            case "complex":
                return complex(*_numbers(node, items, float, 2))
            case "range":
                start, stop, step = _numbers(node, items, int, 3)
                _want(step != 0, "a range")
                return range(start, stop, step)
            case "Tagged":
                _want(type(node.extra) is str and len(items) == 1, "a Tagged")
                return Tagged(node.extra, items[0])
            case "UUID":
                (number,) = _numbers(node, items, int, 1)
                _want(0 <= number < 1 << 128, "a UUID")
                return UUID(int=number)
            case "enum":
                return self._member(node, items)
        return self._named_tuple(node, items)

    def _member(self, node: Node, items: list[Any]) -> Any:
        cls = self._class(node)
        _want(type(cls) is enum.EnumMeta and len(items) == 1 and type(items[0]) is str, "a member")
        found = looking.own(cls).get("_member_map_", {}).get(items[0])
        if found is None:
            name = looking.class_name(cls)
            raise Unreadable(f"{one_line(name, 80)} has no member {one_line(items[0], 80)} any more")
        return found

    def _named_tuple(self, node: Node, items: list[Any]) -> Any:
        cls = self._class(node)
        if not looking.is_named_tuple(cls) or len(looking.own(cls)["_fields"]) != len(items):
            raise Unreadable(f"the class {one_line(node.extra, 80)} has other fields than it had")
        return tuple.__new__(cls, items)

    def _class(self, node: Node) -> type:
        name = node.extra
        _want(type(name) is str, "the name of a class")
        cls = self._classes.get(name)
        if cls is None or not looking.is_class(cls):
            raise Unreadable(f"it waits for its class {one_line(name, 80)}")
        found: type = cls
        return found

    def _items(self, node: Node) -> list[Any]:
        items = list(node.items)
        for position, to in node.links:
            items[position] = self._made[to]
        return items


def _want(right: bool, what: str) -> None:
    if not right:
        raise Unreadable(f"what is stored is not {what} of a variable")


def _fill(node: Node, made: Any, items: list[Any]) -> None:
    if node.kind in ("list", "deque"):
        made.extend(items)
    elif node.kind == "set":
        _check_keys(items)
        made.update(items)
    else:
        _want(len(items) % 2 == 0, "a list of pairs")
        pairs = list(zip(items[::2], items[1::2], strict=True))
        if node.kind in TABLES:
            _check_keys(items[::2])
            put = collections.OrderedDict.__setitem__ if node.kind == "OrderedDict" else dict.__setitem__
            for key, item in pairs:
                put(made, key, item)
        else:
            _want(all(type(name) is str for name, _ in pairs), "the name of an attribute")
            looking.set_attributes(made, dict(pairs))


def _check_keys(keys: list[Any]) -> None:
    """Raise `Unreadable` for keys with code of their own, or numbers chosen to share one hash."""
    plain = [key for key in keys if id(type(key)) in LEAVES]
    _want(len(plain) == len(keys) or all(id(type(key)) in LEAVES or may_be_key(key) for key in keys), "a key")
    hashes = collections.Counter(map(hash, plain))
    _want(not hashes or max(hashes.values()) < MOST_OF_A_HASH, "a set of keys")


def _numbers(node: Node, items: list[Any], sort: type, count: int) -> list[Any]:
    _want(len(items) == count and all(type(item) is sort for item in items), f"a {node.kind}")
    return items
