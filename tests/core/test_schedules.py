"""Random schedules of bids, and what is promised of each.

They are checked against plain statements about them, and not against a second scheduler: the accounts add up,
flows keep their order, the highest offer runs, nobody who rises waits for longer than its bound, and the same
bids make the same schedule, also in a world that finds its order anew before each crank.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swingset.lens.state.accounts import audit_market
from swingset.lens.state.audit import audit
from swingset.model.bids import UNIT, Bid
from tests.core.test_escalators import Traded

BIDS = st.tuples(
    st.integers(0, 2),  # the vat
    st.integers(0, 2),  # the sender
    st.sampled_from([None, "ann", "bob"]),
    st.integers(-20, 60),  # base
    st.sampled_from([0, UNIT // 4, UNIT, 4 * UNIT]),
    st.integers(20, 80),  # cap
    st.integers(1, 3),  # allowance
    st.integers(0, 2),  # how many cranks run afterwards
)


def _market(price: str, balance: int = 2_000) -> Traded:
    """A world with a market and two accounts."""
    world = Traded(terms={"price": price})
    for name in ("ann", "bob"):
        world.account(name, balance)
    return world


@dataclass
class Schedule:
    """A run of bids in a world: who ran when, and what is wrong with it.

    `rich` says that every account can pay for whatever it bids, so that no offer is passed over.
    """

    world: Traded
    rich: bool = False
    ran: list[tuple[int, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _sent: dict[int, tuple[tuple[int, int], Bid]] = field(default_factory=dict)
    _waiting: list[int] = field(default_factory=list)
    _first: int | None = None
    _lost: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """For each first message of a flow, the ticks at which it lost, with the best other offer."""

    def play(self, bids: list[Any], *, anew: bool = False) -> Schedule:
        """Send and run all of them; with `anew` the order is found from the tables before each crank."""
        for vat, sender, account, base, slope, cap, allowance, cranks in bids:
            tick, flow = self.world.market.tick(), (vat, sender)
            if account is None:
                seq = self.world.plain("ABC"[vat], "ABC"[sender])
                bid = self.world.market.terms().house(tick)
            else:
                bid = Bid(account, max(base, 0) if slope == 0 else base, slope, cap, allowance, tick)
                if (self.world.balance(account)[0] or 0) < bid.hold:
                    continue
                seq = self.world.bid("ABC"[vat], "ABC"[sender], bid)
            self._first = seq if self._first is None else self._first
            self._sent[seq] = flow, bid
            self._waiting.append(seq)
            for _ in range(cranks):
                self._crank(anew)
        while self._waiting and self._crank(anew):
            pass
        return self

    def _crank(self, anew: bool) -> bool:
        if anew:
            self.world.kernel.agenda.look_again()
        seq = self.world.next()
        if seq is None:
            return False
        tick = self.world.market.tick() - 1  # that of the auction, after a jump
        offers = {other: self._sent[other][1].at(tick) for other in self._waiting}
        heads = {flow: other for other in reversed(self._waiting) for flow in (self._sent[other][0],)}
        if heads[self._sent[seq][0]] != seq:
            self.problems.append(f"{seq} overtook another of its flow")
        if self.rich and max(offers.values()) > max(self._of_flow(seq, offers)):
            self.problems.append(f"{seq} ran for less than another offered")
        for head in heads.values():
            if head != seq:
                others = (offer for other, offer in offers.items() if other != head)
                self._lost.setdefault(head, []).append((tick, max(others)))
        self._bound(seq)
        self._waiting.remove(seq)
        self.ran.append((seq - (self._first or 0), tick))
        return True

    def _of_flow(self, seq: int, offers: dict[int, int]) -> Iterator[int]:
        flow = self._sent[seq][0]
        return (offer for other, offer in offers.items() if self._sent[other][0] == flow)

    def _bound(self, seq: int) -> None:
        """Whoever rises past all others has run within (P - base) / slope ticks, if they offer at most P."""
        bid, lost = self._sent[seq][1], self._lost.pop(seq, [])
        if not lost or not bid.slope or not self.rich:
            return
        most = max(offer for _, offer in lost)
        late = lost[-1][0] - bid.born - max(most - bid.base * UNIT, 0) // bid.slope
        if (bid.cap is None or bid.cap * UNIT > most) and late > 0:
            self.problems.append(f"{seq} still waited {late} ticks after it was to run")

    def check(self) -> list[str]:
        """What is wrong: with the schedule, with the sums of the accounts, and with what is left."""
        world = self.world
        held = [world.balance(name)[1] for name in ("ann", "bob")]
        if held != [0, 0] or self._waiting:
            self.problems.append(f"{held} is held, {len(self._waiting)} still wait")
        return self.problems + audit_market(world.raw.store)


@pytest.mark.unaudited
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(BIDS, max_size=12), st.sampled_from(["first", "second"]))
def test_random_schedules_add_up_and_keep_flows_in_order(bids: list[Any], price: str) -> None:
    """Whatever is bid: nothing is lost or made, each flow keeps its order, and all that waits runs."""
    schedule = Schedule(_market(price)).play(bids)
    assert schedule.check() + audit(schedule.world.raw.store) == []


SWEEP, WORLDS, EACH = 10, 20, 250
"""Blocks for each price, worlds in a block, and schedules in a world: 100,000 in all."""


def _sweep(block: int, price: str, worlds: int, each: int) -> int:
    """Run many schedules, each in two worlds of which one finds its order anew; returns the cranks."""
    chance, cranks = random.Random(f"{price} {block}"), 0
    for _ in range(worlds):
        world, other = _market(price, 10**12), _market(price, 10**12)
        for _ in range(each):
            bids = [_bid(chance) for _ in range(chance.randrange(13))]
            once = Schedule(world, rich=True).play(bids)
            assert once.check() == [], bids
            again = Schedule(other).play(bids, anew=True)
            assert (again.ran, again.check()) == (once.ran, []), bids
            cranks += len(once.ran)
        assert audit(world.raw.store) == []
        assert world.market.accounts.all() == other.market.accounts.all()
    return cranks


@pytest.mark.unaudited
def test_some_schedules_are_kept_by_all_that_is_promised() -> None:
    """Sums, the order of flows, the highest offer, the bound of the wait and determinism hold in each."""
    assert _sweep(99, "second", 1, 60) > 200


@pytest.mark.slow
@pytest.mark.unaudited
@pytest.mark.parametrize("price", ["first", "second"])
@pytest.mark.parametrize("block", range(SWEEP))
def test_a_hundred_thousand_schedules_keep_all_that_is_promised(block: int, price: str) -> None:
    """The same, for many more schedules."""
    assert _sweep(block, price, WORLDS, EACH) > WORLDS * EACH


def _bid(chance: random.Random) -> tuple[Any, ...]:
    """A bid as `BIDS` has them."""
    who = chance.randrange(3), chance.randrange(3), chance.choice([None, "ann", "bob"])
    slope = chance.choice([0, UNIT // 4, UNIT, 4 * UNIT])
    offer = chance.randint(-20, 60), slope, chance.randint(20, 80)
    return (*who, *offer, chance.randint(1, 3), chance.randrange(3))


@pytest.mark.unaudited
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 20), st.sampled_from([UNIT // 2, UNIT, 4 * UNIT]), st.integers(1, 25), st.integers(1, 4)
)
def test_nobody_who_rises_is_starved(base: int, slope: int, others: int, each: int) -> None:
    """If others offer at most P, a bid with a higher cap runs within (P - base) / slope ticks and a few."""
    world = Traded(terms={"slope": 0, "base": 0})
    world.account("ann", None)
    cap = others + base + 1
    mine = world.bid("A", "A", Bid("ann", base, slope, cap, 1, world.market.tick()))
    bound = max((others - base) * UNIT, 0) // slope + 2
    for _ in range(bound + 1):
        for number in range(each):
            bid = Bid("ann", others, 0, others, 1, world.market.tick())
            world.bid("BC"[number % 2], "ABC"[number % 3], bid)
        if world.next() == mine:
            return
    raise AssertionError(f"it did not run within {bound} ticks")
