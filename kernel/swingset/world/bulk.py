"""How what is stored under its own hash is looked up: bundles, libraries, heap pages, snapshots.

The state names bulk by its id. So an id whose row is missing is damage, and is reported as that wherever it
is noticed. Whether the content is what its id says is looked at by the module that makes the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codec import decompress
from .errors import DamagedWorld

if TYPE_CHECKING:
    from .file import WorldFile


def stored(world: WorldFile, query: str, id: str | bytes, what: str) -> tuple[Any, ...]:
    """The row that a query finds for an id. Raises `DamagedWorld`, which names `what`, if there is none."""
    row = world.lookup(query, (id,))
    if row is None:
        raise DamagedWorld(f"{world.name}: {what} is not in the file")
    return row


def unpacked(world: WorldFile, query: str, id: str | bytes, most: int, what: str) -> bytes:
    """The packed column that a query finds for an id, unpacked; refused if larger than `most` bytes."""
    return decompress(stored(world, query, id, what)[0], most, f"{world.name}: {what}")
