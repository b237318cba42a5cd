"""Processes that are killed and paused while they run a world with a lease, and others that take over."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import forking
from tests.cluster.failover.holder import POINTS, Holder
from tests.time.hosts import Server


@pytest.fixture(autouse=True, scope="module")
def warm_children() -> None:
    """Have children forked from a process that has imported what they need."""
    forking.warm()


class Story:
    """One world, the processes that take it one after the other, and what they have told."""

    def __init__(self, server: Server, folder: Path, name: str) -> None:
        self._server = server
        self._folder = folder
        self.name = name
        self.done: list[int] = []
        self.said: list[int] = []
        self.doubtful: set[int] = set()
        self.epochs: list[int] = []
        self.number = 0
        self.holders: list[Holder] = []

    def holder(self, file: str) -> Holder:
        """A process that takes over with a file of its own."""
        holder = Holder(self._server.address, str(self._folder / f"{file}.world"), self.name)
        self.holders.append(holder)
        told = holder.told()
        assert told is not None
        assert told[0] == "ready", told
        self.epochs.append(told[1])
        self.check(told[2])
        return holder

    def check(self, numbers: list[int]) -> None:
        """None of the acknowledged numbers is lost, none is doubled, and what was heard is there."""
        assert len(numbers) == len(set(numbers)), "doubled"
        assert set(self.done) <= set(numbers), "lost"
        assert set(numbers) <= set(self.done) | self.doubtful
        assert numbers == sorted(numbers)
        assert len(self.said) == len(set(self.said)), "an output left twice"
        assert set(self.said) <= set(numbers), "an output left without its commit"

    def add(self, holder: Holder, point: str | None = None) -> tuple[Any, ...] | None:
        """Have a number added; returns the last thing that the process told of it."""
        self.number += 1
        self.doubtful.add(self.number)
        holder.add(self.number, point)
        return self.listen(holder)

    def listen(self, holder: Holder) -> tuple[Any, ...] | None:
        """Take what a process tells until it is done, refused or dead."""
        while (told := holder.told()) is not None:
            if told[0] == "said":
                self.said.append(told[1])
            elif told[0] == "done":
                self.done.append(told[1])
                return told
            elif told[0] != "pauses":
                return told
        return None

    def refuse_two_writers(self) -> None:
        """The commits of the database are one chain, each made under the epoch of its time."""
        assert self.epochs == sorted(set(self.epochs))
        sql = "SELECT seq, parent, epoch FROM swingset_leased_commits WHERE world = %s ORDER BY seq"
        with self._server.connect() as connection:
            rows = connection.execute(sql, (self.name,)).fetchall()
            (head,) = connection.execute(
                "SELECT head FROM swingset_leases WHERE world = %s", (self.name,)
            ).fetchone()
        assert [parent for _, parent, _ in rows] == [None, *(seq for seq, _, _ in rows[:-1])]
        assert head == rows[-1][0]
        epochs = [epoch for _, _, epoch in rows]
        assert epochs == sorted(epochs)


@pytest.fixture
def story(server: Server, tmp_path: Path, name: str) -> Iterator[Story]:
    story = Story(server, tmp_path, name)
    yield story
    for holder in story.holders:
        holder.kill()


def killed_often(story: Story, points: list[str | None]) -> None:
    """Kill one process after the other: at a step of a commit, or at any moment if there is none."""
    for place, point in enumerate(points):
        holder = story.holder("ab"[place % 2])
        assert story.add(holder) == ("done", story.number)
        if point is None:
            story.number += 1
            story.doubtful.add(story.number)
            holder.add(story.number)
            holder.kill()
            story.listen(holder)
        else:
            assert story.add(holder, point) is None
        holder.end()
    last = story.holder("c")
    assert story.add(last) == ("done", story.number)
    last.end()
    story.refuse_two_writers()


def test_a_holder_is_killed_at_each_point_of_a_commit(story: Story) -> None:
    """Before the commit of the database, after it, after that of the file: nothing is lost or doubled."""
    killed_often(story, list(POINTS))
    kept = [number in story.said for number in (2, 4, 6, 8)]
    assert kept == [False] * 4, "a process that dies before outputs are released releases none"


@pytest.mark.slow
def test_a_hundred_kills(story: Story) -> None:
    """Whatever a hundred processes were at when they were killed: 0 lost, 0 doubled, never two writers."""
    chance = random.Random(7)
    killed_often(story, [chance.choice([*POINTS, None, None]) for _ in range(100)])
    assert len(story.done) >= 101


@pytest.mark.parametrize("point", ["before-commit", "lease-locked"])
def test_who_wakes_after_a_take_over_is_refused(point: str, story: Story) -> None:
    """A process is paused longer than its lease; another takes over; the first is refused then."""
    first = story.holder("a")
    assert story.add(first) == ("done", 1)
    first.add(2, point, "pause")
    assert first.told() == ("pauses",)
    second = story.holder("b")
    story.number = 2
    assert story.add(second) == ("done", 3)
    first.wake()
    assert story.listen(first) == ("refused", "taken-over")
    assert story.said == [1, 3]
    first.end()
    second.end()
    third = story.holder("a")
    third.end()
    story.refuse_two_writers()
