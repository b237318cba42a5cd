"""Looking back: the state as of any crank or record, made of row changes. Nothing is run.

A moment is the state after a crank, right after its record and before what the host requested next; or the
state after any record. It is the state of the last commit before it, with the rows that the records after
that commit changed. A later kernel is not asked, because what it would do is not what was done.

A `Look` is a world in memory that holds the state of one moment at a time, and moves by merged changes
(`swingset.world.spans`). It begins with the empty world or with a copy of the present, whichever is nearer.
It has state only, and never changes the world that it looks back on. One look serves one moment after the
other; a second is made only while the first is in use, or far away.

A record that changed too many rows does not list them. A host commits right after it, so the moment is the
state of that commit. In a file that has such a record elsewhere, the moments after it, up to the next commit,
are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw

from . import opening
from .edge import told_in_words
from .errors import HistoryBroken, NoSuchMoment
from .gone import Gone, what_is_gone
from .history import apply_changes
from .lending import copy_state
from .line import Line, Mark
from .merging import Changes, merged
from .record_lines import lines, read_lines
from .records import CrankRecord, Record, RowChange
from .schema import STATE_TABLES
from .spans import Spans

if TYPE_CHECKING:
    from .file import WorldFile

_KEYS = dict(STATE_TABLES)

_FAR = 1_000  # so many commits more than from the empty world or the present, and a look begins anew

MOST_FREE = 2
"""How many looks are kept for the next moment."""


@dataclass(frozen=True)
class Target:
    """Where a moment is found: the state of `commit`, and what `lines`, the records after it, changed.

    `crank` and `record` are the last ones of the moment. `changes` are net: one for each row.
    """

    crank: int
    record: int
    commit: int
    lines: tuple[bytes, ...] = ()
    changes: tuple[RowChange, ...] = ()


class Look:
    """A state in memory that moves from moment to moment."""

    def __init__(self, present: WorldFile | None = None) -> None:
        self.db = opening.in_memory()
        self.commit = 0
        if present is not None:
            copy_state(present.db, self.db)
            self.commit = present.head
        self.cuts = 0
        """How often the world had been pruned when it was moved."""
        self.between = False
        """Whether it has changes of records after the commit, in a transaction that is rolled back."""

    def apply(self, pieces: Iterable[Changes], name: str, *, backwards: bool) -> None:
        """Apply or undo whole changes. Raises `HistoryBroken` if a row does not fit."""

        def misfit(table: str, _key: tuple[Any, ...], reason: str) -> bool:
            words = f"a row of {table} {reason}" if table else reason
            raise HistoryBroken(f"{name}: the changes of its commits do not fit each other: {words}")

        for piece in pieces:
            apply_changes(self.db, piece, backwards=backwards, misfit=misfit)

    def leave_records(self) -> None:
        """Go back to the commit, from a moment after it."""
        if self.between:
            self.db.execute("ROLLBACK")
            self.between = False

    def add_records(self, changes: tuple[RowChange, ...], name: str) -> None:
        """Go on from the commit to a moment after it."""
        if changes:
            self.db.execute("BEGIN")
            self.between = True
            write_rows(self.db, changes, name)


class Past:
    """All moments of one world, up to the present one."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._line = Line(world.db, world.history, world.name)
        self._spans = Spans(world.history, self._line)
        self._free: list[Look] = []
        self._cuts = world.cuts

    # Which moments there are

    def after_crank(self, crank: int) -> Target:
        """The moment right after a crank; after crank 0 the world is empty.

        Raises `NoSuchMoment` for a crank that the world has not run, and for one that was pruned.
        """
        self._follow()
        if crank == 0:
            return self._empty("crank 0")
        place = self._line.with_crank(crank)
        return self._moment(place, lambda record: _is_crank(record, crank), f"crank {crank:,}")

    def after_record(self, number: int) -> Target:
        """The moment right after a record; after record 0 the world is empty.

        After the last record that is gone, it is the state with which the past that is left begins. Raises
        `NoSuchMoment` if there is no such record.
        """
        self._follow()
        if (gone := self.gone) is not None and number == gone.record:
            return Target(gone.crank, gone.record, gone.commit)
        if number == 0:
            return self._empty("record 0")
        place = self._line.with_record(number)
        if place < len(self._line.marks) and self._line.marks[place].record == number:
            mark = self._line.marks[place]
            return Target(mark.crank, number, mark.seq)
        return self._moment(place, lambda record: record.number == number, f"record {number:,}")

    def _empty(self, what: str) -> Target:
        """The empty world, where the past of the file begins with it."""
        if (gone := self.gone) is not None:
            raise self._missing(what, str(gone))
        return Target(0, 0, 0)

    @property
    def gone(self) -> Gone | None:
        """What the past of the file lacks, or None."""
        self._follow()
        return what_is_gone(self._world.history, self._line)

    def _moment(self, place: int, wanted: Callable[[Record], bool], what: str) -> Target:
        if place == 0:
            raise self._missing(what, "they are numbered from 1")
        marks, before = self._line.marks, self._line.marks[place - 1]
        end = marks[place] if place < len(marks) else None
        found: list[bytes] = []
        rows: dict[tuple[str, tuple[Any, ...]], RowChange] = {}
        unlisted: int | None = None
        for record in self._records(before, end, found):
            if record.rows is None and unlisted is None:
                unlisted = record.number
            for row in record.rows or ():
                rows[row.table, row.key] = row
            if wanted(record):
                if end is not None and record.number == end.record:
                    return Target(record.crank, record.number, end.seq)
                if unlisted is not None:
                    raise self._missing(
                        what,
                        f"record {unlisted:,} changed more rows than a record lists, and no commit was made"
                        f" right after it: look at {self._next_commit(end)} instead",
                    )
                return Target(record.crank, record.number, before.seq, tuple(found), tuple(rows.values()))
        if end is not None and not found:
            raise self._missing(
                what, str(self.gone or f"the records up to {end.record:,} are not in this file")
            )
        last = self._world.journal.last
        raise self._missing(what, f"its last record has number {last:,}, of crank {self._last_crank():,}")

    def _records(self, before: Mark, end: Mark | None, found: list[bytes]) -> Iterator[Record]:
        """The records of a commit, or those after the last one; each line is added to `found`."""
        world = self._world
        source = iter(world.journal.lines()) if end is None else lines(world.history.records(end.seq))

        def noted() -> Iterator[bytes]:
            for line in source:
                found.append(line)
                yield line

        seq = before.seq if end is None else end.seq
        with told_in_words(world.name):
            yield from read_lines(world.name, seq, noted(), number=before.record + 1, crank=before.crank)

    def _last_crank(self) -> int:
        last = self._line.marks[-1].crank
        for record in self._records(self._line.marks[-1], None, []):
            last = record.crank
        return last

    def _next_commit(self, end: Mark | None) -> str:
        return f"record {end.record:,}" if end is not None else "it after the next commit"

    def _missing(self, what: str, why: str) -> NoSuchMoment:
        return NoSuchMoment(f"{self._world.name} has no moment after {what}: {why}")

    def _follow(self) -> None:
        if self._cuts != self._world.cuts:
            self.close()
            world = self._world
            self._line = Line(world.db, world.history, world.name)
            self._spans = Spans(world.history, self._line)
            self._cuts = world.cuts
        with told_in_words(self._world.name):
            self._spans.drop(self._line.follow(self._world.head))

    # Looking

    def look(self, moment: Target) -> Look:
        """Return a look that stands at a moment. Give it back with `leave`.

        Raises `HistoryBroken` if the changes that lead there do not fit each other.
        """
        self._follow()
        look = self._nearest(moment)
        look.cuts = self._cuts
        try:
            with told_in_words(self._world.name):
                look.leave_records()
                self._move(look, moment.commit)
                look.add_records(moment.changes, self._world.name)
        except BaseException:
            look.db.close()
            raise
        return look

    def leave(self, look: Look) -> None:
        """Take a look back, for the next moment."""
        if look.cuts != self._world.cuts:
            look.db.close()  # the commits on its way may be gone
            return
        self._free.append(look)
        while len(self._free) > MOST_FREE:
            self._free.pop(0).db.close()

    def close(self) -> None:
        """Close the looks that nobody uses."""
        while self._free:
            self._free.pop().db.close()

    def _nearest(self, moment: Target) -> Look:
        """Take the free look that is nearest to a moment, or make one."""
        places, wanted = self._line.places, self._line.places.get(moment.commit, 0)
        # A run has changed the present already; who only looks reads in a transaction.
        running = self._world.db.in_transaction and not self._world.look_only
        back = len(places) if running else len(places) - 1 - wanted
        begin = self._world if back < wanted else None
        if not self._free:
            return Look(begin)
        nearest = min(self._free, key=lambda look: abs(places.get(look.commit, -1) - wanted))
        if abs(places.get(nearest.commit, -1) - wanted) > min(back, wanted) + _FAR:
            return Look(begin)
        self._free.remove(nearest)
        return nearest

    def _move(self, look: Look, commit: int) -> None:
        """Move a look to a commit of the line."""
        history, places = self._world.history, self._line.places
        name = self._world.name
        if look.commit not in places:  # the world went back since, and this look is on the old branch
            left: list[int] = []
            while look.commit not in places:
                left.append(look.commit)
                look.commit = history.parent(look.commit) or 0
            look.apply(merged(map(history.changes, left), backwards=True), name, backwards=True)
        start, end = places[look.commit], places[commit]
        backwards = end < start
        pieces = self._spans.between(min(start, end), max(start, end), backwards=backwards)
        look.apply(pieces, name, backwards=backwards)
        look.commit = commit


def take_up(world: WorldFile, moment: Target) -> None:
    """Make a world, which has no uncommitted changes, stand at one of its moments.

    The history up to there stays. Records after the last commit before it become a commit.
    """
    world.goto(moment.commit)
    if moment.changes:
        world.begin()
        world.memory.forget()
        with told_in_words(world.name):
            write_rows(world.db, moment.changes, world.name)
        world.journal.extend(moment.lines)
        world.commit(f"as of record {moment.record}")
        world.rewound += 1


def write_rows(db: apsw.Connection, changes: Iterable[RowChange], name: str) -> None:
    """Write the rows of records into a database. Raises `HistoryBroken` for a row that does not fit."""
    gone: dict[str, list[tuple[Any, ...]]] = {}
    new: dict[str, list[tuple[Any, ...]]] = {}
    for change in changes:
        if change.after is None:
            gone.setdefault(change.table, []).append(change.key)
        else:
            new.setdefault(change.table, []).append(change.after)
    try:
        for table, keys in gone.items():
            where = " AND ".join(f"{column} = ?" for column in _KEYS[table])
            db.executemany(f"DELETE FROM {table} WHERE {where}", keys)
        for table, rows in new.items():
            # A row is replaced in place: `OR REPLACE` would delete another row, with which it collides.
            db.executemany(_putting(db, table, len(rows[0])), rows)
    except apsw.ConstraintError as problem:
        raise HistoryBroken(f"{name}: the rows of its records do not fit each other: {problem}") from problem


def _putting(db: apsw.Connection, table: str, columns: int) -> str:
    key = _KEYS[table]
    others = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] not in key]
    over = "UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in others) if others else "NOTHING"
    marks = ", ".join("?" * columns)
    return f"INSERT INTO {table} VALUES({marks}) ON CONFLICT({', '.join(key)}) DO {over}"


def _is_crank(record: Record, crank: int) -> bool:
    return isinstance(record, CrankRecord) and record.crank == crank


__all__ = ["Look", "Past", "Target", "take_up", "write_rows"]
