"""Runs the source of a vat: its parts, in order, in one namespace.

A vat's code is a list of named parts: the modules that it imports, the cells that define kinds, and last
the vat's own cell. The cells share their names, like those of a notebook; each module has its own names
(`modules`). Each part is compiled under a file name of its own (`<bank:kind Purse>`), so that every line of a
traceback shows the cell that it was written in.

Since 3.14 Python evaluates annotations late, so a class may mention one that is defined below it. On an older
host, vats in its interpreter are compiled with annotations as text, which are evaluated late too, so the same
source does the same on both. Text is evaluated with the names of the module only. So a part with annotations
inside of functions, which may mention local names, is compiled without this.

Dataclasses evaluate annotations that are text in `sys.modules[cls.__module__]`. So while the parts run, the
vat's namespace is in `sys.modules` under the vat's name, unless a real module has that name; and so is a
module's while that runs.
"""

from __future__ import annotations
import __future__

import linecache
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from swingset.wire.parts import module_of

from .base.collector import refuse_finalisers
from .modules import Modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType


def run_parts(
    vat_name: str, parts: list[list[str]], name: str | None = None, filled: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Execute the parts and return their namespace; raises what they raise, and TypeError for `__del__`.

    A bundle that a vat imports has a `name` of its own, which is that of its namespace and part of those of
    its parts; and its exits may be `filled`.
    """
    namespace: dict[str, Any] = {"__name__": name or vat_name, "__doc__": None}
    within = "" if name is None else f"{name} "

    def run_module(part: str, source: str, module: ModuleType) -> None:
        with _as_module(module.__name__, vars(module)):
            _run(vat_name, within + part, source, vars(module))

    Modules(vat_name, parts, run_module, filled).fit_out(namespace)
    with _as_module(name or vat_name, namespace):
        for part, source in parts:
            if module_of(part) is None:
                _run(vat_name, within + part, source, namespace)
    return namespace


def _run(vat_name: str, part: str, source: str, namespace: dict[str, Any]) -> None:
    filename = f"<{vat_name}:{part}>"
    # Lets tracebacks and debuggers show the lines of a source that is in no file.
    linecache.cache[filename] = (len(source), None, _lines_of(source), filename)
    code = compile(source, filename, "exec", flags=_flags(source), dont_inherit=True)
    refuse_finalisers(code)
    exec(code, namespace)


def _lines_of(source: str) -> list[str]:
    """The lines of a source with their line ends, as the compiler counts them."""
    plain = source.replace("\r\n", "\n").replace("\r", "\n")
    return [f"{line}\n" for line in plain.split("\n")]


def _flags(source: str) -> int:
    if sys.version_info >= (3, 14):
        return 0
    import ast  # large, and of no use in the engine

    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return 0  # compile reports it
    sorts = (ast.FunctionDef, ast.AsyncFunctionDef)
    waiting = [(node, False) for node in tree.body]
    while waiting:
        node, inside = waiting.pop()  # a statement, and whether it is inside of a function
        if inside and isinstance(node, ast.ClassDef):
            return 0
        if inside and isinstance(node, sorts):
            notes = [
                node.returns,
                *(arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg)),
            ]
            if any(notes):
                return 0
        inside = inside or isinstance(node, sorts)
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += [(child, inside) for child in getattr(node, part, ())]
    return __future__.annotations.compiler_flag


class _Module:
    """The entry of `sys.modules` for a vat whose parts are running."""


@contextmanager
def _as_module(name: str, namespace: dict[str, Any]) -> Iterator[None]:
    if is_module(name):
        yield
        return
    module: Any = _Module()
    module.__dict__ = namespace
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]


def is_module(name: str) -> bool:
    """Whether this interpreter has a module of that name, which is not imported for that."""
    if name in sys.modules or "." in name:  # looking for a.b would import a
        return name in sys.modules
    try:
        return find_spec(name) is not None
    except ValueError:
        return False


def call_builder(build: Callable[..., Any], offered: dict[str, Any], vat_name: str) -> Any:
    """Call `build_root_object` with the offered arguments that it names; raises TypeError for other names."""
    code = getattr(build, "__code__", None)
    if code is None:
        raise TypeError(f"build_root_object of vat {vat_name} must be a function")
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    optional = dict.fromkeys(named[code.co_argcount - len(build.__defaults__ or ()) : code.co_argcount])
    optional.update(build.__kwdefaults__ or {})
    unknown = [name for name in named if name not in offered and name not in optional]
    if unknown:
        raise TypeError(
            f"build_root_object of vat {vat_name} asks for {', '.join(unknown)}; "
            f"it can have {', '.join(offered)}"
        )
    return build(**{name: value for name, value in offered.items() if name in named})
