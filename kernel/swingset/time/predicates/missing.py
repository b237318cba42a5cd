"""Which fields of a predicate there are not, so that a misspelt one is told from one that does not hold.

A comparison with what is not there is false. That is right for a purse that is yet to come, and it makes a
wrong answer of a slip of the pen. So each path of a predicate is followed through the state as it is: where
none of the things that the front of a path means has the part that follows, that is said, with the parts
that there are. It is a remark beside the answer, which stays as it is: a baggage may get the entry later.

Nothing is said of what is None, and nothing of what a front that means nothing has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from swingset.model.visible import one_line
from swingset.time.looking.stored import Object, Stored, in_words
from swingset.time.predicates.meanings import NONE, Meaning, Vat, Walk, path_of

MOST_THINGS = 1_000
"""How many of the objects that a path means are looked at."""

_MOST_NAMES = 12
_MOST_SAID = 5


def missing(walk: Walk, stored: Stored, tree: ast.expr) -> tuple[str, ...]:
    """What a predicate asks for and nothing has: `Item has no m: it has n, tags`."""
    said: list[str] = []
    _follow(walk, stored, tree, said)
    return tuple(dict.fromkeys(said))[:_MOST_SAID]


def _follow(walk: Walk, stored: Stored, node: ast.expr, said: list[str]) -> list[Meaning]:
    """What a path means, as far as it was looked at; the parts that are missing are added to `said`."""
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                _follow(walk, stored, child, said)
        return []
    path = path_of(node)
    choice = walk.choice(path) if path else None
    if choice is not None:
        found = [one for one in islice(choice, MOST_THINGS) if one is not NONE]
        if found or isinstance(node, ast.Name) or _is_kind(stored, path):
            return found
    if isinstance(node, ast.Name):
        one = walk.meaning(node)
        return [] if one is NONE else [one]
    bases = [one for one in _follow(walk, stored, node.value, said) if one.value is not None]
    found = [part for one in bases if (part := walk.part(one, node)) is not NONE]
    if bases and not found:
        said.append(_said(walk, stored, node, bases))
    return found


def _is_kind(stored: Stored, path: tuple[str, ...]) -> bool:
    """Whether a path names a durable kind of a vat, of which there may be no instances."""
    vat = stored.vat(path[0])
    return vat is not None and path[-1].lower() in {tag.lower() for tag in stored.tags(vat.id).values()}


def _said(walk: Walk, stored: Stored, node: ast.Attribute | ast.Subscript, bases: list[Meaning]) -> str:
    """The sentence for a part that none of these things has."""
    front, base = one_line(ast.unparse(node.value), 80), bases[0]
    if isinstance(node, ast.Attribute):
        part = one_line(node.attr, 80)
    else:
        part = in_words(node.slice.value) if isinstance(node.slice, ast.Constant) else "that"
    place = walk.place(base)
    if place is None and isinstance(base.value, list | tuple):
        count = len(base.value)
        return f"{front} has {count:,} {'item' if count == 1 else 'items'}, and no {part}"
    if place is None and not isinstance(base.value, dict):
        return f"{front} is {in_words(base.value)}: it has no {part}, and no fields at all"
    if place is None and part in base.value:
        return f"{front} has no field {part}: the item is {front}[{in_words(part)}]"
    if isinstance(place, Vat):
        who, names = one_line(place.name, 80), stored.entries(place.id)
    elif isinstance(place, Object):
        only = len(bases) == 1 or len(bases) == MOST_THINGS
        who = stored.called(place) if only else one_line(stored.kind(place), 80)
        names = iter(stored.fields(place))
    else:
        who, names = front, (in_words(key) for key in base.value)
    return f"{who} has no {part}: it has {_listed(names)}"


def _listed(names: Iterator[str]) -> str:
    some = [one_line(name, 40) for name in islice(names, _MOST_NAMES + 1)]
    more = ["…"] if len(some) > _MOST_NAMES else []
    return ", ".join(some[:_MOST_NAMES] + more) or "nothing"


__all__ = ["MOST_THINGS", "missing"]
