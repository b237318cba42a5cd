"""Deletes commits that cannot be reached any more, and the bulk that only they need.

If a world goes back and continues from there, the old branch stays in the file, where its commits can be
found by number. Pruning drops the branches that do not end at the head or a label, and then the bulk that
only they needed. An id of bulk counts as needed if a kept commit has written it anywhere into the state, in a
column or inside a queued message, for live vats, terminated vats and installed bundles. So everything that a
kept commit needs stays, and nothing else deletes bulk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from .codec import Unpacking

if TYPE_CHECKING:
    from .file import WorldFile

_HASH = re.compile(r"[0-9a-f]{64}")
_IDS = re.compile(r"b1-[0-9a-f]{128}|[hl]1-[0-9a-f]{64}")


@dataclass(frozen=True)
class Pruned:
    """How much pruning has dropped."""

    commits: int
    entries: int
    snapshots: int
    pages: int
    bundles: int
    libraries: int


def prune(world: WorldFile) -> Pruned:
    """Drop unreachable commits and their bulk, inside the caller's transaction."""
    history = world.history
    kept: set[int] = set()
    for end in [world.head, *(label.seq for label in history.labels())]:
        for seq in history.ancestors(end):
            if seq in kept:
                break
            kept.add(seq)
    ids: set[str] = set()
    hashes: set[str] = set()
    for seq in sorted(kept):
        for table, value in texts_written(history.changes(seq)):
            ids.update(_IDS.findall(value))
            if table == "spans" and _HASH.fullmatch(value):
                hashes.add(value)
    pages = set[bytes]().union(*(world.heaps.digests(name) for name in _present(world, "snapshots", ids)))
    return Pruned(
        commits=_keep(world, "commits", "seq", kept),
        entries=_keep(world, "transcript", "hash", _chains(world, hashes)),
        snapshots=_keep(world, "snapshots", "id", ids),
        pages=_keep(world, "heap_pages", "digest", pages),
        bundles=_keep(world, "bundles", "id", ids),
        libraries=_keep(world, "libraries", "id", ids),
    )


def texts_written(changes: Unpacking) -> Iterator[tuple[str, str]]:
    """Every text that a changeset writes into the state, with its table."""
    for change in apsw.Changeset.iter(changes.reader()):
        for value in change.new or ():
            if isinstance(value, str):
                yield change.name, value


def _present(world: WorldFile, table: str, ids: set[str]) -> list[str]:
    return [name for (name,) in world.rows(f"SELECT id FROM {table}") if name in ids]


def _chains(world: WorldFile, ends: set[str]) -> set[str]:
    """The transcript entries with these hashes, and all entries before them."""
    found: set[str] = set()
    for end in ends:
        at: str | None = end
        while at is not None and at not in found:
            row = world.row("SELECT prev FROM transcript WHERE hash = ?", (at,))
            if row is None:
                break
            found.add(at)
            at = row[0]
    return found


def _keep(world: WorldFile, table: str, key: str, wanted: set[int] | set[str] | set[bytes]) -> int:
    """Delete the rows whose key is not wanted; returns how many."""
    gone = [(value,) for (value,) in world.rows(f"SELECT {key} FROM {table}") if value not in wanted]
    for row in gone:
        world.execute(f"DELETE FROM {table} WHERE {key} = ?", row)
    return len(gone)
