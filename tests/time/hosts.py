"""Databases of a host, for worlds that are mirrored: SQLite, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any

import pytest

Connect = Callable[[], Any]


def sqlite(folder: Path) -> Connect:
    """Connections to one new SQLite file."""
    return lambda: sqlite3.connect(folder / "host.db")


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    beside = sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found or (beside[-1] if beside else None)


def why_no_postgres() -> str | None:
    """What is missing for the tests with PostgreSQL, None if nothing is."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed: pip install 'swingset-nb[postgres]'"
    if _binary("initdb") is None or _binary("pg_ctl") is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL does not run as root, and there is no setpriv to leave it"
    return None


class Server:
    """A PostgreSQL server on a socket in a folder of its own; it syncs nothing unless it is told to."""

    def __init__(self, *, synced: bool = False) -> None:
        self._synced = synced
        # Not in a folder of pytest's, which another user may not enter, as the server must be.
        self._folder = Path(tempfile.mkdtemp(prefix="swingset-pg-"))
        self._data, self.socket = self._folder / "data", self._folder / "s"
        for made in (self._data, self.socket):
            made.mkdir()
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            nobody = 65534
            self._folder.chmod(0o711)
            for made in (self._data, self.socket):
                os.chown(made, nobody, nobody)
            self._as_user = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
        made_as = ("-U", "tests", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        self._run("initdb", "-D", str(self._data), *made_as)

    def _run(self, name: str, *arguments: str) -> None:
        command = [*self._as_user, str(_binary(name)), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=self._data, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    @property
    def address(self) -> str:
        """The address of its database."""
        return f"host={self.socket} user=tests dbname=postgres"

    def connect(self) -> Any:
        """A new connection."""
        import psycopg

        return psycopg.connect(self.address)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        sync = f"-c fsync={'on' if self._synced else 'off'}"
        options = f"-k {self.socket} -c listen_addresses= {sync} -c max_connections=20"
        log = str(self.socket / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-o", options, "-l", log, "start")

    def stop(self) -> None:
        """Stop it as a crash does."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def remove(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self._folder)


@contextmanager
def running(*, synced: bool = False) -> Iterator[Server]:
    """A server, from its start to the end of the body."""
    server = Server(synced=synced)
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        server.remove()


@contextmanager
def postgres() -> Iterator[Connect]:
    """Run a PostgreSQL server; yields what connects to it."""
    with running() as server:
        yield server.connect


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What makes a new, empty database of each kind for a folder."""
    if request.param == "sqlite":
        yield lambda folder: sqlite(folder)
        return
    if (why := why_no_postgres()) is not None:
        pytest.skip(why)
    with postgres() as connect:
        yield lambda folder: connect
