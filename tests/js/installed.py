"""Where the tools of the JavaScript tests are: Node, and the packages that npm puts here, once."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
_OFFLINE = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
)


def node() -> str:
    """The path of Node, or a skip that says what is missing."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed: apt-get install nodejs npm")
    return found


def installed() -> Path:
    """The packages of package-lock.json, or a skip that says that npm's registry cannot be reached."""
    node()
    with (HERE / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
        done = MODULES / ".installed"
        if not done.exists() or done.read_text() != wanted:
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
            if any(word in ran.stderr for word in _OFFLINE):
                pytest.skip("npm's registry cannot be reached, and tests/js/node_modules is not complete")
            assert ran.returncode == 0, ran.stderr
            done.write_text(wanted)
    return MODULES
