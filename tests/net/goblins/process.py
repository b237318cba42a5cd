"""A process with Spritely Goblins, for tests and for `benchmarks/wires.py`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from swingset.net.locators import located

HERE = Path(__file__).parent
CHROOT = Path(os.environ.get("SWINGSET_GOBLINS", HERE.parents[2] / ".goblins"))
"""The folder that `make peer-goblins` has made."""


def installed() -> bool:
    """Whether a process can be started."""
    return (CHROOT / "usr/bin/guile-3.0").exists() and os.geteuid() == 0


class Process:
    """A process with a Goblins peer, which runs a program of this folder; `ready` is what it says then."""

    def __init__(self, program: str, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        shutil.copy(HERE / program, CHROOT / "srv" / program)
        words = [
            "LANG=C.UTF-8",
            "HOME=/root",
            "GUILE_AUTO_COMPILE=0",
            f"OCAPN_PORT={self.port}",
            f"OCAPN_NAME={name}",
        ]
        command = ["chroot", str(CHROOT), "env", *words, "guile-3.0", f"/srv/{program}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        said = self.process.stdout.readline().decode()
        while said and not said.startswith("READY "):  # that its traffic is not encrypted
            said = self.process.stdout.readline().decode()
        assert said, f"{program} did not begin"
        self.ready = said.split()[1:]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Goblins(Process):
    """A peer on plain TCP."""

    def __init__(self, name: str) -> None:
        super().__init__("peer.scm", name)
        hints = {"host": "127.0.0.1", "port": str(self.port)}
        self.here = located("tcp-testing-only", name, hints)


class GoblinsOnWebSocket(Process):
    """A peer with Goblins' own WebSocket netlayer."""

    def __init__(self) -> None:
        super().__init__("websocket.scm", "web")
        self.echo, self.visitor = self.ready
