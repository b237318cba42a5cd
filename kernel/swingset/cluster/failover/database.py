"""Connections to the database of a world with a lease, and what its errors may say.

An address can have a password. It is kept in this process only: it is never part of an error, a `repr`, the
world or its file. A connection that breaks is dropped, and the next one is made from the same address.

Each session is set up so that a process that hangs cannot hold up the others. The server ends a statement
that has waited for a lock as long as a lease lasts, and a transaction that has waited for its client longer
than that. It has the name of the lease, so that a standby finds it before (`leases`). A session that only
reads holds up nobody, and may take its time. A commit is durable on the server's disk when it is answered,
also where the server is told to be quicker.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from swingset.cluster.failover.errors import LeaseError
from swingset.core.errors import KernelError
from swingset.model.foreign import said
from swingset.model.visible import one_line

if TYPE_CHECKING:
    from psycopg import Connection

_LONGEST = 300  # characters of what a server says

_IDLE = {
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
"""How a connection notices that the other side is gone, where the address does not say otherwise."""

_LEAST_IDLE = 10.0
"""The seconds for which a transaction may wait for a client on a machine that is busy."""

_NAMES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")
"""What the environment may say of where a database is."""

_SECRETS = ("password", "sslpassword")
"""The parts of an address that nobody may see."""


def driver() -> Any:
    """The package `psycopg`. Raises `KernelError` if it is not installed."""
    try:
        import psycopg
    except ImportError:
        raise KernelError(
            "a lease in PostgreSQL needs psycopg: pip install 'swingset-nb[postgres]'"
        ) from None
    return psycopg


def has_password(address: str) -> bool:
    """Whether an address has a password, as far as it can be read."""
    found = driver()
    try:
        known = found.conninfo.conninfo_to_dict(address)
    except found.Error:
        return "@" in address or "password" in address
    return any(known.get(key) for key in _SECRETS)


class Database:
    """One database by its address, for one lease. `seconds` is how long that lasts."""

    def __init__(self, address: str, name: str, seconds: float) -> None:
        self.driver = driver()
        self.seconds = seconds
        self.application = f"swingset lease {name}"
        """What the server calls the sessions of this lease."""
        self._address = address
        try:
            known = self.driver.conninfo.conninfo_to_dict(address)
        except self.driver.Error:
            # What it says of the address may be a part of the password.
            raise LeaseError(
                "the address of the database cannot be read: give postgresql://USER@HOST/DATABASE, with the"
                " other characters of a password written as %40 and so on",
                code="database-away",
            ) from None
        self._secrets = tuple(str(known[key]) for key in _SECRETS if known.get(key))
        wait = {"tcp_user_timeout": str(int(seconds * 1000))}
        self._is_named = bool(known) or any(name in os.environ for name in _NAMES)
        self._options = {key: value for key, value in (_IDLE | wait).items() if key not in known}

    def connect(self, *, reads: bool = False) -> Connection[Any]:
        """A new connection, on which each statement commits by itself. Raises the driver's errors.

        With `reads`, it is for a long transaction that locks nothing.
        """
        name = {"application_name": f"{self.application}{' reads' if reads else ''}"}
        made: Connection[Any] = self.driver.connect(self._address, autocommit=True, **(self._options | name))
        try:
            made.isolation_level = self.driver.IsolationLevel.READ_COMMITTED
            idle = 0.0 if reads else max(self.seconds, _LEAST_IDLE)
            for setting, seconds in (
                ("idle_in_transaction_session_timeout", idle),
                ("lock_timeout", self.seconds),
            ):
                made.execute("SELECT set_config(%s, %s, false)", (setting, f"{int(seconds * 1000)}ms"))
            quick = (
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting(%s) IN (%s, %s)"
            )
            made.execute(quick, ("synchronous_commit", "off", "local"))
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def pipeline(self, connection: Connection[Any]) -> Iterator[None]:
        """Send what the body executes without waiting in between, and then get all answers.

        An error of the body is raised after the end of the pipeline, which would log it otherwise.
        """
        problem: Exception | None = None
        with connection.pipeline():
            try:
                yield
            except self.driver.Error as raised:
                problem = raised
        if problem is not None:
            raise problem

    def words(self, problem: BaseException) -> str:
        """What an error of the driver says, on one line and without a secret of the address."""
        text = " ".join(said(problem).split())
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return one_line(text, _LONGEST).rstrip(".?!")

    def away(self, problem: BaseException) -> LeaseError:
        """The complaint about a database that does not answer."""
        again = "try it again when it is back"
        if not self._is_named:
            again = (
                "neither an address nor the environment says where it is: give postgresql://USER@HOST/NAME"
            )
        return LeaseError(
            f"the database of the lease does not answer: {self.words(problem)}. Nothing was committed:"
            f" {again}",
            code="database-away",
        )

    def refused(self, problem: BaseException) -> LeaseError:
        """The complaint about a database that refuses a statement."""
        return LeaseError(
            f"the database of the lease refuses: {self.words(problem)}. Nothing was committed: see to the"
            " rights and the room there, and do it again",
            code="database-refused",
        )


def is_lost(connection: Connection[Any] | None) -> bool:
    """Whether a connection can be used no more."""
    return connection is None or connection.closed or connection.broken
