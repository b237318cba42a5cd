"""Meters between raw vats: who pays, who is told, and what starving means."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.model.capdata import CapData
from swingset.model.reports import Fault
from swingset.testing import audit
from tests.meddling import atomic

from .raw import Failed, RawWorld


def metered(**options: Any) -> tuple[RawWorld, str]:
    """A world with a keeper K, and a vat A whose cranks a meter pays for."""
    world = RawWorld("A", "K")
    with atomic(world.kernel):
        meter = world.kernel.metering.create(100, threshold=50)
        world.kernel.metering.set_keeper(meter, world.kernel.root_of("K"))
        vat = world.kernel.vat("A")
        world.store.vats.save(vat.having(options={**vat.options, "meter": meter, **options}))
    return world, meter


def spend(world: RawWorld, computrons: int) -> str:
    """Send A a message whose delivery costs so much; returns the promise for its result."""
    world.vat("A").next = lambda _delivery, _ask: computrons
    return world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))


def test_each_crank_is_paid_for_and_the_keeper_hears_of_the_threshold_once() -> None:
    """Crossing the threshold downwards tells the keeper; being below it does not."""
    world, meter = metered()
    for computrons in (30, 30, 30):
        spend(world, computrons)
        world.drain()
    assert world.kernel.metering.get(meter).remaining == 10
    (told,) = world.vat("K").log
    assert told[2]["methargs"]["body"] == f'#["threshold_crossed",["{meter}",40]]'


def test_each_crossing_of_the_threshold_is_told() -> None:
    """After a refill it can be crossed again; a threshold that is raised past what is left tells nothing."""
    world, meter = metered()
    spend(world, 60)
    world.drain()
    with atomic(world.kernel):
        world.kernel.metering.refill(meter, 40)
    spend(world, 10)  # 70 are left
    world.drain()
    with atomic(world.kernel):
        world.kernel.metering.set_threshold(meter, 90)
    spend(world, 10)
    world.drain()
    with atomic(world.kernel):
        world.kernel.metering.set_threshold(meter, 60)
    spend(world, 1)
    world.drain()
    told = [delivery[2]["methargs"]["body"] for delivery in world.vat("K").log]
    assert told == [f'#["threshold_crossed",["{meter}",{left}]]' for left in (40, 59)]


def test_a_vat_that_starves_is_suspended_and_carries_on_after_a_refill() -> None:
    """The crank is undone and parked, the keeper asked; after a refill it runs as if never before."""
    world, meter = metered()
    spend(world, 101)
    world.drain()
    vat = world.kernel.vat("A")
    assert vat.state == "suspended"
    wanted = f"a crank needs more than 100 computrons, meter {meter} holds 100"
    assert vat.reason == f"meter-exhausted: {wanted}"
    assert world.vat("K").log[-1][2]["methargs"]["body"] == f'#["refill_wanted",["{meter}",200]]'
    before = world.store.vats.span(vat.id)
    with atomic(world.kernel):
        world.kernel.metering.refill(meter, 10)  # too little, so the host is spared another try
    assert world.kernel.vat("A").state == "suspended"
    with atomic(world.kernel):
        world.kernel.metering.refill(meter, 90)
    world.vat("A").next = lambda _delivery, _ask: 101
    world.drain()
    assert world.kernel.vat("A").state == "live"
    assert world.kernel.metering.get(meter).remaining == 99
    assert world.store.vats.span(vat.id).position == before.position + 1
    assert audit(world.store) == []


def test_starving_under_the_policy_terminate_ends_the_vat() -> None:
    """The caller hears `meter underflow, vat terminated`, and the meter holds exactly nothing."""
    world, meter = metered(on_starvation="terminate")
    result = spend(world, 101)
    world.drain()
    assert world.store.vats.named("A") is None
    assert world.kernel.metering.get(meter).remaining == 0
    promise = world.store.promises.get(result)
    assert promise is not None
    assert promise.data is not None
    assert "meter underflow, vat terminated" in promise.data.body
    assert '"code":"meter-exhausted"' in promise.data.body
    assert audit(world.store) == []


def test_an_unlimited_meter_stays_unlimited() -> None:
    """It pays for everything and never crosses a threshold."""
    world, _ = metered()
    with atomic(world.kernel):
        meter = world.kernel.metering.create(None, threshold=7)
        vat = world.kernel.vat("A")
        world.store.vats.save(vat.having(options={**vat.options, "meter": meter}))
    spend(world, 10**12)
    world.drain()
    assert world.kernel.metering.get(meter).remaining is None
    assert world.kernel.vat("A").state == "live"


@pytest.mark.parametrize("amount", [-1, 1.5, True, 1 << 62, 1 << 63, "10", None])
def test_a_meter_takes_whole_numbers_only(amount: Any) -> None:
    """What is not an int from 0 to 2**62 is refused, and the meter stays as it was."""
    world, meter = metered()
    with pytest.raises(KernelError, match="of a meter is an int"):
        world.kernel.metering.refill(meter, amount)
    assert world.kernel.metering.get(meter).remaining == 100


CROSSINGS = [
    # remaining, threshold, spent, left, told
    (100, 50, 49, 51, False),
    (100, 50, 50, 50, False),
    (100, 50, 51, 49, True),
    (50, 50, 1, 49, True),
    (49, 50, 1, 48, False),
    (100, 50, 100, 0, True),
    (100, 0, 100, 0, False),
    (1, 1, 1, 0, True),
    (100, 100, 1, 99, True),
    (100, 101, 1, 99, False),
]


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize(("remaining", "threshold", "spent", "left", "told"), CROSSINGS)
def test_the_keeper_hears_when_what_remains_falls_below_the_threshold(
    remaining: int, threshold: int, spent: int, left: int, told: bool
) -> None:
    """Below is less: to stand at the threshold is not to be below it, before and after."""
    world, meter = metered()
    world.store.meters.save(
        world.kernel.metering.get(meter)._replace(remaining=remaining, threshold=threshold)
    )
    spend(world, spent)
    world.drain()
    assert world.kernel.metering.get(meter).remaining == left
    heard = [delivery[2]["methargs"]["body"] for delivery in world.vat("K").log]
    assert heard == ([f'#["threshold_crossed",["{meter}",{left}]]'] if told else [])


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize("policy", ["suspend", "terminate"])
@pytest.mark.parametrize(
    ("remaining", "spent", "starves"), [(10, 9, False), (10, 10, False), (10, 11, True), (0, 1, True)]
)
def test_a_meter_pays_as_far_as_it_goes(remaining: int, spent: int, starves: bool, policy: str) -> None:
    """A crank may cost all that is there, and not one computron more."""
    world, meter = metered(on_starvation=policy)
    world.store.meters.save(world.kernel.metering.get(meter)._replace(remaining=remaining, threshold=0))
    spend(world, spent)
    world.drain()
    record = world.store.vats.get(world.ids["A"])
    assert record is not None
    assert record.state == (
        {"suspend": "suspended", "terminate": "terminated"}[policy] if starves else "live"
    )
    left = remaining - spent if not starves else remaining if policy == "suspend" else 0
    assert world.kernel.metering.get(meter).remaining == left


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize(
    ("remaining", "threshold", "told"),
    [(10, 11, False), (10, 10, True), (10, 9, True), (10, 1, True), (10, 0, False), (0, 1, False)],
)
def test_an_emptied_meter_tells_its_keeper_once(remaining: int, threshold: int, told: bool) -> None:
    """A vat that ends of starvation takes its meter below the threshold, unless it was there already."""
    world, meter = metered(on_starvation="terminate")
    world.store.meters.save(
        world.kernel.metering.get(meter)._replace(remaining=remaining, threshold=threshold)
    )
    spend(world, remaining + 1)
    world.drain()
    assert world.kernel.metering.get(meter).remaining == 0
    heard = [delivery[2]["methargs"]["body"] for delivery in world.vat("K").log]
    assert heard == ([f'#["threshold_crossed",["{meter}",0]]'] if told else [])


def test_a_failed_delivery_costs_what_it_spent_and_at_most_what_is_there() -> None:
    """It is undone and paid for; a meter that holds less is emptied, and the vat goes on."""
    world, meter = metered()
    for spent, left in ((40, 60), (60, 0), (5, 0)):

        def fail(_delivery: list[Any], _ask: Any, spent: int = spent) -> None:
            raise Failed(Fault("guest-crashed", "on purpose"), spent)

        world.vat("A").next = fail
        world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
        assert world.drain()[0].outcome == "refused"
        assert world.kernel.metering.get(meter).remaining == left
        assert world.kernel.vat("A").state == "live"


@pytest.mark.usefixtures("unrecorded")
def test_a_meter_cannot_be_filled_past_what_it_can_hold() -> None:
    """Refills add up to less than 2**62, and one that would not changes nothing and wakes nobody."""
    world, meter = metered()
    most = (1 << 62) - 1
    world.kernel.metering.refill(meter, most - 101)
    spend(world, most)
    world.drain()
    assert world.kernel.vat("A").state == "suspended"
    with pytest.raises(KernelError, match="what remains of a meter is an int"):
        world.kernel.metering.refill(meter, 2)
    assert (world.kernel.metering.get(meter).remaining, world.kernel.vat("A").state) == (
        most - 1,
        "suspended",
    )
    world.kernel.metering.refill(meter, 1)
    assert (world.kernel.metering.get(meter).remaining, world.kernel.vat("A").state) == (most, "live")


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize("value", [0, (1 << 62) - 1])
def test_a_meter_and_its_threshold_take_the_least_and_the_most(value: int) -> None:
    """From 0 to less than 2**62."""
    world, _ = metered()
    meter = world.kernel.metering.create(value, value)
    assert world.kernel.metering.get(meter)[1:3] == (value, value)
    for bad in (-1, 1 << 62, True):
        with pytest.raises(KernelError, match="threshold of a meter"):
            world.kernel.metering.set_threshold(meter, bad)
        with pytest.raises(KernelError, match="remaining of a meter"):
            world.kernel.metering.create(bad)
    assert world.kernel.metering.get(meter)[1:3] == (value, value)


@pytest.mark.usefixtures("unrecorded")
def test_a_refill_wakes_whom_its_meter_starved_and_nobody_else() -> None:
    """Not a vat of another meter, and not one that the host suspended."""
    world, meter = metered()
    with atomic(world.kernel):
        other = world.kernel.metering.create(0)
        keeper = world.kernel.vat("K")
        world.store.vats.save(keeper.having(options={**keeper.options, "meter": other}))
    spend(world, 101)
    world.drain()
    world.kernel.suspend("K", "by hand")
    world.kernel.metering.refill(other, 5)
    assert [world.kernel.vat(name).state for name in "AK"] == ["suspended", "suspended"]
    world.kernel.metering.refill(meter, 100)
    assert [world.kernel.vat(name).state for name in "AK"] == ["live", "suspended"]
