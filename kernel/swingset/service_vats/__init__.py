"""Vats that come with the library, as sources: they run in workers, like all vats.

Each module is one vat's only part. It imports only the standard library and `swingset.vat`, and can be
upgraded like any other code. A raw vat has a package of its own instead, as the modules of its code, and its
last part says only which of them serves its deliveries.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from swingset.wire.parts import INIT, MODULE, RAW

_PACKAGES = {"net": "swingset.net"}


def source(module: str) -> str:
    """The source text of one of these vats."""
    return files(__name__).joinpath(f"{module}.py").read_text("utf-8")


def raw_parts(name: str) -> tuple[tuple[str, str], ...]:
    """The code of a raw vat: the modules of its package, by name, and the part that starts it."""
    found = _modules(name, files(_PACKAGES[name]))
    return (*found, (f"{RAW}{name}", f"from {name}.vat import build_dispatch\n"))


def _modules(package: str, folder: Traversable) -> list[tuple[str, str]]:
    """The modules of a package and of those in it, each as a part."""
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            module = entry.name.removesuffix(".py")
            part = f"{MODULE}{package}{INIT}" if module == "__init__" else f"{MODULE}{package}.{module}"
            found.append((part, entry.read_text("utf-8")))
        elif entry.is_dir() and entry.joinpath("__init__.py").is_file():
            found += _modules(f"{package}.{entry.name}", entry)
    return found
