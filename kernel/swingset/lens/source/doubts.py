"""What reading a module cannot judge: the ways in which code reaches what its source does not name.

Code can run a text, import by a name that it computes, or take an object apart. It can also go from a module
that it may import to one that it may not: most modules of Python's hold others as attributes, and from any of
them it is a few steps to `sys` or `builtins`. So an attribute of an imported module that is a module itself
is a doubt, and so is an imported module that is handed on, after which no reading tells what is done with it.

Each doubt is a line and words. The list is not complete, and cannot be: a module without doubts is not proved
to be harmless. Where code that means well would often be doubted, as with a method that is called `select`,
only what belongs to an import counts.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_CALLS = frozenset({"exec", "eval", "compile", "__import__", "globals", "locals", "vars", "breakpoint"})
_OBJECTS = frozenset({"getattr", "setattr", "delattr"})
_MODULES = frozenset(
    {
        *("importlib", "builtins", "gc", "sys", "inspect", "ctypes", "types", "code", "codeop", "runpy"),
        *("pickle", "marshal", "imp", "pkgutil", "zipimport", "_frozen_importlib", "_imp", "_host", "site"),
        *("operator", "traceback", "weakref", "threading", "atexit", "subprocess", "os", "socket"),
        *("timeit", "pdb", "bdb", "doctest", "trace", "cProfile", "profile", "unittest", "shelve", "copyreg"),
    }
)
_KNOWN_DUNDERS = frozenset(
    {"__init__", "__name__", "__doc__", "__all__", "__post_init__", "__version__", "__exits__", "__slots__"}
)
_REACHING = frozenset(
    {
        *("__globals__", "__builtins__", "__subclasses__", "__class__", "__bases__", "__mro__", "__code__"),
        *("__dict__", "__closure__", "__getattribute__", "__loader__", "__spec__", "__self__", "__func__"),
        *("__reduce__", "__reduce_ex__", "__import__", "__base__", "f_globals", "f_locals", "f_builtins"),
        *("f_back", "gi_frame", "cr_frame", "tb_frame", "ag_frame", "__kind__", "_vat", "_vref"),
    }
)
_REACHING_ATTRIBUTES = frozenset(
    {
        *("builtins", "importlib", "sys", "os", "gc", "ctypes", "marshal", "pickle", "subprocess", "runpy"),
        *("pkgutil", "codeop", "_os", "_sys", "_getframe", "get_type_hints", "get_field", "attrgetter"),
        *("methodcaller", "resolve_name", "Formatter", "_evaluate", "ForwardRef"),
    }
)
"""Attributes that are doubted on whatever object: hardly any program of vats has them for itself."""

_STANDARD = sys.stdlib_module_names | {"builtins"}
_NO_MODULES = frozenset({"collections.abc", "datetime.time"})
"""What has the name of a module of Python's and is none, or is one that leads nowhere."""


class Doubt(NamedTuple):
    """Something that reading a module cannot judge: the line, and what it is."""

    line: int
    words: str


def doubts_of(nodes: Iterable[ast.AST], inside: Iterable[str]) -> list[Doubt]:
    """The doubts about a module, in the order of its lines.

    `nodes` are all of its syntax tree, and `inside` the first names of the modules of its graph, which are
    read for themselves.
    """
    nodes = list(nodes)
    modules, members = _imported(nodes, frozenset(inside))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    found = set(_of_chains(nodes, modules | members))
    for node in nodes:
        found.update(_doubts(node))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in _OBJECTS and id(node) not in called:
                found.add(
                    Doubt(node.lineno, f"`{node.id}` handed on: whom it takes apart is not written here")
                )
            elif node.id in modules and id(node) not in bases:
                found.add(
                    Doubt(
                        node.lineno,
                        f"the module `{node.id}` handed on: what is done with it is not written here",
                    )
                )
    return sorted(found)


def _imported(nodes: list[ast.AST], inside: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What imports from outside of the graph bind: modules, and what is taken from one, by their names."""
    modules, members = dict[str, str](), dict[str, str]()
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                if top not in inside:
                    modules[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if node.module.partition(".")[0] in inside:
                continue
            for alias in node.names:
                members[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return modules, members


def _of_chains(nodes: list[ast.AST], imported: dict[str, str]) -> Iterator[Doubt]:
    """The doubts about attributes that begin with an import, such as `json.codecs`.

    A tree is walked from its top, so backwards from its leaves, and each chain is followed once.
    """
    ends = dict[int, str]()  # the last two names of each chain
    for node in reversed(nodes):
        if isinstance(node, ast.Name) and node.id in imported:
            ends[id(node)] = imported[node.id]
        elif isinstance(node, ast.Attribute) and id(node.value) in ends:
            path = f"{ends[id(node.value)].rpartition('.')[2]}.{node.attr}"
            ends[id(node)] = path
            if _leads_on(path) and node.attr not in _REACHING | _REACHING_ATTRIBUTES:
                yield Doubt(node.lineno, f"`.{node.attr[:40]}` of an import: {_BEYOND}")


def _leads_on(path: str) -> bool:
    """Whether what a path from an import names is a module, or an inner thing of one."""
    before, _, name = path.rpartition(".")
    if path in _NO_MODULES or name == before.rpartition(".")[2]:  # such as datetime.datetime
        return False
    is_inner = name.startswith("_") and not name.startswith("__")
    return is_inner or name in _STANDARD or name in (_CALLS | _OBJECTS) - {"compile"}


_BEYOND = "it can reach what the source does not name"


def _doubts(node: ast.AST) -> Iterator[Doubt]:
    line = getattr(node, "lineno", 1)
    if isinstance(node, ast.Call):
        yield from _of_call(node, line)
    elif isinstance(node, ast.Name):
        if node.id in _CALLS or node.id in _REACHING:
            yield Doubt(line, f"`{node.id}`: {_BEYOND}")
        elif _is_odd_dunder(node.id):
            yield Doubt(line, f"`{node.id[:40]}`: a name of Python's own machinery")
    elif isinstance(node, ast.Attribute):
        yield from _of_attribute(node.attr, line)
    elif isinstance(node, ast.MatchClass):
        for name in node.kwd_attrs:
            yield from _of_attribute(name, line)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from _of_import(node, line)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in _REACHING:
        yield Doubt(line, f"the text {node.value!r}: {_BEYOND}")


def _of_attribute(name: str, line: int) -> Iterator[Doubt]:
    if name in _REACHING or name in _REACHING_ATTRIBUTES:
        yield Doubt(line, f"`.{name}`: {_BEYOND}")
    elif _is_odd_dunder(name):
        yield Doubt(line, f"`.{name[:40]}`: a name of Python's own machinery")


def _of_import(node: ast.Import | ast.ImportFrom, line: int) -> Iterator[Doubt]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for top in sorted({name.partition(".")[0] for name in names} & _MODULES):
        yield Doubt(line, f"`import {top}`: {_BEYOND}")
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name == "*":
                words = f"`from {node.module or '.'} import *`: which names it brings is not written here"
                yield Doubt(line, words)
            elif alias.name in _REACHING_ATTRIBUTES or (
                node.module and not node.level and _leads_on(f"{node.module}.{alias.name}")
            ):
                yield Doubt(line, f"`from {node.module or '.'} import {alias.name[:40]}`: {_BEYOND}")


def _of_call(node: ast.Call, line: int) -> Iterator[Doubt]:
    called = name_of(node.func)
    if called in _OBJECTS and isinstance(node.func, ast.Name):
        name = node.args[1] if len(node.args) > 1 else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield from _of_attribute(name.value, line)
        else:
            yield Doubt(line, f"`{called}` with a name that is computed")
    elif called == "import_module":
        name = node.args[0] if node.args else None
        if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
            yield Doubt(line, "an import by a name that is computed")
    elif called == "import_bundle":
        yield Doubt(line, "`import_bundle`: it runs code that is not in this graph")


def name_of(node: ast.AST) -> str:
    """The last name of an expression such as `importlib.import_module`; empty for another."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_odd_dunder(name: str) -> bool:
    is_dunder = name.startswith("__") and name.endswith("__")
    return is_dunder and name not in _KNOWN_DUNDERS and name not in _REACHING
