"""Meters between raw vats: who pays, who is told, and what starving means."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.model.capdata import CapData
from swingset.testing import audit

from .raw import RawWorld


def metered(**options: Any) -> tuple[RawWorld, str]:
    """A world with a keeper K, and a vat A whose cranks a meter pays for."""
    world = RawWorld("A", "K")
    with world.kernel.undoing():
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
    with world.kernel.undoing():
        world.kernel.metering.refill(meter, 40)
    spend(world, 10)  # 70 are left
    world.drain()
    with world.kernel.undoing():
        world.kernel.metering.set_threshold(meter, 90)
    spend(world, 10)
    world.drain()
    with world.kernel.undoing():
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
    assert vat.reason == f"meter-exhausted: a crank needs 101 computrons, meter {meter} holds 100"
    assert world.vat("K").log[-1][2]["methargs"]["body"] == f'#["refill_wanted",["{meter}",101]]'
    before = world.store.vats.span(vat.id)
    with world.kernel.undoing():
        world.kernel.metering.refill(meter, 10)
    world.vat("A").next = lambda _delivery, _ask: 101
    world.drain()
    assert world.kernel.vat("A").state == "live"
    assert world.kernel.metering.get(meter).remaining == 9
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
    with world.kernel.undoing():
        meter = world.kernel.metering.create(None, threshold=7)
        vat = world.kernel.vat("A")
        world.store.vats.save(vat.having(options={**vat.options, "meter": meter}))
    spend(world, 10**12)
    world.drain()
    assert world.kernel.metering.get(meter).remaining is None
    assert world.kernel.vat("A").state == "live"


@pytest.mark.parametrize("amount", [-1, 1.5, True, 1 << 63, "10"])
def test_a_meter_takes_whole_numbers_only(amount: Any) -> None:
    """What is not an int from 0 to 2**62 is refused, and the meter stays as it was."""
    world, meter = metered()
    with pytest.raises(KernelError, match="of a meter is an int"):
        world.kernel.metering.refill(meter, amount)
    assert world.kernel.metering.get(meter).remaining == 100
