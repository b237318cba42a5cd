"""Completion of `import` in the cells of vats: what the vat can import, and not what the notebook can.

A confined vat has the standard library of its engine, the modules of its world, and `swingset.vat`. IPython
would offer what the host has installed, and the vat would then fail to import it. Inside a module that both
have, such as `from collections import`, IPython's own answers are right and stay.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from swingset.host.base.engines import CONFINING, KINDS
from swingset.lens.source.outlines import MOST_SOURCE
from swingset.model.modules import Parts, module_of
from swingset.workers.importable import PACKAGES, STANDARD

if TYPE_CHECKING:
    from swingset_nb.open_world import OpenWorld

_CELL = re.compile(r"%%(?:vat|kind|module)\b[ \t]*(?P<rest>[^\n]*)")
_MODULE = re.compile(r"\s*(?:import\s+(?:[\w.]+(?:\s+as\s+\w+)?\s*,\s*)*|from\s+)(?P<typed>[\w.]*)\Z")
_NAME = re.compile(
    r"\s*from\s+(?P<module>[\w.]+)\s+import\s+\(?(?:\w+(?:\s+as\s+\w+)?\s*,\s*)*(?P<typed>\w*)\Z"
)
_OPTION = re.compile(r"--(?:worker|vat)[ =](\S+)")


def offered(world: OpenWorld, text: str, before: str) -> tuple[str, list[str]] | None:
    """What is typed of a name in an `import`, and the names it may become; None if IPython knows better.

    `text` is the whole cell, `before` its current line up to the cursor.
    """
    cell = _CELL.match(text)
    if cell is None:
        return None
    defined = {row.name: row.parts for row in world.session.modules}
    if (found := _NAME.match(before)) is not None:
        name = found["module"]
        parts = defined.get(name.partition(".")[0])
        return None if parts is None else (found["typed"], _names_in(parts, name))
    found = _MODULE.match(before)
    if found is None or _worker(world, cell["rest"]) not in CONFINING:
        return None
    typed = found["typed"]
    top, dot, _ = typed.partition(".")
    if not dot:
        packages = PACKAGES[_worker(world, cell["rest"])]
        return typed, sorted({*STANDARD, *defined, "swingset", *packages})
    return (typed, sorted(_modules_of(defined[top]))) if top in defined else None


def _worker(world: OpenWorld, line: str) -> str:
    """The kind of worker that the vat of a cell runs in, or will."""
    workers: dict[str, str] = {kind: kind for kind in KINDS}
    workers |= {vat.name: vat.worker for vat in world.controller.vats}
    named = [*_OPTION.findall(line), line.partition(" ")[0]]
    return next((workers[name] for name in named if name in workers), world.controller.default_worker)


def _modules_of(parts: Parts) -> list[str]:
    return [name for part, _ in parts if (name := module_of(part)) is not None]


def _names_in(parts: Parts, module: str) -> list[str]:
    """The names that a module of the world defines, and the modules below it."""
    found = {name.removeprefix(f"{module}.").partition(".")[0] for name in _modules_of(parts)}
    for part, source in parts:
        if module_of(part) == module:
            found |= _defined_in(source)
    return sorted(name for name in found - {module} if not name.startswith("_"))


def _defined_in(source: str) -> set[str]:
    if len(source) > MOST_SOURCE:
        return set()
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            stored = (inner for inner in ast.walk(node) if isinstance(inner, ast.Name))
            names |= {inner.id for inner in stored if isinstance(inner.ctx, ast.Store)}
    return names - {"*"}
