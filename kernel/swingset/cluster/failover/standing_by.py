"""Opens a world whose truth is in PostgreSQL: waits for its lease, catches up, and stands behind its fence.

What a host does with such a world is what it does with any other. Its controller is an ordinary one; the
fence and the heartbeat end with it. After a take-over the world is opened as after any restart: promises,
timers, and links to other worlds go on from the last commit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Unpack

from swingset.cluster.failover import tables
from swingset.cluster.failover.database import Database
from swingset.cluster.failover.errors import LeaseError
from swingset.cluster.failover.holding import Holding, stand_of
from swingset.cluster.failover.leases import (
    Heartbeat,
    Lease,
    Tell,
    checked_name,
    give_back,
    lease_of,
    look,
    take,
    unknown,
    untold,
)
from swingset.cluster.failover.meeting import HowTaken, Truth, log_of, meet
from swingset.cluster.failover.tables import LeaseRow
from swingset.core.errors import KernelError
from swingset.host.base.opened import Opened
from swingset.host.base.starting import service_counter
from swingset.host.controls.device_access import NET
from swingset.host.wires.wire_secrets import SUFFIX, Secrets
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import OpenOptions, open_world
from swingset.time.copies.mirror_tables import columns
from swingset.world import paths
from swingset.world.errors import WorldMissing
from swingset.world.feed import CONTENT, ContentRow
from swingset.world.file import WorldFile

SECONDS = 10.0
"""How long a lease lasts after its last heartbeat or commit, unless told otherwise."""
_FEWEST, _MOST = 0.2, 3_600.0


class LeasedWorld:
    """An open world whose truth is in PostgreSQL. `lease_world` makes it; close it, or use it with `with`.

    `controller` is the open world. `name` and `epoch` are those of its lease. `how` is "founded" if the
    database had no world under that name, "current" if the file was up to date, "caught up" if it had missed
    `commits` commits, "built" if there was no file, and "set aside" if it was renamed and built again.

    Source:
        Ours.
    """

    def __init__(
        self,
        controller: Controller,
        holding: Holding,
        database: Database,
        how: HowTaken,
        commits: int,
    ) -> None:
        self.controller = controller
        self.name = holding.name
        self.epoch = holding.epoch
        self.how = how
        self.commits = commits
        self._holding = holding
        self._database = database

    def __repr__(self) -> str:
        return f"<LeasedWorld {self.name} epoch {self.epoch}>"

    @property
    def stopped(self) -> LeaseError | None:
        """Why nothing can be committed here any more, such as a take-over; None while it can."""
        return self._holding.stopped

    @property
    def away(self) -> float | None:
        """For how many seconds the database has not answered; None if it did when it was asked last.

        Nothing can be committed until it answers. A commit, a heartbeat and `lease` ask it.
        """
        since = self._holding.away_since
        return None if since is None else time.monotonic() - since

    def lease(self) -> Lease:
        """The lease as the database has it now.

        Raises:
            LeaseError: if the database does not answer, or has no such lease.
        """
        try:
            found = _lease(self._database, self.name)
        except LeaseError as problem:
            if problem.code == "database-away":
                self._holding.heard(False)
            raise
        self._holding.heard(True)
        return found

    def close(self, *, keep: bool = True) -> None:
        """Commit, close the world, and give the lease back at once, so that no standby has to wait.

        Args:
            keep: whether to commit; False loses uncommitted changes, as a crash does.
        Raises:
            WorldError: if the commit fails; the world is closed and the lease given back all the same.
        """
        self.controller.close(keep=keep)

    def __enter__(self) -> LeasedWorld:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(keep=kind is None)


def lease_world(
    address: str,
    path: str | os.PathLike[str],
    name: str = "world",
    *,
    wait: float | None = 0.0,
    seconds: float = SECONDS,
    create: bool = True,
    set_aside: bool = False,
    verified: bool = False,
    without_keys: bool = False,
    tell: Tell = untold,
    **options: Unpack[OpenOptions],
) -> LeasedWorld:
    """Open a world whose truth is in a PostgreSQL database, and take its lease.

    The first time, the file is made, or taken as it is, and all of it is stored in the database. Later the
    file is brought up to the database first. Each commit is then stored there before it is in the file, and
    refused if another process has taken the lease.

    Args:
        address: the database, `postgresql://...` or what else `psycopg` reads. It is kept in this process.
        path: the file, which is a cache. Each process has one of its own.
        name: the name of the lease: 1 to 40 small letters, digits, `-` and `_`.
        wait: how many seconds to wait for the lease if another process has it; None for as long as it takes.
            A database that goes away in that time is waited for too, but it has to answer once.
        seconds: how long the lease lasts after the last heartbeat, three of which are sent in that time.
        create: whether to begin a world, if the database has none under that name.
        set_aside: whether a file that does not fit is renamed, and built from the database.
        verified: whether a file that fits is verified before it is used.
        without_keys: whether to go on without the file of secrets of a world that speaks to others; all its
            links end then.
        tell: is called with a line of text when it begins to wait for something else.
        options: other arguments of `open_world`.
    Returns:
        The open world, with its lease.
    Raises:
        LeaseError: its `code` says why: `lease-held`, `not-leased`, `file-beside`, `database-away`,
            `database-refused`, `database-altered` or `keys-missing`.
        WorldError: if the file cannot be opened or written.
        KernelError: for an invalid name or number, or if psycopg is not installed.
    Source:
        Ours.
    """
    checked_name(name)
    if not isinstance(seconds, int | float) or not _FEWEST <= seconds <= _MOST:
        raise KernelError(f"seconds is {seconds!r}: a lease lasts between {_FEWEST} and {_MOST:.0f} seconds")
    database = Database(address, name, float(seconds))
    row = take(database, name, create=create, wait=wait, tell=tell)
    taken = _Taken(database, name, row, tell)
    try:
        if not without_keys:
            taken.checks.append(_refuse_without_keys)
        return taken.opened(paths.real(path), create, set_aside, verified, options)
    except BaseException:
        taken.end()
        raise


def look_at_lease(address: str, name: str = "world") -> Lease:
    """The lease of a world, as its database has it now. Nothing changes.

    Args:
        address: the database, as for `lease_world`.
        name: the name of the lease.
    Raises:
        LeaseError: if the database does not answer, or has no such lease.
        KernelError: for an invalid name, or if psycopg is not installed.
    Source:
        Ours.
    """
    return _lease(Database(address, checked_name(name), SECONDS), name)


def _lease(database: Database, name: str) -> Lease:
    try:
        with database.connect() as connection:
            row = look(connection, name)
    except database.driver.Error as problem:
        raise database.away(problem) from None
    if row is None:
        raise unknown(name)
    return lease_of(name, row)


def _refuse_without_keys(opened: Opened) -> None:
    """Refuse a world with links whose keys are not beside its file: it would end the links for good."""
    number = opened.kernel.store.counters.get(service_counter(NET))
    speaks = any(vat.id == f"v{number}" for vat in opened.vats())
    if speaks and not Secrets.are_at(opened.world.path):
        raise LeaseError(
            f"the world speaks to other worlds, and its keys are not beside {opened.world.name}: copy the"
            f" file of secrets (its name ends with {SUFFIX}) from where it ran. `without_keys=True`, or"
            " `--without-keys`, goes on without them: then its links end, and what it shared is not found",
            code="keys-missing",
        )


class _Taken:
    """A lease that was taken, while its world is opened and until it is closed."""

    def __init__(self, database: Database, name: str, row: LeaseRow, tell: Tell) -> None:
        self._tell = tell
        self._database = database
        self._name = name
        self._row = row
        self._holding: Holding | None = None
        self.checks: list[Callable[[Opened], None]] = []
        """What is checked of a file that has met its truth, before anything is committed."""
        self._beat = Heartbeat(database, name, row.epoch, self._lost, self._heard)

    def _lost(self) -> None:
        if self._holding is not None:
            self._holding.lose()

    def _heard(self, answered: bool) -> None:
        if self._holding is not None:
            self._holding.heard(answered)

    def end(self) -> None:
        """Give the lease back."""
        self._beat.stop()
        if self._holding is not None:
            self._holding.close()
        give_back(self._database, self._name, self._row.epoch)

    def opened(
        self, path: str, create: bool, set_aside: bool, verified: bool, options: OpenOptions
    ) -> LeasedWorld:
        """Open the world: bring its file up, or store all of it if the database has none."""
        how: HowTaken = "founded"
        missed = 0
        if self._row.stand is not None:
            how, missed = self._met(path, set_aside, verified)
            controller = open_world(path, create=False, prepare=self._fenced, **options)
        elif not create and not os.path.lexists(path):
            raise WorldMissing(f"there is no world at {path}, and none in the database: let one be created")
        else:
            controller = open_world(path, create=create, prepare=self._begun, **options)
        try:
            if how == "founded":
                self._found(controller)
            holding = self._holding
            assert holding is not None, "a world that was met or founded has its fence"
            return LeasedWorld(controller, holding, self._database, how, missed)
        except BaseException:
            controller.close(keep=False)
            raise

    def _begun(self, opened: Opened) -> None:
        """Give the lease back when the world is closed."""
        opened.ending.append(self.end)

    def _fenced(self, opened: Opened) -> None:
        """Put up the fence of a file that has met its truth."""
        self._begun(opened)
        for check in self.checks:
            check(opened)
        assert self._row.stand is not None, "there was a truth to be met"
        self._hold(opened.world, self._row.stand)

    def _hold(self, world: WorldFile, stand: tables.Stand) -> None:
        self._holding = Holding(self._database, self._name, self._row.epoch, stand, world, self._tell)
        world.history.fencing.put_up(self._holding)

    def _met(self, path: str, set_aside: bool, verified: bool) -> tuple[HowTaken, int]:
        assert self._row.stand is not None, "there is a truth to be met"
        try:
            with self._database.connect(reads=True) as connection, connection.transaction():
                truth = Truth(connection, self._name, self._row.stand)
                return meet(path, truth, set_aside=set_aside, verified=verified)
        except self._database.driver.Error as problem:
            raise self._database.away(problem) from None

    def _found(self, controller: Controller) -> None:
        """Store all of a world in the database, which has none under this name."""
        world = controller.world
        with controller.lock:
            controller.commit("before it is stored")
            world.make_whole()
            (last,) = world.row("SELECT seq FROM sqlite_sequence WHERE name = 'commits'") or (0,)
            stand = stand_of(world, last)
            try:
                with self._database.connect() as connection, connection.transaction():
                    row = look(connection, self._name, lock=True)
                    if row is None or row.epoch != self._row.epoch or row.stand is not None:
                        raise LeaseError(
                            f"another process has taken the lease {self._name!r} while this one began it",
                            code="taken-over",
                        )
                    for (seq,) in world.rows("SELECT seq FROM commits ORDER BY seq"):
                        made = world.history.stored(seq)
                        tables.insert_commit(connection, self._name, self._row.epoch, made)
                    content = (
                        ContentRow(table, row)
                        for table in CONTENT
                        for row in world.rows(
                            f"SELECT {', '.join(c for c, _ in columns(table))} FROM {table}"
                        )
                    )
                    tables.insert_content(connection, self._name, 0, content)
                    tables.move(connection, self._name, self._row.epoch, self._database.seconds, stand)
            except self._database.driver.Error as problem:
                raise self._database.away(problem) from None
            self._hold(world, stand)
            world.begin()
            world.history.keep_log(log_of(self._name))
            world.commit()
