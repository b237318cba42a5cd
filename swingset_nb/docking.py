"""Puts a panel beside the notebook, where it stays while the cells scroll.

Only an extension of JupyterLab can open a place there; the package `sidecar` brings one. JupyterLab can do it
without, by the hand of its user, and that is the advice if the package is not installed. Notebook 7 has no
such place: the panel would be nowhere, and a kernel does not know which of them shows it. So a line says it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import IPython.display

from swingset_nb.errors import SwingSetError

BY_HAND = (
    "in JupyterLab, a right click on the panel and *Create New View for Output* docks it",
    "`%pip install sidecar`, and a reload of the page, lets this line do it",
)

WHERE = "the panel is beside the notebook; if not, as in Notebook 7, `%swingset panel` shows it here"


def docked(title: str) -> Callable[[object], None]:
    """What displays a panel beside the notebook; raises `SwingSetError` with how to do it by hand."""
    if find_spec("sidecar") is None:
        raise SwingSetError("a panel is docked with the package sidecar, which is not installed", *BY_HAND)
    from sidecar import Sidecar

    display: Any = IPython.display.display

    def place(panel: object) -> None:
        with Sidecar(title=title, anchor="split-right"):
            display(panel)

    return place
