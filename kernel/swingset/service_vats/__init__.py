"""Vats that come with the library, as sources: they run in workers, like all vats.

Each module is one vat's only part. It imports only the standard library and `swingset.vat`, and can be
upgraded like any other code. A raw vat has a package of its own instead, as the modules of its code, and its
last part says only which of them serves its deliveries.
"""

from __future__ import annotations

from importlib.resources import files

from swingset.wire.parts import INIT, MODULE, RAW

_PACKAGES = {"net": "swingset.net"}


def source(module: str) -> str:
    """The source text of one of these vats."""
    return files(__name__).joinpath(f"{module}.py").read_text("utf-8")


def raw_parts(name: str) -> tuple[tuple[str, str], ...]:
    """The code of a raw vat: the modules of its package, by name, and the part that starts it."""
    found = []
    for entry in sorted(files(_PACKAGES[name]).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            module = entry.name.removesuffix(".py")
            part = f"{MODULE}{name}{INIT}" if module == "__init__" else f"{MODULE}{name}.{module}"
            found.append((part, entry.read_text("utf-8")))
    return (*found, (f"{RAW}{name}", f"from {name}.vat import build_dispatch\n"))
