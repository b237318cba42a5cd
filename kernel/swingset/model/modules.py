"""The modules among the parts of a vat's code, put together by the names under which they are imported.

A package, a module with others below it, counts as one module: it is defined, shown and upgraded as a whole.
A version is named by the hash of its source.
"""

from __future__ import annotations

import hashlib

from swingset.model.spelling import canonical
from swingset.wire.parts import (
    EXITS,
    INIT,
    MODULE,
    RAW,
    declared_exits,
    exits_source,
    is_package,
    is_raw,
    module_of,
)

Parts = tuple[tuple[str, str], ...]
"""The code of a vat: the names and sources of its parts, in the order in which they run."""

SHORT = 12
"""How many characters of its hash name a version."""


def by_module(parts: Parts) -> dict[str, Parts]:
    """The parts that are modules, in order, by the name of the module or package that each belongs to."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part, source in parts:
        name = module_of(part)
        if name is not None:
            found.setdefault(name.partition(".")[0], []).append((part, source))
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def version_of(parts: Parts) -> str:
    """The name of one version of a module: the beginning of the hash of its source."""
    text = canonical([[part, source] for part, source in parts])
    return hashlib.sha512(text.encode()).hexdigest()[:SHORT]


def cells_of(parts: Parts) -> Parts:
    """The parts that are cells of the vat, in order."""
    return tuple(part for part in parts if module_of(part[0]) is None)


__all__ = [
    "EXITS",
    "INIT",
    "MODULE",
    "RAW",
    "SHORT",
    "Parts",
    "by_module",
    "cells_of",
    "declared_exits",
    "exits_source",
    "is_package",
    "is_raw",
    "module_of",
    "version_of",
]
