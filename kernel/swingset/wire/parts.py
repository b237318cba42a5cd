"""How the parts of a vat's code are named, for the host that puts them together and the guest that runs them.

A vat's code is a list of parts, each a name and a source: the modules that its cells import, the cells that
define kinds, and last the vat's own cell, which has the vat's name. A part whose name begins with `module `
is a module. The rest of the name is what an import calls it, with dots for a module in a package; the module
of a package itself ends in `.__init__`, as its file does. A last part whose name begins with `raw `
makes the vat a raw one, which only vats of the project are.

A part named `exits` declares the exits of a module graph: what its modules import and no part of it is. Its
source is a statement that is harmless where it runs, `__exits__ = ["json", "swingset.vat"]`. So the
declaration is part of the code, and of its hash.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE = "module "
"""How the name of a part that is a module begins."""

INIT = ".__init__"
"""How the name of a package's own module ends."""

EXITS = "exits"
"""The name of the part that declares the exits of a module graph."""

_EXITS_ARE = "__exits__ = "

RAW = "raw "
"""How the name of the last part of a raw vat begins: a vat of the project, without liveslots."""


def module_of(part: str) -> str | None:
    """What an import calls the module that a part is; None for a cell of the vat."""
    return part.removeprefix(MODULE).removesuffix(INIT) if part.startswith(MODULE) else None


def is_package(part: str) -> bool:
    """Whether a part is the module of a package itself."""
    return part.startswith(MODULE) and part.endswith(INIT)


def is_raw(parts: Sequence[Sequence[str]]) -> bool:
    """Whether a vat of this code is a raw vat (`swingset.guest.raw`)."""
    return bool(parts) and parts[-1][0].startswith(RAW)


def exits_source(names: Sequence[str]) -> str:
    """The source of the part that declares these exits."""
    return f"{_EXITS_ARE}{json.dumps(sorted(set(names)))}\n"


def declared_exits(parts: Sequence[Sequence[str]]) -> frozenset[str] | None:
    """The exits that code declares; None if it declares none, and may import anything.

    A declaration that cannot be read, and a second one, declare that there are no exits.
    """
    found = [source for name, source in parts if name == EXITS]
    if not found:
        return None
    text = found[0].removeprefix(_EXITS_ARE) if len(found) == 1 else ""
    # No name has a bracket. How deep a reader follows others would depend on the stack of its caller.
    if text.count("[") != 1 or "{" in text:
        return frozenset()
    try:
        names = json.loads(text)
    except ValueError:
        return frozenset()
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return frozenset(names if fits else ())
