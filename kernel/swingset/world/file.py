"""`swingset.world`: everything that a world is, in one SQLite file.

A `WorldFile` is a connection, a transaction and a session. The transaction opens with the first
write of a run and ends with `commit`, the only point at which anything becomes durable; between the
two, each crank is a savepoint that is kept or undone as a whole. The session watches the state
tables meanwhile, and its changeset, stored with the commit, is how history is gone back in.

Before anything becomes durable it is made sure that this still is the world that was opened: the same file
at the same path, under the same lock, written by nobody else since. Where it is not, nothing is committed any
more; `export` still writes what was committed to another file.

Other modules say what the rows mean; this one only guards when they are kept. It never commits by
itself, holds no cache of the state, and reads no clock.
"""

from __future__ import annotations

import ctypes
import os
import re
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

import apsw

from . import opening
from .bundles import Bundles
from .digest import state_digest
from .edge import at_the_edge, told_in_words
from .errors import (
    DamagedRow,
    HistoryBroken,
    LabelExists,
    LookOnly,
    StorageError,
    UncommittedChanges,
    UnknownLabel,
    WorldError,
    WorldLocked,
    WorldMissing,
    WorldMisuse,
    WorldMoved,
)
from .guard import Guard
from .heaps import Heaps
from .history import Commit, History, Label
from .libraries import Libraries
from .lock import WorldLock
from .prune import Pruned, prune
from .remembered import Remembered
from .schema import STATE_TABLES
from .seals import label_seal
from .transcripts import Transcripts
from .whole import Folding

_CRANK = "crank"
_WAY_OUT = (
    "`%swingset export PATH`, or `controller.history.export(path)`, writes what was committed elsewhere; or"
    " close it, put the file back, and open it again"
)
_LONGEST_LABEL = 200


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
        self.remembered = Remembered()
        self.rewound = 0
        """How often state was undone: who remembers something of it in memory then has to look again."""
        self.history = History(db, self.name)
        self.transcripts = Transcripts(self)
        self.heaps = Heaps(self)
        self.bundles = Bundles(self)
        self.libraries = Libraries(self)
        self.head = self.history.head()
        self._lock = lock
        self._guard: Guard | None = None
        self._folding: Folding | None = None
        self._savepoints: list[str] = []
        self._in_run = False
        self._session: apsw.Session | None = None
        self._failure: StorageError | None = None
        self._shaken = False  # by a failure, with which the data version may have changed
        if path is not None and lock is not None and lock.main is not None:
            self._guard = Guard(path)
            self._folding = Folding(db, lock.main, self._guard)
        self._version = self._data_version()
        if not look_only:
            self._watch()
        _open_worlds.add(self)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None, *, create: bool = True) -> WorldFile:
        """The world in this file, made if there is none; None for a world that lives in memory only."""
        if path is None:
            return cls(opening.in_memory(), None, None)
        # Through links, so that two names of one file meet at one lock.
        where = opening.real(path)
        if not os.path.lexists(where) and not create:
            raise WorldMissing(f"there is no world at {where}: check the path, or let one be created")
        opening.check_folder(where)
        opening.check_kind(where)
        with told_in_words(where):
            lock = WorldLock(where)
            db = None
            try:
                if not os.path.lexists(where):
                    opening.make(where)
                lock.bind()
                opening.inspect(where)
                db = opening.on_disk(where)
                return cls(db, where, lock)
            except BaseException:
                if db is not None:
                    db.close()
                lock.release()
                raise

    @classmethod
    def look(cls, path: str | os.PathLike[str]) -> WorldFile:
        """The world in this file as it is now, to be read only; another process may have it open.

        Takes no lock and writes nothing, so the file may be on a medium that cannot be written. What others
        commit from now on is not seen.
        """
        where = opening.real(path)
        if not os.path.lexists(where):
            raise WorldMissing(f"there is no world at {where}: check the path")
        opening.check_kind(where)
        with told_in_words(where):
            db = opening.look(where)
            try:
                db.execute("BEGIN")
                return cls(db, where, None, look_only=True)
            except BaseException:
                db.close()
                raise

    @at_the_edge
    def close(self) -> None:
        """Let go of the file; what was not committed is lost. Harmless when done twice."""
        self._unwatch()
        self._in_run = False
        try:
            if self._folding is not None and self._trouble() is None:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                self._folding.fold()
                self._folding = None
            if self._guard is not None:
                self._guard.lift()
            self.db.close()  # which rolls back
        finally:
            if self._guard is not None:
                self._guard.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> WorldFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- rows

    @at_the_edge
    def execute(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, and answer its rows. Anything but a SELECT opens the run's transaction.

        All writes have to come this way: one made on `db` itself would be durable at once and would
        be missing from history.
        """
        if not sql.startswith("SELECT"):
            self._run()
            self.remembered.written(sql)
            if self.faults is not None:
                self.faults("write")
        return self.db.execute(sql, params).fetchall()

    @at_the_edge
    def write(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The same for who sees by itself that nothing of it is remembered wrongly."""
        self._run()
        if self.faults is not None:
            self.faults("write")
        return self.db.execute(sql, params).fetchall()

    @at_the_edge
    def row(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of a SELECT; None when there is none."""
        try:
            return self.db.execute(sql, params).fetchone()
        except UnicodeDecodeError as problem:
            raise self._not_text(sql, problem) from None

    @at_the_edge
    def rows(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, taken at once, so that the tables may be written while they are looked at."""
        try:
            return self.db.execute(sql, params).fetchall()
        except UnicodeDecodeError as problem:
            raise self._not_text(sql, problem) from None

    def _not_text(self, sql: str, problem: UnicodeDecodeError) -> DamagedRow:
        table = re.search(r"(?i)\bfrom ([a-z_]+)", sql)
        words = f"it holds text that is not UTF-8 ({problem.reason})"
        return DamagedRow(self.name, table[1] if table else "?", "?", words)

    def step(self, name: str) -> None:
        """Pass a step that a crash could fall on."""
        if self.faults is not None:
            self.faults(name)

    # ---- cranks

    def begin_crank(self) -> None:
        """From here on, all changes are kept or undone together."""
        if self._savepoints:
            raise WorldMisuse(f"a crank cannot begin while {self._savepoints[-1]!r} is open")
        self.savepoint(_CRANK)

    def release_crank(self) -> None:
        """Keep the crank's changes for the next commit."""
        self.step("release-crank")
        self.release(_CRANK)

    def rollback_crank(self) -> None:
        """Undo the crank's changes and end it."""
        self.rollback_to(_CRANK)
        if self.db.in_transaction:
            self.release(_CRANK)
        else:
            self._savepoints.clear()

    @at_the_edge
    def savepoint(self, name: str) -> None:
        """Open a savepoint inside the one that is open now, if any."""
        if not name.isidentifier() or name in self._savepoints:
            raise WorldMisuse(f"{name!r} is not the name of a new savepoint")
        self._run()
        self.db.execute(f"SAVEPOINT {name}")
        self._savepoints.append(name)

    @at_the_edge
    def release(self, name: str) -> None:
        """End a savepoint and those inside it, keeping their changes."""
        at = self._find(name)
        self._run()
        self.db.execute(f"RELEASE {name}")
        del self._savepoints[at:]

    @at_the_edge
    def rollback_to(self, name: str) -> None:
        """Undo all since a savepoint, which stays open; those inside it end."""
        at = self._find(name)
        if self.db.in_transaction:  # else SQLite has undone all of the run by itself
            self.db.execute(f"ROLLBACK TO {name}")
        del self._savepoints[at + 1 :]
        self._forget()

    def _find(self, name: str) -> int:
        if name not in self._savepoints:
            raise WorldMisuse(f"no savepoint {name!r} is open")
        return self._savepoints.index(name)

    # ---- runs

    @property
    @at_the_edge
    def dirty(self) -> bool:
        """Whether the state differs from the head."""
        return self._in_run and bool(self._changes())

    @property
    def pending_bytes(self) -> int:
        """About how much has changed since the last commit: never less than what that would have to hold."""
        return int(self._session.changeset_size) if self._session is not None else 0

    @at_the_edge
    def commit(self, note: str = "", *, digest: bool = False) -> int | None:
        """Make everything since the last commit durable; answers the commit's number.

        None when the state did not change. With `digest`, the commit remembers the state's digest,
        and a later `goto` proves that it came back to the same.
        """
        self._no_savepoint("commit")
        if not self._in_run:
            return None
        self._run()
        if self.before_commit is not None:
            self.before_commit()
        changes = self._changes()
        seq: int | None = None
        self.step("before-commit")
        try:
            if changes:
                proof = state_digest(self.db) if digest else None
                seq = self.history.record(self.head, changes, note, proof)
            self._make_durable()
        except BaseException:
            self.rollback()
            raise
        self._in_run = False
        if seq is not None:
            self.head = seq
            self._watch()
        self._fold()
        self.step("after-commit")
        return seq

    @at_the_edge
    def rollback(self) -> None:
        """Go back to the last commit, from wherever the run is, even after SQLite itself gave up on it."""
        if self._in_run or self.db.in_transaction:
            self._rewind()
        self._unwatch()
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        self._savepoints.clear()
        self._in_run = False
        self._failure = None
        self._forget()
        if not self._written_by_others():
            self.head = self.history.head()  # an interrupt may have come just after a COMMIT
        self._fold()
        self._watch()

    def _forget(self) -> None:
        """State was undone: nothing that is remembered of it holds any more."""
        self.rewound += 1
        self.remembered.clear()

    def _rewind(self) -> None:
        if self.rewinding is not None:
            self.rewinding()

    def _run(self) -> None:
        """Have a transaction open; a statement outside of one would be durable by itself."""
        if not self._in_run:
            if self.look_only:
                raise LookOnly(f"{self.name} was opened to be looked at: open it to be written to change it")
            self.step("begin")
            try:
                self.db.execute("BEGIN IMMEDIATE")
            except apsw.BusyError as problem:
                raise WorldLocked(
                    f"{self.name} is being written by another program: end that first"
                ) from problem
            self._in_run = True
            # Nobody can write from here on; whoever has written before must be told of now.
            self._refuse_written_by_others()
        elif not self.db.in_transaction:
            if self._failure is not None:
                raise type(self._failure)(str(self._failure))
            raise WorldError(
                f"{self.name}: SQLite gave up on this run when a write failed (is the disk full?), and "
                "nothing of it is kept: roll back, and run again"
            )

    def _refuse_written_by_others(self) -> None:
        if not self._written_by_others() and self.history.head() == self.head:
            return
        self.db.execute("ROLLBACK")
        self._in_run = False
        raise WorldMoved(
            f"{self.name} was written by another program since this process opened it, and is not what this"
            f" one knows: {_WAY_OUT}"
        )

    def _data_version(self) -> int:
        """Changes when another connection commits, and when SQLite gave up on what this one did."""
        return int(self.db.pragma("data_version"))

    def _written_by_others(self) -> bool:
        version = self._data_version()
        if self._shaken:
            self._version, self._shaken = version, False
        return version != self._version

    def _trouble(self) -> str | None:
        return self._lock.trouble() if self._lock is not None else None

    def check_place(self) -> None:
        """Raise `WorldMoved` where the file, its lock or its content is not what was opened."""
        trouble = self._trouble()
        if trouble is None and self._written_by_others():
            trouble = "was written by another program since this process opened it"
        if trouble is not None:
            raise WorldMoved(f"{self.name} {trouble}. Nothing more can be committed to it: {_WAY_OUT}")

    def _make_durable(self) -> None:
        """Commit the transaction, if this still is the world that was opened."""
        self.check_place()
        if self._folding is not None:
            self._folding.before_commit()
        self.db.execute("COMMIT")

    def _fold(self) -> None:
        """Make the file whole by itself, if it is in its place."""
        if self._folding is not None and self._trouble() is None and not self._folding.fold():
            self._shaken = True

    def failed(self, problem: WorldError) -> None:
        """Remember why SQLite may have given up on a run, for whoever goes on with it."""
        self._shaken = True
        if isinstance(problem, StorageError):
            self._failure = problem

    def _no_savepoint(self, what: str) -> None:
        if self._savepoints:
            raise WorldMisuse(
                f"cannot {what} while {self._savepoints[-1]!r} is open: release it or roll back"
            )

    # ---- history

    @at_the_edge
    def goto(self, seq: int) -> None:
        """Make the state that of another commit. Work done from there on is a branch of its own."""
        self._settle("go to another commit")
        target = self.history.commit(seq)
        if seq == self.head:
            return
        self._rewind()
        self._unwatch()
        try:
            self._run()
            self.history.move(self.head, seq)
            if target.digest is not None and state_digest(self.db) != target.digest:
                raise HistoryBroken(
                    f"{self.name}: going to commit {seq} gave a state with another digest than it had. "
                    "The world stays where it was"
                )
            self.step("before-commit")
            self._make_durable()
        except BaseException:
            self.rollback()
            raise
        self._in_run = False
        self._forget()
        self.head = seq
        self._watch()
        self._fold()
        self.step("after-commit")

    @at_the_edge
    def commits(self) -> list[Commit]:
        """All commits of all branches, oldest first."""
        return self.history.commits()

    def label(self, name: str, note: str = "", *, move: bool = False) -> Label:
        """Give the head a name; one that names another commit stays there unless it may `move`."""
        self._settle("label the head")
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST_LABEL:
            raise WorldError(f"{name!r} is no label: give it 1 to {_LONGEST_LABEL} printable characters")
        for known in self.labels():
            if known.name == name and known.seq != self.head and not move:
                raise LabelExists(
                    f"{name!r} already names commit {known.seq} (crank {known.crank}): choose another name"
                )
        seal = label_seal(self.history.seal(self.head), name, self.head, note)
        self.execute("INSERT OR REPLACE INTO labels VALUES(?, ?, ?, ?)", (name, self.head, note, seal))
        self.execute("UPDATE commits SET digest = ? WHERE seq = ?", (self.digest(), self.head))
        self._seal_labels()
        self.commit()
        return Label(name, self.head, self.history.crank(), note)

    def unlabel(self, name: str) -> None:
        """Take a label away; its commit stays until it is pruned."""
        self._settle("remove a label")
        if self.labelled(name) is not None:
            self.execute("DELETE FROM labels WHERE name = ?", (name,))
            self._seal_labels()
            self.commit()

    def _seal_labels(self) -> None:
        self.execute("UPDATE meta SET value = ? WHERE key = 'labels'", (self.history.labels_seal(),))

    @at_the_edge
    def labels(self) -> list[Label]:
        """All labels, those of the oldest commits first."""
        return self.history.labels()

    def labelled(self, name: str) -> Label:
        """The label of this name."""
        labels = self.labels()
        for label in labels:
            if label.name == name:
                return label
        known = ", ".join(repr(label.name) for label in labels) or "none"
        raise UnknownLabel(f"{self.name} has no label {name!r}; it has {known}")

    @at_the_edge
    def prune(self) -> Pruned:
        """Forget the branches that neither the head nor a label ends, and give their room back."""
        self._settle("prune")
        self._run()
        try:
            report = prune(self)
            self.step("before-commit")
            self._make_durable()
        except BaseException:
            self.rollback()
            raise
        self._in_run = False
        self._fold()
        self.step("after-commit")
        self._unwatch()
        try:
            if self._folding is not None:
                self._folding.before_commit()
            self.db.execute("VACUUM")
            if self._folding is not None:
                self._folding.renew()
        except (apsw.FullError, apsw.BusyError, apsw.IOError):
            self._fold()  # the room stays in the file, to be used again
        finally:
            self._shaken = True
            self._watch()
        return report

    def _settle(self, what: str) -> None:
        """Have no run open; bulk that nothing refers to yet may be kept, changes of state may not."""
        self._no_savepoint(what)
        if self.dirty:
            raise UncommittedChanges(f"cannot {what} with uncommitted changes: commit or roll back first")
        self.commit()

    # ---- copies

    @at_the_edge
    def fork(self) -> WorldFile:
        """A second world in memory, from this very state, that never touches this one or its file."""
        changes = b"" if self.look_only else self._changes()
        twin = WorldFile(opening.in_memory(self.db.serialize("main")), None, None)
        twin.name = f"a fork of {self.name}"
        if changes:
            twin._run()
            twin.head = twin.history.record(self.head, changes, "uncommitted work a fork began with", None)
            twin._make_durable()
            twin._in_run = False
        return twin

    @at_the_edge
    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the world as of the head, with all its history, to another file.

        This needs nothing but what this process has open, so it saves a world whose file was deleted.
        """
        self._no_savepoint("export the world")
        if self.dirty:
            raise UncommittedChanges(
                "cannot export the world with uncommitted changes: commit or roll back first"
            )
        where = opening.real(path)
        if os.path.lexists(where):
            raise WorldError(f"{where} exists already: choose another path")
        opening.check_folder(where)
        with told_in_words(where):
            lock = WorldLock(where)
            try:
                opening.write_new(where, self.db.serialize("main"))
            finally:
                lock.release()

    @at_the_edge
    def digest(self) -> str:
        """The digest of the state as it is now: the same for equal worlds, whatever their history."""
        return state_digest(self.db)

    @property
    def size(self) -> int:
        """How many bytes the file has, history and bulk included."""
        return int(self.db.pragma("page_count")) * int(self.db.pragma("page_size"))

    # ---- the session

    def _watch(self) -> None:
        """Begin a changeset: what the state is now is what it will be told against."""
        self._unwatch()
        session = apsw.Session(self.db, "main")
        session.config(apsw.SQLITE_SESSION_OBJCONFIG_SIZE, True)
        for name, _ in STATE_TABLES:
            session.attach(name)
        self._session = session

    def _unwatch(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _changes(self) -> bytes:
        if self._session is None:
            raise WorldMisuse(f"{self.name} is closed: open it again")
        return self._session.changeset()


_open_worlds: weakref.WeakSet[WorldFile] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """In a forked child: have nothing ever close what belongs to the parent, not even the interpreter's end.

    SQLite would tidy up shared memory that the parent uses.
    """
    for world in _open_worlds:
        for thing in (world.db, world._session):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
