"""A file and the truth of its world meet: it is built, it catches up, or it is refused.

The truth counts. A file that lags takes the commits that it lacks, each with the seal that follows from its
parent's, and goes to the place of the truth by their changes; no vat runs. A file is refused if its last
commit is not in the truth: it was written without the lease, or the database was set back. If the caller says
so, it is set aside then, under another name, and a new one is built.

A file that is built takes all commits, becomes the state by their changes, and has to pass `verify` before it
gets its name. A file that catches up is verified only if the caller asks for it, because all of it has to be
read for that while nothing runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import apsw

from swingset.cluster.failover import tables
from swingset.cluster.failover.errors import LeaseError
from swingset.cluster.failover.holding import names_of
from swingset.cluster.failover.leases import is_name
from swingset.cluster.failover.tables import Stand
from swingset.model.foreign import Unreadable, read_json
from swingset.time.copies.catching_up import SET_ASIDE, unsound
from swingset.time.copies.mirrors import seal_of
from swingset.world import names, opening, paths, schema
from swingset.world.edge import told_in_words
from swingset.world.errors import NotAWorld, ValueRefused
from swingset.world.feed import StoredCommit
from swingset.world.file import WorldFile
from swingset.world.history import History
from swingset.world.lock import WorldLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

_LOG = "lease "

HowTaken = Literal["founded", "current", "caught up", "built", "set aside"]
"""How a file came to the state of its truth."""


@dataclass(frozen=True)
class Truth:
    """What the database has of a world, read in one transaction by the process with the lease."""

    connection: Connection[Any]
    name: str
    stand: Stand

    @property
    def log(self) -> str:
        """What a file calls what its commits are stored in."""
        return log_of(self.name)


def log_of(name: str) -> str:
    """What a file calls the lease under which its commits are stored."""
    return f"{_LOG}{name}"


def lease_of_log(log: str | None) -> str | None:
    """The name of the lease under which a file's commits are stored; None for no log, and for another."""
    return None if log is None or not is_name(name := log.removeprefix(_LOG)) or name == log else name


def meet(path: str, truth: Truth, *, set_aside: bool, verified: bool) -> tuple[HowTaken, int]:
    """Bring the file of a world up to its truth; returns how, and how many commits it had missed."""
    if not os.path.lexists(path):
        build(path, truth)
        return "built", 0
    try:
        missed = _catch_up(path, truth)
        if verified:
            _verify(path, truth)
        return ("caught up" if missed else "current"), missed
    except LeaseError as problem:
        if problem.code != "file-beside" or not set_aside:
            raise
    where = paths.real(path)
    os.replace(where, where + SET_ASIDE)
    try:
        build(path, truth)
    except BaseException:
        if not os.path.lexists(where):  # the truth makes no file, so this one may be the better
            os.replace(where + SET_ASIDE, where)
        raise
    return "set aside", 0


# Catching up


def _catch_up(path: str, truth: Truth) -> int:
    try:
        file = WorldFile.open(path, create=False)
    except NotAWorld as problem:
        raise _beside(path, truth, str(problem)) from None
    with file as world:
        (highest,) = world.row("SELECT max(seq) FROM commits") or (0,)
        for seq in {world.head, highest}:
            theirs = tables.seal_of(truth.connection, truth.name, seq)
            if theirs is None or theirs != seal_of(world, seq):
                raise _beside(world.name, truth, f"its commit {seq} is not in the database")
        if world.history.log not in (None, truth.log):
            raise _beside(world.name, truth, f"it hands its commits to {world.history.log!r}")
        missed = 0

        def lacking() -> Iterator[StoredCommit]:
            nonlocal missed
            for commit in tables.commits(truth.connection, truth.name, highest):
                missed += 1
                yield commit

        try:
            world.adopt(lacking(), tables.content(truth.connection, truth.name, highest))
        except (NotAWorld, ValueRefused) as problem:
            raise tables.altered(truth.name, str(problem)) from None
        if seal_of(world, truth.stand.head) != truth.stand.seal:
            raise tables.altered(
                truth.name, f"commit {truth.stand.head} has another seal than its lease says"
            )
        try:
            if world.head != truth.stand.head:
                world.goto(truth.stand.head)
        except NotAWorld as problem:
            raise _beside(world.name, truth, str(problem)) from None
        _take_names(world, truth)
        return missed


def _beside(file: str, truth: Truth, why: str) -> LeaseError:
    return LeaseError(
        f"{file} is no file of the lease {truth.name!r}, whose world stands at commit {truth.stand.head}:"
        f" {why}. It was changed without the lease, or the database was set back. `--set-aside`, in code"
        " `set_aside=True`, renames it and builds another",
        code="file-beside",
    )


def _take_names(world: WorldFile, truth: Truth) -> None:
    """Have the checkpoints and the other names of the truth."""
    last = world.row("SELECT seq FROM sqlite_sequence WHERE name = 'commits'")
    known = last is not None and last[0] >= truth.stand.last
    if known and names_of(world) == truth.stand.names and world.history.log == truth.log:
        return
    world.begin()
    _write_names(world.db, world.history, truth)
    world.commit()


def _write_names(db: apsw.Connection, history: History, truth: Truth) -> None:
    """Write the names of the truth in the caller's transaction. Raises `LeaseError` for what are none."""
    try:
        raw = read_json(truth.stand.names)
        labels = [(str(name), int(seq), str(note), str(seal)) for name, seq, note, seal, _ in raw["labels"]]
        digests = [(None if row[4] is None else str(row[4]), int(row[1])) for row in raw["labels"]]
        rows = {str(key): str(text) for key, text in raw["rows"] if key in names.SEALED}
    except (Unreadable, KeyError, TypeError, ValueError):
        raise tables.altered(truth.name, "its names cannot be read") from None
    db.execute("DELETE FROM labels")
    db.executemany("INSERT INTO labels VALUES(?, ?, ?, ?)", labels)
    db.executemany("UPDATE commits SET digest = ? WHERE seq = ?", digests)
    for key in names.SEALED:
        db.execute("DELETE FROM meta WHERE key = ?", (key,))
        if key in rows:
            names.keep(db, key, rows[key])
    history.keep_log(truth.log)
    query = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'commits'"
    db.execute(query, (truth.stand.last,))


# Building


def build(path: str, truth: Truth) -> None:
    """Build the file of a world from its truth. Raises `LeaseError` if that makes no sound world."""
    target = paths.free(path)
    with told_in_words(target), WorldLock(target):
        opening.fill_new(target, lambda db: _fill(db, truth), lambda draft: _verify(draft, truth, built=True))


def _fill(db: apsw.Connection, truth: Truth) -> None:
    schema.create(db, opening.software_version(), b"")
    db.execute("BEGIN")
    db.execute("DELETE FROM commits")
    history = History(db, f"the truth of lease {truth.name}")
    try:
        for table, row in tables.content(truth.connection, truth.name, -1):
            db.execute(f"INSERT INTO {table} VALUES({', '.join('?' * len(row))})", row)
        for commit in tables.commits(truth.connection, truth.name, -1):
            if commit.parent is None:  # what follows is checked against its seal
                db.execute("INSERT INTO commits VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(commit))
            else:
                history.adopt(commit)
        history.move(0, truth.stand.head)
        _write_names(db, history, truth)
    except (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError) as problem:
        raise tables.altered(truth.name, f"a row is none of a world: {problem}") from None
    except NotAWorld as problem:
        raise tables.altered(truth.name, str(problem)) from None
    db.execute("COMMIT")


def _verify(file: str, truth: Truth, *, built: bool = False) -> None:
    """Raise `LeaseError` unless a file is a sound world that stands where its truth stands."""
    try:
        problem = unsound(file, truth.stand.seal)
    except NotAWorld as raised:
        problem = str(raised)
    if problem is not None:
        words = f"it is no sound world: {problem}"
        raise tables.altered(truth.name, words) if built else _beside(file, truth, words)
