"""Predicates: what must be true of a crank, or of the state after it, in one line of text.

    purse.balance < 0
    vat == "bank" and method == "deposit" and rejection
    bank.accounts["alice"] >= 100 or not bank.open

The text is Python's grammar for expressions, of which a few forms are allowed. It is parsed, and the tree is
walked by this module. Nothing is evaluated, called or looked up in Python objects: a name means a word of a
crank or a place in a vat's store, an attribute is a field of a durable object or an entry of a baggage.

A path may mean several objects: `purse` and `bank.purse` mean every `Purse`. A predicate holds if it holds
for some choice of one of them, the same wherever the path stands, and says which (`Holds.because`). A
comparison with what is not there is false, and so is one of two values that have no order.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, Literal, NamedTuple

from swingset.core.store import KernelStore
from swingset.lens.tables import Lens
from swingset.model.capdata import is_well_formed
from swingset.model.foreign import shown
from swingset.model.refs import is_kref
from swingset.model.visible import one_line
from swingset.time.stored import BAGGAGE, NOTHING, Object, Stored, in_words

LONGEST = 1_000
"""How many characters a predicate may have."""

MOST_CHOICES = 1_000_000
"""How many objects are tried for a path that means several; the others count as not true."""

MOST_COMBINED = 20_000
"""How many choices are tried if several paths mean several objects."""

DEEPEST = 50
"""How deep a predicate may nest."""

EVENT_WORDS = ("vat", "method", "object", "rejection", "outcome", "computrons", "event")
"""The words that mean something of a crank."""


class BadPredicate(ValueError):
    """A text is no predicate; the message says which part of it is wrong, and what is allowed."""


@dataclass(frozen=True)
class Happened:
    """One crank in the words of predicates. A word that does not apply is None.

    `vat` is who ran, `method` the method of a message, `object` its target, `rejection` the text of a
    rejection that the crank settled a promise with, `outcome` as in a `CrankReport`, `event` the kind of the
    event: `send`, `notify` and so on.
    """

    vat: str | None = None
    method: str | None = None
    object: str | None = None
    rejection: str | None = None
    outcome: str | None = None
    computrons: int | None = None
    event: str | None = None

    def words(self) -> dict[str, str | int | None]:
        """The words by name, as in `EVENT_WORDS`."""
        return {
            "vat": self.vat,
            "method": self.method,
            "object": self.object,
            "rejection": self.rejection,
            "outcome": self.outcome,
            "computrons": self.computrons,
            "event": self.event,
        }


class Holds(NamedTuple):
    """Whether a predicate holds, and the places that decided it: `Purse o+d10/1 of bank: open 1`."""

    holds: bool
    because: tuple[str, ...] = ()


class Predicate:
    """A parsed predicate.

    `about` says what it speaks of: `state`, `event` or `both`. `text` is the text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = _parsed(text)
        names = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        of_event = bool(names & set(EVENT_WORDS))
        of_state = bool(names - set(EVENT_WORDS))
        if not names:
            raise BadPredicate(f"{one_line(text, 80)!r} speaks of nothing in a world: {_ALLOWED}")
        self.about: Literal["state", "event", "both"] = (
            "both" if of_event and of_state else "event" if of_event else "state"
        )
        self.names = tuple(sorted(names - set(EVENT_WORDS)))
        """The names of places in the state."""

    def __str__(self) -> str:
        return self.text

    def holds(self, store: KernelStore | None, crank: Happened | None = None) -> Holds:
        """Whether it holds for the state of a store and for a crank; without one, its words are None.

        A name of the state means nothing without a store.
        """
        return _Walk(store, crank or Happened()).some(self._tree)

    def may_hold(self, crank: Happened) -> bool:
        """Whether the parts that speak of a crank alone, joined by `and`, hold for it."""
        tree = self._tree
        parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
        walk = _Walk(None, crank)
        return all(walk.some(part).holds for part in parts if _of_event(part))

    def unknown(self, store: KernelStore) -> tuple[str, ...]:
        """Those of its names that mean nothing in the current state."""
        walk = _Walk(store, Happened())
        return tuple(name for name in self.names if not walk.knows(name))


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_ALLOWED = (
    "a predicate compares fields of objects, such as purse.balance < 0, or words of a crank ("
    + ", ".join(EVENT_WORDS)
    + '), such as method == "deposit", with and, or and not'
)
_FORMS = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare),
    *(ast.Name, ast.Load, ast.Attribute, ast.Subscript, ast.Constant, *_COMPARISONS),
)


def _parsed(text: str) -> ast.expr:
    if type(text) is not str or not text.strip():
        raise BadPredicate(f"a predicate is a text: {_ALLOWED}")
    if len(text) > LONGEST:
        raise BadPredicate(f"a predicate has at most {LONGEST:,} characters, this one has {len(text):,}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        layer: list[ast.AST] = [tree]
        for depth in range(len(text)):
            for node in layer:
                _check(node, text)
            layer = [child for node in layer for child in ast.iter_child_nodes(node)]
            if layer and depth > DEEPEST:
                raise BadPredicate(f"{one_line(text, 80)!r} is no predicate: it nests too deep; {_ALLOWED}")
    except SyntaxError as problem:
        raise BadPredicate(f"{one_line(text, 80)!r} is no predicate: {problem.msg}; {_ALLOWED}") from None
    except BadPredicate:
        raise
    except (ValueError, RecursionError, MemoryError):
        raise BadPredicate(f"{one_line(text, 80)!r} is no predicate; {_ALLOWED}") from None
    return tree.body


def _check(node: ast.AST, text: str) -> None:
    words = ""
    if not isinstance(node, _FORMS):
        words = f"{type(node).__name__} is no part of a predicate"
    elif isinstance(node, ast.Constant) and type(node.value) not in (str, int, float, bool, type(None)):
        words = f"{shown(node.value)} cannot be compared"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not is_well_formed(node.value):
        words = "half of a surrogate pair is no text"
    elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
        words = "an index is a text or a number from 0"
    elif isinstance(node, ast.Attribute | ast.Subscript) and not _is_path(node.value):
        words = "a field belongs to a name, as in purse.balance"
    elif isinstance(node, ast.Attribute | ast.Subscript) and _first(node) in EVENT_WORDS:
        words = f"{_first(node)} has no fields: it is a word of a crank"
    if words:
        raise BadPredicate(f"{one_line(text, 80)!r} is no predicate: {words}; {_ALLOWED}")


def _of_event(part: ast.expr) -> bool:
    """Whether a part speaks of a crank alone, and of no object, which only a state knows."""
    names = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
    return names <= set(EVENT_WORDS) - {"object"}


def _is_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)


def _first(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


class _Vat(NamedTuple):
    """A vat as a place: its attributes are entries of its baggage, and its durable kinds."""

    id: str
    name: str


class _Target(NamedTuple):
    """The target of a message as a value: equal to its kref, to its label, and to the object in the state."""

    kref: str
    label: str
    thing: Object | None

    def is_same(self, other: Any) -> bool:
        """Whether it is what another value means."""
        if isinstance(other, _Target):
            return self.kref == other.kref
        return other == self.thing if isinstance(other, Object) else other in (self.kref, self.label)


class _Found(NamedTuple):
    """What an expression means: a place or a value, whose vat names its references, and where it is."""

    value: Any
    vat: str = ""
    place: str = ""


_NONE = _Found(NOTHING)


class _Walk:
    """Evaluates the tree of a predicate for one state and one crank."""

    def __init__(self, store: KernelStore | None, crank: Happened) -> None:
        self._stored = None if store is None else Stored(store)
        self._store = store
        self._words: dict[str, Any] = dict(crank.words())
        self._chosen: dict[tuple[str, ...], _Found] = {}  # by the text of a path that means several objects
        self._known: dict[str, _Found] = {}

    def some(self, tree: ast.expr) -> Holds:
        """Whether some choice of an object for each path that means several makes the tree hold."""
        paths = [path for path in dict.fromkeys(_paths(tree)) if self._choice(path) is not None]
        most = MOST_CHOICES if len(paths) < 2 else MOST_COMBINED
        choices = [islice(self._choice(path) or (), most) for path in paths]
        for chosen in islice(product(*choices), most):
            self._chosen = dict(zip(paths, chosen, strict=True))
            found = self._test(tree)
            if found.holds:
                return found._replace(because=tuple(dict.fromkeys(found.because)))
        return Holds(False)

    def _choice(self, path: tuple[str, ...]) -> Iterator[_Found] | None:
        """The objects that a path `kind` or `vat.kind` means, or nothing once; None for another path."""
        stored = self._stored
        if stored is None or len(path) > 2 or path[0] in self._words:
            return None
        vat = stored.vat(path[0])
        if len(path) == 1:
            if vat is not None or self._single(path[0]) is not _NONE:
                return None
            vats = stored.vats()
        else:
            if vat is None or stored.value(vat.id, BAGGAGE + path[1]) is not NOTHING:
                return None
            vats = [vat]
        things = (thing for one in vats for thing in stored.instances(one.id, path[-1]))
        return _or_nothing(_Found(thing, thing.vat) for thing in things)

    def _test(self, node: ast.expr) -> Holds:
        if isinstance(node, ast.BoolOp):
            every = isinstance(node.op, ast.And)
            because: tuple[str, ...] = ()
            for part in node.values:
                found = self._test(part)
                if found.holds != every:
                    return found
                because += found.because
            return Holds(every, because)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found = self._test(node.operand)
            return Holds(not found.holds, found.because)
        if isinstance(node, ast.Compare):
            places: tuple[str, ...] = ()
            left = self._meaning(node.left)
            for sign, operand in zip(node.ops, node.comparators, strict=True):
                right = self._meaning(operand)
                if not _compare(sign, left.value, right.value):
                    return Holds(False, places)
                places += (*_places(left), *_places(right))
                left = right
            return Holds(True, places)
        one = self._meaning(node)
        return Holds(_is_true(one.value), _places(one))

    def _meaning(self, node: ast.expr) -> _Found:
        match node:
            case ast.Constant(value=value):
                return _Found(value)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                one = self._meaning(inner)
                return one._replace(value=-one.value) if type(one.value) in (int, float) else _NONE
            case ast.Name(id="object"):
                return _Found(self._target())
            case ast.Name(id=name) if name in self._words:
                return _Found(self._words[name])
            case ast.Name() | ast.Attribute() | ast.Subscript():
                path = _path(node)
                if path in self._chosen:
                    return self._chosen[path]
                if isinstance(node, ast.Name):
                    return self._single(node.id)
                if isinstance(node, ast.Attribute):
                    return self._field(self._meaning(node.value), node.attr)
                key = node.slice.value if isinstance(node.slice, ast.Constant) else None
                return self._item(self._meaning(node.value), key)
        found = self._test(node)
        return _Found(found.holds, "", ", ".join(found.because))

    def _target(self) -> Any:
        """The target of the message, with what the state knows of it."""
        kref = self._words["object"]
        if type(kref) is str and self._store is not None and self._stored is not None:
            thing = self._stored.known_as(kref)
            self._words["object"] = _Target(kref, Lens(self._store).label(kref), thing)
        return self._words["object"]

    def _single(self, name: str) -> _Found:
        """The one thing that a name means: a vat; else what a session calls so; else the object of a kref."""
        stored = self._stored
        if stored is None:
            return _NONE
        if name not in self._known:
            vat = stored.vat(name)
            self._known[name] = _NONE
            if vat is not None:
                self._known[name] = _Found(_Vat(vat.id, vat.name), vat.id)
            else:
                thing = stored.named(name) or (stored.known_as(name) if is_kref(name) else None)
                if thing is not None:
                    self._known[name] = _Found(thing, thing.vat)
        return self._known[name]

    def knows(self, name: str) -> bool:
        """Whether a name means anything in the state."""
        if self._single(name) is not _NONE:
            return True
        choice = self._choice((name,))
        return choice is not None and next(choice) is not _NONE

    def _field(self, one: _Found, field: str) -> _Found:
        stored, place = self._stored, self._place(one)
        if stored is None or place is None:
            return _NONE
        if isinstance(place, _Vat):
            value = stored.value(place.id, BAGGAGE + field)
            if value is NOTHING:
                return _NONE
            return _Found(value, place.id, f"{one_line(place.name, 80)}.{one_line(field, 80)}")
        value = stored.field(place, field)
        if value is NOTHING:
            return _NONE
        return _Found(value, place.vat, f"{stored.called(place)}: {one_line(field, 80)}")

    def _item(self, one: _Found, key: Any) -> _Found:
        if isinstance(self._place(one), _Vat | Object):  # a field whose name is no identifier
            return self._field(one, key) if type(key) is str else _NONE
        if isinstance(one.value, dict) and type(key) in (str, int, bool) and key in one.value:
            return one._replace(value=one.value[key], place=f"{one.place}[{shown(key)}]")
        inside = isinstance(one.value, list | tuple) and not isinstance(one.value, _Vat | Object)
        if inside and type(key) is int and 0 <= key < len(one.value):
            return one._replace(value=one.value[key], place=f"{one.place}[{key}]")
        return _NONE

    def _place(self, one: _Found) -> _Vat | Object | None:
        if isinstance(one.value, _Vat | Object):
            return one.value
        return self._stored.target(one.vat, one.value) if self._stored is not None else None


def _path(node: ast.expr) -> tuple[str, ...]:
    """The names of a path such as `bank.purse`; empty for another expression."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        inner = _path(node.value)
        return (*inner, node.attr) if inner else ()
    return ()


def _paths(tree: ast.expr) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and (path := _path(node)):
            yield path


def _or_nothing(found: Iterator[_Found]) -> Iterator[_Found]:
    first = next(found, _NONE)
    yield first
    yield from found


def _compare(sign: ast.cmpop, left: Any, right: Any) -> bool:
    if left is NOTHING or right is NOTHING:
        return False
    if isinstance(left, _Target) or isinstance(right, _Target):
        one, other = (left, right) if isinstance(left, _Target) else (right, left)
        same = one.is_same(other)
        return (
            same
            if isinstance(sign, ast.Eq | ast.Is)
            else isinstance(sign, ast.NotEq | ast.IsNot) and not same
        )
    try:
        return bool(_COMPARISONS[type(sign)](left, right))
    except (TypeError, ValueError, RecursionError, ArithmeticError):  # values without an order
        return False


def _is_true(value: Any) -> bool:
    if value is NOTHING:
        return False
    plain = isinstance(value, str | int | float | list | dict | tuple | set)
    return bool(value) if plain else value is not None


def _places(one: _Found) -> tuple[str, ...]:
    if not one.place:
        return ()
    return (f"{one.place} {in_words(one.value)}" if not isinstance(one.value, Object | _Vat) else one.place,)


__all__ = ["EVENT_WORDS", "BadPredicate", "Happened", "Holds", "Predicate"]
