"""Processes killed outright, and what another process finds in the world they left."""

from __future__ import annotations

import os
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from swingset.host.sessions.session import Session
from swingset.host.worlds.opening import open_world
from tests import forking
from tests.crash import crash_story


@pytest.fixture(autouse=True, scope="module")
def warm_children() -> None:
    """Have children forked from a process that has imported what they need."""
    forking.warm()


def run_and_kill(
    path: Path, worker: str, act: str, delay: float = 0.0, commits: int = 0
) -> list[tuple[str, str]]:
    """Have a child tell the story, and kill it; answers all that it had told.

    The kill comes this long after the child is ready and has then begun so many commits.
    """
    ours, theirs = forking.PROCESSES.Pipe(duplex=False)
    process = forking.PROCESSES.Process(target=crash_story.child, args=(str(path), worker, act, theirs))
    process.start()
    theirs.close()
    told: list[tuple[str, str]] = []
    try:
        while not told or told[-1][0] != "ready":
            told.append(ours.recv())
        while commits > 0:
            told.append(ours.recv())
            commits -= told[-1][0] == "about"
        deadline = time.monotonic() + delay
        while (left := deadline - time.monotonic()) > 0:
            if ours.poll(left):
                told.append(ours.recv())
    finally:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
    assert process.exitcode == -signal.SIGKILL
    drain(ours, told)
    return [item for item in told if item[0] != "ready"]


def drain(pipe: Connection, told: list[tuple[str, str]]) -> None:
    """Take in what the child had still written; its last words may be cut off."""
    try:
        while True:
            told.append(pipe.recv())
    except (EOFError, OSError):
        pipe.close()


def allowed(told: list[tuple[str, str]]) -> list[str]:
    """The digests that may be found: the last commit's, or that of the one in flight."""
    last = max(index for index, item in enumerate(told) if item[0] == "done")
    return [digest for _, digest in told[last:]]


def find(path: Path, worker: str, told: list[tuple[str, str]], queued: int = 0) -> str:
    """Open what the child left, check that it is a state it committed, and finish the story."""
    with open_world(path, create=False, worker=worker, snapshot_interval=7) as controller:
        session = Session(controller)
        assert session.found_digest is not None
        assert session.found_digest in allowed(told)
        assert session.incarnation == 1
        crash_story.check_and_finish(controller, session, queued)
        return session.found_digest


@pytest.mark.parametrize("worker", ["local", "wasm"])
@pytest.mark.parametrize(("act", "queued"), [("defined", 0), ("queued", 5), ("upgraded", 0)])
def test_killed_at_rest(tmp_path: Path, worker: str, act: str, queued: int) -> None:
    """A process killed between commits leaves exactly the digest of its last one."""
    told = run_and_kill(tmp_path / "bank.world", worker, act)
    found = find(tmp_path / "bank.world", worker, told, queued)
    assert told[-1] == ("done", found)


def killed_at_random(folder: Path, worker: str, seeds: range, longest: float) -> tuple[int, int]:
    """Kill one child per seed at a moment of its own, every other one just after it began a commit.

    Answers how many commits were in flight and lost, and how many in flight and kept.
    """
    lost = kept = 0
    for seed in seeds:
        path = folder / f"{worker}{seed}.world"
        moment = random.Random(seed)
        if seed % 2:
            told = run_and_kill(path, worker, "commits", moment.uniform(0.0, 0.004), moment.randrange(1, 12))
        else:
            told = run_and_kill(path, worker, "commits", moment.uniform(0.0, longest))
        found = find(path, worker, told)
        states = allowed(told)
        if len(states) > 1:
            kept += found == states[-1]
            lost += found == states[0]
        path.unlink()
    return lost, kept


def test_killed_while_committing(tmp_path: Path) -> None:
    """Killed at any moment, twenty times over, a process leaves the last commit or the one in flight."""
    killed_at_random(tmp_path, "local", range(20), 0.15)


@pytest.mark.slow
def test_killed_while_committing_heaps(tmp_path: Path) -> None:
    """The same with confined vats, whose heap images are part of commits."""
    killed_at_random(tmp_path, "wasm", range(100, 106), 0.4)


@pytest.mark.slow
@pytest.mark.parametrize(("worker", "count"), [("local", 500), ("wasm", 100)])
def test_killed_very_often(tmp_path: Path, worker: str, count: int) -> None:
    """However often: of all these kills, none leaves a state in between, and both outcomes do occur."""
    lost, kept = killed_at_random(tmp_path, worker, range(1000, 1000 + count), 0.5)
    assert lost > 0
    assert kept > 0
