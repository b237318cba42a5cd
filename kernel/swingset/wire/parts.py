"""How the parts of a vat's code are named, for the host that puts them together and the guest that runs them.

A vat's code is a list of parts, each a name and a source: the modules that its cells import, the cells that
define kinds, and last the vat's own cell, which has the vat's name. A part whose name begins with `module `
is a module. The rest of the name is what an import calls it, with dots for a module in a package; the module
of a package itself ends in `.__init__`, as its file does. A last part whose name begins with `raw `
makes the vat a raw one, which only vats of the project are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE = "module "
"""How the name of a part that is a module begins."""

INIT = ".__init__"
"""How the name of a package's own module ends."""


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
