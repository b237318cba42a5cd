"""Vats that come with the library, as sources: they run in workers, like anybody's vats.

Each module is one vat's only part. It imports the standard library and `swingset.vat`, nothing else, and may
be upgraded like any other code.
"""

from __future__ import annotations

from importlib.resources import files


def source(module: str) -> str:
    """The source text of one of these vats."""
    return files(__name__).joinpath(f"{module}.py").read_text("utf-8")
