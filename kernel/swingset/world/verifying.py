"""Checks whether a file is what was written: all its pages, rows, bulk and history.

The state needs no checksum, because history has every change of every row. All changes are undone, from the
head back to the first commit, on a copy of the state. Each must fit the state, and no row may remain at the
end. This finds every altered value, every missing row and every row too many. Branches are checked too, each
from the commit at which it begins. Commits are checked by their seals, and bulk by its hashes.

SQLite may move the copy to disk, and only a piece of a changeset is in memory at a time. The size of the
file limits how many bytes changesets may unpack to. So a hostile file is reported, and cannot exhaust the
host. `swingset.lens.state.audit` checks the relations between rows. Only a replay checks transcripts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from swingset.model.visible import visible

from . import cuts, names, retention, schema
from .beginnings import Beginning, beginnings, left_out
from .codec import Unpacking
from .digest import state_digest
from .errors import DamagedRow, WorldError
from .history import apply_changes
from .records import CrankRecord
from .rows import RULES, Reader, shown
from .seals import Sealed, commit_seal, label_seal, names_seal

if TYPE_CHECKING:
    from .file import WorldFile

MOST_UNPACKED = 1 << 31
"""Bytes that changesets may unpack to in all, besides `MOST_TIMES` the size of the file."""

MOST_TIMES = 100

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_ID = re.compile(r"b1-[0-9a-f]{128}|[hl]1-[0-9a-f]{64}")
_BULK = {"b1-": ("bundles", "id"), "h1-": ("snapshots", "id"), "l1-": ("libraries", "id")}
_MOST_MISFITS = 500


class Problem(NamedTuple):
    """Something that is wrong: in which table, in which row, and what."""

    table: str
    row: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.table}, {self.row}" if self.row else self.table
        return visible(f"{where}: {self.reason}")


def problems(world: WorldFile, *, chain_only: bool = False) -> Iterator[Problem]:
    """Yield all problems of a file that the world layer can find; there may be very many.

    With `chain_only`, rows of the state are not looked at, nor is the state unwound through its changes.
    """
    found = False
    for problem in (*_pages(world), *_meta(world)):
        found = True
        yield problem
    if found:
        return  # SQLite itself cannot read the file
    if not chain_only:
        yield from _rows(world)
    yield from _bulk(world)
    yield from _History(world).seals() if chain_only else _History(world).problems()


def _pages(world: WorldFile) -> Iterator[Problem]:
    for (said,) in world.db.execute("PRAGMA integrity_check(20)"):
        if said != "ok":
            yield Problem("the file", "", str(said))


_READ: tuple[tuple[str, Callable[[str], object], str], ...] = (
    (cuts.KEY, cuts.read_cut, "it says no commit at which the past was cut off"),
    (retention.KEY, retention.parsed, "it says not how much of the past is kept"),
    (retention.PRUNES, retention.parsed_list, "it is no list of what was pruned"),
)


def _meta(world: WorldFile) -> Iterator[Problem]:
    try:
        known = dict(world.rows("SELECT key, value FROM meta"))
    except DamagedRow as damage:
        yield _told(damage)
        return
    if known.get("format") != str(schema.FORMAT):
        yield Problem("meta", "format", f"it is not {schema.FORMAT}")
    if "software" not in known:
        yield Problem("meta", "software", "the row is missing")
    for key in sorted(set(known) - {"format", "software", "head", "names", "log", *names.SEALED}):
        yield Problem("meta", shown(key), "no world has such a row")
    for key, read, wrong in _READ:
        if key in known and read(known[key]) is None:
            yield Problem("meta", key, wrong)


def _told(damage: DamagedRow) -> Problem:
    return Problem(damage.table, damage.key, damage.reason)


def _each(world: WorldFile, table: str, columns: str) -> Iterator[tuple[Any, ...] | Problem]:
    """Yield the rows of a table; text that is not UTF-8 yields a problem and ends them."""
    cursor = world.db.execute(f"SELECT {columns} FROM {table}")
    while True:
        try:
            yield next(cursor)
        except StopIteration:
            return
        except UnicodeDecodeError:
            yield Problem(table, "?", "it holds text that is not UTF-8")
            return


def _rows(world: WorldFile) -> Iterator[Problem]:
    """Check every row of every state table by its rules."""
    for table, _ in schema.STATE_TABLES:
        columns = ", ".join(RULES[table])
        reader = Reader(table, columns)
        for row in _each(world, table, columns):
            if isinstance(row, Problem):
                yield row
            elif (wrong := reader.trouble(row)) is not None:
                yield Problem(table, reader.key(row), wrong)


def _bulk(world: WorldFile) -> Iterator[Problem]:
    """Check the hashes of transcript entries, bundles, libraries, heap pages and snapshots."""
    begins = beginnings(world.db, world.name)
    yield from _checked(world, "transcript", "hash", partial(_check_entry, world, begins))
    yield from _checked(world, "bundles", "id", world.bundles.get)
    yield from _checked(world, "libraries", "id", world.libraries.check)
    yield from _checked(world, "heap_pages", "digest", world.heaps.check_page)
    yield from _checked(world, "snapshots", "id", world.heaps.check)


def _checked(world: WorldFile, table: str, column: str, check: Callable[[Any], object]) -> Iterator[Problem]:
    """Call `check` with a column of each row of a table; yield its errors as problems."""
    for row in _each(world, table, column):
        if isinstance(row, Problem):
            yield row
            continue
        try:
            check(row[0])
        except DamagedRow as damage:
            yield _told(damage)
        except WorldError as problem:
            yield Problem(table, shown(_short(row[0])), str(problem))


def _short(id: str | bytes) -> str:
    """The first 16 digits of a hash, with its prefix if it has one."""
    text = id.hex() if isinstance(id, bytes) else id
    return text[: 19 if "-" in text else 16]


def _check_entry(world: WorldFile, begins: Mapping[str, Beginning], hash: str) -> None:
    """Check the hash of a transcript entry, and that the entry before it is in the file, if any should be."""
    entry = world.transcripts.record(hash)
    at = begins.get(entry.vat)
    if at is not None and (at.position, at.hash) == (entry.position, entry.prev):
        return
    if entry.prev is not None:
        before = world.row("SELECT vat, position FROM transcript WHERE hash = ?", (entry.prev,))
        if before != (world.transcripts.before(entry), entry.position - 1):
            raise DamagedRow(world.name, "transcript", _short(hash), "the entry before it is not there")
    elif entry.position != 0:
        words = "it has no entry before it, and is not the first"
        raise DamagedRow(world.name, "transcript", _short(hash), words)


class _Stop(Exception):
    """Raised to end the check of history early."""


class _History:
    """Checks the tree of commits, on a copy of the state."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._found: list[Problem] = []
        self._left = MOST_UNPACKED + MOST_TIMES * int(world.db.pragma("page_count")) * schema.PAGE_SIZE
        self._mentioned: set[str] = set()

    def problems(self) -> Iterator[Problem]:
        yield from self.seals()
        if self._found:
            return
        children: dict[int, list[int]] = defaultdict(list)
        for seq, parent in self._world.rows("SELECT seq, parent FROM commits ORDER BY seq"):
            if parent is not None:
                children[parent].append(seq)
        copy = _copied(self._world)
        try:
            self._records()
            self._walk(copy, children)
        except _Stop:
            pass
        except WorldError as problem:
            self._found.append(Problem("commits", "", str(problem)))
        finally:
            copy.close()
        yield from self._found
        yield from self._absent()

    def seals(self) -> Iterator[Problem]:
        """Check numbers, parents and seals of commits, and the labels."""
        seals: dict[int, str] = {}
        query = "seq, parent, crank, record, note, changeset, records, digest, seal"
        for row in _each(self._world, "commits", query):
            if isinstance(row, Problem):
                self._found.append(row)
                break
            *said, digest, seal = row
            seq, parent = said[:2]
            if (parent is None) != (seq == 0) or (parent is not None and parent not in seals):
                self._found.append(Problem("commits", str(seq), f"its parent {parent} is not before it"))
            elif seal != commit_seal(seals.get(parent), Sealed(*said)):
                self._found.append(Problem("commits", str(seq), "it was altered: its seal is another"))
            if digest is not None and not _HASH.match(digest):
                self._found.append(Problem("commits", str(seq), "digest is no SHA-256 in hex"))
            seals[seq] = seal
        if 0 not in seals:
            self._found.append(Problem("commits", "0", "the row is missing"))
        elif self._world.head not in seals:
            missing = f"it names commit {self._world.head}, which is missing"
            self._found.append(Problem("meta", "head", missing))
        yield from self._found
        yield from self._labels(seals)

    def _records(self) -> None:
        """Check that the records of each commit can be read, and are numbered from its parent to it."""
        history, cut = self._world.history, self._world.history.cut
        for commit in history.commits()[1:]:
            if cut is not None and commit.seq == cut.seq:
                if (commit.parent, commit.crank, commit.record) != (0, cut.crank, cut.record):
                    self._add(Problem("meta", "cut", "the commit at which the past was cut off is another"))
                if history.records(commit.seq).size:
                    self._add(
                        Problem("commits", str(commit.seq), "it has records of a past that was cut off")
                    )
                continue
            self._left -= history.records(commit.seq).size
            if self._left < 0:
                self._add(Problem("commits", str(commit.seq), "its records unpack to more than a file has"))
                raise _Stop
            last, crank = history.last_record(commit.parent or 0), None
            try:
                for record in history.records_of(commit.seq):
                    last, crank = record.number, record.crank
                    if isinstance(record, CrankRecord) and (record.sender or 0) >= last:
                        words = f"record {last} names record {record.sender} as its sender, which is later"
                        self._add(Problem("commits", str(commit.seq), words))
            except WorldError as problem:
                reason = problem.reason if isinstance(problem, DamagedRow) else str(problem)
                self._add(Problem("commits", str(commit.seq), reason))
                continue
            if last != commit.record or crank not in (None, commit.crank):
                words = f"its records end with number {last} and crank {crank}, and it says otherwise"
                self._add(Problem("commits", str(commit.seq), words))

    def _labels(self, seals: dict[int, str]) -> Iterator[Problem]:
        found: dict[bytes, str] = {}
        for row in _each(self._world, "labels", "name, commit_seq, note, seal"):
            if isinstance(row, Problem):
                yield row
                continue
            name, seq, note, seal = row
            found[name.encode()] = seal
            digest = self._world.row("SELECT digest FROM commits WHERE seq = ?", (seq,))
            if seq not in seals or digest is None:
                yield Problem("labels", shown(name), f"it names commit {seq}, which is missing")
            elif seal != label_seal(seals[seq], name, seq, note):
                yield Problem("labels", shown(name), "it was altered: its seal is another")
            elif digest[0] is None:
                yield Problem("commits", str(seq), f"it has the label {shown(name)}, and no digest")
        known = self._world.row("SELECT value FROM meta WHERE key = 'names'")
        labels = (found[name] for name in sorted(found))
        seal = names_seal(self._world.history.log, labels, names.sealed_rows(self._world.db))
        if known is None or known[0] != seal:
            words = (
                "a label, the log, a beginning, the cut or the retention is missing or altered: another seal"
            )
            yield Problem("meta", "names", words)
        last = self._world.row("SELECT seq FROM sqlite_sequence WHERE name = 'commits'")
        if last is None or type(last[0]) is not int or last[0] < max(seals, default=0):
            yield Problem("sqlite_sequence", "commits", "it is lower than the number of a commit")

    def _walk(self, copy: apsw.Connection, children: dict[int, list[int]]) -> None:
        """Go from the head back to the first commit, and along each branch that begins on the way."""
        at, came = self._world.head, -1
        while True:
            self._compare(copy, at)
            for branch in children[at]:
                if branch != came:
                    self._follow(copy, branch, children)
            if at == 0:
                break
            self._step(copy, at, backwards=True)
            at, came = self._world.history.parent(at) or 0, at
        for table, _ in schema.STATE_TABLES:
            reader = Reader(table, ", ".join(RULES[table]))
            for row in copy.execute(f"SELECT {', '.join(reader.columns)} FROM {table} LIMIT 20"):
                self._add(Problem(table, reader.key(row), "no commit has written this row"))

    def _follow(self, copy: apsw.Connection, start: int, children: dict[int, list[int]]) -> None:
        """Go along a branch and its own branches, and restore the copy afterwards."""
        todo: list[tuple[int, bool]] = [(start, False)]
        while todo:
            seq, done = todo.pop()
            self._step(copy, seq, backwards=done)
            if not done:
                self._compare(copy, seq)
                todo.append((seq, True))
                todo.extend((child, False) for child in reversed(children[seq]))

    def _step(self, copy: apsw.Connection, seq: int, *, backwards: bool) -> None:
        changes = self._world.history.changes(seq)
        self._left -= changes.size
        if self._left < 0:
            self._add(Problem("commits", str(seq), "history unpacks to more than a file of this size would"))
            raise _Stop
        self._mention(changes)
        done = "undone" if backwards else "repeated"

        def misfit(table: str, key: tuple[Any, ...], reason: str) -> bool:
            if table:
                self._add(Problem(table, shown(*key), f"it {reason}, by commit {seq}"))
            else:
                self._add(Problem("commits", str(seq), f"it cannot be {done}: {reason}"))
            return bool(table)

        copy.execute("BEGIN")
        apply_changes(copy, changes, backwards=backwards, misfit=misfit)
        copy.execute("COMMIT")

    def _mention(self, changes: Unpacking) -> None:
        """Note the bulk that a changeset refers to, for `_absent` to check."""
        try:
            for change in apsw.Changeset.iter(changes.reader()):
                values = change.new or () if change.name in ("vats", "spans") else ()
                texts = [value for value in values if isinstance(value, str) and len(value) < 200]
                for text in texts:
                    self._mentioned.update(_ID.findall(text))
                    if change.name == "spans" and _HASH.match(text):
                        self._mentioned.add(text)
        except (apsw.Error, UnicodeDecodeError):
            return  # applying it reports the damage

    def _absent(self) -> Iterator[Problem]:
        known = set(left_out(beginnings(self._world.db, self._world.name)))
        for name in sorted(self._mentioned - known):
            table, key = _BULK.get(name[:3], ("transcript", "hash"))
            if self._world.row(f"SELECT 1 FROM {table} WHERE {key} = ?", (name,)) is None:
                yield Problem(table, name[:19], "the row is missing, and history names it")

    def _compare(self, copy: apsw.Connection, seq: int) -> None:
        """Check the crank and the digest of a commit on the copy, which has its state."""
        commit = self._world.history.commit(seq)
        row = copy.execute("SELECT value FROM counters WHERE name = 'crank'").fetchone()
        if (row[0] if row else 0) != commit.crank:
            self._add(Problem("commits", str(seq), f"crank is {commit.crank}, and the state's is another"))
        if commit.digest is not None and state_digest(copy) != commit.digest:
            self._add(Problem("commits", str(seq), "digest is not that of the state as of then"))

    def _add(self, problem: Problem) -> None:
        self._found.append(problem)
        if len(self._found) >= _MOST_MISFITS:
            raise _Stop


def _copied(world: WorldFile) -> apsw.Connection:
    """Copy the state tables to a temporary database, which SQLite moves to disk if it is large."""
    copy = apsw.Connection("")
    try:
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        for statement in schema.SCHEMA:
            copy.execute(statement)
        copy.execute("BEGIN")
        for table, _ in schema.STATE_TABLES:
            columns = [row[1] for row in world.db.execute(f"PRAGMA table_info({table})")]
            marks = ", ".join("?" * len(columns))
            rows = (row for row in _each(world, table, "*") if not isinstance(row, Problem))
            copy.executemany(f"INSERT INTO {table} VALUES({marks})", rows)
        copy.execute("COMMIT")
    except BaseException:
        copy.close()
        raise
    return copy
