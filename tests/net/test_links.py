"""Links: what worlds of this library say over connections that are cut, between hosts that die."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.net.links import CODES
from swingset.net.values import Ref
from tests.net.auditing import audit
from tests.net.linked import Linked, run, two


def test_what_was_not_answered_is_answered_after_the_connection_was_cut() -> None:
    """A disconnect rejects nothing: the promise waits, and settles once there is a connection again."""
    here, there = two()
    home = here.home(there)
    asked = here.call(home, "say", 1)
    while here.step():
        pass
    here.cut()
    run(here.network, redial=False)
    assert (here.outcome(asked), here.link()["state"]) == (..., "cut")
    assert here.value(asked) == 1
    assert (there.told, here.link()["state"], here.link()["unacknowledged"]) == ([1], "live", 0)


def test_references_and_promises_outlive_connections_and_hosts() -> None:
    """What came in a message is the same after both hosts were killed, and so is an unsettled promise."""
    here, there = two()
    promise = here.call(here.home(there), "promise")
    mine = there.object(lambda method, *args: [method, *args])
    there.call(there.home(here), "keep", Ref(mine))
    run(here.network)
    for world in (here, there):
        world.kill()
    assert here.value(here.call(here.kept.name, "ping", 2)) == ["ping", 2]
    there.settle(there.kept.name, False, "late")
    assert here.value(promise) == "late"


# At random: what a test does with the two worlds, in any order.

_WHAT = (
    *("send", "refer", "flush", "take", "step", "go", "go", "redial", "acknowledge"),
    *("cut", "kill", "twice", "lose", "swap"),
)
_ACTS = st.lists(st.tuples(st.sampled_from(_WHAT), st.integers(0, 1), st.integers(1, 4)), max_size=60)


class Life:
    """Two worlds that send each other numbers, and what goes wrong between them."""

    def __init__(self) -> None:
        self.worlds = two()
        here, there = self.worlds
        self.homes = here.home(there), there.home(here)
        self.sent: tuple[list[int], list[int]] = ([], [])
        self.promises: list[tuple[Linked, str, int]] = []

    def act(self, what: str, side: int, number: int) -> None:
        world, network = self.worlds[side], self.worlds[0].network
        if what in ("send", "refer"):
            for _ in range(number):
                self.sent[side].append(len(self.sent[side]))
                said = [self.sent[side][-1]] if what == "send" else [
                    self.sent[side][-1], Ref(world.object(lambda method: 1))]  # fmt: skip
                self.promises.append((world, world.call(self.homes[side], "say", *said), said[0]))
        elif what in ("flush", "take", "step"):
            for _ in range(number):
                if what == "flush":
                    world.flush()
                elif what == "step":
                    world.step()
                elif network.events:
                    network.events.popleft()()
        elif what == "go":
            for _ in range(5 * number):
                for each in self.worlds:
                    each.flush()
                    each.step()
                if network.events:
                    network.events.popleft()()
        elif what in ("cut", "kill", "redial"):
            getattr(world, what)()
        elif what == "acknowledge":
            world.hub.acknowledge()
        elif world.outbox:
            if what == "twice":
                world.outbox.appendleft(world.outbox[0])
            elif what == "lose":
                world.outbox.popleft()
                world.cut()
            elif len(world.outbox) > 1:
                world.outbox[0], world.outbox[1] = world.outbox[1], world.outbox[0]

    def check(self) -> None:
        """All was done once and in order, and nothing is left in the end."""
        here, there = self.worlds
        run(here.network)
        assert (there.told, here.told) == self.sent
        assert [world.outcome(promise) for world, promise, _ in self.promises] == [
            number for _, _, number in self.promises
        ]
        for world in self.worlds:
            assert not [each for each in world.events if each.get("code") in CODES], world.events
            audit(world)
            world.hub.dropped([key.removeprefix("net.o.") for key in world.rows("o.")])
        run(here.network)
        for world in self.worlds:
            link = world.link()
            assert [link[name] for name in ("unacknowledged", "waits", "exports", "imports", "answers")] == [
                0
            ] * 5
            assert world.rows("frame.") == []
            states = [json.loads(world.store.table[key])["state"] for key in world.rows("carrier.")]
            assert states.count("attached") == 1, states


@given(_ACTS)
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_doubled_or_reordered(acts: list[tuple[str, int, int]]) -> None:
    """Connections are cut, hosts killed, messages doubled and swapped: each arrives once and in order."""
    life = Life()
    for act in acts:
        life.act(*act)
    life.check()
