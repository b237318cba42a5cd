"""History: a tree of commits, each of which can be undone.

A commit stores a changeset: the rows of the state tables that differ from its parent, with old and new
values. Going to another commit undoes changesets back to the common ancestor, and applies those that lead
from there to the target, in one transaction. This is the only mechanism: going back, going forward again and
branching are all `goto`. A changeset is unpacked in pieces while it is applied, because a hostile file can
have a small one that unpacks to very much.

This module reads and writes the history's tables; it never decides when to commit.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from swingset.model.foreign import said
from swingset.model.visible import visible

from . import names
from .codec import Unpacking, compress
from .cuts import KEY as CUT
from .cuts import Cut, read_cut
from .edge import told_in_words
from .errors import DamagedRow, HistoryBroken, LogAway, TakerFailed, UnknownCommit, WorldError
from .feed import CommitFeed, NewContent, StoredCommit, Taker, last_rows, net_changes
from .fencing import Fencing
from .journal import Journal
from .merging import Changes, merged
from .record_lines import MOST_RECORDS, read_records
from .records import Record
from .rows import MOST, shown
from .schema import STATE_NAMES
from .seals import Sealed, commit_seal, names_seal

_MOST_CHANGES = 1 << 29  # SQLite keeps a blob below 1 GiB

_FEW = 8  # commits that are applied one by one

_NUMBER = re.compile(r"[0-9]{1,18}\Z", re.ASCII)

_REASONS = {
    apsw.SQLITE_CHANGESET_DATA: "holds other values than it left",
    apsw.SQLITE_CHANGESET_NOTFOUND: "is not there any more",
    apsw.SQLITE_CHANGESET_CONFLICT: "is there already",
    apsw.SQLITE_CHANGESET_CONSTRAINT: "would break a rule of its table",
}


@dataclass(frozen=True)
class Commit:
    """One commit, without its changes and records.

    `crank` and `record` are the numbers of the last crank and the last record as of this commit. `size` is
    how many bytes its changes and records take in the file.
    """

    seq: int
    parent: int | None
    crank: int
    note: str
    digest: str | None
    size: int
    record: int = 0


_COMMIT = "seq, parent, crank, note, digest, length(changeset) + length(records), record"


@dataclass(frozen=True)
class Label:
    """A name for a commit."""

    name: str
    seq: int
    crank: int
    note: str


class History:
    """The commits and labels of one database."""

    def __init__(self, db: apsw.Connection, name: str) -> None:
        self._db = db
        self._name = name
        self.borrow: Callable[[str, int], bytes] = lambda _column, _seq: b""
        """Returns a column of a commit that this database has without its changes and records."""
        self.takers: list[Taker] = []
        """The functions that are called with each commit before it is durable."""
        self._taken: dict[str, int] = {}  # up to which rows of bulk the takers have them
        self.fencing = Fencing(db)

    @property
    def log(self) -> str | None:
        """The name of the log that must receive each commit, or None."""
        with told_in_words(self._name):
            row = self._db.execute("SELECT value FROM meta WHERE key = 'log'").fetchone()
        return None if row is None else str(row[0])

    def keep_log(self, log: str | None) -> None:
        """Store the name of the log that must receive each commit, in the caller's transaction."""
        if log is None:
            self._db.execute("DELETE FROM meta WHERE key = 'log'")
        else:
            self._db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES('log', ?)", (log,))
        self.seal_names()

    @property
    def cut(self) -> Cut | None:
        """Where the past was cut off, or None."""
        return read_cut(names.stored(self._db, CUT))

    def keep_cut(self, cut: Cut) -> None:
        """Store where the past was cut off, in the caller's transaction."""
        names.keep(self._db, CUT, cut.text())

    def hand_out(self, seq: int, check: Callable[[], None]) -> None:
        """Call all takers with a commit that is not durable yet.

        `check` is called before them, and raises if the commit cannot become durable. Raises `LogAway` if
        the world has a log but no taker, and `TakerFailed` if a taker raises.
        """
        if not self.takers:
            if (log := self.log) is not None and not self.fencing.stands:
                raise LogAway(
                    f"{self._name} hands each commit to the log {shown(log)}, and nothing takes it here: open"
                    " it where the log is, or say that it has none any more (`controller.history.leave_log`)"
                )
            return
        check()
        commit = self.commit(seq)
        records, changes = tuple(self.records_of(seq)), tuple(net_changes(self._db, self.changes(seq)))
        stored = self.stored(seq)
        content = NewContent(self._db, self._taken)
        fed = CommitFeed(
            seq, commit.parent or 0, commit.crank, commit.note, records, changes, stored, content
        )
        for take in self.takers:
            try:
                take(fed)
            except Exception as problem:  # even an error that looks like one of the world's own disk
                name = getattr(take, "__qualname__", type(take).__name__)
                log = "" if self.log is None else f" for the log {shown(self.log)}"
                raise TakerFailed(
                    f"{self._name}: {shown(name)}, which takes its commits{log}, has raised"
                    f" {type(problem).__name__}: {visible(said(problem))}. Nothing was committed: mend"
                    " that, and do it again"
                ) from problem

    def add_taker(self, take: Taker) -> None:
        """Call a function with each later commit, and with the bulk that is written from now on."""
        if not self.takers:
            self._taken = last_rows(self._db)
        self.takers.append(take)

    def taken(self) -> None:
        """Note that the last commit handed out is durable, with its bulk."""
        if self.takers:
            self._taken = last_rows(self._db)

    def renumbered(self) -> None:
        """Note that the rows of bulk may have other positions: all of them are handed out once more."""
        self._taken = {}
        self.fencing.renumbered()

    def stored(self, seq: int) -> StoredCommit:
        """A commit as it is stored. Raises `UnknownCommit`."""
        columns = ", ".join(StoredCommit._fields)
        row = self._db.execute(f"SELECT {columns} FROM commits WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise self._unknown(seq)
        found = StoredCommit(*row)
        return found._replace(changeset=self.part("changeset", seq), records=self.part("records", seq))

    def adopt(self, commit: StoredCommit) -> None:
        """Add a commit that was made elsewhere. Raises `HistoryBroken` unless its seal is right."""
        seq, parent, crank, record, note, _, seal, *packed = commit
        before = None if parent is None else self.seal(parent)
        if before is None or seal != commit_seal(before, Sealed(seq, parent, crank, record, note, *packed)):
            words = "was altered: its seal is not that of its content and its parent"
            raise HistoryBroken(f"{self._name}: commit {seq}, made elsewhere, {words}")
        self._db.execute("INSERT INTO commits VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(commit))

    def head(self) -> int:
        """The current commit, as stored in the file."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'head'").fetchone()
        if row is None or not _NUMBER.match(str(row[0])):
            raise DamagedRow(self._name, "meta", "head", "it names no commit")
        return int(row[0])

    def crank(self) -> int:
        """The crank counter of the current state."""
        row = self._db.execute("SELECT value FROM counters WHERE name = 'crank'").fetchone()
        return int(row[0]) if row else 0

    def record(self, parent: int, changes: bytes, journal: Journal, note: str, digest: str | None) -> int:
        """Add a commit after `parent`, with these changes and the journal's records, and make it current."""
        records = journal.plain()
        if max(len(changes), len(records)) > _MOST_CHANGES:
            raise WorldError(
                f"{self._name}: one run changed {len(changes)} bytes of state, more than the {_MOST_CHANGES} "
                "that one commit can hold: commit more often"
            )
        said = parent, self.crank(), journal.last, note
        self._db.execute(
            "INSERT INTO commits(parent, crank, record, note, digest, seal, changeset, records)"
            " VALUES(?, ?, ?, ?, ?, '', x'', x'')",
            (*said, digest),
        )
        seq = self._db.last_insert_rowid()
        packed = compress(changes), compress(records)
        seal = commit_seal(self.seal(parent), Sealed(seq, *said, *packed))
        query = "UPDATE commits SET seal = ?, changeset = ?, records = ? WHERE seq = ?"
        self._db.execute(query, (seal, *packed, seq))
        self.stand_at(seq)
        return seq

    def seal(self, seq: int) -> str:
        """The seal of a commit."""
        row = self._db.execute("SELECT seal FROM commits WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise HistoryBroken(f"{self._name}: commit {seq} is missing from its history")
        return str(row[0])

    def stand_at(self, seq: int) -> None:
        """Store which commit is the current one."""
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'head'", (str(seq),))

    def commit(self, seq: int) -> Commit:
        """One commit by its number."""
        row = self._db.execute(f"SELECT {_COMMIT} FROM commits WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise self._unknown(seq)
        return Commit(*row)

    def _unknown(self, seq: int) -> UnknownCommit:
        last = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'commits'").fetchone()
        words = f"has no commit {seq}"
        if type(seq) is int and last is not None and 0 < seq <= last[0]:
            words += " any more: it was pruned"
        return UnknownCommit(f"{self._name} {words}: `commits()` lists those it has")

    def commits(self) -> list[Commit]:
        """All commits of all branches, oldest first."""
        query = f"SELECT {_COMMIT} FROM commits ORDER BY seq"
        return [Commit(*row) for row in self._db.execute(query)]

    def labels(self) -> list[Label]:
        """All labels, those of the oldest commits first."""
        query = (
            "SELECT name, commit_seq, crank, labels.note FROM labels JOIN commits ON seq = commit_seq "
            "ORDER BY commit_seq, name"
        )
        return [Label(*row) for row in self._db.execute(query)]

    def seal_names(self) -> None:
        """Store the seal of labels, log and other names as they are now, in the caller's transaction."""
        labels = [str(seal) for (seal,) in self._db.execute("SELECT seal FROM labels ORDER BY name")]
        seal = names_seal(self.log, labels, names.sealed_rows(self._db))
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'names'", (seal,))

    def part(self, column: str, seq: int) -> bytes:
        """The changes or records of a commit as they are stored: here, or where this world borrows them."""
        row = self._db.execute(f"SELECT {column} FROM commits WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise HistoryBroken(f"{self._name}: commit {seq} is missing from its history")
        return bytes(row[0]) or self.borrow(column, seq)

    def changes(self, seq: int) -> Unpacking:
        """The changeset of a commit."""
        return Unpacking(self.part("changeset", seq), _MOST_CHANGES, f"{self._name}: commit {seq}")

    def changes_of(self, first: int, last: int) -> Iterator[tuple[int, Unpacking]]:
        """The numbers and changesets of all commits of all branches from one number to another, in order.

        One statement for many commits costs less than one for each.
        """
        query = "SELECT seq, changeset FROM commits WHERE seq BETWEEN ? AND ? ORDER BY seq"
        for seq, changeset in self._db.execute(query, (first, last)):
            changeset = changeset or self.part("changeset", seq)
            yield seq, Unpacking(changeset, _MOST_CHANGES, f"{self._name}: commit {seq}")

    def records(self, seq: int) -> Unpacking:
        """The packed records of a commit."""
        what = f"{self._name}: the records of commit {seq}"
        return Unpacking(self.part("records", seq), MOST_RECORDS, what)

    def records_since(self, number: int, head: int) -> Iterator[Record]:
        """The records after that number, on the line of commits that ends with `head`.

        Raises `DamagedRow` for a line that is not a record.
        """
        line: list[int] = []
        for seq in self.ancestors(head):
            if seq == 0 or self.last_record(seq) <= number:
                break
            line.append(seq)
        for seq in reversed(line):
            yield from (record for record in self.records_of(seq) if record.number > number)

    def records_of(self, seq: int) -> Iterator[Record]:
        """The records of one commit. Raises `DamagedRow` for a line that is not a record."""
        before = self.commit(self.parent(seq) or 0)
        return read_records(self._name, seq, self.records(seq), number=before.record + 1, crank=before.crank)

    def last_record(self, seq: int) -> int:
        """The number of the last record as of a commit, 0 if the commit is missing.

        Raises `DamagedRow` for a number that no record can have.
        """
        row = self._db.execute("SELECT record FROM commits WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            return 0
        if not 0 <= row[0] <= MOST:
            raise DamagedRow(
                self._name, "commits", str(seq), f"record is {row[0]}, which is no number of one"
            )
        return int(row[0])

    def parent(self, seq: int) -> int | None:
        """The commit before this one; None for the first."""
        row = self._db.execute("SELECT parent FROM commits WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise HistoryBroken(f"{self._name}: commit {seq} is missing from its history")
        parent = row[0]
        # Numbers must grow along every branch; otherwise a walk to the first commit might never end.
        if (parent is None) != (seq == 0) or (parent is not None and not 0 <= parent < seq):
            raise HistoryBroken(f"{self._name}: commit {seq} names {parent} as the commit before it")
        return int(parent) if parent is not None else None

    def ancestors(self, seq: int) -> Iterator[int]:
        """This commit, the one before it, and so on to the first."""
        at: int | None = seq
        while at is not None:
            yield at
            at = self.parent(at)

    def move(self, start: int, target: int) -> None:
        """Change the state from that of `start` to that of `target`, in the caller's transaction."""
        undo: list[int] = []
        redo: list[int] = []
        here, there = start, target
        while here != there:
            if here > there:
                undo.append(here)
                here = self._before(here)
            else:
                redo.append(there)
                there = self._before(there)
        redo.reverse()
        self._apply(undo, backwards=True)
        self._apply(redo, backwards=False)
        self.stand_at(target)

    def _before(self, seq: int) -> int:
        parent = self.parent(seq)
        assert parent is not None, "commit 0 is an ancestor of all, so the walk ends there"
        return parent

    def _apply(self, way: list[int], *, backwards: bool) -> None:
        """Apply or undo these commits, in this order.

        A long way is one of merged changes. If a row does not fit them, it is gone again commit by commit, to
        name the commit.
        """
        if len(way) > _FEW:
            self._db.execute("SAVEPOINT way")
            fits = False
            with contextlib.suppress(HistoryBroken):
                fits = self._fit(merged(map(self.changes, way), backwards=backwards), backwards) is None
            self._db.execute("RELEASE way" if fits else "ROLLBACK TO way")
            if fits:
                return
        for seq in way:
            if (why := self._fit([self.changes(seq)], backwards)) is not None:
                raise HistoryBroken(
                    f"{self._name}: commit {seq} cannot be {'undone' if backwards else 'applied'}: {why}. "
                    "The world stays where it was"
                )

    def _fit(self, pieces: Iterable[Changes], backwards: bool) -> str | None:
        """Apply or undo changes; returns why they do not fit, or None."""
        why: list[str] = []

        def misfit(table: str, _key: tuple[Any, ...], reason: str) -> bool:
            why.append(f"a row of {table} {reason}" if table else reason)
            return False

        for piece in pieces:
            apply_changes(self._db, piece, backwards=backwards, misfit=misfit)
            if why:
                return why[0]
        return None


apsw.session_config(apsw.SQLITE_SESSION_CONFIG_STRMSIZE, 1 << 18)  # bytes per piece


def apply_changes(
    db: apsw.Connection,
    changes: Changes,
    *,
    backwards: bool,
    misfit: Callable[[str, tuple[Any, ...], str], bool],
) -> None:
    """Apply a changeset to the state tables of a database, or undo it.

    `misfit` is called for each row that does not fit, with its table, its key and the reason. It returns
    whether to continue with the other rows. If the changeset itself is damaged, its table is empty.
    """
    if not (len(changes) if isinstance(changes, bytes) else changes.size):
        return
    stopped = False

    def conflict(reason: int, change: apsw.TableChange) -> int:
        nonlocal stopped
        row = change.new if change.op == "INSERT" else change.old
        key = tuple(row[at] for at in sorted(change.pk_columns)) if row else ()
        if not misfit(change.name, key, _REASONS.get(reason, "does not fit")):
            stopped = True
            return apsw.SQLITE_CHANGESET_ABORT
        if reason in (apsw.SQLITE_CHANGESET_DATA, apsw.SQLITE_CHANGESET_CONFLICT):
            return apsw.SQLITE_CHANGESET_REPLACE
        return apsw.SQLITE_CHANGESET_OMIT

    def ours(table: str) -> bool:
        nonlocal stopped
        if table not in STATE_NAMES:
            stopped = True
            misfit("", (), f"it changes {table!r}, which is not state")
        return not stopped

    try:
        flags = apsw.SQLITE_CHANGESETAPPLY_INVERT if backwards else 0
        source = changes if isinstance(changes, bytes) else changes.reader()
        apsw.Changeset.apply(source, db, filter=ours, conflict=conflict, flags=flags)
    except (apsw.Error, UnicodeDecodeError) as problem:
        if not stopped:
            misfit("", (), f"its changeset cannot be read: {problem}")
