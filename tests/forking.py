"""Processes that are forked from one that has imported what they need, which is most of a child's time."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from pathlib import Path

import pytest

PROCESSES = multiprocessing.get_context("forkserver")

_IMPORTED = ["pytest", "tests.cluster.failover.holder", "tests.crash.crash_story", "tests.net.links.side"]
"""What children of any test run, because there is one such process for all tests."""


def warm() -> None:
    """Start the process, if it was not."""
    PROCESSES.set_forkserver_preload(_IMPORTED)
    with pytest.MonkeyPatch.context() as patch:
        root = Path(__file__).parents[1]
        patch.setenv("PYTHONPATH", os.pathsep.join([str(root / "kernel"), str(root)]))
        forkserver.ensure_running()
