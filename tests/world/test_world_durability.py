"""Crashes at every step: what was told as committed is there, and nothing is there by half."""

from __future__ import annotations

import functools
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swingset.world import WorldFile
from tests.world import world_load
from tests.world.world_load import at, check, crank, work

CRANKS = 10
expected = functools.cache(world_load.expected)


class Crash(BaseException):
    """The process ends here."""


def test_crash_at_every_step(path: Path) -> None:
    """A run stopped at any step leaves the last commit, and finishes the same from there."""
    digests = {number: expected(number) for number in (0, 2, 4, 6, 8, CRANKS)}
    step = 0
    while True:
        step += 1
        path.unlink(missing_ok=True)
        world = WorldFile.open(path)
        passed = committed = 0

        def fault(name: str, world: WorldFile = world, step: int = step) -> None:
            nonlocal passed, committed
            if name == "after-commit":
                committed = at(world)
            passed += 1
            if passed == step:
                raise Crash

        world.faults = fault
        try:
            work(world, CRANKS)
        except Crash:
            pass
        else:
            break
        finally:
            world.close()
        with WorldFile.open(path) as again:
            assert at(again) == committed
            assert again.digest() == digests[committed]
            check(again)
            work(again, CRANKS)
            assert again.digest() == digests[CRANKS]
            again.goto(0)
            assert again.digest() == digests[0]
    assert passed > 90


def crash_at(world: WorldFile, step: int) -> None:
    """Have a world's process end at this step."""
    passed = 0

    def fault(name: str) -> None:
        nonlocal passed
        passed += 1
        if passed == step:
            raise Crash

    world.faults = fault


def test_crash_after_crash(path: Path) -> None:
    """A run that crashes, is taken up, crashes again and so on still ends where an undisturbed one does."""
    chance = random.Random(11)
    for _ in range(25):
        path.unlink(missing_ok=True)
        crashes = 0
        while True:
            world = WorldFile.open(path)
            assert world.digest() == expected(at(world))
            crash_at(world, chance.randrange(1, 90))
            try:
                work(world, CRANKS)
            except Crash:
                crashes += 1
            else:
                break
            finally:
                world.close()
        assert crashes > 0
        with WorldFile.open(path) as world:
            assert world.digest() == expected(CRANKS)
            check(world)


def test_crash_while_going_back(path: Path) -> None:
    """A crash in the middle of a move leaves the world at one of its ends."""
    for name in ("begin", "before-commit", "after-commit"):
        path.unlink(missing_ok=True)
        world = WorldFile.open(path)
        work(world, 6)

        def fault(step: str, name: str = name) -> None:
            if step == name:
                raise Crash

        world.faults = fault
        with pytest.raises(Crash):
            world.goto(1)
        world.close()
        with WorldFile.open(path) as again:
            assert (at(again), again.head) == ((2, 1) if name == "after-commit" else (6, 3))
            assert again.digest() == expected(at(again))


def child(path: Path, cranks: int, step: int = 0) -> subprocess.Popen[str]:
    """A process that works on a world."""
    program = [sys.executable, world_load.__file__, str(path), str(cranks), str(step)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> int:
    """The last commit that a killed process told of."""
    output = process.communicate()[0]
    # A number is only whole with the end of its line.
    return int(output.rpartition("\n")[0].rpartition("\n")[2] or 0)


def test_kill_at_random_moments(path: Path) -> None:
    """After each SIGKILL the world holds the last commit told of or the one in flight, and goes on."""
    moments = random.Random(7)
    last = 0
    for _ in range(10):
        process = child(path, 100_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        acknowledged = told(process) or int(first)
        assert acknowledged > last
        with WorldFile.open(path) as world:
            last = at(world)
            assert last in (acknowledged, acknowledged + 2)
            assert world.digest() == expected(last)
            check(world)


@pytest.mark.slow
def test_kill_at_every_step(tmp_path: Path) -> None:
    """The same sweep as in one process, with a real SIGKILL at each step."""
    step = 0
    while True:
        step += 1
        path = tmp_path / f"{step}.world"
        process = child(path, CRANKS, step)
        acknowledged = told(process)
        with WorldFile.open(path) as world:
            assert at(world) in (acknowledged, min(acknowledged + 2, CRANKS))
            assert world.digest() == expected(at(world))
            check(world)
            work(world, CRANKS)
            assert world.digest() == expected(CRANKS)
        if process.returncode == 0:
            break
    assert step > 90


def test_torn_log(path: Path, tmp_path: Path) -> None:
    """With the log cut or garbled anywhere behind a commit, as by lost power, that commit stands."""
    log = path.with_name(path.name + "-wal")
    chance = random.Random(3)
    with WorldFile.open(path) as world:
        reader = sqlite3.connect(path)  # under which the log is not folded into the file
        reader.execute("SELECT * FROM meta").fetchall()
        ends = [(0, 0)]
        for number in range(1, CRANKS + 1):
            crank(world, number)
            world.commit()
            ends.append((log.stat().st_size, number))
        main, whole = path.read_bytes(), log.read_bytes()
        reader.close()
    assert ends[-1][0] == len(whole) > 0
    copy = tmp_path / "copy.world"
    cuts = [end + delta for end, _ in ends for delta in (-1, 0, 1)]
    for cut in sorted({min(max(cut, 0), len(whole)) for cut in cuts}):
        for tail in (b"", bytes(5000), chance.randbytes(5000)):
            copy.write_bytes(main)
            copy.with_name("copy.world-wal").write_bytes(whole[:cut] + tail)
            with WorldFile.open(copy) as world:
                assert at(world) == max(number for end, number in ends if end <= cut)
                assert world.digest() == expected(at(world))
                check(world)


def test_creation_is_whole_or_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while a world is being made leaves no file that could be taken for one."""
    import os

    def crash(*_: object) -> None:
        raise Crash

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(Crash):
        WorldFile.open(path)
    assert not path.exists()
    monkeypatch.undo()
    with WorldFile.open(path) as world:
        work(world, 3)
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_the_harness_can_fail(path: Path) -> None:
    """A planted fault, a commit that is only pretended, is caught by what these tests compare."""
    with WorldFile.open(path) as world:
        work(world, 4)
        crank(world, 5)
        pretended = at(world)
    shutil.copy(path, path.with_name("copy.world"))
    with WorldFile.open(path) as world:
        assert at(world) != pretended
        assert world.digest() != expected(pretended)
