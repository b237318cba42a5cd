"""Copies a world of format 2 to a new file of this format.

Format 2 has no records of cranks and requests. The copy has the same state, history, labels and bulk, and its
records begin with its first new commit. The old file is only read, and never changes.

The copy gets new seals. Each old seal is checked first, so that the copy of an altered file does not get
valid seals. `verify` checks the rest of the copy, as in any world.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import apsw

from swingset.model.spelling import canonical

from . import opening, paths, schema
from .descriptors import refuse_odd_beside
from .edge import told_in_words
from .entering import write_copy
from .errors import DamagedWorld, NotAWorld, WorldMissing
from .journal import NOTHING
from .seals import Sealed, commit_seal, label_seal, names_seal

FROM = 2
"""The format of the worlds that `migrate` reads."""

_SENDER = re.compile(r"  sender INTEGER.*\n")
_COMMITS = """CREATE TABLE commits(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, not even after a prune
  parent INTEGER,
  crank INTEGER NOT NULL,
  note TEXT NOT NULL,
  digest TEXT, -- of the state as of this commit, where it was asked for
  changeset BLOB NOT NULL, -- zstd
  seal TEXT NOT NULL -- sha256 of the parent's seal and of all that is said here but the digest
) STRICT"""


def migrate(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> None:
    """Copy the world of format 2 at `path` to a new file of this format.

    Raises `WorldMissing` if there is no file at `path`, `NotAWorld` for a file of another kind or format,
    `DamagedWorld` for one that was altered, and `WorldError` if there is a file at `to` already.
    """
    where = paths.real(path)
    if not os.path.lexists(where):
        raise WorldMissing(f"there is no world at {where}: check the path")
    refuse_odd_beside(where)
    opening.check_header(where, FROM)
    with told_in_words(where):
        old = opening.read_only(where, live=True)
        try:
            old.execute("BEGIN")
            schema.harden(old)
            if schema.stored(old) != _expected() or old.pragma("encoding") != "UTF-8":
                raise NotAWorld(f"{where} has other tables than a world of format {FROM} has: it was altered")
            new = apsw.Connection(":memory:")
            try:
                _copy(where, old, new)
                write_copy(new, to)
            finally:
                new.close()
        finally:
            old.close()


@cache
def _expected() -> list[tuple[object, ...]]:
    db = apsw.Connection(":memory:")
    try:
        for statement in _schema():
            db.execute(statement)
        return schema.stored(db)
    finally:
        db.close()


def _schema() -> Iterator[str]:
    """The statements of the old format: three tables lack `sender`, and `commits` lacks its records."""
    for statement in schema.SCHEMA:
        if statement.startswith("CREATE TABLE commits("):
            yield _COMMITS
        elif statement.startswith("CREATE TABLE queue("):
            yield _SENDER.sub("", statement).replace("NOT NULL,\n)", "NOT NULL\n)")
        else:
            yield _SENDER.sub("", statement)


def _copy(where: str, old: apsw.Connection, new: apsw.Connection) -> None:
    schema.create(new, opening.software_version(), NOTHING)
    new.execute("BEGIN")
    new.execute("DELETE FROM commits")
    for table in schema.table_names():
        if table not in ("commits", "labels", "meta"):
            columns = [str(row[1]) for row in old.execute(f"PRAGMA table_info({table})")]
            marks = ", ".join("?" * len(columns))
            rows = old.execute(f"SELECT * FROM {table}")
            new.executemany(f"INSERT INTO {table}({', '.join(columns)}) VALUES({marks})", rows)
    seals = _commits(where, old, new)
    found = []
    for name, seq, note, seal in old.execute("SELECT name, commit_seq, note, seal FROM labels ORDER BY name"):
        was, becomes = seals.get(seq, ("", ""))
        if seal != label_seal(was, name, seq, note):
            raise DamagedWorld(f"{where}: a label was altered: go back to a copy of the file")
        found.append(label_seal(becomes, name, seq, note))
        new.execute("INSERT INTO labels VALUES(?, ?, ?, ?)", (name, seq, note, found[-1]))
    head = old.execute("SELECT value FROM meta WHERE key = 'head'").fetchone()
    if head is None or not any(str(seq) == head[0] for seq in seals):
        raise DamagedWorld(f"{where} does not say which commit it stands at: go back to a copy of it")
    new.execute("UPDATE meta SET value = ? WHERE key = 'head'", head)
    new.execute("UPDATE meta SET value = ? WHERE key = 'names'", (names_seal(None, found),))
    last = old.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'commits'").fetchone()
    if last is not None and type(last[0]) is int:
        new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'commits'", last)
    new.execute("COMMIT")


def _commits(where: str, old: apsw.Connection, new: apsw.Connection) -> dict[int, tuple[str, str]]:
    """Copy the commits; returns the old and the new seal of each, by number."""
    seals: dict[int, tuple[str, str]] = {}
    query = "SELECT seq, parent, crank, note, digest, changeset, seal FROM commits ORDER BY seq"
    for seq, parent, crank, note, digest, changeset, seal in old.execute(query):
        was, becomes = seals.get(parent, (None, None))
        if seal != _old_seal(was, [seq, parent, crank, note], changeset):
            raise DamagedWorld(f"{where}: commit {seq} was altered: go back to a copy of the file")
        made = Sealed(seq, parent, crank, 0, note, changeset, NOTHING)
        seals[seq] = seal, commit_seal(becomes, made)
        new.execute(
            "INSERT INTO commits(seq, parent, crank, record, note, changeset, records, digest, seal)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*made, digest, seals[seq][1]),
        )
    return seals


def _old_seal(before: str | None, said: list[Any], packed: bytes) -> str:
    head = canonical([before, *said]).encode()
    return hashlib.sha256(b"commit %d:%b%b" % (len(head), head, packed)).hexdigest()
