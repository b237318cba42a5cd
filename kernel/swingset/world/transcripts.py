"""The transcripts of vats: each delivery with its syscalls and their answers.

An entry is addressed by a running hash that covers the entry before it and every column of its own row. So a
span is identified by its last hash alone, branches of history share their common entries, and an altered
entry is detected when it is read. Entries are plain JSON text, which any SQLite tool can show.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swingset.model.cloning import CLONED_FROM, origin_of
from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import canonical

from .beginnings import beginnings
from .errors import DamagedRow, DamagedWorld

if TYPE_CHECKING:
    from .file import WorldFile


@dataclass(frozen=True)
class Entry:
    """One stored delivery with its syscalls, its place in the transcript, and the hash before it."""

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


_MOST_VALUES = 1 << 26  # a delivery may have many syscalls, each with many references


_PARTS = {"position", "delivery", "syscalls", "computrons"}
_MOST_MEMORY = 1 << 32


def _is_delivery(entry: Any) -> bool:
    if not isinstance(entry, dict) or not _PARTS <= set(entry) <= {*_PARTS, "memory"}:
        return False
    delivery, syscalls, computrons = entry["delivery"], entry["syscalls"], entry["computrons"]
    memory = entry.get("memory", 0)
    return (
        type(entry["position"]) is int
        and _is_said(delivery)
        and isinstance(syscalls, list)
        and all(_is_exchange(item) for item in syscalls)
        and (computrons is None or type(computrons) is int)
        and type(memory) is int
        and 0 <= memory <= _MOST_MEMORY
    )


def _is_exchange(item: Any) -> bool:
    """Whether something is a syscall with its answer."""
    return (
        isinstance(item, list)
        and len(item) == 2
        and _is_said(item[0])
        and isinstance(item[1], list)
        and len(item[1]) == 2
        and item[1][0] in ("ok", "error")
    )


def _is_said(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and isinstance(item[0], str)


class Transcripts:
    """The transcript table of one world."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._pile = world.memory.pile("transcript", 7)
        self.last = ""
        """The text of the entry that was appended last."""

    def append(
        self, vat: str, incarnation: int, position: int, crank: int, prev_hash: str | None, entry: Any
    ) -> str:
        """Append an entry after `prev_hash` (None for the first entry); returns the new running hash."""
        text = self.last = canonical(entry)
        digest = _hash(prev_hash, vat, incarnation, position, crank, text)
        row = (digest, prev_hash, vat, incarnation, position, crank, text)
        self._world.begin()
        self._world.memory.lay(self._pile, row)
        return digest

    def read(self, hash: str | None, stop_hash: str | None = None) -> list[Any]:
        """The entries after `stop_hash`, up to and including `hash`, oldest first."""
        return [record.entry for record in self.records(hash, stop_hash)]

    def deliveries(self, vat: str, hash: str | None, stop_hash: str | None = None) -> list[dict[str, Any]]:
        """As `read`, with a check that each entry is a delivery to this vat, or one that it is a clone of.

        Raises `DamagedWorld` for an entry of another vat, and for one that has not the shape of a delivery.
        """
        found = []
        for record in reversed(self.records(hash, stop_hash)):
            if record.vat != vat:
                raise self._damaged(record.hash, f"it is of vat {record.vat}, and the span of {vat} names it")
            if not _is_delivery(record.entry):
                raise self._damaged(record.hash, "entry has not the shape of a delivery")
            vat = self.before(record)
            found.append(record.entry)
        found.reverse()
        return found

    def before(self, record: Entry) -> str:
        """The vat of the entry before this one: another one if a clone of it begins with this one.

        Raises `DamagedRow` if the entry says something else of where it stands.
        """
        delivery = record.entry.get("delivery") if isinstance(record.entry, dict) else None
        if not isinstance(delivery, list) or delivery[:1] != [CLONED_FROM]:
            return record.vat
        origin = origin_of(delivery)
        here = record.vat, record.incarnation, record.position, record.prev
        if origin is None or here != (origin.clone, origin.incarnation, origin.position, origin.digest):
            raise self._damaged(record.hash, "entry does not say of which vat its own is a clone")
        return origin.vat

    def _damaged(self, hash: str, reason: str) -> DamagedRow:
        return DamagedRow(self._world.name, "transcript", hash[:16], reason)

    def _absent(self, hash: str) -> DamagedWorld:
        for vat, at in beginnings(self._world.db, self._world.name).items():
            if hash == at.hash:
                return DamagedWorld(
                    f"{self._world.name}: the transcript of vat {vat} begins at position {at.position}: older"
                    " entries are not in this file, but in the world that it was made of"
                )
        return DamagedWorld(f"{self._world.name}: transcript entry {hash} is not in the file")

    def records(self, hash: str | None, stop_hash: str | None = None) -> list[Entry]:
        """As `read`, with the other columns of each entry too."""
        found: list[Entry] = []
        at = hash
        while at is not None and at != stop_hash:
            found.append(self.record(at))
            at = found[-1].prev
        if at != stop_hash:
            raise DamagedWorld(f"{self._world.name}: transcript entry {stop_hash} is not where it should be")
        found.reverse()
        return found

    def record(self, hash: str) -> Entry:
        """The entry with that hash. Raises `DamagedWorld` if it is missing or was altered."""
        row = self._pile.waiting.get(hash)
        if row is None:
            query = "SELECT * FROM transcript WHERE hash = ?"
            row = self._world.fetch(query, (hash,)) or self._world.borrowed(query, (hash,))
        if row is None:
            raise self._absent(hash)
        stored, prev, vat, incarnation, position, crank, text = row
        if _hash(prev, vat, incarnation, position, crank, text) != stored:
            raise DamagedWorld(
                f"{self._world.name}: transcript entry {position} of vat {vat} was altered: "
                f"its content does not have the hash {stored}"
            )
        try:
            entry = read_json(text, values=_MOST_VALUES)
        except Unreadable as problem:
            raise self._damaged(stored, f"entry is {problem}") from None
        return Entry(stored, prev, vat, incarnation, position, crank, entry)
