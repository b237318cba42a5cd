"""Leases: who may run a world, until when by the clock of the database, and under which epoch.

To take a lease is one statement: it raises the epoch if the lease was given back or has run out. From then on
no commit under an earlier epoch is possible, whatever the process that made it believes. The statement never
waits for the row. If a lease has run out, and a process holds the row of it in a transaction that has done
nothing for as long as a lease lasts, its session is ended: it has not committed, and now it cannot.

To keep a lease is a heartbeat, on a connection and a thread of its own. One that fails does no harm: a
process whose lease has run out may go on until another takes it.

A lease that is given back is told to those that wait, so they need not wait until it would have run out.
Who waits is told for what. A database that goes away in the meantime is waited for. One that has not answered
yet is not: nothing tells it from a wrong address, for which a wait would never end.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swingset.cluster.failover import tables
from swingset.cluster.failover.database import Database, is_lost
from swingset.cluster.failover.errors import LeaseError
from swingset.cluster.failover.tables import CHANNEL, LEASES, LeaseRow
from swingset.core.errors import KernelError
from swingset.model.visible import one_line
from swingset.world import schema

if TYPE_CHECKING:
    from psycopg import Connection

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z", re.ASCII)
_AGAIN = 0.5
"""The seconds after which a database that was away is tried again."""
_LOOK_AGAIN = 5.0
"""The longest time for which a wait trusts what it read of a lease."""


@dataclass(frozen=True)
class Lease:
    """A lease as the database has it at a moment.

    `holder` is the host and the process that has it, None if it was given back. `seconds` is how long it
    lasts by the clock of the database, below 0 if it has run out. `epoch` is how often it was taken. `head`
    is the commit at which the world stands, None if there is none yet.
    """

    name: str
    epoch: int
    holder: str | None
    seconds: float | None
    head: int | None

    def __str__(self) -> str:
        stands = "empty" if self.head is None else f"at commit {self.head}"
        if self.holder is None or self.seconds is None:
            return f"{self.name}: {stands}, epoch {self.epoch}, free"
        holder = one_line(self.holder, 80)
        if self.seconds <= 0:
            return f"{self.name}: {stands}, epoch {self.epoch}, run out; {holder} had it"
        return f"{self.name}: {stands}, epoch {self.epoch}, {holder} has it for {self.seconds:.1f} s more"


def is_name(name: str) -> bool:
    """Whether a text can be the name of a lease."""
    return _NAME.match(name) is not None


def checked_name(name: str) -> str:
    """The name of a lease. Raises `KernelError` for any other text."""
    if not isinstance(name, str) or not is_name(name):
        raise KernelError(
            f"{one_line(str(name), 60)!r} is no name of a lease: give 1 to 40 small letters, digits, - and _,"
            " such as 'bank'"
        )
    return name


def look(connection: Connection[Any], name: str, *, lock: bool = False) -> LeaseRow | None:
    """The row of a lease as it is now, or None; with `lock`, it stays so until the transaction ends."""
    found = connection.execute("SELECT to_regclass(%s)", (LEASES,)).fetchone()
    if found is None or found[0] is None:
        return None
    query = f"{tables.SELECT_LEASE}{' FOR UPDATE' if lock else ''}"
    row = connection.execute(query.encode(), (name,)).fetchone()
    return None if row is None else tables.lease_row(name, row)


def unknown(name: str) -> LeaseError:
    """The complaint about a lease that there is not."""
    words = f"the database has no lease {name!r}: check the name and the address"
    return LeaseError(words, code="not-leased")


def lease_of(name: str, row: LeaseRow) -> Lease:
    """What a row says, for people."""
    head = None if row.stand is None else row.stand.head
    return Lease(name, row.epoch, row.holder, row.seconds, head)


Tell = Callable[[str], None]
"""Is told for what a process waits, each time that this changes."""


def untold(_words: str) -> None:
    """Tell nobody."""


def take(database: Database, name: str, *, create: bool, wait: float | None, tell: Tell = untold) -> LeaseRow:
    """Take a lease, and wait for it as long as that; returns its row.

    Raises `LeaseError` if another process has it after that time, if there is none and `create` is false, and
    if the database does not answer the first time.
    """
    holder = f"{socket.gethostname()[:60]} process {os.getpid()} {secrets.token_hex(4)}"
    end = None if wait is None else time.monotonic() + wait
    answered = is_told = False
    while True:
        try:
            with database.connect() as connection:
                answered, is_told = True, False
                tables.make(connection)
                connection.execute(f"LISTEN {CHANNEL}".encode())
                return _waited(connection, database, name, holder, create, end, tell)
        except database.driver.OperationalError as problem:
            if not answered or (end is not None and time.monotonic() >= end):
                raise database.away(problem) from None
            if not is_told:
                tell(f"the database of the lease does not answer: {database.words(problem)}")
                is_told = True
            time.sleep(_AGAIN)
        except database.driver.Error as problem:
            raise database.refused(problem) from None


def _waited(
    connection: Connection[Any],
    database: Database,
    name: str,
    holder: str,
    create: bool,
    end: float | None,
    tell: Tell,
) -> LeaseRow:
    told_of: int | None = None
    while True:
        if create:
            made = f"INSERT INTO {LEASES}(world, format, epoch) VALUES(%s, %s, 0) ON CONFLICT DO NOTHING"
            connection.execute(made.encode(), (name, schema.FORMAT))
        found = _taken(connection, database.seconds, name, holder)
        if found is not None:
            return found
        row = look(connection, name)
        if row is None:
            raise unknown(name)
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            raise LeaseError(
                f"another process runs this world ({lease_of(name, row)}): wait for it, or end that process",
                code="lease-held",
            )
        if row.epoch != told_of:
            told_of = row.epoch
            who = one_line(row.holder or "another process", 80)
            tell(f"waits for the lease {name}, which {who} has")
        if row.seconds is not None and row.seconds <= 0:
            _end_hanging(connection, database)
        waits = min(max(row.seconds or 0.0, 0.0) + 0.01, _LOOK_AGAIN if left is None else left, _LOOK_AGAIN)
        for told in connection.notifies(timeout=waits):
            if told.payload == name:
                break


def _taken(connection: Connection[Any], seconds: float, name: str, holder: str) -> LeaseRow | None:
    """Take a lease if it is free; returns its row, or None."""
    taken = connection.execute(
        f"UPDATE {LEASES} SET epoch = epoch + 1, holder = %s,"
        " until = clock_timestamp() + make_interval(secs => %s) WHERE world ="
        f" (SELECT world FROM {LEASES} WHERE world = %s AND format = %s AND"
        " (holder IS NULL OR holder = %s OR until <= clock_timestamp()) FOR UPDATE SKIP LOCKED)".encode(),
        (holder, seconds, name, schema.FORMAT, holder),
    )
    row = look(connection, name)
    if row is not None and row.format != schema.FORMAT:
        raise LeaseError(
            f"the lease {name!r} is of worlds of format {row.format}, and this release writes"
            f" {schema.FORMAT}: give the migrated file a lease under a new name",
            code="not-leased",
        )
    return row if taken.rowcount else None


def _end_hanging(connection: Connection[Any], database: Database) -> None:
    """End the sessions of a lease that hang in a transaction for longer than it lasts."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        " AND datname = current_database() AND usename = current_user AND state LIKE 'idle in transaction%%'"
        " AND state_change < clock_timestamp() - make_interval(secs => %s)",
        (database.application, database.seconds),
    )


def give_back(database: Database, name: str, epoch: int) -> None:
    """Give a lease back, and tell those who wait; if the database is away, it runs out by itself."""
    with suppress(database.driver.Error), database.connect() as connection:
        free = f"UPDATE {LEASES} SET holder = NULL, until = NULL WHERE world = %s AND epoch = %s"
        connection.execute(free.encode(), (name, epoch))
        connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, name))


class Heartbeat:
    """Keeps a lease, on a thread and a connection of its own, until it is stopped or the lease is lost."""

    def __init__(
        self,
        database: Database,
        name: str,
        epoch: int,
        lost: Callable[[], None],
        heard: Callable[[bool], None],
    ) -> None:
        self._database = database
        self._name = name
        self._epoch = epoch
        self._lost = lost
        self._heard = heard  # is called after each beat, with whether the database has answered
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"swingset lease {name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        connection: Connection[Any] | None = None
        beat = (
            f"UPDATE {LEASES} SET until = clock_timestamp() + make_interval(secs => %s)"
            " WHERE world = %s AND epoch = %s"
        ).encode()
        values = (self._database.seconds, self._name, self._epoch)
        while not self._end.wait(self._database.seconds / 3):
            try:
                if connection is None or is_lost(connection):
                    connection = self._database.connect()
                if not connection.execute(beat, values).rowcount:
                    self._lost()
                    break
                self._heard(True)
            except self._database.driver.Error:
                if is_lost(connection):
                    self._heard(False)
        if connection is not None:
            connection.close()
