"""A world in a process of its own, which other worlds reach by a socket; it ends when its input does.

`python -m tests.scenarios.serving WORLD FILE` makes the world if there is none, with a bank in it, and
writes the string of a purse to FILE. It prints READY when it listens.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from tests.scenarios.linked import BANK


def main(path: str, where: str) -> None:
    """Serve until the input is closed."""
    with open_world(path, worker="local") as world:
        session = Session(world)
        world.net.listen("unix")
        if "bank" not in world.vats:
            purse = session.wait(E(session.define("bank", BANK)).purse())
            Path(where).write_text(session.net.share(purse, label="purse"))
        session.settle()
        print("READY", flush=True)
        while not select.select([sys.stdin], [], [], 0)[0]:
            world.net.serve(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)
