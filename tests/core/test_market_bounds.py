"""What a market takes, it can read back: bids, terms, accounts and the clock at the ends of their ranges.

A row that is written and cannot be read is a world that is broken for good, so nothing that the bounds let
through may pass the bounds of what is stored, however often it happens.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swingset.core import trading
from swingset.core.errors import KernelError
from swingset.lens.present.market import bid_rows, orders
from swingset.lens.state.audit import audit
from swingset.model.bids import MOST, MOST_DELAY, MOST_HELD, MOST_TIME
from tests.core.test_escalators import Traded
from tests.meddling import atomic

ENDS = [0, 1, MOST_DELAY, MOST, MOST + 1, MOST_HELD - 1, MOST_HELD, 1 << 80]
AMOUNTS = st.sampled_from([*ENDS, *(-end for end in ENDS), 7, 100])
SLOPES = st.sampled_from([0, 1, 1 << 20, 1 << 21, "1/1024", "1/8", Fraction(1, 1_024), -1])
CAPS = st.none() | AMOUNTS
BIDS = st.fixed_dictionaries(
    {"account": st.sampled_from(["free", "rich"])},
    optional={"base": AMOUNTS, "slope": SLOPES, "cap": CAPS, "allowance": AMOUNTS},
)
TERMS = st.fixed_dictionaries(
    {},
    optional={
        "reserve": AMOUNTS,
        "base": AMOUNTS,
        "slope": SLOPES,
        "cap": CAPS,
        "price": st.sampled_from(["first", "second"]),
        "rent": AMOUNTS,
        "fee": AMOUNTS,
    },
)


def is_readable(world: Traded) -> bool:
    """Read all that the market has stored, and count it again."""
    world.kernel.agenda.look_again()  # forgets what is in memory
    accounts, market = world.market.accounts, world.market
    assert 0 <= accounts.totals().sink <= accounts.totals().issued
    assert market.terms()
    assert 0 <= market.tick() <= MOST_TIME
    assert accounts.all()
    orders(world.raw.store, market)
    bid_rows(world.raw.store, market)
    return audit(world.raw.store) == []


def attempt(act: Any, *args: Any, **kwargs: Any) -> None:
    """Do what is taken or refused in words, and nothing else."""
    with contextlib.suppress(KernelError):
        act(*args, **kwargs)


@pytest.mark.unaudited
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TERMS, st.lists(BIDS, max_size=5), BIDS, st.sampled_from([0, MOST_TIME >> 1, MOST_TIME - 1]))
def test_whatever_is_taken_can_be_read_after_any_number_of_steps(
    terms: dict[str, Any], bids: list[dict[str, Any]], raised: dict[str, Any], jumped: int
) -> None:
    """Terms, bids, higher bids and cranks leave rows that are read again, also late in its time."""
    try:
        world = Traded(terms=terms)
    except KernelError:
        world = Traded()
    raw = world.raw
    world.account("free", None)
    world.account("rich", MOST_HELD >> 1)
    for vat, account in (("A", "rich"), ("B", "free")):
        world.kernel.change_options(vat, {"account": account})
    with atomic(world.kernel):
        world.market.accounts.keep("clock", [jumped, 0])
    for place, bid in enumerate(bids):
        attempt(world.offer, "ABC"[place % 3], **bid)
        world.plain("ABC"[place % 3], "A")
    waiting = [event.seq for event in raw.store.queues.all()]
    parts = {part: value for part, value in raised.items() if part in ("base", "slope", "cap")}
    attempt(trading.raise_bid, world.kernel, waiting[0] if waiting else 0, parts)
    assert is_readable(world)
    for _ in range(2 * len(bids)):
        world.next()
        assert is_readable(world)
    assert raw.store.queues.all() == []


def test_an_account_without_limit_pays_no_more_than_can_be_issued() -> None:
    """What it pays for offers without end stays a sum that adds up, and the market goes on."""
    world = Traded()
    world.account("free", None)
    for _ in range(3):
        world.offer("A", "free", base=MOST, slope=0, allowance=MOST >> 19)
        world.next()
    assert world.market.accounts.totals().sink == MOST_HELD - 1
    assert is_readable(world)
    with pytest.raises(KernelError, match="too much: lower one of them"):
        world.offer("A", "free", base=MOST, allowance=MOST)


def test_a_clock_at_its_end_stands_still() -> None:
    """A delay that passes the last tick is over there, and what waits runs."""
    world = Traded()
    world.account("ann")
    with atomic(world.kernel):
        world.market.accounts.keep("clock", [MOST_TIME - 5, 0])
    late = world.offer("A", "ann", base=-1_000, cap=1)
    assert world.next() == late
    assert world.market.tick() == MOST_TIME
    world.plain("B")
    assert is_readable(world)
    assert world.next() is not None


LONG = {
    "a slope that is too flat": ({}, {"base": -(1 << 32), "slope": "1/1024", "cap": 1}),
    "a base that is too low": ({}, {"base": -MOST, "cap": 1}),
    "a reserve that is too high": ({"reserve": MOST, "base": MOST}, {"cap": MOST}),
}


@pytest.mark.parametrize("case", LONG)
def test_a_delay_has_an_end(case: str) -> None:
    """A bid that would have the clock jump by more than 2**32 ticks is refused, with the two ways out."""
    terms, bid = LONG[case]
    world = Traded(terms=terms)
    world.account("ann", MOST_HELD >> 1)
    with pytest.raises(KernelError, match=r"more than 2\*\*32 ticks .* give it a higher base or a steeper"):
        world.offer("A", "ann", **bid)


def test_an_account_without_a_name_gets_one_that_is_free() -> None:
    """A host that has chosen the next names keeps nobody from opening an account."""
    world = Traded()
    for name in ("a2", "a3", "a4"):
        world.account(name)
    opened = [trading.open_account(world.kernel, None, 0).name for _ in range(4)]
    assert len({*opened, "a2", "a3", "a4"}) == 7
