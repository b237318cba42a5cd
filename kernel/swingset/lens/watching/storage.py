"""What each vat of a world takes in its file: state, store, transcript, heap images, and a share of the past.

The figures are bytes of content as it is stored, without what SQLite adds to it, so together they are less
than the file. Heap images are counted when their pages were new: what several images have in common counts
for the first of them. A commit is one compressed value for all that happened in it, so its bytes are shared
out by the length of each vat's records. What no vat did is the host's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.watching.rooms import rooms
from swingset.model.result_lines import InLines
from swingset.model.visible import one_line
from swingset.world.edge import told_in_words
from swingset.world.file import WorldFile
from swingset.world.footprints import Room
from swingset.world.line import Line
from swingset.world.record_lines import lines, read_briefly
from swingset.world.records import Record, RequestRecord
from swingset.world.rows import RULES
from swingset.world.vats import TERMINATED

_OWNERS = {
    "vats": "id",
    "spans": "vat",
    "objects": "owner",
    "promises": "decider",
    "subscribers": "vat",
    "parked": "vat",
    "clists": "vat",
    "holdings": "vat",
    "gc_actions": "vat",
    "reap": "vat",
}
"""The column that says whose a row is, in each table of the state that has rows of vats."""

NO_ROOM = Room(0, 0, 0, 0)
_HOST = ""
_MOST = 1 << 32  # bytes of a heap


@dataclass(frozen=True)
class VatStorage:
    """The bytes of one vat: `state` in the kernel's tables, and its code; `store` its own durable state.

    `transcript` are its deliveries, `images` its heap images, of the past too, and `history` its share of the
    commits. `terminated` says that only the past is left of it. `others` says that this is not one vat.

    `room` is what the vat takes by the rules of the world, the same on every host: that is what rent and the
    option `total_bytes` count, and `allowed` is that option.
    """

    vat: str
    state: int = 0
    store: int = 0
    transcript: int = 0
    images: int = 0
    history: int = 0
    terminated: bool = False
    others: bool = False
    room: Room = NO_ROOM
    allowed: int | None = None

    @property
    def total(self) -> int:
        """All of it."""
        return self.state + self.store + self.transcript + self.images + self.history

    def __str__(self) -> str:
        parts = (
            f"state {self.state:,}, store {self.store:,}, transcript {self.transcript:,}, "
            f"heap images {self.images:,}, history {self.history:,}"
        )
        line = f"{self.vat}{', terminated' if self.terminated else ''}: {self.total:,} bytes ({parts})"
        if not self.room.total:
            return line
        allowed = "" if self.allowed is None else f" of {self.allowed:,}"
        return f"{line}; what counts: {self.room.total:,}{allowed} ({self.room})"


@dataclass(frozen=True, repr=False)
class Storage(InLines):
    """What a file holds by vat, the largest first. `host` is what no vat did, and `file` the whole file.

    `elsewhere` are the bytes of commits on other branches of the history.
    """

    vats: tuple[VatStorage, ...]
    host: VatStorage
    elsewhere: int
    file: int

    def _lines(self) -> list[str]:
        found = [f"the file: {self.file:,} bytes", *map(str, self.vats), str(self.host)]
        return [*found, f"other branches: {self.elsewhere:,} bytes"] if self.elsewhere else found


@dataclass
class _Sizes:
    """Bytes by the id of a vat."""

    state: Counter[str] = field(default_factory=Counter)
    store: Counter[str] = field(default_factory=Counter)
    transcript: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    history: Counter[str] = field(default_factory=Counter)
    rooms: dict[str, Room] = field(default_factory=dict)

    def of(self, vat: str, name: str, terminated: bool = False, allowed: int | None = None) -> VatStorage:
        return VatStorage(
            name,
            self.state[vat],
            self.store[vat],
            self.transcript[vat],
            self.images[vat],
            self.history[vat],
            terminated,
            room=self.rooms.get(vat, NO_ROOM),
            allowed=allowed,
        )


def storage(store: KernelStore, most: int) -> Storage:
    """Count what each vat takes, for the `most` vats that take most and the others together.

    What waits in memory is written to the file first, or left out. Raises `KernelError` if `most` is not a
    number from 1, and `WorldError` if a record cannot be read.
    """
    if most < 1:
        raise KernelError(f"at most {most} vats are nothing to show: ask for 1 or more")
    world = store.world
    world.make_whole()
    sizes = _Sizes(rooms=rooms(store))
    for table, owner in _OWNERS.items():
        _add(sizes.state, world, _length(*RULES[table]), owner, table)
    known = store.vats.all()
    named = {vat.name: vat.id for vat in known if vat.state != TERMINATED}
    sources: Counter[str] = Counter()
    _add(sources, world, _length("part", "source"), "vat", "sources")
    for name, size in sources.items():
        sizes.state[named.get(name, _HOST)] += size
    _add(sizes.store, world, _length("key", "value"), "vat", "vatstore")
    _add(sizes.transcript, world, _length("hash", "prev", "entry"), "vat", "transcript")
    # A stranger's file may say anything of new bytes, and SQLite adds up no more than it can count.
    _add(sizes.images, world, f"min(max(new_bytes, 0), {_MOST}) + length(pages)", "vat", "snapshots")
    ids = {vat.name: vat.id for vat in known}
    elsewhere = _add_history(sizes.history, world, ids)
    rows = sorted(
        (
            sizes.of(vat.id, one_line(vat.name, 60), vat.state == TERMINATED, vat.options.get("total_bytes"))
            for vat in known
        ),
        key=lambda row: (-row.total, row.vat),
    )
    shown, others = rows[:most], rows[most:]
    if others:
        shown.append(_together(others))
    return Storage(tuple(shown), sizes.of(_HOST, "the host"), elsewhere, world.size)


def _length(*columns: str) -> str:
    return " + ".join(f"coalesce(octet_length({column}), 0)" for column in columns)


def _add(sizes: Counter[str], world: WorldFile, length: str, owner: str, table: str) -> None:
    question = f"SELECT {owner}, sum({length}) FROM {table} WHERE {owner} IS NOT NULL GROUP BY {owner}"
    for vat, size in world.rows(question):
        sizes[str(vat)] += size


def _add_history(sizes: Counter[str], world: WorldFile, ids: dict[str, str]) -> int:
    """Share out the bytes of the commits that lead to the current one; returns those of all others."""
    line = Line(world.db, world.history, world.name)
    known = {*ids.values()}
    with told_in_words(world.name):
        line.follow(world.head)
        on_line = world.history.commit(line.marks[0].seq).size
        cut = world.history.cut
        for before, mark in pairwise(line.marks):
            size = world.history.commit(mark.seq).size
            on_line += size
            if cut is not None and mark.seq == cut.seq:
                sizes[_HOST] += size  # it has the whole state as of then
                continue
            parts = Counter[str]()
            for record, length in _measured(world, mark.seq, before.record, before.crank):
                parts[_vat_of(record, ids, known)] += length
            whole, left = parts.total(), size
            for vat, length in parts.items():
                share = size * length // whole
                sizes[vat] += share
                left -= share
            sizes[_HOST] += left
    ((everything,),) = world.rows("SELECT sum(length(changeset) + length(records)) FROM commits")
    return max(0, (everything or 0) - on_line)


def _measured(world: WorldFile, seq: int, number: int, crank: int) -> Iterator[tuple[Record, int]]:
    """The records of a commit, each with the bytes of its line."""
    lengths: list[int] = []

    def measuring() -> Iterator[bytes]:
        for text in lines(world.history.records(seq)):
            lengths.append(len(text))
            yield text

    found = read_briefly(
        world.name, seq, measuring(), number=number + 1, crank=crank, wanted=lambda _: True, tables=()
    )
    for record in found:
        yield record, lengths.pop()


def _vat_of(record: Record, ids: dict[str, str], known: set[str]) -> str:
    """The id of the vat that a record is about; that of the host if it is about none."""
    if isinstance(record, RequestRecord):
        vat = record.arguments.get("vat")
        return vat if isinstance(vat, str) and vat in known else _HOST
    return ids.get(record.vat or "", _HOST)


def _together(rows: list[VatStorage]) -> VatStorage:
    return VatStorage(
        f"{len(rows):,} others",
        sum(row.state for row in rows),
        sum(row.store for row in rows),
        sum(row.transcript for row in rows),
        sum(row.images for row in rows),
        sum(row.history for row in rows),
        others=True,
        room=Room(*(sum(parts) for parts in zip(*(row.room for row in rows), strict=True))),
    )
