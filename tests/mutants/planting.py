"""Where a fault can be planted in a source, and what it looks like.

A fault is a small change of the text: another comparison, a number that is one off, a statement that is left
out. Each is a slip that somebody could make, and a test should notice. Words are left alone: messages,
annotations and docstrings may be changed by anybody.

A fault has a key that does not know on which line it stands, so that a sample stays the same while the source
around it is edited.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: (r"\|", "&"),
    ast.BitXor: (r"\^", "&"),
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}

Span = tuple[int, int]
"""Two offsets into a source."""


@dataclass(frozen=True)
class Fault:
    """One change of one source: `start` to `end` become `new`."""

    module: str
    line: int
    start: int
    end: int
    old: str
    new: str
    scope: str
    """The function or class around it; empty for the module."""
    near: tuple[int, int]
    """The first and last line of which one is executed by whoever executes the place."""
    names: tuple[str, ...]
    """What whoever is concerned says, where the place itself is executed by the import alone."""
    key: str = ""

    def applied(self, source: bytes) -> bytes:
        """The source with the fault in it."""
        return source[: self.start] + self.new.encode() + source[self.end :]

    def lines(self, source: bytes) -> tuple[str, str]:
        """The line where it begins, before and after."""
        before = source.decode().splitlines()[self.line - 1].strip()
        after = self.applied(source).decode().splitlines()[self.line - 1].strip()
        return before, after


class Planter:
    """Finds all faults that fit one source."""

    def __init__(self, module: str, source: bytes) -> None:
        self._module = module
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._tree = ast.parse(source)

    def faults(self) -> list[Fault]:
        """The faults in the order of the text."""
        found = sorted(self._block(self._tree.body, _Place("", None, ())), key=lambda f: (f.start, f.new))
        times: Counter[str] = Counter()
        keyed = []
        for fault in found:
            said = f"{self._module} {fault.scope} {' '.join(fault.old.split())} {fault.new}"
            times[said] += 1
            key = hashlib.sha256(f"{said} {times[said]}".encode()).hexdigest()
            keyed.append(Fault(**{**fault.__dict__, "key": key}))
        return keyed

    # Statements

    def _block(self, body: list[ast.stmt], place: _Place) -> Iterator[Fault]:
        for statement in body:
            yield from self._statement(statement, place)

    def _statement(self, node: ast.stmt, place: _Place) -> Iterator[Fault]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = place.inside(node, in_function=True)
            header = place.beside(node)
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    yield from self._expression(default, header)
            yield from self._block(node.body, inner)
            return
        if isinstance(node, ast.ClassDef):
            yield from self._block(node.body, place.inside(node, in_function=False))
            return
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert | ast.Global | ast.Nonlocal):
            return
        if isinstance(node, ast.If) and _says(node.test, "TYPE_CHECKING"):
            return
        if isinstance(node, ast.If) and ast.unparse(node.test) == "sys.platform == 'win32'":
            yield from self._block(node.orelse, place)  # what another system runs, no test can notice here
            return
        here = place.at(node)
        yield from self._left_out(node, here)
        if isinstance(node, ast.Raise):
            return  # what it says are words
        if isinstance(node, ast.If | ast.While):
            yield from self._condition(node.test, here)
        if isinstance(node, ast.AugAssign):
            yield from self._between(node.target, node.value, ARITHMETIC.get(type(node.op)), here, "=")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from self._statement(child, place)
            elif isinstance(child, ast.ExceptHandler):
                yield from self._block(child.body, place)
            elif isinstance(child, ast.match_case):
                if child.guard is not None:
                    yield from self._condition(child.guard, here)
                    yield from self._expression(child.guard, here)
                yield from self._block(child.body, place)
            elif isinstance(child, ast.withitem):
                yield from self._expression(child.context_expr, here)
            elif isinstance(child, ast.expr) and child is not getattr(node, "annotation", None):
                yield from self._expression(child, here)

    def _left_out(self, node: ast.stmt, place: _Place) -> Iterator[Fault]:
        """A statement that does something and is not there."""
        match node:
            case ast.Expr(value=ast.Call() | ast.Await()) | ast.Delete() | ast.Raise():
                yield self._fault(node, "pass", place)
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
                yield self._fault(node, "pass", place)
            case ast.Continue():
                yield self._fault(node, "break", place)
            case ast.Break():
                yield self._fault(node, "continue", place)

    # Expressions

    def _condition(self, node: ast.expr, place: _Place) -> Iterator[Fault]:
        """A condition the other way round, where nothing smaller can be turned in it."""
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr | ast.Subscript):
            start, end = self._span(node)
            text = self._source[start:end].decode()
            yield self._fault((start, end), f"(not ({text}))", place)

    def _expression(self, node: ast.AST, place: _Place) -> Iterator[Fault]:
        match node:
            case ast.JoinedStr():
                return
            case ast.Call(func=ast.Name(id="cast" | "TypeVar")):
                return
            case ast.Compare():
                operands = [node.left, *node.comparators]
                for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
                    yield from self._between(left, right, COMPARISONS[type(operator)], place)
            case ast.BoolOp():
                one = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from self._between(left, right, one, place)
                for value in node.values:
                    yield from self._condition(value, place)
            case ast.UnaryOp(op=ast.Not()):
                start, _ = self._span(node)
                yield self._fault((start, start + len("not")), "", place)
            case ast.BinOp() if not _is_text(node.left) and not _is_text(node.right) and not _are_types(node):
                yield from self._between(node.left, node.right, ARITHMETIC.get(type(node.op)), place)
            case ast.IfExp():
                yield from self._condition(node.test, place)
            case ast.Constant(value=bool()):
                yield self._fault(node, str(not node.value), place)
            case ast.Constant(value=int()):
                yield self._fault(node, str(node.value + 1), place)
            case ast.Call(func=ast.Name(id=name)) if name in NAMES:
                yield self._fault(node.func, NAMES[name], place)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.comprehension):
                for condition in child.ifs:
                    yield from self._condition(condition, place)
                    yield from self._expression(condition, place)
                yield from self._expression(child.iter, place)
            elif isinstance(child, ast.keyword):
                if child.arg != "strict":  # of `zip`, which says what is so
                    yield from self._expression(child.value, place)
            elif isinstance(child, ast.expr):
                yield from self._expression(child, place)

    # Text

    def _between(
        self, left: ast.AST, right: ast.AST, change: tuple[str, str] | None, place: _Place, after: str = ""
    ) -> Iterator[Fault]:
        if change is None:
            return
        start, end = self._span(left)[1], self._span(right)[0]
        old, new = change
        word = re.compile(rf"(?<![\w<>=]){old}{after}(?![\w<>])" if old[0].isalpha() else old + after)
        found = word.search(self._source[start:end].decode())
        if found is not None:
            yield self._fault((start + found.start(), start + found.end()), new + after, place)

    def _span(self, node: Any) -> Span:
        begin = self._starts[node.lineno - 1] + node.col_offset
        return begin, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _fault(self, where: Any, new: str, place: _Place) -> Fault:
        start, end = where if isinstance(where, tuple) else self._span(where)
        old = self._source[start:end].decode()
        line = self._source.count(b"\n", 0, start) + 1
        near = place.near or (line, line)
        return Fault(self._module, line, start, end, old, new, place.scope, near, place.names)


@dataclass(frozen=True)
class _Place:
    """What is around a fault."""

    scope: str
    near: tuple[int, int] | None
    names: tuple[str, ...]
    in_function: bool = False

    def inside(self, node: Any, *, in_function: bool) -> _Place:
        scope = f"{self.scope}.{node.name}".strip(".")
        lines = (node.body[0].lineno, node.end_lineno)
        return _Place(scope, None if in_function else lines, (node.name,), in_function)

    def beside(self, node: Any) -> _Place:
        """The header of a function: what is executed is its body."""
        scope = f"{self.scope}.{node.name}".strip(".")
        return _Place(scope, (node.body[0].lineno, node.end_lineno), ())

    def at(self, node: ast.stmt) -> _Place:
        """A statement."""
        if self.in_function:
            last = node.end_lineno or node.lineno
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            if body:
                last = max(node.lineno, _first_line(body[0]) - 1)
            return _Place(self.scope, (node.lineno, last), (), True)
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        names = tuple(target.id for target in targets if isinstance(target, ast.Name))
        return _Place(self.scope, self.near, (*self.names, *names))


def _first_line(node: Any) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno


def _says(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _are_types(node: ast.BinOp) -> bool:
    """Whether it is a union of types, as `isinstance` takes one."""
    if not isinstance(node.op, ast.BitOr):
        return False
    return all(
        (isinstance(side, ast.Constant) and side.value is None)
        or (isinstance(side, ast.BinOp) and _are_types(side))
        or ast.unparse(side).rpartition(".")[2].lstrip("_")[:1].isupper()
        or ast.unparse(side).partition("[")[0] in BUILTIN
        for side in (node.left, node.right)
    )


BUILTIN = frozenset({"str", "int", "bool", "float", "bytes", "list", "dict", "tuple", "set", "frozenset"})
