"""What an archive has of a world, at each level of completeness, and how it is written.

    operational  the state, and what it takes to go on: code, guest libraries, the current heap images, and
                 the transcripts since them
    replay       the whole transcript of each current incarnation too, so that every vat can be repeated
    archival     the past that leads to this state too: commits with changes and records, their checkpoints,
                 all transcripts, and all heap images and code that these commits name
    debug        everything that is in the file, other branches and leftovers too

Each level has all of the one before. An archive of one vat (`of`) has no commits at any level; its `archival`
has the transcripts of all its incarnations, and its `debug` all its heap images.

The tables are read twice: first to measure every artifact for the metadata, which come first, then to write.
Rows come in the order of their keys, so one world at one commit makes one archive. Memory holds one piece,
and for `archival` some hundred bytes for each transcript entry and heap page, not their content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from . import schema
from .archive_pieces import Artifact, Measure, Writer
from .archive_rows import Row, in_parts
from .beginnings import Beginning, beginnings, left_out
from .errors import DamagedWorld, WorldError
from .prune import texts_written
from .vats import TERMINATED

if TYPE_CHECKING:
    from .file import WorldFile

ArchiveLevel = Literal["operational", "replay", "archival", "debug"]
"""How complete an archive is; each level has all of the one before."""

LEVELS: tuple[ArchiveLevel, ...] = get_args(ArchiveLevel)

_HISTORY = ("history/commits", "history/labels")
_BULK = ("code/bundles", "code/libraries", "heaps/snapshots", "heaps/pages", "transcripts")
_IDS = re.compile(r"b1-[0-9a-f]{128}|[hl]1-[0-9a-f]{64}")
_HASH = re.compile(r"[0-9a-f]{64}\Z")


def artifact_names(level: ArchiveLevel, *, history: bool) -> tuple[str, ...]:
    """The artifacts of an archive, in their order; `history` is false for an archive of one vat."""
    state = tuple(f"state/{table}" for table, _ in schema.STATE_TABLES)
    past = _HISTORY if history and has_past(level) else ()
    return (*state, *past, *_BULK)


def has_past(level: ArchiveLevel) -> bool:
    """Whether the level includes the commits before."""
    return level in ("archival", "debug")


def table_of(name: str) -> str:
    """The table whose rows an artifact has."""
    known = {"heaps/pages": "heap_pages", "transcripts": "transcript"}
    return known.get(name) or name.partition("/")[2]


class Contents:
    """The rows of one world that belong into an archive of one level. `of` is the id of a vat, or None."""

    def __init__(self, world: WorldFile, level: ArchiveLevel, of: str | None = None) -> None:
        self._world = world
        world.make_whole()
        self._db = world.db
        self.level = level
        self.of = of
        self.names = artifact_names(level, history=of is None)
        self._past = "history/commits" in self.names
        self._ids = set[str]()
        self._ends = set[str]()
        self.begins: dict[str, Beginning] = {}
        """Where the transcripts begin, at a level that has all that the file has."""
        if has_past(level):
            found = beginnings(self._db, world.name)
            self.begins = {vat: at for vat, at in found.items() if of in (None, vat)}
        self._refuse_late()
        self._collect()

    def _collect(self) -> None:
        """Collect the ids of bulk, and the ends of transcripts, that the rows of this level name."""
        for table, _ in schema.STATE_TABLES:
            for row in self.rows(f"state/{table}"):
                for value in row:
                    if isinstance(value, str):
                        self._ids.update(_IDS.findall(value))
        if self._past:
            history = self._world.history
            self._kept = list(history.ancestors(self._world.head))[::-1]
            for seq in self._kept:
                for table, value in texts_written(history.changes(seq)):
                    self._ids.update(_IDS.findall(value))
                    if table == "spans" and _HASH.match(value):
                        self._ends.add(value)

    def rows(self, artifact: str) -> Iterator[Row]:
        """The rows of an artifact. Raises `DamagedWorld` if one is missing, and apsw's errors."""
        table = table_of(artifact)
        if artifact.startswith("state/"):
            return self._state(table)
        everything = self.level == "debug" and self.of is None
        match artifact:
            case "history/commits" if not everything:
                return self._each("commits", "seq", self._kept)
            case "history/labels" if not everything:
                kept = set(self._kept)
                labels = self._db.execute("SELECT * FROM labels ORDER BY name")
                return (row for row in labels if row[1] in kept)
            case "transcripts" if not everything:
                return self._transcripts()
            case "heaps/snapshots" if not everything:
                return self._each(table, "id", sorted(self._snapshots()))
            case "heaps/pages" if not everything:
                pages = set[bytes]().union(*map(self._world.heaps.digests, self._snapshots()))
                return self._each(table, "digest", sorted(pages))
            case "code/bundles" | "code/libraries" if not everything:
                return self._each(table, "id", self._named(table))
        key = _ADDRESS.get(table, "id")
        return self._db.execute(f"SELECT * FROM {table} ORDER BY {key}")

    def _state(self, table: str) -> Iterator[Row]:
        columns = [str(row[1]) for row in self._db.execute(f"PRAGMA table_info({table})")]
        taken = ", ".join(columns)
        if table == "spans" and "history/commits" not in self.names:
            # A terminated vat never runs again. No digest covers where its last image was.
            taken = taken.replace("snapshot", f"iif(vat IN ({_ENDED}), NULL, snapshot)")
        return self._db.execute(f"SELECT {taken} FROM {table} ORDER BY {', '.join(_KEYS[table])}")

    def _each(self, table: str, key: str, values: list[Any]) -> Iterator[Row]:
        for value in values:
            row = self._world.fetch(f"SELECT * FROM {table} WHERE {key} = ?", (value,))
            if row is None:
                known = value.hex() if isinstance(value, bytes) else value
                raise DamagedWorld(f"{self._world.name}: {table} {known} is missing: `verify` tells more")
            yield row

    def _named(self, table: str) -> list[str]:
        """The ids of a table's rows that the rows of this level name."""
        prefix, query = _PREFIXES[table], f"SELECT 1 FROM {table} WHERE id = ?"
        ids = sorted(name for name in self._ids if name.startswith(prefix))
        return [name for name in ids if self._world.fetch(query, (name,)) is not None]

    def _snapshots(self) -> set[str]:
        found = set(self._named("snapshots"))
        if self.of is not None:
            query = "SELECT id FROM snapshots WHERE vat = ?"
            own = {name for (name,) in self._db.execute(query, (self.of,))}
            return own if self.level == "debug" else found & own
        return found

    def _transcripts(self) -> Iterator[Row]:
        done = set[str]()
        absent = set(left_out(self.begins))
        for _, (end, stop) in sorted(self._spans().items()):
            yield from self._chain(end, {stop, *absent}, done)
        for end in sorted(self._ends):
            yield from self._chain(end, absent, done)

    def _spans(self) -> dict[str, tuple[str | None, str | None]]:
        """For each vat whose transcript is wanted: its last running hash, and the one to stop at."""
        first = {"operational": "start_hash", "replay": "incarnation_hash"}.get(self.level, "NULL")
        query = f"SELECT vat, hash, iif(vat IN ({_ENDED}), hash, {first}) FROM spans"
        if has_past(self.level):
            query = "SELECT vat, hash, NULL FROM spans"
        found = {vat: (end, stop) for vat, end, stop in self._fetched(query)}
        return found if self.of is None else {self.of: found[self.of]}

    def _refuse_late(self) -> None:
        """Raise `WorldError` if the file lacks transcript entries that this level has."""
        if self._world.lender is not None and has_past(self.level):
            raise WorldError(
                f"{self._world.name} borrows heap images and transcripts, and cannot be archived at the level"
                f" {self.level}: choose operational or replay, or archive the world itself"
            )
        if self.level != "replay":
            return
        query = f"SELECT vat, incarnation_start FROM spans WHERE vat NOT IN ({_ENDED})"
        needed = dict(self._fetched(query))
        for vat, at in beginnings(self._db, self._world.name).items():
            if at.position > needed.get(vat, at.position) and self.of in (None, vat):
                raise WorldError(
                    f"{self._world.name} cannot be archived at the level replay: its transcript of vat {vat}"
                    f" begins at position {at.position}, because it was pruned, or made of a smaller archive."
                    " The levels operational and archival have what there is"
                )

    def _fetched(self, query: str) -> list[Any]:
        return self._db.execute(query).fetchall()

    def _has_clones(self) -> bool:
        """Whether a vat is a clone of another, with whose transcript its own begins."""
        query = "SELECT 1 FROM vats WHERE instr(options, '\"cloned_from\"') > 0"
        return bool(self._fetched(query + " LIMIT 1"))

    def _chain(self, end: str | None, stops: Set[str | None], done: set[str]) -> Iterator[Row]:
        """The entries up to a hash, the latest first."""
        shared, at = has_past(self.level) or self._has_clones(), end
        while at is not None and at not in stops and at not in done:
            row = self._world.fetch("SELECT * FROM transcript WHERE hash = ?", (at,))
            if row is None:
                raise DamagedWorld(f"{self._world.name}: transcript entry {at} is missing")
            if shared:
                done.add(at)
            yield row
            at = row[1]

    # Measuring and writing

    def measured(self) -> list[Artifact]:
        """Each artifact with its size and hash."""
        found = []
        for name in self.names:
            measure = Measure()
            for count, part in in_parts(self.rows(name)):
                measure.rows += count
                measure.add(part)
            found.append(measure.artifact(name))
        return found

    def write(self, file: IO[bytes], metadata: bytes) -> None:
        """Write the archive."""
        writer = Writer(file, metadata)
        for name in self.names:
            writer.artifact(part for _, part in in_parts(self.rows(name)))


_KEYS = dict(schema.STATE_TABLES)
_PREFIXES = {"bundles": "b1-", "libraries": "l1-", "snapshots": "h1-"}
_ADDRESS = {"commits": "seq", "labels": "name", "transcript": "hash", "heap_pages": "digest"}
_ENDED = f"SELECT id FROM vats WHERE state = '{TERMINATED}'"
