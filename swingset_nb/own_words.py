"""Puts the user's own names into advice: `await E(purse).deposit(amount)`, and not `await E(x).method(...)`.

Advice is written for every user, so it speaks of x and of a method. The error of a cell has the frame of the
cell, and the compiled code knows which expression of the line it was at. What stands in `E(...)` there, and
the message that was sent, take the place of the words. Where the line says nothing, the words stay as they
are. Nothing is evaluated: a name is looked up, and an object is described from the world's records.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import NamedTuple

from swingset.host.sessions.people import MOST_SPELLED, expression, parsed, proxied
from swingset.lens.present.described import Described

_MESSAGE, _TARGET, _VALUE = "E(x).method(...)", "E(x)", "x."


class Said(NamedTuple):
    """What the expression of a line says: the message that it sends, and to what; each may be missing."""

    message: str | None
    target: str | None


class OwnWords:
    """Puts the names of one notebook into advice.

    `number` returns the number of the cell that has a file name, None for other files, and `describe` what
    the reference at a path stands for.
    """

    def __init__(
        self, number: Callable[[str], int | None], describe: Callable[[str], Described | None]
    ) -> None:
        self._number = number
        self._describe = describe

    def put(self, error: BaseException, hints: Iterable[str]) -> list[str]:
        """The hints about an error, with the user's names."""
        told = list(hints)
        if not any("x" in hint for hint in told):
            return told
        said = self._said(error)
        if said.target is None:
            return told
        message = said.message or f"E({said.target}).{self._example(said.target)}"
        return [
            hint.replace(_MESSAGE, message).replace(_TARGET, f"E({said.target})")
            if _MESSAGE in hint
            else hint.replace(f" {_VALUE}", f" {said.target}.")
            if said.target.isidentifier()
            else hint
            for hint in told
        ]

    def _example(self, path: str) -> str:
        found = self._describe(path)
        return found.example() if found is not None and found.methods else "method(...)"

    def _said(self, error: BaseException) -> Said:
        for line in self._lines(error.__traceback__):
            tree = parsed(line)
            if tree is not None:
                return said_in(tree)
        return Said(None, None)

    def _lines(self, tb: TracebackType | None) -> Iterator[str]:
        """The expression that the cell was at."""
        found = None
        while tb is not None:
            if self._number(tb.tb_frame.f_code.co_filename) is not None:
                found = expression(tb.tb_frame.f_code, tb.tb_lasti) or found
            tb = tb.tb_next
        if found is not None:
            yield found


def said_in(tree: ast.AST) -> Said:
    """What a line says: the innermost message that it sends, or the name that it awaits or calls."""
    message = target = None
    for node in ast.walk(tree):
        inner = proxied(node)
        if inner is not None:
            target = ast.unparse(inner)
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and proxied(called.value) is not None:
            message = message if called.attr.startswith("_") else ast.unparse(node)
    if target is None:
        operand: ast.AST = tree.value if isinstance(tree, ast.Await) else tree
        operand = operand.func if isinstance(operand, ast.Call) else operand
        target = ast.unparse(operand) if isinstance(operand, ast.Name | ast.Subscript) else "E"
        target = None if target == "E" else target
    short = [text if text is not None and len(text) <= MOST_SPELLED else None for text in (message, target)]
    return Said(*short)
