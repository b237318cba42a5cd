"""The modules that vats share: the newest source of each, and which version each vat runs.

A vat's code has the source of every module that it imports, so a vat keeps its version however often the
module is defined again, until it is upgraded. A version is named by the hash of the source. A package, a
module with others below it, is one module here.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.store import KernelStore
from swingset.model.modules import Parts, by_module, version_of
from swingset.world.errors import DamagedWorld
from swingset.world.sources import MODULES
from swingset.world.vats import TERMINATED


@dataclass(frozen=True)
class ModuleUse:
    """One vat that has a module in its code. `stale` is whether the newest source is another."""

    vat: str
    version: str
    stale: bool


@dataclass(frozen=True)
class ModuleRow:
    """One module that vats share: the version and the parts of its newest source, and the vats that have it.

    A module that no cell defines any more, or that came with a vat's code, has no newest source: `version` is
    None then, and no use is stale.
    """

    name: str
    version: str | None
    parts: Parts
    uses: tuple[ModuleUse, ...]

    @property
    def stale(self) -> tuple[str, ...]:
        """The names of the vats that run an older version."""
        return tuple(use.vat for use in self.uses if use.stale)

    @property
    def size(self) -> int:
        """The characters of its newest source."""
        return sum(len(source) for _, source in self.parts)


def module_rows(store: KernelStore) -> list[ModuleRow]:
    """Every module that is defined, or that a vat has in its code, by name."""
    newest = by_module(store.sources.parts(MODULES))
    uses: dict[str, list[ModuleUse]] = {name: [] for name in newest}
    for vat in store.vats.all():
        if vat.state == TERMINATED or not vat.bundle:
            continue
        try:
            code = store.world.bundles.get(vat.bundle)
        except DamagedWorld:  # `verify` reports it, and other vats are shown all the same
            continue
        for name, parts in by_module(code).items():
            stale = name in newest and newest[name] != parts
            uses.setdefault(name, []).append(ModuleUse(vat.name, version_of(parts), stale))
    return [
        ModuleRow(name, version_of(newest[name]) if name in newest else None, newest.get(name, ()), tuple(of))
        for name, of in sorted(uses.items())
    ]


def stale_modules(store: KernelStore) -> dict[str, tuple[str, ...]]:
    """The modules of which a vat runs an older version, by the vat's name; vats without any are left out."""
    if not store.sources.parts(MODULES):
        return {}
    found: dict[str, list[str]] = {}
    for row in module_rows(store):
        for vat in row.stale:
            found.setdefault(vat, []).append(row.name)
    return {vat: tuple(names) for vat, names in found.items()}
