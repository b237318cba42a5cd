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


@contextmanager
def postgres() -> Iterator[Connect]:
    """Run a PostgreSQL server on a socket in a folder of its own; yields what connects to it."""
    import psycopg

    # Not in a folder of pytest's, which another user may not enter, as the server must be.
    folder = Path(tempfile.mkdtemp(prefix="swingset-pg-"))
    data, socket = folder / "data", folder / "s"
    for made in (data, socket):
        made.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        nobody = 65534
        folder.chmod(0o711)
        for made in (data, socket):
            os.chown(made, nobody, nobody)
        as_user = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]

    def run(name: str, *arguments: str) -> None:
        command = [*as_user, str(_binary(name)), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=data, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    run("initdb", "-D", str(data), "-U", "tests", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
    options = f"-k {socket} -c listen_addresses= -c fsync=off -c max_connections=10"
    run("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(socket / "log"), "start")
    try:
        yield lambda: psycopg.connect(host=str(socket), user="tests", dbname="postgres")
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder)


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
