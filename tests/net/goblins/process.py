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


class Goblins:
    """A process with a Goblins peer."""

    def __init__(self, name: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        shutil.copy(HERE / "peer.scm", CHROOT / "srv/peer.scm")
        words = [
            "LANG=C.UTF-8",
            "HOME=/root",
            "GUILE_AUTO_COMPILE=0",
            f"OCAPN_PORT={port}",
            f"OCAPN_NAME={name}",
        ]
        command = ["chroot", str(CHROOT), "env", *words, "guile-3.0", "/srv/peer.scm"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.here = located("tcp-testing-only", name, {"host": "127.0.0.1", "port": str(port)})
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"READY {port}\n".encode()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
