"""The guest libraries that vats run on, addressed by content.

An incarnation comes back only on the library that it was started on, so the world keeps each one once, and
the vat's record names it. To this module it is bytes with a ceiling. What they say is for the engine to
judge, and whatever it is, it never runs in the host.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .bulk import unpacked
from .codec import compress
from .errors import DamagedWorld, WorldError

if TYPE_CHECKING:
    from .file import WorldFile

MOST_LIBRARY = 8 << 20
"""The most bytes that a library has when it is unpacked."""


class Libraries:
    """The library table of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def put(self, content: bytes) -> str:
        """Remember a library; answers its id. One that was altered in the file is set right again."""
        if len(content) > MOST_LIBRARY:
            raise WorldError(f"a guest library has at most {MOST_LIBRARY:,} bytes, this one {len(content):,}")
        library = _id(content)
        try:
            self.get(library)
        except DamagedWorld:
            self._world.execute("INSERT OR REPLACE INTO libraries VALUES(?, ?)", (library, compress(content)))
        return library

    def get(self, id: str) -> bytes:
        """The content of a library."""
        query = "SELECT content FROM libraries WHERE id = ?"
        content = unpacked(self._world, query, id, MOST_LIBRARY, f"guest library {id}")
        if _id(content) != id:
            raise DamagedWorld(f"{self._world.name}: guest library {id} was altered: it has another hash")
        return content


def _id(content: bytes) -> str:
    return "l1-" + hashlib.sha256(content).hexdigest()
