"""Makes one graph of modules of the modules that a session has defined: what a modulecap stands for.

The graph is closed: it has the source of each module that its own module imports, and of what those import.
It declares all other imports as its exits. So its hash names exactly what will run, whatever is defined
later.

Exits that lead to Python's own modules, and to what vat authors import from this library, are found by
reading. Other exits are for the importer to fill, and have to be named: a misspelt import is no exit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from swingset.core.errors import KernelError
from swingset.host.base.starting import Parts
from swingset.host.code.modules import Modules, StrangeModules
from swingset.lens.source.graphs import graph_of
from swingset.model.modules import EXITS, by_module, exits_source
from swingset.model.wording import named


def closed_graph(modules: Modules, module: str, exits: Iterable[str] = ()) -> Parts:
    """The parts of the graph of a module: what it imports, the declaration of its exits, and its own source.

    Raises `KernelError` for a module that is not defined, or that is a package, and for imports that lead
    nowhere; `StrangeModules` for one that this session has neither defined nor accepted.
    """
    row = next((row for row in modules if row.name == module and row.parts), None)
    if row is None:
        known = named(row.name for row in modules if row.parts)
        raise KernelError(f"no module {module!r} is defined in this world; there are: {known}")
    if module in modules.strange():
        words = (
            f"module {module} was found in the file: look at the source, then define it again or `keep` it"
        )
        raise StrangeModules(module, (module,), words)
    if len(row.parts) > 1:
        raise KernelError(f"{module} is a package, which has no code of its own to start with: name a module")
    parts = modules.completed(module, ((module, row.parts[0][1]),))
    if module in by_module(parts):
        raise KernelError(
            f"the modules that {module} imports import {module} again: give them a module in common"
        )
    declared = set(exits)
    found = graph_of(parts)
    nowhere = [name for name in found.exits if name not in declared and not is_builtin(name)]
    if nowhere:
        raise KernelError(
            f"module {module} or one that it imports imports {named(nowhere)}, which is neither a module of"
            f" this world nor of Python: define it, or declare that the importer fills it, exits={nowhere}"
        )
    if unused := sorted(declared - set(found.exits)):
        raise KernelError(f"module {module} does not import {named(unused)}: leave it out of its exits")
    return (*parts[:-1], (EXITS, exits_source(found.exits)), parts[-1])


def is_builtin(name: str) -> bool:
    """Whether an import leads to Python's own modules, or to what vat authors import from this library."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or name == "swingset.vat" or name.startswith("swingset.vat.")
