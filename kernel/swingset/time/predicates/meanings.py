"""What the parts of a predicate mean, in one state of a world and for one crank.

`Walk` walks the tree of a predicate. A name means a vat, what a session calls so, the object of a kref, or
any of the objects of a durable kind. For a name of the last sort, `swingset.time.predicates.choosing` chooses
one of the objects; then every part of the tree has a value. References to the same object are equal,
whichever vat has them. Nothing is evaluated by Python, called, or looked up in Python objects.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from swingset.core.store import KernelStore
from swingset.lens.present.tables import Lens
from swingset.model.capdata import Ref
from swingset.model.foreign import shown
from swingset.model.refs import is_kref
from swingset.model.visible import one_line
from swingset.time.looking.stored import BAGGAGE, NOTHING, Object, Stored, in_words

CUT = "there are too many objects to try every choice of them: say more of each, such as its vat or a value"
"""What is said where not every choice of objects was tried."""

Path = tuple[str, ...]
"""The names of a path such as `bank.purse`."""


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
        return dict(vars(self))


EVENTS = {
    "Send": "send", "Notify": "notify", "CreateVat": "create-vat", "CloneVat": "clone-vat",
    "UpgradeVat": "upgrade-vat",
    "ChangeVatOptions": "options", "Collect": "collect", "Reap": "reap", "CleanUp": "clean-up",
}  # fmt: skip
"""What the kinds of events are called, by the names of their classes."""

EVENT_WORDS = tuple(field.name for field in fields(Happened))
"""The words that mean something of a crank."""


class Holds(NamedTuple):
    """Whether a predicate holds, and the places that decided it: `Purse o+d10/1 of bank: open 1`.

    `cut` says that it was not found to hold, and that not every choice of objects was tried.
    """

    holds: bool
    because: tuple[str, ...] = ()
    cut: bool = False


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
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


def is_path(node: ast.expr) -> bool:
    """Whether an expression is a name, a field or an item."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)


def first_name(node: ast.expr) -> str:
    """The name with which a path begins."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


class Vat(NamedTuple):
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


class Meaning(NamedTuple):
    """What an expression means: a place or a value, whose vat names its references, and where it is."""

    value: Any
    vat: str = ""
    place: str = ""


NONE = Meaning(NOTHING)


class Walk:
    """Evaluates the tree of a predicate for one state and one crank."""

    def __init__(self, store: KernelStore | None, crank: Happened) -> None:
        self._stored = None if store is None else Stored(store)
        self._store = store
        self._words: dict[str, Any] = dict(crank.words())
        self._chosen: Mapping[Path, Meaning] = {}  # for paths that mean several objects
        self._several: dict[Path, bool] = {}
        self._known: dict[str, Meaning] = {}

    @contextmanager
    def having(self, chosen: Mapping[Path, Meaning]) -> Iterator[None]:
        """Have paths that mean several objects mean these, in the body."""
        before, self._chosen = self._chosen, {**self._chosen, **chosen}
        try:
            yield
        finally:
            self._chosen = before

    def several(self, node: ast.expr) -> tuple[Path, ...]:
        """The paths in an expression that mean several objects, in the order of the text."""
        return tuple(path for path in dict.fromkeys(_paths(node)) if self._means_several(path))

    def _means_several(self, path: Path) -> bool:
        if path not in self._several:
            self._several[path] = self.choice(path) is not None
        return self._several[path]

    def choice(self, path: tuple[str, ...]) -> Iterator[Meaning] | None:
        """The objects that a path `kind` or `vat.kind` means, or nothing once; None for another path."""
        stored = self._stored
        if stored is None or len(path) > 2 or path[0] in self._words:
            return None
        vat = stored.vat(path[0])
        if len(path) == 1:
            if vat is not None or self._single(path[0]) is not NONE:
                return None
            vats = stored.vats()
        else:
            if vat is None or stored.value(vat.id, BAGGAGE + path[1]) is not NOTHING:
                return None
            vats = [vat]
        things = (thing for one in vats for thing in stored.instances(one.id, path[-1]))
        return _or_nothing(Meaning(thing, thing.vat) for thing in things)

    def test(self, node: ast.expr) -> Holds:
        """Whether an expression holds, with what was chosen."""
        if isinstance(node, ast.BoolOp):
            every = isinstance(node.op, ast.And)
            because: tuple[str, ...] = ()
            for part in node.values:
                found = self.test(part)
                if found.holds != every:
                    return found
                because += found.because
            return Holds(every, because)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found = self.test(node.operand)
            return Holds(not found.holds, found.because)
        if isinstance(node, ast.Compare):
            places: tuple[str, ...] = ()
            left = self.meaning(node.left)
            for sign, operand in zip(node.ops, node.comparators, strict=True):
                right = self.meaning(operand)
                if not self._compare(sign, left, right):
                    return Holds(False, places)
                places += (*_places(left), *_places(right))
                left = right
            return Holds(True, places)
        one = self.meaning(node)
        return Holds(_is_true(one.value), _places(one))

    def meaning(self, node: ast.expr) -> Meaning:
        """What an expression means, with what was chosen."""
        match node:
            case ast.Constant(value=value):
                return Meaning(value)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                one = self.meaning(inner)
                return one._replace(value=-one.value) if type(one.value) in (int, float) else NONE
            case ast.Name(id="object"):
                return Meaning(self._target())
            case ast.Name(id=name) if name in self._words:
                return Meaning(self._words[name])
            case ast.Name() | ast.Attribute() | ast.Subscript():
                path = path_of(node)
                if path in self._chosen:
                    return self._chosen[path]
                if isinstance(node, ast.Name):
                    return self._single(node.id)
                return self.part(self.meaning(node.value), node)
        found = self.test(node)
        return Meaning(found.holds, "", ", ".join(found.because))

    def part(self, one: Meaning, node: ast.Attribute | ast.Subscript) -> Meaning:
        """The field or the item of a thing that a path names last."""
        if isinstance(node, ast.Attribute):
            return self._field(one, node.attr)
        return self._item(one, node.slice.value if isinstance(node.slice, ast.Constant) else None)

    def _target(self) -> Any:
        """The target of the message, with what the state knows of it."""
        kref = self._words["object"]
        if type(kref) is str and self._store is not None and self._stored is not None:
            thing = self._stored.known_as(kref)
            self._words["object"] = _Target(kref, Lens(self._store).label(kref), thing)
        return self._words["object"]

    def _single(self, name: str) -> Meaning:
        """The one thing that a name means: a vat; else what a session calls so; else the object of a kref."""
        stored = self._stored
        if stored is None:
            return NONE
        if name not in self._known:
            vat = stored.vat(name)
            self._known[name] = NONE
            if vat is not None:
                self._known[name] = Meaning(Vat(vat.id, vat.name), vat.id)
            else:
                thing = stored.named(name) or (stored.known_as(name) if is_kref(name) else None)
                if thing is not None:
                    self._known[name] = Meaning(thing, thing.vat)
        return self._known[name]

    def knows(self, name: str) -> bool:
        """Whether a name means anything in the state."""
        if self._single(name) is not NONE:
            return True
        choice = self.choice((name,))
        return choice is not None and next(choice) is not NONE

    def _field(self, one: Meaning, field: str) -> Meaning:
        stored, place = self._stored, self.place(one)
        if stored is None or place is None:
            return NONE
        if isinstance(place, Vat):
            value = stored.value(place.id, BAGGAGE + field)
            if value is NOTHING:
                return NONE
            return Meaning(value, place.id, f"{one_line(place.name, 80)}.{one_line(field, 80)}")
        value = stored.field(place, field)
        if value is NOTHING:
            return NONE
        return Meaning(value, place.vat, f"{stored.called(place)}: {one_line(field, 80)}")

    def _item(self, one: Meaning, key: Any) -> Meaning:
        if isinstance(self.place(one), Vat | Object):  # a field whose name is no identifier
            return self._field(one, key) if type(key) is str else NONE
        if isinstance(one.value, dict) and type(key) in (str, int, bool) and key in one.value:
            return one._replace(value=one.value[key], place=f"{one.place}[{shown(key)}]")
        inside = isinstance(one.value, list | tuple) and not isinstance(one.value, Vat | Object)
        if inside and type(key) is int and 0 <= key < len(one.value):
            return one._replace(value=one.value[key], place=f"{one.place}[{key}]")
        return NONE

    def key(self, one: Meaning) -> Any:
        """What is compared of a value: for a reference, what it refers to, whichever vat names it."""
        return self._named(one.vat, one.value)

    def _named(self, vat: str, value: Any) -> Any:
        if type(value) is not Ref or self._stored is None:
            return value
        return self._stored.target(vat, value) or self._stored.known_to_all(vat, value.kref)

    def _compare(self, sign: ast.cmpop, left: Meaning, right: Meaning) -> bool:
        one, other = self.key(left), self.key(right)
        if one is NOTHING or other is NOTHING:
            return False
        if isinstance(one, _Target) or isinstance(other, _Target):
            target, thing = (one, other) if isinstance(one, _Target) else (other, one)
            same = target.is_same(thing)
            if isinstance(sign, ast.Eq | ast.Is):
                return same
            return isinstance(sign, ast.NotEq | ast.IsNot) and not same
        if isinstance(sign, ast.In | ast.NotIn) and type(other) in (list, tuple):
            other = [self._named(right.vat, item) for item in other]
        try:
            return bool(COMPARISONS[type(sign)](one, other))
        except (TypeError, ValueError, RecursionError, ArithmeticError):  # values without an order
            return False

    def place(self, one: Meaning) -> Vat | Object | None:
        """The vat or the durable object that a meaning is, or refers to; None for a plain value."""
        if isinstance(one.value, Vat | Object):
            return one.value
        return self._stored.target(one.vat, one.value) if self._stored is not None else None


def path_of(node: ast.expr) -> tuple[str, ...]:
    """The names of a path such as `bank.purse`; empty for another expression."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        inner = path_of(node.value)
        return (*inner, node.attr) if inner else ()
    return ()


def _paths(tree: ast.expr) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and (path := path_of(node)):
            yield path


def _or_nothing(found: Iterator[Meaning]) -> Iterator[Meaning]:
    first = next(found, NONE)
    yield first
    yield from found


def _is_true(value: Any) -> bool:
    if value is NOTHING:
        return False
    plain = isinstance(value, str | int | float | list | dict | tuple | set)
    return bool(value) if plain else value is not None


def _places(one: Meaning) -> tuple[str, ...]:
    if not one.place:
        return ()
    return (f"{one.place} {in_words(one.value)}" if not isinstance(one.value, Object | Vat) else one.place,)
