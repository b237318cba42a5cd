"""A process that is killed between the commit of its host and that of its file."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from typing import Any

import swingset
from tests.time.packed import asked


def main(path: str, kind: str, where: str, name: str, commits: int) -> None:
    """Open a mirrored world, and die when the mirror has taken that many commits."""
    connection: Any
    if kind == "sqlite":
        connection = sqlite3.connect(where)
    else:
        import psycopg

        connection = psycopg.connect(where)
    world = swingset.open_world(path, worker="local")
    swingset.mirror(world, connection, name)
    left = commits

    def die(feed: swingset.CommitFeed) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    world.history.feed(die)
    for amount in range(1, 10):
        asked(world, "bank", "deposit", "bob", amount)


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
