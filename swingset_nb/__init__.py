"""Object-capability worlds in a notebook.

`%load_ext swingset_nb` adds three magics, `%swingset`, `%%vat` and `%%kind`; `%swingset` alone says what to
do next. Nothing else happens at import: the engine is prepared when a vat first needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics to an IPython shell; loading twice changes nothing."""
    from swingset_nb.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the open world, its panels and hooks, and take the magics away."""
    from swingset_nb.extension import unload

    unload(shell)
