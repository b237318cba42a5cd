"""The guest libraries that vats run on, addressed by content.

An incarnation can be restored only on the library with which it was started, so the world keeps each library
once, and the vat's record names it. For this module a library is bytes with a maximum size. Only the engine
runs it, never the host.
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
"""The most bytes of an unpacked library."""

_MOST_KNOWN = 4


class Libraries:
    """The library table of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._known: dict[str, bytes] = {}
        self._as_of = world.rewound

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

    def id_of(self, content: bytes) -> str:
        """The id of a library, stored or not."""
        return _id(content)

    def get(self, id: str) -> bytes:
        """The content of a library. It is unpacked and held against its id once, for every new vat asks."""
        if self._as_of != self._world.rewound:
            self._as_of = self._world.rewound
            self._known.clear()
        if id not in self._known:
            content = self.check(id)
            if len(self._known) == _MOST_KNOWN:
                self._known.clear()
            self._known[id] = content
        return self._known[id]

    def check(self, id: str) -> bytes:
        """The same, read anew. Raises `DamagedWorld`."""
        query = "SELECT content FROM libraries WHERE id = ?"
        content = unpacked(self._world, query, id, MOST_LIBRARY, f"guest library {id}")
        if _id(content) != id:
            raise DamagedWorld(f"{self._world.name}: guest library {id} was altered: it has another hash")
        return content


def _id(content: bytes) -> str:
    return "l1-" + hashlib.sha256(content).hexdigest()
