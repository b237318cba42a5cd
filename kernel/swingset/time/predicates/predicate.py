"""Predicates: what must be true of a crank, or of the state after it, in one line of text.

    purse.balance < 0
    vat == "bank" and method == "deposit" and rejection
    bank.accounts["alice"] >= 100 or not bank.open

The text is Python's grammar for expressions, of which a few forms are allowed. It is parsed, and the tree is
walked by `swingset.time.predicates.meanings`. Nothing is evaluated, called or looked up in Python objects: a
name means a word of a crank or a place in a vat's store, an attribute is a field of a durable object or an
entry of a baggage.

A path may mean several objects: `purse` and `bank.purse` mean every `Purse`. A predicate holds if it holds
for some choice of one of them, the same wherever the path stands, and says which (`Holds.because`). A
comparison with what is not there is false, and so is one of two values that have no order.
"""

from __future__ import annotations

import ast
from typing import Literal

from swingset.core.store import KernelStore
from swingset.model.capdata import is_well_formed
from swingset.model.foreign import shown
from swingset.model.visible import one_line
from swingset.time.looking.stored import Stored
from swingset.time.predicates.choosing import some
from swingset.time.predicates.meanings import (
    COMPARISONS,
    EVENT_WORDS,
    Happened,
    Holds,
    Walk,
    first_name,
    is_path,
)
from swingset.time.predicates.missing import missing
from swingset.time.predicates.misspelt import misspelt

LONGEST = 1_000
"""How many characters a predicate may have."""

DEEPEST = 50
"""How deep a predicate may nest."""


class BadPredicate(ValueError):
    """A text is no predicate; the message says which part of it is wrong, and what is allowed."""


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
        return some(Walk(store, crank or Happened()), self._tree)

    def may_hold(self, crank: Happened) -> bool:
        """Whether the parts that speak of a crank alone, joined by `and`, hold for it."""
        tree = self._tree
        parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
        walk = Walk(None, crank)
        return all(some(walk, part).holds for part in parts if _of_event(part))

    def unknown(self, store: KernelStore) -> tuple[str, ...]:
        """Those of its names that mean nothing in the current state."""
        walk = Walk(store, Happened())
        return tuple(name for name in self.names if not walk.knows(name))

    def missing(self, store: KernelStore) -> tuple[str, ...]:
        """What it asks of things that have no such part in the current state, each in one sentence.

        So are texts that it compares, and that nothing has, if they are nearly what something has.
        """
        walk = Walk(store, Happened())
        return missing(walk, Stored(store), self._tree) + misspelt(walk, store, self._tree)


_ALLOWED = (
    "a predicate compares fields of objects, such as purse.balance < 0, or words of a crank ("
    + ", ".join(EVENT_WORDS)
    + '), such as method == "deposit", with and, or and not'
)
_FORMS = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare),
    *(ast.Name, ast.Load, ast.Attribute, ast.Subscript, ast.Constant, *COMPARISONS),
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
    elif isinstance(node, ast.Attribute | ast.Subscript) and not is_path(node.value):
        words = "a field belongs to a name, as in purse.balance"
    elif isinstance(node, ast.Attribute | ast.Subscript) and first_name(node) in EVENT_WORDS:
        words = f"{first_name(node)} has no fields: it is a word of a crank"
    if words:
        raise BadPredicate(f"{one_line(text, 80)!r} is no predicate: {words}; {_ALLOWED}")


def _of_event(part: ast.expr) -> bool:
    """Whether a part speaks of a crank alone, and of no object, which only a state knows."""
    names = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
    return names <= set(EVENT_WORDS) - {"object"}


__all__ = ["EVENT_WORDS", "BadPredicate", "Happened", "Holds", "Predicate"]
