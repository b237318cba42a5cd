"""Chooses objects for the names of a predicate that mean several, so that it holds.

A name such as `purse` stands for one of all purses, the same one wherever it stands. With several such names
there are very many choices, so they are not simply tried one after the other. The predicate is split into
alternatives, and each of those into parts that all have to hold. Then

- parts that speak of different objects are looked at apart from each other,
- a part about one object leaves out the objects for which it does not hold,
- of objects with equal values in all other parts, one stands for all,
- of an object that only one comparison ties to others, the least and the greatest value are enough, or two
  different ones,
- equal values are looked up instead of searched.

What is left is tried in order. If there is still too much of it, the rest is not tried, and `Holds.cut` says
so. The order in which objects are tried depends on nothing but the state.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from swingset.time.looking.stored import NOTHING
from swingset.time.predicates.meanings import Holds, Meaning, Path, Walk

MOST_CHOICES = 1_000_000
"""How many objects are looked at for a name that means several."""

MOST_COMBINED = 20_000
"""How many choices of objects are tried for names that belong together, after all that can be left out."""

_MOST_ALTERNATIVES = 64
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)

Chosen = dict[Path, Meaning]


class Part(NamedTuple):
    """A part of a predicate that has to hold, or must not."""

    node: ast.expr
    negated: bool


def some(walk: Walk, tree: ast.expr) -> Holds:
    """Whether some choice of an object for each name that means several makes a tree hold."""
    cut = False
    for parts in alternatives(tree):
        found = _Choosing(walk, parts).found()
        if found.holds:
            return found
        cut = cut or found.cut
    return Holds(False, cut=cut)


def alternatives(tree: ast.expr, negated: bool = False) -> list[list[Part]]:
    """A tree as lists of parts: it holds where all parts of one list do."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return alternatives(tree.operand, not negated)
    if isinstance(tree, ast.Compare) and len(tree.ops) > 1 and not negated:
        operands = [tree.left, *tree.comparators]
        pairs = zip(operands, tree.ops, operands[1:], strict=False)
        return [[Part(ast.Compare(left, [sign], [right]), False) for left, sign, right in pairs]]
    if not isinstance(tree, ast.BoolOp):
        return [[Part(tree, negated)]]
    inner = [alternatives(part, negated) for part in tree.values]
    if isinstance(tree.op, ast.Or) is not negated:
        found = [parts for some_of in inner for parts in some_of]
        return found if len(found) <= _MOST_ALTERNATIVES else [[Part(tree, negated)]]
    joined: list[list[Part]] = [[]]
    for some_of in inner:
        joined = [[*before, *parts] for before in joined for parts in some_of]
        if len(joined) > _MOST_ALTERNATIVES:
            return [[Part(tree, negated)]]
    return joined


@dataclass
class _Tie:
    """A part that ties several objects, and its two sides where each speaks of at most one of them."""

    part: Part
    paths: frozenset[Path]
    sides: tuple[tuple[ast.expr, Path | None], ...] = ()

    @property
    def sign(self) -> type[ast.cmpop] | None:
        """How the sides are compared; None if they are not, or must not be so."""
        node = self.part.node
        return type(node.ops[0]) if self.sides and isinstance(node, ast.Compare) else None

    def side(self, path: Path) -> ast.expr:
        """The side that speaks of an object."""
        return next(node for node, about in self.sides if about == path)


@dataclass
class _Group:
    """Names that ties connect: the objects for each, and the ties."""

    objects: dict[Path, list[Meaning]]
    ties: list[_Tie] = field(default_factory=list)


class _Choosing:
    """The choice for one list of parts that all have to hold."""

    def __init__(self, walk: Walk, parts: Sequence[Part]) -> None:
        self._walk = walk
        self._parts = parts
        self._cut = False

    def found(self) -> Holds:
        """Whether there is a choice with which all parts hold, and the places that decided it."""
        paths = {part: frozenset(self._walk.several(part.node)) for part in self._parts}
        if not all(self._holds(part) for part in self._parts if not paths[part]):
            return Holds(False)
        chosen: Chosen = {}
        for group in self._groups(paths):
            some_of = self._of_group(group, paths)
            if some_of is None:
                return Holds(False, cut=self._cut)
            chosen |= some_of
        because: list[str] = []
        with self._walk.having(chosen):
            for part in self._parts:
                because += self._walk.test(part.node).because
        return Holds(True, tuple(dict.fromkeys(because)))

    def _holds(self, part: Part, chosen: Mapping[Path, Meaning] | None = None) -> bool:
        with self._walk.having(chosen or {}):
            return self._walk.test(part.node).holds is not part.negated

    def _groups(self, paths: Mapping[Part, frozenset[Path]]) -> list[frozenset[Path]]:
        """The names that parts connect, each group apart from the others."""
        groups: list[frozenset[Path]] = []
        for some_of in paths.values():
            touched = [group for group in groups if group & some_of]
            groups = [group for group in groups if not group & some_of]
            groups += [some_of.union(*touched)] if some_of else []
        return groups

    def _of_group(self, group: frozenset[Path], paths: Mapping[Part, frozenset[Path]]) -> Chosen | None:
        alone = {path: [part for part in self._parts if paths[part] == {path}] for path in group}
        if len(group) == 1:
            (path,) = group
            fit = next(self._fitting(path, alone[path]), None)
            return None if fit is None else {path: fit}
        made = _Group({path: list(self._fitting(path, alone[path])) for path in sorted(group)})
        made.ties = [self._tie(part, paths[part]) for part in self._parts if len(paths[part] & group) > 1]
        for path in made.objects:
            made.objects[path] = self._fewer(path, made)
        return self._try(made)

    def _fitting(self, path: Path, parts: Sequence[Part]) -> Iterator[Meaning]:
        """The objects that a name means for which these parts hold."""
        for count, thing in enumerate(self._walk.choice(path) or ()):
            if count == MOST_CHOICES:
                self._cut = True
                return
            if all(self._holds(part, {path: thing}) for part in parts):
                yield thing

    def _tie(self, part: Part, paths: frozenset[Path]) -> _Tie:
        node = part.node
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and not part.negated:
            sides = [(side, self._walk.several(side)) for side in (node.left, node.comparators[0])]
            if all(len(about) <= 1 for _, about in sides):
                return _Tie(part, paths, tuple((side, about[0] if about else None) for side, about in sides))
        return _Tie(part, paths)

    # Leaving out

    def _fewer(self, path: Path, group: _Group) -> list[Meaning]:
        """Those of the objects for a name that are enough."""
        ties, things = [tie for tie in group.ties if path in tie.paths], group.objects[path]
        if not all(tie.sides for tie in ties):
            return things
        values = [tuple(self._value(tie.side(path), path, thing) for tie in ties) for thing in things]
        kept: dict[Any, tuple[Meaning, Any]] = {}
        for thing, value in zip(things, values, strict=True):
            if not any(part is NOTHING for part in value):  # a comparison with nothing is false
                key = tuple((type(part), part) for part in value)
                kept.setdefault(key if _is_hashable(key) else len(kept), (thing, value[0]))
        found = list(kept.values())
        if len(ties) == 1 and ties[0].sign in _ORDERS:
            found = _extremes(found)
        elif len(ties) == 1 and ties[0].sign is ast.NotEq:
            found = [*islice(_unequal(found), 2)] or found
        return [thing for thing, _ in found]

    def _value(self, side: ast.expr, path: Path, thing: Meaning) -> Any:
        with self._walk.having({path: thing}):
            return self._walk.key(self._walk.meaning(side))

    # Trying

    def _try(self, group: _Group) -> Chosen | None:
        order, tries = self._order(group), 0
        tables: dict[tuple[Path, int], Callable[[Any], Iterable[Meaning]]] = {}
        for place, path in enumerate(order):
            for number, tie in enumerate(group.ties):
                if tie.sign is ast.Eq and path in tie.paths and tie.paths <= {*order[: place + 1]}:
                    tables[path, number] = self._table(path, tie, group)

        def extend(chosen: Chosen, place: int) -> Chosen | None:
            nonlocal tries
            if place == len(order):
                return chosen
            path = order[place]
            ready = [tie for tie in group.ties if path in tie.paths and tie.paths <= {*order[: place + 1]}]
            for thing in self._likely(path, group, tables, chosen):
                tries += 1
                if tries > MOST_COMBINED:
                    self._cut = True
                    return None
                further = {**chosen, path: thing}
                if all(self._holds(tie.part, further) for tie in ready):
                    found = extend(further, place + 1)
                    if found is not None or tries > MOST_COMBINED:
                        return found
            return None

        return extend({}, 0)

    def _order(self, group: _Group) -> list[Path]:
        """The names in the order in which objects are chosen: few objects first, then those tied to them."""
        left, order = sorted(group.objects, key=lambda path: (len(group.objects[path]), path)), list[Path]()
        while left:
            tied = [
                path for path in left if any(path in tie.paths and tie.paths & {*order} for tie in group.ties)
            ]
            order.append((tied or left)[0])
            left.remove(order[-1])
        return order

    def _table(self, path: Path, tie: _Tie, group: _Group) -> Callable[[Any], Iterable[Meaning]]:
        """Finds the objects for a name by their values on one side of a tie."""
        found: dict[Hashable, list[Meaning]] = {}
        loose: list[Meaning] = []
        for thing in group.objects[path]:
            value = self._value(tie.side(path), path, thing)
            (found.setdefault(value, []) if _is_hashable(value) else loose).append(thing)
        return lambda value: [*found.get(value, ()), *loose] if _is_hashable(value) else group.objects[path]

    def _likely(
        self,
        path: Path,
        group: _Group,
        tables: Mapping[tuple[Path, int], Callable[[Any], Iterable[Meaning]]],
        chosen: Chosen,
    ) -> Iterable[Meaning]:
        """The objects for a name that an equal value of those chosen before does not rule out."""
        for number, tie in enumerate(group.ties):
            if (path, number) in tables:
                other, about = next((side, about) for side, about in tie.sides if about != path)
                assert about is not None, "a tie speaks of two objects"
                return tables[path, number](self._value(other, about, chosen[about]))
        return group.objects[path]


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _extremes(found: Sequence[tuple[Meaning, Any]]) -> list[tuple[Meaning, Any]]:
    """The objects with the least and the greatest number and text; all with values of other sorts."""
    kept: list[tuple[Meaning, Any]] = []
    for sorts in ((int, float, bool), (str,)):
        of_sort = [item for item in found if type(item[1]) in sorts and item[1] == item[1]]  # not a NaN
        if of_sort:
            kept += [min(of_sort, key=lambda item: item[1]), max(of_sort, key=lambda item: item[1])]
    return [*kept, *(item for item in found if type(item[1]) not in (int, float, bool, str))]


def _unequal(found: Sequence[tuple[Meaning, Any]]) -> Iterator[tuple[Meaning, Any]]:
    """The first object, and the first with another value."""
    for item in found[:1]:
        yield item
        yield from (other for other in found if other[1] != item[1])


__all__ = ["MOST_CHOICES", "MOST_COMBINED", "some"]
