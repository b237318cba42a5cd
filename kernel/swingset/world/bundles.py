"""Vat source code, addressed by content.

A bundle is the ordered list of a vat's parts as JSON. Its id is the hash of that text, so the same
code is stored once, and code that was altered in the file no longer answers to its id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .codec import canonical
from .errors import DamagedWorld

if TYPE_CHECKING:
    from .file import WorldFile


class Bundles:
    """The bundle table of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def put(self, parts: Sequence[tuple[str, str]]) -> str:
        """Remember these parts, in this order; answers the bundle's id."""
        text = canonical([[name, source] for name, source in parts])
        bundle = _id(text)
        self._world.execute("INSERT OR IGNORE INTO bundles VALUES(?, ?)", (bundle, text))
        return bundle

    def get(self, id: str) -> tuple[tuple[str, str], ...]:
        """The parts of a bundle."""
        row = self._world.row("SELECT source FROM bundles WHERE id = ?", (id,))
        if row is None:
            raise DamagedWorld(f"{self._world.name}: bundle {id} is not in the file")
        if _id(row[0]) != id:
            raise DamagedWorld(f"{self._world.name}: bundle {id} was altered: its code has another hash")
        return tuple((str(name), str(source)) for name, source in json.loads(row[0]))


def _id(text: str) -> str:
    return "b1-" + hashlib.sha512(text.encode()).hexdigest()
