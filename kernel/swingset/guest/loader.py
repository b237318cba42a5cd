"""Running the source of a vat: its parts, in order, in one namespace.

A vat's code is a list of named parts, the cells that define kinds first and the vat's own cell last. They see
each other's names as the cells of a notebook do. Each is compiled under a file name of its own (`<bank:kind
Purse>`) so that every line of a traceback leads back to the cell it was written in.
"""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

from .collector import refuse_finalisers

if TYPE_CHECKING:
    from collections.abc import Callable


def run_parts(vat_name: str, parts: list[list[str]]) -> dict[str, Any]:
    """Execute the parts and return their namespace."""
    namespace: dict[str, Any] = {"__name__": vat_name, "__doc__": None}
    for part, source in parts:
        filename = f"<{vat_name}:{part}>"
        # So that tracebacks and debuggers can show the lines of a source that is in no file.
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        code = compile(source, filename, "exec", dont_inherit=True)
        refuse_finalisers(code)
        exec(code, namespace)
    return namespace


def call_builder(build: Callable[..., Any], offered: dict[str, Any], vat_name: str) -> Any:
    """Call `build_root_object` with those of the offered things that it names."""
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
