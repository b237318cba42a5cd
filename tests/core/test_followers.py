"""In what order the promises of one batch are settled, and those that follow them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.report import CrankReport
from swingset.core.store import LONG_WAY
from swingset.model.capdata import CapData
from swingset.model.messages import Notify
from swingset.testing import audit
from swingset.world.promises import PromiseRecord, Promises
from tests.meddling import atomic

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]


class Chains:
    """Promises that A subscribes to, and that forward to each other as a test says."""

    def __init__(self, count: int) -> None:
        self.world = world = RawWorld("A")
        with atomic(world.kernel):
            self.krefs = [world.store.new_promise(None) for _ in range(count)]
            names = [world.name_for("A", kref) for kref in self.krefs]

        def subscribe(ask: Ask) -> None:
            for name in names:
                ask(["subscribe", name])

        world.run_in("A", subscribe)

    def forward(self, follower: int, to: int) -> None:
        with atomic(self.world.kernel):
            outcome = CapData('#"&0"', (self.krefs[to],))
            self.world.store.resolve([(self.krefs[follower], False, outcome)])

    def settle(self, *numbers: int) -> list[int]:
        """Settle some in one batch; the order in which the vat is to be told of all."""
        with atomic(self.world.kernel):
            self.world.store.resolve(
                [(self.krefs[number], False, CapData(f"#{number}")) for number in numbers]
            )
        events = [event for _, event in self.world.store.queues.all() if isinstance(event, Notify)]
        reports: list[CrankReport] = self.world.drain()
        assert [report.outcome for report in reports] == ["delivered"] * len(events)
        assert audit(self.world.store) == []
        return [self.krefs.index(event.promise) for event in events]


def test_followers_are_told_after_what_they_follow_and_oldest_first() -> None:
    """The order is that of their making, as numbers: kp99 before kp100, however they were forwarded."""
    chains = Chains(65)
    followers = [64, 58, 3, 63, 59, 20]  # kp40 and on, so that the hundredth is among them
    assert {"kp99", "kp100"} <= {chains.krefs[number] for number in followers}
    for follower in followers:
        chains.forward(follower, 0)
    assert chains.settle(0) == [0, *sorted(followers)]


def test_a_followers_own_followers_come_before_the_next_one() -> None:
    """A chain is told to its end before its neighbour."""
    chains = Chains(6)
    for follower, to in ((1, 0), (4, 0), (2, 1), (3, 1), (5, 4)):
        chains.forward(follower, to)
    assert chains.settle(0) == [0, 1, 2, 3, 4, 5]


def test_a_batch_is_settled_in_its_own_order_with_followers_in_between() -> None:
    """What is resolved first is told first, together with all that follows it."""
    chains = Chains(6)
    for follower, to in ((5, 0), (3, 1), (2, 1)):
        chains.forward(follower, to)
    assert chains.settle(1, 0, 4) == [1, 2, 3, 0, 5, 4]


def test_what_waits_for_a_promise_is_sent_on_in_the_order_it_came() -> None:
    """Messages to a promise and to those that it follows keep the order in which they were sent."""
    world = RawWorld("A", "B")
    with atomic(world.kernel):
        first, second = (world.store.new_promise(None, "ignore") for _ in range(2))
        world.store.hold(first)
        world.store.hold(second)
    for number in range(12):
        target = first if number % 3 else second
        world.kernel.release_result(world.kernel.queue_message(target, CapData(f'#["m{number}",[]]')))
        world.drain()
        if number == 5:
            with atomic(world.kernel):
                world.store.resolve([(first, False, CapData('#"&0"', (second,)))])
            world.drain()
    with atomic(world.kernel):
        world.store.resolve([(second, False, CapData('#"$0"', (world.kernel.root_of("B"),)))])
    world.drain()
    told = [entry[2]["methargs"]["body"] for entry in world.vat("B").take_log()]
    order = [0, 3, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert told == [f'#["m{number}",[]]' for number in order]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The promises that were looked up."""
    names: list[str] = []
    get = Promises.get

    def noted(promises: Promises, kref: str) -> PromiseRecord | None:
        names.append(kref)
        return get(promises, kref)

    monkeypatch.setattr(Promises, "get", noted)
    return names


def chained(count: int) -> Chains:
    """Each promise forwarded to the next, the last one unsettled."""
    chains = Chains(count)
    for number in range(count - 1):
        chains.forward(number, number + 1)
    return chains


@pytest.mark.unaudited
def test_a_long_way_of_forwards_is_walked_once(looked_up: list[str]) -> None:
    """The second message to the beginning, or to the middle, and the next forward go there directly."""
    long = 300
    chains = chained(long)
    world, kernel = chains.world, chains.world.kernel
    go: list[Callable[[], object]] = [
        lambda: [kernel.queue_message(chains.krefs[0], CapData('#["go",[]]'), policy="ignore"), world.step()],
        lambda: [kernel.queue_message(chains.krefs[0], CapData('#["go",[]]'), policy="ignore"), world.step()],
        lambda: [kernel.queue_message(chains.krefs[long // 2], CapData('#["go",[]]')), world.step()],
        lambda: world.store.end_of(record(world, chains.krefs[5])),
    ]
    counts = []
    for act in go:
        looked_up.clear()
        act()
        counts.append(len(looked_up))
    assert counts[0] >= long
    assert max(counts[1:]) < 20
    assert audit(world.store) == []


def record(world: RawWorld, kref: str) -> PromiseRecord:
    found = world.store.promises.get(kref)
    assert found is not None
    return found


@pytest.mark.parametrize("count", [3, LONG_WAY + 1, LONG_WAY + 2, 3 * LONG_WAY])
def test_a_way_that_was_made_short_leads_to_the_same_end(count: int) -> None:
    """Whether a way was walked or not, all on it are told the outcome; those that nobody held are gone."""
    chains = chained(count)
    world = chains.world
    with atomic(world.kernel):
        end = world.store.end_of(record(world, chains.krefs[0]))
    assert end.kref == chains.krefs[-1]
    short = record(world, chains.krefs[0]).decider == chains.krefs[-1]
    assert short == (count - 1 > LONG_WAY or count == 2)
    assert audit(world.store) == []
    assert sorted(chains.settle(count - 1)) == list(range(count))


def test_a_cycle_is_found_over_a_long_way() -> None:
    """The last promise of a long chain cannot follow the first."""
    chains = chained(3 * LONG_WAY)
    chains.forward(3 * LONG_WAY - 1, 0)
    outcome = record(chains.world, chains.krefs[-1])
    assert outcome.state == "rejected"
    assert outcome.data is not None
    assert "promise-cycle" in outcome.data.body
