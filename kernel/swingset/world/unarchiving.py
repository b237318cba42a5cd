"""Fills the draft of a world file from an archive, of which nothing is trusted.

Each row goes into its table, which is STRICT, as a value and never as a statement. What the metadata say is
held against what came: rows, hashes, the digest of the state, and how far the transcripts reach. The caller
then verifies the draft like any world file from elsewhere, and deletes it if anything is wrong.

An archive with its past brings its own commits. One without begins a history of its own: a commit 0 that
continues the numbers of records, and then commits whose changes are the state, some megabytes each, so that
memory does not grow with the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, NoReturn

import apsw

from swingset.model.cloning import CLONED_FROM, origin_of
from swingset.model.foreign import Unreadable, read_json

from . import beginnings, opening, retention, schema
from .archive_metadata import Metadata
from .archive_pieces import Artifact, Reader
from .archive_rows import Row, RowReader
from .archiving import table_of
from .beginnings import Beginning
from .codec import compress
from .cuts import Cut
from .digest import state_digest
from .errors import ArchiveFault, BadArchive, WorldError
from .history import History
from .journal import Journal
from .retention import Retention, Tried
from .rows import shown
from .seals import Sealed, commit_seal
from .vats import TERMINATED
from .watching import Watching

_AT_ONCE = 4 << 20  # bytes of changes in each of the first commits of a world without a past
_ROWS = 500  # rows that are inserted at once


class Filling:
    """Fills one empty database from one archive. Raises `BadArchive`, and apsw's errors of the disk."""

    def __init__(
        self, db: apsw.Connection, reader: Reader, metadata: Metadata, policy: Retention | None
    ) -> None:
        """`policy` is how much of its past the world is to keep; None if it is not told."""
        self._policy = policy
        self._db = db
        self._reader = reader
        self._said = metadata
        self._history = History(db, reader.name)

    def fill(self) -> None:
        """Make the tables, and fill them."""
        schema.create(self._db, opening.software_version(), compress(b""))
        db = self._db
        db.execute("BEGIN")
        if self._said.past:
            db.execute("DELETE FROM commits")
            for artifact in self._said.artifacts:
                self._insert(artifact)
            self._stand_at_the_head()
        else:
            self._first_commit()
            self._state_as_commits()
            for artifact in self._said.artifacts:
                if not artifact.name.startswith("state/"):
                    self._insert(artifact)
        self._reader.end()
        beginnings.keep(db, self._beginnings())
        if self._policy is not None:
            retention.store(db, self._policy, Tried())
        if self._said.prunes is not None:
            retention.list_again(db, self._said.prunes)
        self._history.seal_names()
        if self._digest() != self._said.digest:
            self._refuse("hash", "has a state with another digest than its metadata say")
        db.execute("COMMIT")

    def _digest(self) -> str:
        try:
            return state_digest(self._db)
        except (WorldError, TypeError) as problem:
            raise BadArchive("content", f"{self._reader.name}: {problem}") from None

    def _insert(self, artifact: Artifact) -> None:
        for _ in self._inserted(artifact):
            pass

    def _inserted(self, artifact: Artifact) -> Iterator[None]:
        """Insert the rows of an artifact; yields now and then."""
        table = table_of(artifact.name)
        columns = len(self._db.execute(f"PRAGMA table_info({table})").fetchall())
        what = f"{self._reader.name}: artifact {artifact.name}"
        rows = RowReader(self._reader.artifact(artifact), columns, what).rows()
        statement = f"INSERT INTO {table} VALUES({', '.join('?' * columns)})"
        count, size, some = 0, 0, list[Row]()
        for row in rows:
            count += 1
            some.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(some) == _ROWS or size > _AT_ONCE:
                self._execute(statement, some, artifact)
                size, some = 0, []
                yield
        self._execute(statement, some, artifact)
        yield
        if count != artifact.rows:
            words = f"has {count:,} rows in artifact {artifact.name}, and its metadata say {artifact.rows:,}"
            self._refuse("metadata", words)

    def _execute(self, statement: str, rows: list[Row], artifact: Artifact) -> None:
        try:
            self._db.executemany(statement, rows)
        except (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.SQLError) as problem:
            words = f"has a row in artifact {artifact.name} that its table refuses: {problem}"
            self._refuse("content", words)

    # The history

    def _stand_at_the_head(self) -> None:
        """Take the archived commit as the current one, if it is there."""
        said = self._said
        row = self._db.execute("SELECT seal FROM commits WHERE seq = ?", (said.commit,)).fetchone()
        if row is None or row[0] != said.seal:
            self._refuse("level", f"lacks commit {said.commit}, of which it says to be")
        self._history.stand_at(said.commit)
        if said.cut is not None:
            self._history.keep_cut(Cut(*said.cut))
        query = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'commits'"
        self._db.execute(query, (said.last,))

    def _first_commit(self) -> None:
        """Have commit 0 continue the numbers of the records that are left out."""
        packed = compress(b"")
        seal = commit_seal(None, Sealed(0, None, 0, self._said.record, "", packed, packed))
        query = "UPDATE commits SET record = ?, changeset = ?, records = ?, seal = ? WHERE seq = 0"
        self._db.execute(query, (self._said.record, packed, packed, seal))

    def _state_as_commits(self) -> None:
        """Insert the state, and store it as changes of the first commits."""
        watching, journal = Watching(self._db), Journal(self._said.record)
        head, said = 0, self._said
        alone = "" if said.vat is None else f", vat {said.vat} alone"
        note = f"unpacked: {said.level}{alone}, commit {said.commit}, seal {said.seal}"
        tables = [artifact for artifact in said.artifacts if artifact.name.startswith("state/")]
        watching.begin()
        try:
            for _ in chain.from_iterable(map(self._inserted, tables)):
                if watching.size > _AT_ONCE:
                    changes = watching.changes(self._reader.name)
                    head = self._history.record(head, changes, journal, note, None)
                    watching.begin()
            self._history.record(head, watching.changes(self._reader.name), journal, note, None)
        finally:
            watching.end()

    # The transcripts

    def _beginnings(self) -> dict[str, Beginning]:
        """Where the transcripts begin; raises unless they reach as far as the level says."""
        found: dict[str, Beginning] = {}
        ended = {vat for (vat,) in self._db.execute("SELECT id FROM vats WHERE state = ?", (TERMINATED,))}
        columns = "vat, incarnation_start, incarnation_hash, start, start_hash, position, hash"
        spans: list[Any] = self._db.execute(f"SELECT {columns} FROM spans").fetchall()
        for vat, began, began_hash, start, start_hash, position, last in spans:
            at, before = self._first_entry(vat, position, last)
            claimed = beginnings.read(self._said.begins).get(vat)
            wanted = {"operational": start, "replay": began}.get(self._said.level, 0)
            if claimed is not None and (at, before) == (claimed.position, claimed.hash):
                found[vat] = claimed
                continue
            ended_here = vat in ended and not self._said.past
            if at > wanted and not ended_here and self._said.vat_id in (None, vat):
                words = f"says that its level is {self._said.level}, and has the transcript of {shown(vat)}"
                self._refuse("level", f"{words} from position {at} only, and {wanted} is due")
            if at > 0 and before is not None:
                others = {began_hash, start_hash} - {before, None}
                older = sorted(other for other in others if not self._has(other))
                found[vat] = Beginning(at, before, tuple(older))
        return found

    def _first_entry(self, vat: str, position: int, at: str | None) -> tuple[int, str | None]:
        """The position of the first entry of a vat that is there, and the running hash before it."""
        query, own = "SELECT prev, vat, position, entry FROM transcript WHERE hash = ?", vat
        while at is not None and (row := self._db.execute(query, (at,)).fetchone()) is not None:
            if row[1:3] != (own, position - 1):
                self._refuse("content", f"has a transcript of vat {shown(vat)} whose entries do not follow")
            at, position, own = row[0], position - 1, _vat_before(own, row[3])
        return position, at

    def _has(self, hash: str) -> bool:
        return self._db.execute("SELECT 1 FROM transcript WHERE hash = ?", (hash,)).fetchone() is not None

    def _refuse(self, fault: ArchiveFault, words: str) -> NoReturn:
        raise BadArchive(fault, f"{self._reader.name} {words}")


def _vat_before(vat: str, entry: str) -> str:
    """The vat of the entry before one of `vat`: another one if that is the first of a clone."""
    try:
        found = read_json(entry) if f'"{CLONED_FROM}"' in entry else None
    except Unreadable:
        return vat
    delivery = found.get("delivery") if isinstance(found, dict) else None
    origin = origin_of(delivery) if isinstance(delivery, list) else None
    return vat if origin is None else origin.vat
