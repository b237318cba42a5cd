"""`swingset.world`: everything that a world is, in one SQLite file.

A `WorldFile` is a connection, a transaction and a session. The transaction opens with the first
write of a run and ends with `commit`, the only point at which anything becomes durable; between the
two, each crank is a savepoint that is kept or undone as a whole. The session watches the state
tables meanwhile, and its changeset, stored with the commit, is how history is gone back in.
State is held in memory meanwhile (`memory`), and written when it is committed or asked for.

Before anything becomes durable it is made sure that this still is the world that was opened: the same file
at the same path, under the same lock, written by nobody else since. Where it is not, nothing is committed any
more; `export` still writes what was committed to another file.

Other modules say what the rows mean; this one only guards when they are kept. It never commits by
itself, and reads no clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from . import entering, opening
from .bundles import Bundles
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
from .heaps import Heaps
from .history import Commit, History, Label
from .journal import Journal
from .labels import Labels
from .libraries import Libraries
from .lock import WorldLock
from .memory import Change, Memory
from .place import Place
from .prune import Pruned, prune
from .rows import not_text
from .transcripts import Transcripts
from .watching import Watching

_CRANK = "crank"


class WorldFile:
    """One open world. Make it with `WorldFile.open`."""

    def __init__(
        self, db: apsw.Connection, path: str | None, lock: WorldLock | None, *, look_only: bool = False
    ) -> None:
        self.db = db
        self.path = path
        self.name = path or "the world in memory"
        self.look_only = look_only
        """Whether this world was opened to be read, and not to be changed."""
        self.process = os.getpid()
        """The process that the world belongs to."""
        self.faults: Callable[[str], None] | None = None
        """Called at each step that a crash could fall on; a test raises or kills there."""
        self.before_commit: Callable[[], None] | None = None
        """Called when a commit is certain, as the last chance to write what belongs to it."""
        self.rewinding: Callable[[], None] | None = None
        """Called before the state becomes an earlier one, while it can still be looked at."""
        self.memory = Memory(self)
        self.rewound = 0
        """How often state was undone: who remembers something of it in memory then has to look again."""
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
        """The world in this file, made if there is none; None for a world that lives in memory only."""
        if path is None:
            return cls(opening.in_memory(), None, None)
        with entering.to_write(path, create=create) as (db, where, lock):
            return cls(db, where, lock)

    @classmethod
    def look(cls, path: str | os.PathLike[str]) -> WorldFile:
        """The world in this file as it is now, to be read only; another process may have it open.

        Takes no lock and writes nothing, so the file may be on a medium that cannot be written. What others
        commit from now on is not seen.
        """
        with entering.to_look(path) as (db, where):
            return cls(db, where, None, look_only=True)

    @at_the_edge
    def close(self) -> None:
        """Let go of the file; what was not committed is lost. Harmless when done twice."""
        self._watching.end()
        self._in_run = False
        self._place.close()

    def __enter__(self) -> WorldFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @at_the_edge
    def execute(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, and answer its rows. Anything but a SELECT opens the run's transaction.

        All writes have to come this way: one made on `db` itself would be durable at once and would
        be missing from history. Raises `WorldMisuse` for one of state that is made outside of a crank and of
        a request, for the journal would not have it.
        """
        if sql.startswith("SELECT"):
            self.memory.flush_for(sql)
            return self.db.execute(sql, params).fetchall()
        self.begin()
        self.memory.written(sql)
        self.memory.open_in_file()
        self.step("write")
        return self.db.execute(sql, params).fetchall()

    @at_the_edge
    def row(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of a SELECT; None when there is none."""
        self.memory.flush_for(sql)
        return self.fetch(sql, params)

    @at_the_edge
    def fetch(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The same for who sees by itself that nothing which it asks for waits for being written."""
        try:
            return self.db.execute(sql, params).fetchone()
        except UnicodeDecodeError as problem:
            raise not_text(self.name, sql, problem) from None

    @at_the_edge
    def rows(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, taken at once, so that the tables may be written while they are looked at."""
        self.memory.flush_for(sql)
        try:
            return self.db.execute(sql, params).fetchall()
        except UnicodeDecodeError as problem:
            raise not_text(self.name, sql, problem) from None

    def step(self, name: str) -> None:
        """Pass a step that a crash could fall on."""
        if self.faults is not None:
            self.faults(name)

    def begin_crank(self) -> None:
        """From here on, all changes are kept or undone together."""
        self.memory.refuse_open("begin a crank")
        self.savepoint(_CRANK)

    def release_crank(self) -> None:
        """Keep the crank's changes for the next commit."""
        self.step("release-crank")
        self.release(_CRANK)

    def rollback_crank(self) -> None:
        """Undo the crank's changes and end it."""
        self.rollback_to(_CRANK)
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
        """Undo all since a savepoint, which stays open; those inside it end."""
        self.memory.rollback_to(name)
        self.rewound += 1

    def changed(self, name: str) -> Iterator[Change]:
        """The rows of state that differ from what they were when the innermost savepoint was opened."""
        return self.memory.changed(name)

    @at_the_edge
    def flush(self) -> None:
        """Write what waits in memory into the open transaction, for who looks at the file itself."""
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
        """About how much has changed since the last commit, each change counted, with the records of it."""
        return self.memory.changed_bytes - self._committed_bytes + self.journal.size

    @at_the_edge
    def commit(self, note: str = "", *, digest: bool = False) -> int | None:
        """Make everything since the last commit durable; answers the commit's number.

        None when the state did not change. With `digest`, the commit remembers the state's digest,
        and a later `goto` proves that it came back to the same.
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
            self._stand_at(seq)
        elif not changes:
            self.journal.truncate(0)  # requests that came to nothing together
        self._place.fold()
        self.step("after-commit")
        return seq

    def _stand_at(self, seq: int) -> None:
        """The state is that of a commit: what changes from here on goes into the next one."""
        self.head = seq
        self.journal.begin(self.history.last_record(seq))
        self._watching.begin()

    @at_the_edge
    def rollback(self) -> None:
        """Go back to the last commit, from wherever the run is, even after SQLite itself gave up on it."""
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
        """State was undone: nothing that is remembered of it holds any more."""
        self.rewound += 1
        self.memory.forget()
        self._committed_bytes = self.memory.changed_bytes

    def _rewind(self) -> None:
        if self.rewinding is not None:
            self.rewinding()

    def begin(self) -> None:
        """Have a transaction open; a statement outside of one would be durable by itself."""
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
            # Nobody can write from here on; whoever has written before must be told of now.
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
        """Raise `WorldMoved` where the file, its lock or its content is not what was opened."""
        self._place.check()

    def _make_durable(self) -> None:
        """Commit the transaction, if this still is the world that was opened."""
        self._place.check()
        self._place.before_commit()
        self.db.execute("COMMIT")

    def failed(self, problem: WorldError) -> None:
        """Remember why SQLite may have given up on a run, for whoever goes on with it."""
        self._place.shaken()
        if isinstance(problem, StorageError):
            self._failure = problem

    @at_the_edge
    def goto(self, seq: int) -> None:
        """Make the state that of another commit. Work done from there on is a branch of its own."""
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
        """Make what the body does durable, or go back to the last commit."""
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
    def label(self, name: str, note: str = "", *, move: bool = False) -> Label:
        """Give the head a name; one that names another commit stays there unless it may `move`."""
        self._settle("label the head")
        label = self._labels.put(name, note, move=move)
        self.commit()
        return label

    @at_the_edge
    def unlabel(self, name: str) -> None:
        """Take a label away; its commit stays until it is pruned."""
        self._settle("remove a label")
        self._labels.delete(name)
        self.commit()

    @at_the_edge
    def labels(self) -> list[Label]:
        """All labels, those of the oldest commits first."""
        return self.history.labels()

    def labelled(self, name: str) -> Label:
        """The label of this name."""
        return self._labels.named(name)

    @at_the_edge
    def prune(self) -> Pruned:
        """Forget the branches that neither the head nor a label ends, and give their room back."""
        self._settle("prune")
        self.begin()
        with self._durably():
            report = prune(self)
        self._place.fold()
        self.step("after-commit")
        self._watching.end()
        try:
            self._place.shrink()
        finally:
            self._watching.begin()
        return report

    def _settle(self, what: str) -> None:
        """Have no run open; bulk that nothing refers to yet may be kept, changes of state may not."""
        self.memory.refuse_open(what)
        if self.dirty:
            raise UncommittedChanges(f"cannot {what} with uncommitted changes: commit or roll back first")
        self.commit()

    @at_the_edge
    def fork(self) -> WorldFile:
        """A second world in memory, from this very state, that never touches this one or its file."""
        self.memory.flush_all()
        changes = b"" if self.look_only else self._watching.changes(self.name)
        twin = WorldFile(entering.forked(self.db, self.head, self.journal, changes), None, None)
        twin.name = f"a fork of {self.name}"
        return twin

    @at_the_edge
    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the world as of the head, with all its history, to another file.

        This needs nothing but what this process has open, so it saves a world whose file was deleted.
        """
        self.memory.refuse_open("export the world")
        if self.dirty:
            words = "cannot export the world with uncommitted changes: commit or roll back first"
            raise UncommittedChanges(words)
        entering.write_copy(self.db, path)

    @at_the_edge
    def digest(self) -> str:
        """The digest of the state as it is now: the same for equal worlds, whatever their history."""
        self.memory.flush()
        return state_digest(self.db)

    @property
    def size(self) -> int:
        """How many bytes the file has, history and bulk included."""
        return int(self.db.pragma("page_count")) * int(self.db.pragma("page_size"))
