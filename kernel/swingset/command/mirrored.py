"""`swingset rebuild` and `swingset catch-up`: files of worlds whose state a host owns.

The database is the path of a SQLite file, or the address of a PostgreSQL one, which needs `psycopg`.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swingset.command.adding import DONE, AddCommand
from swingset.command.saying import say
from swingset.core.errors import KernelError
from swingset.model.foreign import said
from swingset.time.copies.catching_up import catch_up, rebuild
from swingset.time.copies.mirror_tables import MirrorError

_ADDRESSES = ("postgresql://", "postgres://")


def add(command: AddCommand) -> None:
    """Add both commands."""
    for name, action, words, world in (
        ("rebuild", _rebuild, "build a world file from its mirror", "the new world file"),
        ("catch-up", _catch_up, "bring a world file that lags up to its mirror", "the world file"),
    ):
        added = command(
            name,
            action,
            words,
            opens=False,
            database="a SQLite file, or postgresql://... for PostgreSQL",
            world=world,
        )
        added.add_argument("--name", default="world", metavar="NAME", help="the name of the mirror (world)")


def _rebuild(chosen: argparse.Namespace) -> int:
    with _connected(chosen.database) as connection:
        commit = rebuild(chosen.world, connection, chosen.name)
    say(f"{chosen.world} stands at commit {commit}")
    return DONE


def _catch_up(chosen: argparse.Namespace) -> int:
    with _connected(chosen.database) as connection:
        missed = catch_up(chosen.world, connection, chosen.name)
    say(f"{missed:,} {'commit' if missed == 1 else 'commits'} caught up with")
    return DONE


@contextmanager
def _connected(database: str) -> Iterator[Any]:
    """A connection to a database; its errors become those of a mirror."""
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    try:
        if database.startswith(_ADDRESSES):
            try:
                import psycopg
            except ImportError:
                raise KernelError("PostgreSQL needs psycopg: pip install 'swingset-nb[postgres]'") from None
            errors = (psycopg.Error,)
            connection: Any = psycopg.connect(database)
        else:
            connection = sqlite3.connect(f"{Path(database).absolute().as_uri()}?mode=rw", uri=True)
        try:
            yield connection
        finally:
            connection.close()
    except errors as problem:
        raise MirrorError(f"the database of the mirror: {said(problem)}") from None
