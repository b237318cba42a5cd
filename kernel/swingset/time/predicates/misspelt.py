"""Which texts of a predicate nothing is equal to, so that a misspelt one is told from one that does not hold.

A comparison with a text that nothing has is false, whether the moment is yet to come or the text has a slip.
So the texts that a predicate compares are held against what there is: the names of vats, the kinds of events,
the outcomes, the methods in the source of vats, and the values that a path has now. Where the words are
closed, as those for events are, any other text is told. Where a later text may be right, as an owner may come
whom nobody has, only one that is nearly like another is told. It is a remark beside the answer.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, get_args

from swingset.core.store import KernelStore
from swingset.lens.source.outlines import outline
from swingset.model.states import CrankOutcome
from swingset.model.visible import one_line
from swingset.time.looking.stored import in_words
from swingset.time.predicates.meanings import EVENTS, NONE, Meaning, Walk, is_path, path_of

MOST_VALUES = 1_000
"""How many values of a path are looked at."""

_MOST_VATS = 100
_MOST_LISTED = 12
_MOST_SAID = 5
_LONGEST = 100  # characters of a text that is compared with others
_NEAR = 0.6


class Compared(NamedTuple):
    """A path that a predicate compares with a text."""

    path: ast.expr
    text: str


def misspelt(walk: Walk, store: KernelStore, tree: ast.expr) -> tuple[str, ...]:
    """What a predicate compares and nothing is: `no vat is called 'bnk': did you mean 'bank'?`."""
    said = (_said(walk, store, compared) for compared in _compared(tree))
    return tuple(dict.fromkeys(words for words in said if words))[:_MOST_SAID]


def _compared(tree: ast.expr) -> Iterator[Compared]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for sign, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if not isinstance(sign, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                continue
            for one, other in ((left, right), (right, left)):
                if is_path(one) and isinstance(other, ast.Constant) and isinstance(other.value, str):
                    yield Compared(one, other.value)


def _said(walk: Walk, store: KernelStore, compared: Compared) -> str:
    path, text = compared
    match path.id if isinstance(path, ast.Name) else "":
        case "vat":
            return _closed("vat is called", text, [vat.name for vat in store.vats.all()])
        case "event":
            return _closed("event is called", text, list(EVENTS.values()))
        case "outcome":
            return _closed("outcome is called", text, list(get_args(CrankOutcome)))
        case "method":
            return _near("method of these vats is called", text, _methods(store))
        case "object" | "rejection":
            return ""
    return _near(f"{one_line(ast.unparse(path), 80)} is", text, _values(walk, path))


def _closed(what: str, text: str, known: list[str]) -> str:
    if text in known:
        return ""
    listed = [in_words(name) for name in known[:_MOST_LISTED]]
    more = ["…"] if len(known) > len(listed) else []
    return _near(what, text, known) or f"no {what} {in_words(text)}: there are {', '.join(listed + more)}"


def _near(what: str, text: str, known: Iterable[str]) -> str:
    short = {name for name in known if len(name) <= _LONGEST}
    if text in short or len(text) > _LONGEST:
        return ""
    near = difflib.get_close_matches(text, sorted(short), 1, _NEAR)
    return f"no {what} {in_words(text)}: did you mean {in_words(near[0])}?" if near else ""


def _methods(store: KernelStore) -> Iterator[str]:
    """The methods in the source of the vats that live."""
    for vat in islice(store.vats.all(), _MOST_VATS):
        if vat.bundle:
            for cls in outline(store.world.bundles.get(vat.bundle)).classes.values():
                yield from (method.name for method in cls.methods)


def _values(walk: Walk, path: ast.expr) -> Iterator[str]:
    """The texts that a path has now."""
    for one in islice(_meanings(walk, path), MOST_VALUES):
        if isinstance(one.value, str):
            yield one.value


def _meanings(walk: Walk, node: ast.expr) -> Iterator[Meaning]:
    names = path_of(node) if is_path(node) else ()
    choice = walk.choice(names) if names else None
    if choice is not None:
        yield from (one for one in choice if one is not NONE)
    elif isinstance(node, ast.Name):
        yield walk.meaning(node)
    elif isinstance(node, ast.Attribute | ast.Subscript):
        for one in _meanings(walk, node.value):
            if one.value is not None and one is not NONE:
                yield walk.part(one, node)


__all__ = ["MOST_VALUES", "misspelt"]
