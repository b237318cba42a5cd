"""Vats that come with the library, as sources: they run in workers, like all vats.

Each module is one vat's only part. It imports only the standard library and `swingset.vat`, and can be
upgraded like any other code.
"""

from __future__ import annotations

from importlib.resources import files


def source(module: str) -> str:
    """The source text of one of these vats."""
    return files(__name__).joinpath(f"{module}.py").read_text("utf-8")
