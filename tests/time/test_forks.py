"""A fork copies the state and borrows the rest, whatever becomes of the world that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import swingset
from swingset.host.base.policies import cranks
from swingset.host.worlds.controller import Controller
from swingset.world.lending import BULK
from tests.scenarios.test_digests import ACTOR

EARN = ("zoe", 1)


def made(path: Path, messages: int = 4) -> Controller:
    """A world of one confined vat with heap images, and some commits."""
    world = swingset.open_world(path, snapshot_interval=2)
    world.create_vat("ann", (("ann", ACTOR),))
    for _ in range(messages):
        earn(world)
    return world


def earn(world: Controller) -> int:
    """What the vat answers to a message: how much it has earned."""
    kref = world.queue_to_root("ann", "earn", EARN)
    world.run()
    found = world.resolution(kref or "")
    assert isinstance(found, int)
    return found


def own(world: Controller) -> dict[str, int]:
    """How many rows of bulk a world has itself."""
    counts = {table: world.world.db.execute(f"SELECT count(*) FROM {table}").fetchall() for table in BULK}
    return {table: rows[0][0] for table, rows in counts.items()}


def test_a_fork_has_no_bulk_of_its_own(tmp_path: Path) -> None:
    """Neither heap pages, transcripts and code nor changes are copied, and its vats go on all the same."""
    with made(tmp_path / "a.world") as world, world.fork() as other:
        assert own(world)["heap_pages"] > 100
        assert own(other) == dict.fromkeys(BULK, 0)
        sizes = other.world.db.execute("SELECT sum(length(changeset)) FROM commits WHERE seq > 0").fetchall()
        assert sizes == [(0,)]
        assert (other.digest(), earn(other)) == (world.digest(), 5)
        assert 0 < own(other)["transcript"] < own(world)["transcript"]
        assert len(list(other.history.records())) > len(list(world.history.records()))


AFTERWARDS: dict[str, Callable[[Controller], object]] = {
    "nothing": lambda _: None,
    "it is closed": lambda world: world.close(),
    "it goes on": earn,
    "its past is pruned": lambda world: world.history.prune(before=world.crank),
    "it goes back, and its branch is pruned": lambda world: (
        world.history.go_back_to_commit(2),
        world.history.prune(),
    ),
    "it is pruned and closed": lambda world: (world.history.prune(before=world.crank), world.close()),
}


@pytest.mark.parametrize("afterwards", AFTERWARDS)
def test_a_fork_goes_on_whatever_becomes_of_its_parent(afterwards: str, tmp_path: Path) -> None:
    """It runs, looks and goes back, passes verify, and can be exported."""
    world = made(tmp_path / "a.world")
    digest, middle = world.digest(), world.crank - 2
    with world.fork() as other, other.fork() as third:
        known = {}
        for crank in (1, middle):
            with world.at(crank) as moment:
                known[crank] = moment.digest()
        AFTERWARDS[afterwards](world)
        for fork in (third, other):
            assert fork.digest() == digest
            assert earn(fork) == 5
            for crank, wanted in known.items():
                with fork.at(crank) as moment:
                    assert moment.digest() == wanted
            assert fork.verify() == []
            assert fork.history.costs().transcripts > 0
        with other.fork(at=middle) as earlier:
            assert earlier.digest() == known[middle]
        other.history.export(tmp_path / "copy.world")
    with swingset.open_world(tmp_path / "copy.world") as copy:
        assert copy.verify() == []
        assert earn(copy) == 6
    world.close()


def test_what_the_parent_had_not_committed_is_the_forks_own(tmp_path: Path) -> None:
    """A run that is rolled back takes nothing from a fork that was made within it."""
    with made(tmp_path / "a.world") as world:
        digests: list[str] = []
        forks: list[Controller] = []

        def watch(_: object) -> None:
            forks.append(world.fork())
            digests.append(world.digest())

        for _ in range(3):
            world.queue_to_root("ann", "earn", EARN, policy="none")
        world.run(cranks(2), watch=watch)
        before = world.history.head
        world.queue_to_root("ann", "earn", EARN, policy="none")
        forks.append(world.fork())
        digests.append(world.digest())
        world.history.go_back_to_commit(before)
        for fork, digest in zip(forks, digests, strict=True):
            with fork:
                assert fork.digest() == digest
                assert fork.verify() == []
                fork.run()
                assert fork.verify() == []


def test_a_pruned_fork_borrows_no_more(tmp_path: Path) -> None:
    """What was pruned of a fork does not come back from its parent, and the parent keeps it."""
    with made(tmp_path / "a.world") as world, world.fork() as other:
        before = own(world)
        other.history.prune(before=other.crank)
        assert other.world.lender is None
        assert own(other)["transcript"] <= before["transcript"]
        assert other.verify() == []
        assert earn(other) == 5
        assert own(world) == before
        assert world.verify() == []
