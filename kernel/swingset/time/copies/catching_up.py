"""Files that meet their mirror: one that lags catches up, one that leads is set aside, a lost one is built.

The host's state counts. A file that lags gets the commits that it lacks, with their bulk, and then goes to
the last of them by their changes; no vat runs. Each commit has to have the seal that follows from its
parent's, so a mirror that was altered is refused. A file that stands at a commit which the mirror lacks is
too new: it was written without the mirror, and nothing of it may be used.

So a host can start early. It opens the file as it is while its own state cannot be read yet, and lets it
catch up when it can: when the numbers and the seals meet, the world goes on from the host's state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Unpack

import apsw

from swingset.core.store import KernelStore
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import OpenOptions, open_world
from swingset.lens.state.verifying import verify
from swingset.time.copies.mirror_tables import COPIED, HostConnection, MirrorError, MirrorTables, columns
from swingset.time.copies.mirrors import Mirror, commit_of, log_of, mirror, number, refuse_format, seal_of
from swingset.world import names, opening, paths, schema
from swingset.world.edge import told_in_words
from swingset.world.errors import WorldError
from swingset.world.feed import CONTENT, ContentRow, StoredCommit
from swingset.world.file import WorldFile
from swingset.world.history import History
from swingset.world.lock import WorldLock

SET_ASIDE = "-set-aside"
"""What is added to the name of a file that was too new."""

HowStarted = Literal["current", "caught up", "built", "set aside"]
"""How a file came to the state of its mirror."""


class WorldLeads(MirrorError):
    """The file stands at a commit that the mirror lacks: it is too new, and its state is not the host's."""


@dataclass(frozen=True)
class Started:
    """A world that stands where its mirror stands, and is mirrored again.

    `how` is "current" if the file was up to date, "caught up" if it had missed `commits` commits, "built" if
    there was no file, and "set aside" if it was too new, and was renamed and built again.
    """

    controller: Controller
    mirror: Mirror
    how: HowStarted
    commits: int


def rebuild(path: str | os.PathLike[str], connection: HostConnection, name: str = "world") -> int:
    """Build a world file from a mirror: the same state, history and bulk.

    The world is verified before the file gets its name.

    Args:
        path: the new file, which does not exist yet.
        connection: a connection of `sqlite3` or `psycopg` to the database of the mirror.
        name: the name of the mirror.
    Returns:
        The number of the commit at which it stands.
    Raises:
        MirrorError: if there is no such mirror, or if no sound world can be built from it.
        WorldError: if the file cannot be written, or if there is one already.
    Source:
        Ours.
    Example:
        >>> import sqlite3
        >>> database = sqlite3.connect(folder / "host.db")
        >>> kept = swingset.mirror(world, database, "bank")
        >>> swingset.rebuild(folder / "again.world", database, "bank") == world.history.head
        True
        >>> with swingset.open_world(folder / "again.world", look_only=True) as again:
        ...     again.digest() == world.digest()
        True
    """
    target = paths.free(path)
    tables = MirrorTables(connection, name)
    with tables.looking(), told_in_words(target):
        head = _head(tables)
        with WorldLock(target):
            opening.fill_new(target, lambda db: _fill(db, tables), lambda draft: _check(tables, draft))
        return head


def catch_up(
    world: Controller | str | os.PathLike[str], connection: HostConnection, name: str = "world"
) -> int:
    """Bring a world that lags to the commit at which its mirror stands.

    In an open world, references of its sessions end, as when the world goes back: attach them again.

    Args:
        world: an open world without uncommitted changes, or the path of its file.
        connection: a connection of `sqlite3` or `psycopg` to the database of the mirror.
        name: the name of the mirror.
    Returns:
        How many commits it had missed.
    Raises:
        WorldLeads: if the world is too new, so that its state is not that of the mirror.
        MirrorError: if there is no such mirror, or if it has another world.
        WorldError: if a commit of the mirror does not fit, or if the file cannot be written.
    Source:
        Ours; swing-store exports state in one direction only.
    Example:
        >>> import sqlite3
        >>> database = sqlite3.connect(folder / "host.db")
        >>> kept = swingset.mirror(world, database, "bank")
        >>> world.history.export(folder / "older.world")
        >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
        >>> report = world.run()
        >>> swingset.catch_up(folder / "older.world", database, "bank")
        1
    """
    tables = MirrorTables(connection, name)
    with tables.looking():
        if not isinstance(world, Controller):
            with WorldFile.open(world, create=False) as file:
                missed = _adopt(file, tables)
                if missed:
                    file.goto(missed[-1].seq)
                return len(missed)
        with world.lock:
            missed = _adopt(world.world, tables)
            if missed:
                world.history.go_back_to_commit(missed[-1].seq)
            return len(missed)


def start_from(
    path: str | os.PathLike[str],
    connection: HostConnection,
    name: str = "world",
    **options: Unpack[OpenOptions],
) -> Started:
    """Open the world of a mirror, whatever became of its file, and mirror it again.

    A file that lags catches up. One that is missing is built. One that is too new, or of another past, is
    renamed to its name with `-set-aside` and built again; one that was set aside before is overwritten.

    Args:
        path: the file of the world.
        connection: a connection of `sqlite3` or `psycopg` to the database of the mirror.
        name: the name of the mirror.
        options: other arguments of `open_world`.
    Returns:
        The open world with its mirror, and what was done.
    Raises:
        MirrorError: if there is no such mirror, or if no sound world can be built from it.
        WorldError: if the file cannot be opened or written.
    Source:
        Ours.
    Example:
        >>> import sqlite3
        >>> database = sqlite3.connect(folder / "host.db")
        >>> kept = swingset.mirror(world, database, "bank")
        >>> started = swingset.start_from(folder / "new.world", database, "bank", worker="local")
        >>> started.how, started.controller.digest() == world.digest()
        ('built', True)
        >>> started.controller.close()
    """
    how: HowStarted = "current"
    missed = 0
    if not os.path.lexists(path):
        how = "built"
    else:
        try:
            missed = catch_up(path, connection, name)
            how = "caught up" if missed else "current"
        except WorldLeads:
            where = paths.real(path)
            os.replace(where, where + SET_ASIDE)
            how = "set aside"
    if how in ("built", "set aside"):
        rebuild(path, connection, name)
    controller = open_world(path, create=False, **options)
    try:
        return Started(controller, mirror(controller, connection, name), how, missed)
    except BaseException:
        controller.close(keep=False)
        raise


def _head(tables: MirrorTables) -> int:
    """The commit at which a mirror stands; in PostgreSQL, nobody moves it until the transaction ends."""
    if not tables.exists() or tables.get("head") is None:
        raise MirrorError(f"the database has no mirror {tables.name}: check its name")
    refuse_format(tables)
    return number(tables, "head")


# Building


def _fill(db: apsw.Connection, tables: MirrorTables) -> None:
    schema.create(db, opening.software_version(), b"")
    db.execute("BEGIN")
    db.execute("DELETE FROM commits")
    for table in COPIED:
        marks = ", ".join("?" * len(columns(table)))
        try:
            db.executemany(f"INSERT INTO {table} VALUES({marks})", tables.rows(table))
        except (apsw.ConstraintError, apsw.MismatchError) as problem:
            raise MirrorError(f"mirror {tables.name}: a row of {table} was altered: {problem}") from None
    history = History(db, f"mirror {tables.name}")
    history.stand_at(number(tables, "head"))
    for key in names.SEALED:
        if (text := tables.get(key)) is not None:
            names.keep(db, key, text)
    history.keep_log(log_of(tables))
    db.execute("COMMIT")


def _check(tables: MirrorTables, draft: str) -> None:
    """Raise `MirrorError` unless the draft is a sound world at the commit that the mirror names."""
    try:
        problem = unsound(draft, tables.get("seal"))
    except WorldError as raised:
        problem = str(raised)
    if problem is not None:
        raise MirrorError(f"mirror {tables.name} makes no sound world: {problem}")


def unsound(path: str, seal: str | None) -> str | None:
    """What is wrong with a file that was made of a copy, in words; None for a sound world.

    Args:
        path: the file.
        seal: the seal that the copy names, which is that of the last commit.
    Raises:
        WorldError: if the file cannot be read.
    """
    with WorldFile.look(path) as world:
        problems = [str(problem) for problem in verify(KernelStore(world))]
        if seal_of(world, world.head) != seal:
            problems.append("its last commit has another seal than the copy says")
    if not problems:
        return None
    return problems[0] + (f", and {len(problems) - 1} more" if len(problems) > 1 else "")


# Catching up


def _adopt(world: WorldFile, tables: MirrorTables) -> list[StoredCommit]:
    """Add the commits that a world has missed, and return them, oldest first."""
    head = _head(tables)
    ours = commit_of(tables, world.head)
    if ours is None or ours.seal != world.history.seal(world.head):
        raise WorldLeads(
            f"{world.name} stands at commit {world.head}, which mirror {tables.name} lacks or has otherwise:"
            " it is too new, or another world; `swingset.start_from` sets it aside"
        )
    if seal_of(world, head) is not None:
        return []
    missed: list[StoredCommit] = []
    at: int | None = head
    while at is not None and seal_of(world, at) is None:
        commit = commit_of(tables, at)
        if commit is None or (commit.parent is not None and commit.parent >= at):
            raise MirrorError(f"mirror {tables.name} lacks commit {at}: it was altered")
        missed.insert(0, commit)
        at = commit.parent
    labels = [
        (*row, commit.digest)
        for row in tables.rows("labels")
        if (commit := commit_of(tables, row[1])) is not None
    ]
    world.adopt(missed, _content(world, tables), labels)
    return missed


def _content(world: WorldFile, tables: MirrorTables) -> Iterator[ContentRow]:
    """The bulk of a mirror that a world lacks."""
    for table in CONTENT:
        key = columns(table)[0][0]
        lacking = tables.keys(table) - {row[0] for row in world.rows(f"SELECT {key} FROM {table}")}
        for value in sorted(lacking):
            for row in tables.rows(table, f'WHERE "{key}" = ?', (value,)):
                yield ContentRow(table, row)
