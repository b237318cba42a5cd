"""The fence of a world with a lease: nothing becomes durable in its file that the database does not have.

Each commit is two exchanges with the database. The first begins a transaction and locks the row of the lease.
If the epoch in it is another, a process has taken over: this one commits nothing any more. If the commit in
it is another than the one this world stands at, something else wrote there, and nothing is committed either.
The second exchange writes the commit, its bulk and the new place, lengthens the lease, and commits. Only then
does the file commit, and only after that do outputs leave.

If the connection breaks in the second exchange, nobody knows whether the commit was made. It is asked then,
on a new connection: to lock the row waits for the end of the old transaction, so the answer is final. If the
database does not answer for as long as a lease lasts, the commit fails in the file, and the next one asks
first. If it was made after all, the file lags: the world has to be opened again, which catches up.

A database that is known to be away is not waited for again: once a wait has ended or was interrupted, each
commit tries once, until it has answered. The time counts from what found it first, a commit, a heartbeat or
a look.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from swingset.cluster.failover import tables
from swingset.cluster.failover.database import Database, is_lost
from swingset.cluster.failover.errors import LeaseCode, LeaseError
from swingset.cluster.failover.leases import Tell, untold
from swingset.cluster.failover.tables import LeaseRow, Stand
from swingset.model.foreign import Unreadable, read_json
from swingset.model.spelling import canonical
from swingset.time.copies.mirror_tables import columns
from swingset.world import names
from swingset.world.feed import CONTENT, ContentRow
from swingset.world.file import WorldFile
from swingset.world.retention import PRUNES

if TYPE_CHECKING:
    from psycopg import Connection

_AGAIN = 0.1
"""The seconds between two tries to reach the database within one commit."""


def names_of(world: WorldFile) -> str:
    """The checkpoints of a world and what its host says of the file, as one text."""
    labels = "SELECT labels.*, digest FROM labels JOIN commits ON seq = commit_seq ORDER BY name"
    found = {"labels": [list(row) for row in world.db.execute(labels)]}
    return canonical({**found, "rows": [list(row) for row in names.sealed_rows(world.db)]})


def _prunes(text: str) -> Any:
    """What a text of names says of prunes."""
    try:
        return dict(read_json(text)["rows"]).get(PRUNES)
    except (Unreadable, KeyError, TypeError, ValueError):
        return None


def stand_of(world: WorldFile, last: int) -> Stand:
    """Where a world stands, in the transaction that is open in its file."""
    head = world.history.head()
    return Stand(head, world.history.seal(head), max(last, head), names_of(world))


class Holding:
    """The fence of one open world, under one epoch."""

    def __init__(
        self,
        database: Database,
        name: str,
        epoch: int,
        stand: Stand,
        world: WorldFile,
        tell: Tell = untold,
    ) -> None:
        self.name = name
        self.epoch = epoch
        self.stopped: LeaseError | None = None
        """Why nothing can be committed any more; None while it can."""
        self.away_since: float | None = None
        """Since when the database does not answer, by the clock of this process; None while it does."""
        self._given_up = False  # whether a wait for it was interrupted
        self._tell = tell
        self._database = database
        self._world = world
        self._stand = stand
        self._asked: Stand | None = None  # a place whose commit was sent, and not answered
        self._connection: Connection[Any] | None = None

    def lose(self) -> LeaseError:
        """Note that another process has taken over; returns the complaint."""
        words = (
            f"another process has taken over the lease {self.name!r}, which this one had under epoch"
            f" {self.epoch}. Nothing that was not committed has left this process, and nothing more can be"
            " committed here: close the world; the other process goes on"
        )
        return self._stop(words, code="taken-over")

    def _stop(self, words: str, *, code: LeaseCode) -> LeaseError:
        if self.stopped is None:
            self.stopped = LeaseError(words, code=code)
        return LeaseError(str(self.stopped), code=self.stopped.code)

    def heard(self, answered: bool) -> None:
        """Note whether the database has answered. From any thread."""
        if answered:
            self.away_since, self._given_up = None, False
        elif self.away_since is None:
            self.away_since = time.monotonic()

    def close(self) -> None:
        """Close the connection. The server rolls back what is open on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(self._database.driver.Error):
                connection.close()

    def __call__(self, content: Iterable[ContentRow]) -> None:
        """Make durable in the database what is about to become durable in the file."""
        if self.stopped is not None:
            raise LeaseError(str(self.stopped), code=self.stopped.code)
        wanted = stand_of(self._world, self._stand.last)
        if self._asked is None and wanted == self._stand and not any(True for _ in content):
            return
        if self._world.head != self._stand.head:
            raise self._lags()
        told = False
        while True:
            # This process may have been paused since it used its connection, and has to ask once more then.
            was_open = self._connection is not None
            try:
                self._store(wanted, content)
                break
            except self._database.driver.Error as problem:
                lost = is_lost(self._connection)
                self.close()
                if not lost:
                    self._asked = None  # the server has answered, and has rolled back
                    raise self._database.refused(problem) from None
                self.heard(False)
                since = self.away_since or time.monotonic()  # a heartbeat may have been answered since
                long = self._given_up or time.monotonic() >= since + self._database.seconds
                if long and not was_open:
                    raise self._failed(problem) from None
                self._pause(told or long)
                told = True
            except BaseException:
                self._given_up = self.away_since is not None
                self.close()
                raise
        self.heard(True)
        self._stand, self._asked = wanted, None
        self._world.step("truth-stored")

    def _pause(self, told: bool) -> None:
        """Wait before the database is tried again; says so the first time."""
        seconds = self._database.seconds
        words = f"the database of the lease {self.name} does not answer: the commit waits for it"
        try:
            if not told:
                self._tell(f"{words}, for at most {seconds:g} s")
            time.sleep(_AGAIN)
        except BaseException:  # what the interrupt leads to, such as a pause of the world, is a commit too
            self._given_up = True
            raise

    def _store(self, wanted: Stand, content: Iterable[ContentRow]) -> None:
        if self._connection is None:
            self._connection = self._database.connect()
        connection, found = self._connection, self._locked(self._connection)
        if self._was_made(found, wanted):
            connection.execute("ROLLBACK")
            return
        self._world.step("lease-locked")
        pruned = wanted.names != self._stand.names and _prunes(wanted.names) != _prunes(self._stand.names)
        if not pruned and wanted.head <= self._stand.last and wanted.head != self._stand.head:
            self._refuse_unknown(connection, wanted)
        if pruned:
            self._replace(connection)
        self._asked = wanted
        with self._database.pipeline(connection):
            tables.insert_content(connection, self.name, self._stand.last + 1, content)
            if wanted.head > self._stand.last and not pruned:
                commit = self._world.history.stored(wanted.head)
                tables.insert_commit(connection, self.name, self.epoch, commit)
            tables.move(connection, self.name, self.epoch, self._database.seconds, wanted)
            connection.execute("COMMIT")

    def _locked(self, connection: Connection[Any]) -> LeaseRow:
        """Begin a transaction, lock the row, and refuse it unless it is this process's."""
        with self._database.pipeline(connection):
            connection.execute("BEGIN")
            cursor = connection.execute(f"{tables.SELECT_LEASE} FOR UPDATE".encode(), (self.name,))
        row = cursor.fetchone()
        if row is None:
            raise self._stop(str(tables.altered(self.name, "its lease is gone")), code="database-altered")
        found = tables.lease_row(self.name, row)
        if found.epoch != self.epoch:
            raise self.lose()
        return found

    def _was_made(self, found: LeaseRow, wanted: Stand) -> bool:
        """Whether what is wanted was committed before; refuses a place that is none of this world's."""
        if found.stand == self._stand:
            return False
        if self._asked is not None and found.stand == self._asked:
            if wanted == self._asked:
                return True
            raise self._lags()
        words = "the world stands at another commit than this process has stored, under the same epoch"
        raise self._stop(str(tables.altered(self.name, words)), code="database-altered")

    def _refuse_unknown(self, connection: Connection[Any], wanted: Stand) -> None:
        """Going to another commit is stored only if the database has that commit."""
        if tables.seal_of(connection, self.name, wanted.head) != wanted.seal:
            words = f"it lacks commit {wanted.head}, to which the world goes"
            raise self._stop(str(tables.altered(self.name, words)), code="database-altered")

    def _replace(self, connection: Connection[Any]) -> None:
        """Store a past from which something was dropped: all commits that are left, and their bulk."""
        world = self._world
        made = (world.history.stored(seq) for (seq,) in world.rows("SELECT seq FROM commits ORDER BY seq"))
        keys: dict[str, set[Any]] = {}
        for table in CONTENT:
            key = columns(table)[0][0]
            keys[table] = {value for (value,) in world.rows(f"SELECT {key} FROM {table}")}
        tables.replace_all(connection, self.name, self.epoch, made, keys)

    def _lags(self) -> LeaseError:
        words = (
            f"{self._world.name} lacks a commit that the database of the lease {self.name!r} has, because the"
            " file could not be written after it: close the world and open it again, which catches up"
        )
        return self._stop(words, code="file-lags")

    def _failed(self, problem: BaseException) -> LeaseError:
        if self._asked is None:
            return self._database.away(problem)
        return LeaseError(
            f"the database of the lease {self.name!r} went away while it committed, and does not answer:"
            f" {self._database.words(problem)}. Whether that commit was made is asked before the next one;"
            " nothing of it has left this process",
            code="commit-unknown",
        )
