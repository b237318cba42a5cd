"""How the parts of a vat's code are named, for the host that puts them together and the guest that runs them.

A vat's code is a list of parts, each a name and a source: the modules that its cells import, the cells that
define kinds, and last the vat's own cell, which has the vat's name. A part whose name begins with `module `
is a module. The rest of the name is what an import calls it, with dots for a module in a package; the module
of a package itself ends in `.__init__`, as its file does.
"""

from __future__ import annotations

MODULE = "module "
"""How the name of a part that is a module begins."""

INIT = ".__init__"
"""How the name of a package's own module ends."""


def module_of(part: str) -> str | None:
    """What an import calls the module that a part is; None for a cell of the vat."""
    return part.removeprefix(MODULE).removesuffix(INIT) if part.startswith(MODULE) else None


def is_package(part: str) -> bool:
    """Whether a part is the module of a package itself."""
    return part.startswith(MODULE) and part.endswith(INIT)
