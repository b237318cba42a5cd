"""`swingset.world`: everything that a world is, in one SQLite file.

A `WorldFile` is a connection, a transaction and a session of SQLite. The transaction opens with the first
write of a run and ends with `commit`; only then do changes become durable. In between, each crank is a
savepoint that is released or rolled back as a whole. Changed rows wait in memory (`memory`) until a commit
or a query needs them. The session watches the state tables. Its changeset is stored with the commit, and
going back in history undoes it.

A commit first checks that this still is the world that was opened: the same file at the same path, with the
same lock, and not written by another process. If the check fails, nothing can be committed any more; `export`
still writes the last commit to another file.

Other modules define what the rows mean. This one never commits by itself, and reads no clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import apsw

from . import entering, opening
from .bundles import Bundles
from .cuts import Cut
from .digest import state_digest
from .edge import at_the_edge
from .errors import (
    HistoryBroken,
    LookOnly,
    StorageError,
    UncommittedChanges,
    WorldError,
    WorldLocked,
)
from .feed import ContentRow, StoredCommit, last_rows
from .heaps import Heaps
from .history import Commit, History
from .journal import Journal
from .labels import Labels, Named
from .lending import Guard, Lender, copied, hand_over, lend
from .libraries import Libraries
from .lock import WorldLock
from .memory import Change, Memory
from .place import Place
from .prune import Pruned, prune
from .queries import Queries
from .retention import PruneReason
from .transcripts import Transcripts
from .watching import Watching

_CRANK = "crank"


class WorldFile(Queries, Named):
    """One open world. Make it with `WorldFile.open`."""

    def __init__(
        self, db: apsw.Connection, path: str | None, lock: WorldLock | None, *, look_only: bool = False
    ) -> None:
        self.db = db
        self.path = path
        self.name = path or "the world in memory"
        self.look_only = look_only
        """Whether this world was opened for reading only."""
        self.process = os.getpid()
        """The process that the world belongs to."""
        self.faults: Callable[[str], None] | None = None
        """Called at each step at which a crash matters; tests raise or kill the process there."""
        self.before_commit: Callable[[], None] | None = None
        """Called just before a commit, to write the last rows that belong to it."""
        self.rewinding: Callable[[], None] | None = None
        """Called before the state changes to that of another commit, while the old one can still be read."""
        self.lender: Lender | None = None
        """Looks up bulk in the world that this one was made from; None for a world that has all its own."""
        self.lends_all = False
        """Whether the lender has all that this world lacks, and it can be made whole."""
        self.guard: Guard = nullcontext
        self.borrowers: WeakSet[WorldFile] = WeakSet()
        self._bulk_before: dict[str, int] = {}  # the last committed rows of bulk, while a run is open
        self.memory = Memory(self)
        self.rewound = 0
        """How often state was rolled back or replaced; caches of it are then invalid."""
        self.cuts = 0
        """How often the world was pruned; what is known of its commits is then invalid."""
        self.history = History(db, self.name)
        self.transcripts = Transcripts(self)
        self.heaps = Heaps(self)
        self.bundles = Bundles(self)
        self.libraries = Libraries(self)
        self.head = self.history.head()
        self.journal = Journal(self.history.last_record(self.head))
        self._labels = Labels(self)
        self._in_run = False
        self._committed_bytes = 0
        self._failure: StorageError | None = None
        self._place = Place(db, self.name, path, lock)
        self._watching = Watching(db)
        if not look_only:
            self._watching.begin()

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None, *, create: bool = True) -> WorldFile:
        """Open the world in this file, or create it. None creates a world in memory."""
        if path is None:
            return cls(opening.in_memory(), None, None)
        with entering.to_write(path, create=create) as (db, where, lock):
            return cls(db, where, lock)

    @classmethod
    def look(cls, path: str | os.PathLike[str]) -> WorldFile:
        """Open the world in this file for reading, as of now; another process may have it open.

        This takes no lock and writes nothing, so the file may be on a read-only medium. Later commits of
        other processes are not visible.
        """
        with entering.to_look(path) as (db, where):
            return cls(db, where, None, look_only=True)

    @at_the_edge
    def close(self) -> None:
        """Close the file; uncommitted changes are lost. It may be called twice."""
        with suppress(apsw.Error, WorldError):
            hand_over(self)
        self._watching.end()
        self._in_run = False
        self._place.close()

    def __enter__(self) -> WorldFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, name: str) -> None:
        """Call `faults`, if a test has set it, at a step at which a crash matters."""
        if self.faults is not None:
            self.faults(name)

    def begin_crank(self) -> None:
        """Open the savepoint of a crank or request."""
        self.memory.refuse_open("begin a crank")
        self.savepoint(_CRANK)

    def release_crank(self) -> None:
        """End the crank's savepoint, and keep its changes for the next commit."""
        self.step("release-crank")
        self.release(_CRANK)

    def undo_crank(self) -> None:
        """Roll back the crank's changes so far; its savepoint stays open."""
        self.rollback_to(_CRANK)

    def rollback_crank(self) -> None:
        """Roll back the crank's changes, and end its savepoint."""
        self.undo_crank()
        self.memory.release(_CRANK)

    @at_the_edge
    def savepoint(self, name: str) -> None:
        """Open a savepoint inside the one that is open now, if any."""
        self.begin()
        self.memory.open(name)

    @at_the_edge
    def release(self, name: str) -> None:
        """End a savepoint and those inside it, keeping their changes."""
        self.memory.find(name)
        self.begin()
        self.memory.release(name)

    @at_the_edge
    def rollback_to(self, name: str) -> None:
        """Roll back all changes since a savepoint, which stays open; those inside it end."""
        self.memory.rollback_to(name)
        self.rewound += 1

    def changed(self, name: str) -> Iterator[Change]:
        """The rows of state that differ from their values when the innermost savepoint was opened."""
        return self.memory.changed(name)

    @at_the_edge
    def flush(self) -> None:
        """Write what waits in memory into the open transaction, for a caller that queries `db` itself."""
        self.memory.flush_all()

    @property
    @at_the_edge
    def dirty(self) -> bool:
        """Whether the state differs from the head."""
        if not self._in_run:
            return False
        self.memory.flush()
        return bool(self._watching.changes(self.name))

    @property
    def pending_bytes(self) -> int:
        """About how many bytes changed since the last commit, each change counted, records included."""
        return self.memory.changed_bytes - self._committed_bytes + self.journal.size

    @at_the_edge
    def commit(self, note: str = "", *, digest: bool = False) -> int | None:
        """Make all changes since the last commit durable; returns the number of the new commit.

        Returns None if the state did not change. With `digest`, the commit stores the state's digest, and a
        later `goto` checks it.
        """
        self.memory.refuse_open("commit")
        if not self._in_run:
            return None
        self.begin()
        if self.before_commit is not None:
            self.before_commit()
        seq: int | None = None
        try:
            self.memory.flush_all()
            changes = self._watching.changes(self.name)
            self.step("before-commit")
            if changes:
                proof = state_digest(self.db) if digest else None
                seq = self.history.record(self.head, changes, self.journal, note, proof)
                self.history.hand_out(seq, self.check_place)
            self._make_durable()
        except BaseException:
            self.rollback()
            raise
        self._in_run = False
        self._committed_bytes = self.memory.changed_bytes
        if seq is not None:
            self.history.taken()
            self._stand_at(seq)
        elif not changes:
            self.journal.truncate(0)  # requests that together changed nothing
        self._place.fold()
        self.step("after-commit")
        return seq

    def _stand_at(self, seq: int) -> None:
        """Start over from a commit, whose state is current: later changes go into the next commit."""
        self.head = seq
        self.journal.begin(self.history.last_record(seq))
        self._watching.begin()

    @at_the_edge
    def rollback(self) -> None:
        """Go back to the last commit, at any point of a run, even after SQLite itself rolled back."""
        if self._in_run or self.db.in_transaction:
            self._rewind()
        self._watching.end()
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        self._in_run = False
        self._failure = None
        self._forget()
        if not self._place.written_by_others():
            self.head = self.history.head()  # an interrupt may have come just after a COMMIT
        self._place.fold()
        self._stand_at(self.head)

    def _forget(self) -> None:
        """Invalidate everything in memory that was derived from the state, because it was rolled back."""
        self.rewound += 1
        self.memory.forget()
        self._committed_bytes = self.memory.changed_bytes

    def _rewind(self) -> None:
        if self.rewinding is not None:
            self.rewinding()

    def begin(self) -> None:
        """Open a transaction unless one is open; a statement outside of one would be durable at once."""
        if not self._in_run:
            if self.look_only:
                raise LookOnly(f"{self.name} was opened to be looked at: open it to be written to change it")
            self.step("begin")
            try:
                self.db.execute("BEGIN IMMEDIATE")
            except apsw.BusyError as problem:
                words = f"{self.name} is being written by another program: end that first"
                raise WorldLocked(words) from problem
            self._in_run = True
            self._bulk_before = last_rows(self.db)
            # No other process can write from here on; what one has written before is detected now.
            self._refuse_written_by_others()
        elif not self.db.in_transaction:
            if self._failure is not None:
                raise type(self._failure)(str(self._failure))
            words = "SQLite gave up on this run when a write failed (is the disk full?), and nothing of it"
            raise WorldError(f"{self.name}: {words} is kept: roll back, and run again")

    def _refuse_written_by_others(self) -> None:
        if not self._place.written_by_others() and self.history.head() == self.head:
            return
        self.db.execute("ROLLBACK")
        self._in_run = False
        raise self._place.is_another()

    def check_place(self) -> None:
        """Raise `WorldMoved` if the file, its lock or its content is not what was opened."""
        self._place.check()

    def _make_durable(self) -> None:
        """Commit the transaction, if this still is the world that was opened."""
        self._place.check()
        self.history.fencing.ask()
        self._place.before_commit()
        self.db.execute("COMMIT")
        self.history.fencing.passed()

    def failed(self, problem: WorldError) -> None:
        """Remember why SQLite may have rolled back a run, for the error of the next operation in it."""
        self._place.shaken()
        if isinstance(problem, StorageError):
            self._failure = problem

    @at_the_edge
    def goto(self, seq: int) -> None:
        """Change the state to that of another commit. Later commits then begin a new branch."""
        self._settle("go to another commit")
        target = self.history.commit(seq)
        if seq == self.head:
            return
        self._rewind()
        self._watching.end()
        with self._durably():
            self.begin()
            self.history.move(self.head, seq)
            if target.digest is not None and state_digest(self.db) != target.digest:
                words = "gave a state with another digest than it had. The world stays where it was"
                raise HistoryBroken(f"{self.name}: going to commit {seq} {words}")
        self._forget()
        self._stand_at(seq)
        self._place.fold()
        self.step("after-commit")

    @contextmanager
    def _durably(self) -> Iterator[None]:
        """Make the changes of the body durable, or go back to the last commit if it raises."""
        try:
            yield
            self.step("before-commit")
            self._make_durable()
        except BaseException:
            self.rollback()
            raise
        self._in_run = False

    @at_the_edge
    def commits(self) -> list[Commit]:
        """All commits of all branches, oldest first."""
        return self.history.commits()

    @at_the_edge
    def prune(self, cut: Cut | None = None, *, to_images: bool = False, why: PruneReason = "asked") -> Pruned:
        """Delete the branches that end with neither the head nor a label, and shrink the file.

        With a `cut`, the past before that commit is deleted too; with `to_images`, of transcripts also what
        was before the heap images of then. If it was not asked for, the file keeps its size, with room in it.
        """
        self._settle("prune")
        self.make_whole()
        hand_over(self)
        self.begin()
        with self._durably():
            report = prune(self, cut, to_images=to_images, why=why)
        self.cuts += 1
        self._place.fold()
        self.step("after-commit")
        self.shrink() if why == "asked" else self._watching.begin()
        return replace(report, after=self.size)

    def shrink(self) -> None:
        """Give the room of deleted data back, between two runs."""
        self._watching.end()
        try:
            self._place.shrink()
        finally:
            self.history.renumbered()
            self._watching.begin()

    @at_the_edge
    def adopt(
        self,
        commits: Iterable[StoredCommit],
        content: Iterable[ContentRow],
        labels: Iterable[tuple[Any, ...]] | None = None,
    ) -> None:
        """Add commits that were made of this world elsewhere, parents first, and their bulk.

        `labels` replace those of this world: rows of the table, each followed by the digest of its commit.
        None leaves them as they are.
        The state stays; `goto` then goes to one of the commits. Raises `HistoryBroken` for a commit whose
        parent is missing, or whose seal is not that of its content.
        """
        self._settle("take up commits")
        self.begin()
        with self._durably():
            for table, row in content:
                self.execute(f"INSERT OR IGNORE INTO {table} VALUES({', '.join('?' * len(row))})", row)
            for commit in commits:
                self.history.adopt(commit)
            if labels is not None:
                self._labels.replace(labels)
        self._place.fold()
        self._watching.begin()

    def _settle(self, what: str) -> None:
        """End the open run, keeping unreferenced bulk. Raises `UncommittedChanges` if state has changed."""
        self.memory.refuse_open(what)
        if self.dirty:
            raise UncommittedChanges(f"cannot {what} with uncommitted changes: commit or roll back first")
        self.commit()

    @at_the_edge
    def fork(self) -> WorldFile:
        """Return a copy of the world in memory, with uncommitted changes; it never changes this world."""
        self.memory.flush_all()
        changes = b"" if self.look_only else self._watching.changes(self.name)
        after = self._bulk_before if self._in_run else {}
        twin = WorldFile(copied(self, self.journal, changes, after), None, None)
        twin.name = f"a fork of {self.name}"
        lend(self, twin)
        return twin

    @at_the_edge
    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the world as of the head, with all its history, to another file.

        This needs only what this process has open, so it can save a world whose file was deleted.
        """
        self.memory.refuse_open("export the world")
        if self.dirty:
            words = "cannot export the world with uncommitted changes: commit or roll back first"
            raise UncommittedChanges(words)
        self.make_whole()
        entering.write_copy(self.db, path)

    @at_the_edge
    def digest(self) -> str:
        """The digest of the current state: equal for worlds with equal state, whatever their history."""
        self.memory.flush()
        return state_digest(self.db)
