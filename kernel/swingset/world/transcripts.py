"""What each vat was delivered and what it answered, entry by entry, for ever.

An entry is addressed by a running hash that covers the entry before it and every column of its own
row. A span is therefore named by its last hash alone, branches of history share what they have in
common without knowing of each other, and an entry that was altered is found when it is read.
Entries are plain JSON text, for a person with any SQLite tool.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .codec import canonical
from .errors import DamagedWorld

if TYPE_CHECKING:
    from .file import WorldFile


@dataclass(frozen=True)
class Entry:
    """One delivery as it is remembered."""

    hash: str
    prev: str | None
    vat: str
    incarnation: int
    position: int
    crank: int
    entry: Any


def _hash(prev: str | None, vat: str, incarnation: int, position: int, crank: int, text: str) -> str:
    head = canonical([prev, vat, incarnation, position, crank])
    return hashlib.sha256(f"{len(head)}:{head}{text}".encode()).hexdigest()


class Transcripts:
    """The transcript table of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def append(
        self, vat: str, incarnation: int, position: int, crank: int, prev_hash: str | None, entry: Any
    ) -> str:
        """Remember one entry after `prev_hash` (None at the very beginning); answers the new running hash."""
        text = canonical(entry)
        digest = _hash(prev_hash, vat, incarnation, position, crank, text)
        self._world.execute(
            "INSERT OR IGNORE INTO transcript VALUES(?, ?, ?, ?, ?, ?, ?)",
            (digest, prev_hash, vat, incarnation, position, crank, text),
        )
        return digest

    def read(self, hash: str | None, stop_hash: str | None = None) -> list[Any]:
        """The entries after `stop_hash` up to and with `hash`, oldest first."""
        return [record.entry for record in self.records(hash, stop_hash)]

    def records(self, hash: str | None, stop_hash: str | None = None) -> list[Entry]:
        """As `read`, with all that is known of each entry."""
        found: list[Entry] = []
        at = hash
        while at is not None and at != stop_hash:
            row = self._world.row("SELECT * FROM transcript WHERE hash = ?", (at,))
            if row is None:
                raise DamagedWorld(f"{self._world.name}: transcript entry {at} is not in the file")
            stored, prev, vat, incarnation, position, crank, text = row
            if _hash(prev, vat, incarnation, position, crank, text) != stored:
                raise DamagedWorld(
                    f"{self._world.name}: transcript entry {position} of vat {vat} was altered: "
                    f"its content does not have the hash {stored}"
                )
            found.append(Entry(stored, prev, vat, incarnation, position, crank, json.loads(text)))
            at = prev
        if at != stop_hash:
            raise DamagedWorld(f"{self._world.name}: transcript entry {stop_hash} is not where it should be")
        found.reverse()
        return found
