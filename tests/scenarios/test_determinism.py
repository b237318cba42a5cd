"""The same conversation is the same in any process, and whether or not it is interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def converse(path: Path, seed: str, start: int, end: int, save: str = "") -> Any:
    """Have another process tell a stretch of the conversation; answers what it found at its end."""
    program = [sys.executable, "-m", "tests.scenarios.conversation", str(path), str(start), str(end), save]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    root = Path(__file__).parents[2]
    done = subprocess.run(program, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the conversation comes to in one process, without interruption."""
    return converse(tmp_path_factory.mktemp("whole") / "whole.world", "1", 0, 4)


def test_two_processes_agree(tmp_path: Path, whole: Any) -> None:
    """Transcript, heap and computrons of 200 deliveries do not depend on the process or its hash seed."""
    assert sum(vat[0] for vat in whole["vats"].values()) >= 200
    assert converse(tmp_path / "other.world", "77", 0, 4) == whole


@pytest.mark.parametrize("save", ["save", "leave"])
def test_interruption_changes_nothing(tmp_path: Path, whole: Any, save: str) -> None:
    """Stopped and resumed by other processes, from images or from transcripts, it is the same to the bit."""
    converse(tmp_path / "parts.world", "4", 0, 1, save)
    converse(tmp_path / "parts.world", "5", 1, 3, save)
    assert converse(tmp_path / "parts.world", "6", 3, 4) == whole
