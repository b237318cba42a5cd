"""A mirror: the state of a world in tables of its host, in the host's own transactions.

The world hands each commit to the mirror before the commit is durable in the file. The mirror writes the net
row changes, the new bulk and the commit itself, with its records and its seal, through the host's connection.
Then it commits there, together with whatever else the host has written in that transaction. Only then does
the file commit. So the file may lag by one commit, when a process dies between the two, and it never leads.

The numbers of commits tell both sides where they stand, and the seals that they mean the same commit. If the
world went back, the mirror copies its whole state. If the mirror has a commit that the file lacks, it takes
no other: the host's state counts, and the file has to catch up first (`swingset.time.copies.catching_up`).
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from swingset.host.worlds.controller import Controller
from swingset.time.copies.mirror_tables import (
    COPIED,
    STATE,
    HostConnection,
    MirrorError,
    MirrorTables,
    Row,
    columns,
)
from swingset.world import cuts, names, schema
from swingset.world.digest import state_digest
from swingset.world.feed import CONTENT, CommitFeed, StoredCommit
from swingset.world.file import WorldFile


class Mirror:
    """Takes the commits of one open world. `swingset.mirror` makes it.

    `commit` is the number of the last commit that the mirror has.
    """

    def __init__(self, world: WorldFile, tables: MirrorTables) -> None:
        self._world = world
        self._tables = tables
        self._labels: list[Row] | None = None
        self.name = tables.name
        self.commit = 0

    def __call__(self, feed: CommitFeed) -> None:
        """Write a commit and commit it; raises if it cannot, and then nothing of it stays."""
        tables = self._tables
        try:
            head = number(tables, "head")
            if head == feed.parent and tables.get("seal") != self._world.history.seal(head):
                self._copy_all()  # its past was cut off, and all commits have other seals
            elif head != feed.parent:
                self._refuse_ahead(feed, head)
                self._copy_state()
            else:
                for table in STATE:
                    changed = [change for change in feed.changes if change.table == table]
                    tables.delete(table, (change.key for change in changed if change.before is not None))
                    tables.insert(table, (change.after for change in changed if change.after is not None))
            for table in CONTENT:
                tables.insert(table, (row.row for row in feed.content if row.table == table))
            tables.insert("commits", [tuple(feed.stored)])
            self._stand_at(feed.stored)
            tables.connection.commit()
        except BaseException:
            tables.connection.rollback()
            self._labels = None
            raise
        self.commit = feed.seq

    def _refuse_ahead(self, feed: CommitFeed, head: int) -> None:
        """Raise unless the world went back to a commit that the mirror has, and goes on from there."""
        if commit_of(self._tables, feed.seq) is not None:
            raise MirrorError(
                f"mirror {self.name} has a commit {feed.seq} that the file lacks: close the world without"
                " keeping its changes, and let `swingset.catch_up` bring the file up to the mirror"
            )
        if commit_of(self._tables, feed.parent) is None:
            raise MirrorError(f"mirror {self.name} stands at commit {head} and lacks commit {feed.parent}")

    def begin(self) -> None:
        """Make the tables if there are none, and bring them up to the world. Raises `MirrorError`."""
        tables, world = self._tables, self._world
        try:
            tables.make()
            if tables.get("head") is None:
                self._copy_all()
            else:
                self._meet()
            tables.connection.commit()
        except BaseException:
            tables.connection.rollback()
            raise
        self.commit = world.head

    def _copy_all(self) -> None:
        for table in COPIED:
            self._tables.clear(table)
            self._tables.insert(table, self._rows(table))
        self._tables.put("format", str(schema.FORMAT))
        self._stand_at(self._world.history.stored(self._world.head))

    def _meet(self) -> None:
        """Copy what the mirror lacks of a world that stands at a commit of both."""
        tables, world = self._tables, self._world
        refuse_format(tables)
        head = number(tables, "head")
        ours, theirs = commit_of(tables, world.head), seal_of(world, head)
        here = world.history.seal(world.head)
        if head == world.head and theirs != tables.get("seal") and self._was_cut():
            self._copy_all()
            return
        fits = ours is not None and ours.seal == here
        if fits and theirs is None:
            raise MirrorError(
                f"{world.name} stands at commit {world.head}, and mirror {self.name} is ahead, at {head}:"
                " `swingset.catch_up` brings the file up to it"
            )
        if not fits or theirs != tables.get("seal"):
            raise MirrorError(
                f"{world.name} is no file of mirror {self.name}, which stands at commit {head}, or leads it:"
                " it is another world, or was changed without its mirror. Use another name, or"
                " `swingset.start_from`, which sets the file aside and builds the mirror's world"
            )
        for table in CONTENT:
            known = tables.keys(table)
            tables.insert(table, (row for row in self._rows(table) if row[0] not in known))
        if head != world.head:
            self._copy_state()
        self._stand_at(world.history.stored(world.head))

    def _was_cut(self) -> bool:
        """Whether the file has the state of the mirror, and differs only in where its past was cut off."""
        if names.stored(self._world.db, cuts.KEY) in (None, self._tables.get(cuts.KEY)):
            return False
        copy = apsw.Connection("")
        try:
            schema.create(copy, "", b"")
            for table in STATE:
                marks = ", ".join("?" * len(columns(table)))
                copy.executemany(f"INSERT INTO {table} VALUES({marks})", self._tables.rows(table))
            return state_digest(copy) == self._world.digest()
        finally:
            copy.close()

    def _copy_state(self) -> None:
        for table in STATE:
            self._tables.clear(table)
            self._tables.insert(table, self._rows(table))

    def _stand_at(self, commit: StoredCommit) -> None:
        """Note the commit that the tables have, and what else may have changed with it."""
        tables, db = self._tables, self._world.db
        tables.put("head", str(commit.seq))
        tables.put("seal", commit.seal)
        for key in names.SEALED:
            tables.put(key, names.stored(db, key))
        labels = list(self._rows("labels"))
        if labels != self._labels:
            tables.clear("labels")
            tables.insert("labels", labels)
            for _, seq, *_ in labels:
                proof = self._world.history.stored(seq).digest
                tables.run(f"UPDATE {tables.table('commits')} SET digest = ? WHERE seq = ?", (proof, seq))
            self._labels = labels

    def _rows(self, table: str) -> Iterator[Row]:
        self._world.make_whole()
        yield from self._world.db.execute(f"SELECT * FROM {table}")


def mirror(controller: Controller, connection: HostConnection, name: str = "world") -> Mirror:
    """Keep the state of a world in tables of the host, from now on.

    The first time, everything is copied, its history too. Later commits are written through the connection
    and committed there first, in the transaction that is open then: whatever the host has written in it is
    committed with them. The file remembers the name of the mirror, and a copy of it that is opened without
    one cannot be changed.

    Args:
        controller: the open world. Uncommitted changes are committed first.
        connection: a connection of `sqlite3` or `psycopg`, which no other thread uses meanwhile.
        name: the name of the mirror, for databases with several: 1 to 30 letters, digits and underscores.
    Returns:
        The mirror, with the number of its last commit.
    Raises:
        MirrorError: for an invalid name or connection, or if the mirror and the file do not fit together.
        WorldError: if the world has another log.
    Source:
        Ours; `exportCallback` of swing-store is the nearest.
    Example:
        >>> import sqlite3
        >>> database = sqlite3.connect(folder / "host.db")
        >>> kept = swingset.mirror(world, database, "bank")
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> world.commit() == kept.commit
        True
        >>> database.execute("SELECT name FROM swingset_bank_vats ORDER BY name").fetchall()
        [('bank',), ('notebook',)]
    """
    tables = MirrorTables(connection, name)
    with controller.lock:
        controller.commit("before it is mirrored")
        made = Mirror(controller.world, tables)
        made.begin()
        controller.history.feed(made, log=log_of(tables))
        return made


def commit_of(tables: MirrorTables, seq: int) -> StoredCommit | None:
    """A commit out of a mirror, or None."""
    for row in tables.rows("commits", 'WHERE "seq" = ?', (seq,)):
        return StoredCommit(*row)
    return None


def log_of(tables: MirrorTables) -> str:
    """What a file calls the mirror that takes its commits."""
    return f"mirror {tables.name}"


def number(tables: MirrorTables, key: str) -> int:
    """A number of the mirror's own. Raises `MirrorError`."""
    text = tables.get(key)
    if text is None or not text.isdecimal() or len(text) > 18:
        raise MirrorError(f"mirror {tables.name} does not say which commit it stands at: it was altered")
    return int(text)


def refuse_format(tables: MirrorTables) -> None:
    """Raise `MirrorError` for a mirror of another format of worlds."""
    found = tables.get("format")
    if found != str(schema.FORMAT):
        words = f"is of worlds of format {found}, and this release writes {schema.FORMAT}"
        raise MirrorError(f"mirror {tables.name} {words}: mirror the world under a new name")


def seal_of(world: WorldFile, seq: int) -> str | None:
    """The seal of a commit of a world, or None if it has no such commit."""
    row = world.row("SELECT seal FROM commits WHERE seq = ?", (seq,))
    return None if row is None else str(row[0])
