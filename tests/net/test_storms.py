"""Links in the worst weather, without a socket: nobody goes back in time, so no link ever ends.

Each seed is a story of two worlds. They commit now and then, and what a killed one had not committed is gone.
The two ends of a connection learn at different times that it is over. And what was said on one connection is
heard on another: before its first message, or among the later ones.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from functools import partial

import pytest

from swingset.net.links import CODES
from swingset.net.values import Ref
from tests.net.auditing import audit
from tests.net.linked import Lanes, Linked

SAMPLE, SWEEP = range(40), range(40, 3_040)
_ACTS = {"go": 12, "send": 4, "refer": 2, "commit": 4, "redial": 4, "acknowledge": 2, "late": 4, "cut": 1}
_ACTS |= {"kill": 1, "both": 1, "fetch": 1}


class Storm:
    """Two worlds that send each other numbers, or have not met yet and fetch from each other."""

    def __init__(self, seed: int, *, met: bool = True) -> None:
        self.network = Lanes(seed)
        self.chance = self.network.chance
        self.worlds = Linked(self.network, "here"), Linked(self.network, "there")
        self.kept: dict[str, Callable[[], None]] = {}
        self.committed = {world.name: 0 for world in self.worlds}
        self.sent: dict[str, list[int]] = {world.name: [] for world in self.worlds}
        self.promises: list[tuple[Linked, str, int]] = []
        self.fetched: list[tuple[Linked, str]] = []
        self.homes: dict[str, str] = {}
        for world in self.worlds:
            self.commit(world)
        if met:
            self.meet()

    def meet(self) -> None:
        """Each gets the home of the other."""
        asked = [(world, self.fetch(world)) for world in self.worlds]
        self.rest()
        for world, promise in asked:
            found = world.outcome(promise)
            assert isinstance(found, Ref), found
            self.homes[world.name] = found.name

    def fetch(self, world: Linked) -> str:
        """Ask for the home of the other world; returns its promise."""
        (other,) = (each for each in self.worlds if each is not world)
        promise = world.fetch(other.here, other.swissnum)
        self.fetched.append((world, promise))
        self.commit(world)
        return promise

    def commit(self, world: Linked) -> None:
        """What a world has done stays, and what it has said may leave it."""
        self.kept[world.name] = world.durable()
        self.committed[world.name] = len(world.outbox)

    def flush(self, world: Linked) -> bool:
        """Send the oldest message that is committed; whether there was one."""
        if not self.committed[world.name]:
            return False
        self.committed[world.name] -= 1
        return world.flush()

    def kill(self, *worlds: Linked) -> None:
        """Hosts are killed in the same moment, and others open the worlds as they were committed."""
        for world in worlds:
            self.kept[world.name]()
            self.committed[world.name] = 0
            for whose, end in self.network.ends:
                if whose == world.here.peer and not end.closed:
                    end.close("the other side was killed")
        for world in worlds:
            world.kill()
            self.commit(world)

    def late(self) -> None:
        """What was said on one connection is heard on another of the same two worlds."""
        open_ = [(whose, end) for whose, end in self.network.ends if end.other and not end.other.closed]
        if open_:
            whose, end = self.chance.choice(open_)
            said = [data for who, other in self.network.ends if who == whose for data in other.said]
            if said:
                end.insert(self.chance.choice(said), first=self.chance.random() < 0.5)

    def go(self, steps: int) -> bool:
        """So many steps of what is under way; whether there was anything to do."""
        for _ in range(steps):
            acts: list[Callable[[], object]] = [partial(_next, events) for events in self.network.busy]
            ready = [world for world in self.worlds if self.committed[world.name]]
            acts += [partial(self.flush, world) for world in ready]
            acts += [world.step for world in self.worlds if world.queue]
            if not acts:
                return False
            self.chance.choice(acts)()
        return True

    def act(self) -> None:
        """Something happens."""
        what = self.chance.choices([*_ACTS], [*_ACTS.values()])[0]
        world = self.chance.choice(self.worlds)
        if what == "go":
            self.go(self.chance.randrange(1, 12))
        elif what == "fetch" or (what in ("send", "refer") and not self.homes):
            self.fetch(world)
        elif what in ("send", "refer"):
            number = len(self.sent[world.name])
            more = [] if what == "send" else [Ref(world.object(lambda method: 1))]
            self.sent[world.name].append(number)
            self.promises.append((world, world.call(self.homes[world.name], "say", number, *more), number))
            self.commit(world)
        elif what == "commit":
            self.commit(world)
        elif what == "late":
            self.late()
        elif what == "cut":
            world.cut()
        elif what == "redial":
            world.redial()
        elif what == "acknowledge":
            world.hub.acknowledge()
        else:
            self.kill(*(self.worlds if what == "both" else [world]))

    def rest(self) -> None:
        """The weather is calm: until nothing is on its way, and all is acknowledged."""
        for _ in range(1_000):
            while self.go(50):
                pass
            for world in self.worlds:
                self.commit(world)
            if self.go(1):
                continue
            for world in self.worlds:
                world.hub.acknowledge()
                world.redial()
                self.commit(world)
            if not self.go(1):
                return
        raise AssertionError("the network never comes to rest")

    def check(self) -> None:
        """All was done once and in order, nobody was told that a link has ended, and nothing is left."""
        self.rest()
        here, there = self.worlds
        assert not [each for world in self.worlds for each in world.events if each.get("code") in CODES]
        for world, promise in self.fetched:
            got = world.outcome(promise)
            assert isinstance(got, Ref) or got[1].more["code"] == "unreachable", got
        if not self.homes:
            self.meet()
        assert (there.told, here.told) == (self.sent["here"], self.sent["there"])
        assert [world.outcome(promise) for world, promise, _ in self.promises] == [
            number for *_, number in self.promises
        ]
        for world in self.worlds:
            audit(world)
            world.hub.dropped([key.removeprefix("net.o.") for key in world.rows("o.")])
        self.rest()
        for world in self.worlds:
            link = world.link()
            left = {name: link[name] for name in ("unacknowledged", "waits", "exports", "imports", "answers")}
            assert not any(left.values()), left
            assert world.rows("frame.") == []
            states = [json.loads(world.store.table[key])["state"] for key in world.rows("carrier.")]
            assert states.count("attached") == 1, states


def _next(events: deque[Callable[[], None]]) -> None:
    events.popleft()()


def weathered(seed: int) -> None:
    storm = Storm(seed, met=seed % 4 > 0)
    for _ in range(storm.chance.randrange(20, 120)):
        storm.act()
    storm.check()


@pytest.mark.parametrize("seed", SAMPLE)
def test_no_link_ends_where_nobody_went_back(seed: int) -> None:
    """Worlds are killed, connections end for one side first, and old messages come late: all is well."""
    weathered(seed)


@pytest.mark.slow
def test_no_link_ends_in_thousands_of_storms() -> None:
    """The same of many seeds."""
    for seed in SWEEP:
        try:
            weathered(seed)
        except AssertionError as problem:
            raise AssertionError(f"seed {seed}: {problem}") from problem
