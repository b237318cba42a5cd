"""A fork is another world."""

from __future__ import annotations

from pathlib import Path

from swingset.world import WorldFile
from tests.meddling import altered
from tests.world.world_load import at, check, crank, expected, work


def test_fork_and_world_go_their_own_ways(path: Path) -> None:
    """Neither sees what the other does, and the fork never writes the file."""
    with WorldFile.open(path) as world:
        work(world, 6)
        world.label("here")
        written = path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()
        twin = world.fork()
        work(twin, 11)
        twin.prune()
        assert (path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()) == written
        assert world.digest() == expected(6)
        work(world, 9)
        world.close()
        assert twin.digest() == expected(11)
        check(twin)
        twin.goto(twin.labelled("here").seq)
        assert twin.digest() == expected(6)
        twin.close()
    with WorldFile.open(path) as world:
        assert world.digest() == expected(9)


def test_fork_takes_uncommitted_work_along(path: Path) -> None:
    """A fork in the middle of a run, even of a crank, holds it as a commit of its own that can be undone."""
    with WorldFile.open(path) as world:
        work(world, 4)
        crank(world, 5)
        world.begin_crank()
        altered(world, "UPDATE counters SET value = 500")
        with world.fork() as twin:
            assert at(twin) == 500
            assert not twin.dirty
            assert twin.digest() == world.digest()
            twin.goto(world.head)
            assert twin.digest() == expected(4)
        world.rollback_crank()
        assert world.digest() == expected(5)
        world.rollback()
        assert world.digest() == expected(4)


def test_fork_of_a_fork(world: WorldFile) -> None:
    """Forks fork."""
    work(world, 3)
    with world.fork() as one, one.fork() as two:
        work(two, 8)
        assert (world.digest(), one.digest(), two.digest()) == (expected(3), expected(3), expected(8))
        check(two)
