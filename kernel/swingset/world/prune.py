"""Deletes what a file keeps of the past: branches that no name leads to, and the past before a commit.

If a world goes back and continues from there, the old branch stays in the file, where its commits can be
found by number. Pruning drops the branches that do not end at the head or a label, and then the bulk that
only they needed. An id of bulk counts as needed if a kept commit has written it anywhere into the state, in a
column or inside a queued message, for live vats, terminated vats and installed bundles. So everything that a
kept commit needs stays, and nothing else deletes bulk.

A cut also drops the past before one commit of the line to the head. That commit then comes right after the
empty world: its changes are the whole state, and it has no records. The seals of all commits and labels that
stay are computed again, and the file says where it was cut, so it is as verifiable as before. Records keep
their numbers. Of the transcripts, those of incarnations that had ended by then are dropped, and if it is
asked for, also the deliveries before the heap image that a vat had then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from . import beginnings, retention
from .codec import Unpacking, compress
from .cuts import Cut, beginning, spans_in
from .errors import WorldError
from .merging import MOST_ALONE, whole_of
from .retention import PastPrune, PruneReason
from .seals import Sealed, commit_seal, label_seal

if TYPE_CHECKING:
    from .file import WorldFile

_HASH = re.compile(r"[0-9a-f]{64}")
_IDS = re.compile(r"b1-[0-9a-f]{128}|[hl]1-[0-9a-f]{64}")
_IN_BYTES = re.compile(rb"b1-[0-9a-f]{128}|[hl]1-[0-9a-f]{64}")
_HASHES_IN_BYTES = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True)
class Pruned:
    """How much pruning has dropped, or would drop.

    `commits` counts whole commits, `records` those of the commits that are gone, and `entries` deliveries in
    transcripts. `labels` are the checkpoints that are gone. `before` and `after` are sizes of the file.
    """

    commits: int
    entries: int
    snapshots: int
    pages: int
    bundles: int
    libraries: int
    records: int = 0
    labels: tuple[str, ...] = ()
    before: int = 0
    after: int = 0

    def __add__(self, later: Pruned) -> Pruned:
        """Both, one after the other."""
        return Pruned(
            self.commits + later.commits,
            self.entries + later.entries,
            self.snapshots + later.snapshots,
            self.pages + later.pages,
            self.bundles + later.bundles,
            self.libraries + later.libraries,
            self.records + later.records,
            self.labels + later.labels,
            self.before,
            later.after,
        )


def prune(
    world: WorldFile, cut: Cut | None = None, *, to_images: bool = False, why: PruneReason = "asked"
) -> Pruned:
    """Drop unreachable commits and their bulk, and the past before a cut, inside the caller's transaction.

    `to_images` also drops, of transcripts, what was before the heap images of then. If anything goes, the
    file lists it, with the reason.
    """
    used = world.used
    history, size = world.history, world.size
    labels: tuple[str, ...] = ()
    records = 0
    if cut is not None:
        records = cut.record - (history.cut.record if history.cut is not None else 0)
        labels = _cut(world, cut, to_images)
    kept: set[int] = set()
    for end in [world.head, *(label.seq for label in history.labels())]:
        for seq in history.ancestors(end):
            if seq in kept:
                break
            kept.add(seq)
    ids: set[str] = set()
    hashes: set[str] = set()
    for seq in sorted(kept):
        _find_names(history.changes(seq), ids, hashes)
    pages = set[bytes]().union(*(world.heaps.digests(name) for name in _present(world, "snapshots", ids)))
    gone = _keep(world, "commits", "seq", kept)
    if cut is not None:
        _seal_again(world)
    found = Pruned(
        commits=gone,
        entries=_keep(world, "transcript", "hash", _chains(world, hashes)),
        snapshots=_keep(world, "snapshots", "id", ids),
        pages=_keep(world, "heap_pages", "digest", pages),
        bundles=_keep(world, "bundles", "id", ids),
        libraries=_keep(world, "libraries", "id", ids),
        records=records,
        labels=labels,
        before=size,
    )
    if found != Pruned(0, 0, 0, 0, 0, 0, before=size):
        first = 1 if history.cut is None else history.cut.crank + 1
        freed = max(used - world.used, 0)
        retention.note(world.db, PastPrune(history.crank(), first, gone, records, freed, why))
        history.seal_names()
    return found


def _cut(world: WorldFile, cut: Cut, to_images: bool) -> tuple[str, ...]:
    """Make a commit of the line to the head the first after the empty world; returns the labels that go."""
    history = world.history
    line = list(history.ancestors(world.head))
    if cut.seq not in line or cut.seq == 0:
        raise WorldError(f"{world.name}: commit {cut.seq} does not lead to the current one")
    first = reversed(line[line.index(cut.seq) : -1])
    changes = whole_of(map(history.changes, first))
    gone = tuple(label.name for label in history.labels() if cut.seq not in history.ancestors(label.seq))
    for name in gone:
        world.execute("DELETE FROM labels WHERE name = ?", (name,))
    query = "UPDATE commits SET parent = 0, changeset = ?, records = ? WHERE seq = ?"
    world.execute(query, (compress(changes), compress(b""), cut.seq))
    history.keep_cut(cut)
    known = beginnings.beginnings(world.db, world.name)
    found: dict[str, beginnings.Beginning] = {}
    for span in spans_in(history.changes(cut.seq)):
        before = known.get(span["vat"])
        begins = beginning(span, to_image=to_images) or before
        if begins is not None:
            found[span["vat"]] = before if before and before.position > begins.position else begins
    beginnings.keep(world.db, found)
    return gone


def _seal_again(world: WorldFile) -> None:
    """Compute the seals of all commits and labels again, parents first."""
    seals: dict[int, str] = {}
    columns = "seq, parent, crank, record, note, changeset, records"
    for (seq,) in world.rows("SELECT seq FROM commits ORDER BY seq"):
        row = world.row(f"SELECT {columns} FROM commits WHERE seq = ?", (seq,))
        assert row is not None, "its number was just read"
        seals[seq] = commit_seal(seals.get(row[1]), Sealed(*row))
        world.execute("UPDATE commits SET seal = ? WHERE seq = ?", (seals[seq], seq))
    for name, seq, note in world.rows("SELECT name, commit_seq, note FROM labels"):
        seal = label_seal(seals[seq], name, seq, note)
        world.execute("UPDATE labels SET seal = ? WHERE name = ?", (seal, name))
    world.history.seal_names()


def _find_names(changes: Unpacking, ids: set[str], hashes: set[str]) -> None:
    """Add the ids of bulk and the running hashes that a changeset may write into the state.

    The text of a small one is searched as a whole, which is much quicker than row by row. It may find a few
    names more, of which the bulk then stays.
    """
    if changes.size <= MOST_ALONE:
        text = changes.whole()
        ids.update(name.decode() for name in _IN_BYTES.findall(text))
        hashes.update(name.decode() for name in _HASHES_IN_BYTES.findall(text))
        return
    for table, value in texts_written(changes):
        ids.update(_IDS.findall(value))
        if table == "spans" and _HASH.fullmatch(value):
            hashes.add(value)


def texts_written(changes: Unpacking) -> Iterator[tuple[str, str]]:
    """Every text that a changeset writes into the state, with its table."""
    for change in apsw.Changeset.iter(changes.reader()):
        for value in change.new or ():
            if isinstance(value, str):
                yield change.name, value


def _present(world: WorldFile, table: str, ids: set[str]) -> list[str]:
    return [name for (name,) in world.rows(f"SELECT id FROM {table}") if name in ids]


def _chains(world: WorldFile, ends: set[str]) -> set[str]:
    """The transcript entries with these hashes, and all entries before them that the file is to have."""
    found = set(beginnings.left_out(beginnings.beginnings(world.db, world.name)))
    left = frozenset(found)
    for end in ends:
        at: str | None = end
        while at is not None and at not in found:
            row = world.row("SELECT prev FROM transcript WHERE hash = ?", (at,))
            if row is None:
                break
            found.add(at)
            at = row[0]
    return found - left


def _keep(world: WorldFile, table: str, key: str, wanted: set[int] | set[str] | set[bytes]) -> int:
    """Delete the rows whose key is not wanted; returns how many."""
    gone = [(value,) for (value,) in world.rows(f"SELECT {key} FROM {table}") if value not in wanted]
    for row in gone:
        world.execute(f"DELETE FROM {table} WHERE {key} = ?", row)
    return len(gone)
