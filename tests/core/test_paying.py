"""Deliveries that end badly, or end their vat, are paid for like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.testing import audit
from tests.meddling import atomic

from .raw import RawWorld
from .test_meters import metered

Ask = Callable[[list[Any]], Any]
BYE = {"body": '#"bye"', "slots": []}


def spend(world: RawWorld, computrons: int, *syscalls: list[Any]) -> str:
    """Send A a message whose delivery makes these syscalls and costs so much; the promise for its result."""

    def behave(_delivery: list[Any], ask: Ask) -> int:
        for syscall in syscalls:
            ask(syscall)
        return computrons

    world.vat("A").next = behave
    return world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))


def said(world: RawWorld, promise: str) -> str:
    record = world.store.promises.get(promise)
    assert record is not None
    assert record.data is not None
    return record.data.body


@pytest.mark.parametrize("failed", [False, True])
def test_the_last_delivery_of_a_vat_is_paid_for(failed: bool) -> None:
    """A vat that asks to end pays for the delivery in which it does so, kept or undone."""
    world, meter = metered()
    spend(world, 60, ["exit", failed, BYE])
    world.drain()
    assert world.store.vats.named("A") is None
    assert world.kernel.metering.get(meter).remaining == 40
    assert "threshold_crossed" in world.vat("K").log[-1][2]["methargs"]["body"]
    assert audit(world.store) == []


@pytest.mark.parametrize("failed", [False, True])
def test_starving_goes_before_the_wish_to_end(failed: bool) -> None:
    """A vat that cannot pay for its last delivery is suspended; after a refill it ends as it wished."""
    world, meter = metered()
    spend(world, 101, ["exit", failed, BYE])
    world.drain()
    assert world.kernel.vat("A").state == "suspended"
    assert world.kernel.metering.get(meter).remaining == 100
    with atomic(world.kernel):
        world.kernel.metering.refill(meter, 100)
    world.vat("A").next = lambda _delivery, ask: [101, ask(["exit", failed, BYE])][0]
    world.drain()
    assert world.store.vats.named("A") is None
    assert world.kernel.metering.get(meter).remaining == 99
    assert audit(world.store) == []


@pytest.mark.parametrize("failed", [False, True])
def test_under_the_policy_terminate_the_underflow_is_the_cause(failed: bool) -> None:
    """The caller hears of the meter and not of the wish to end."""
    world, meter = metered(on_starvation="terminate")
    result = spend(world, 101, ["exit", failed, BYE])
    world.drain()
    assert "meter underflow, vat terminated" in said(world, result)
    assert world.kernel.metering.get(meter).remaining == 0
    assert audit(world.store) == []


@pytest.mark.parametrize(("computrons", "left"), [(60, 40), (100, 0), (1_000, 0)])
def test_a_failed_delivery_is_undone_but_paid_for(computrons: int, left: int) -> None:
    """A failure is not repeated for want of money: the meter gives what it holds, and the failure counts."""
    world, meter = metered()

    def behave(_delivery: list[Any], ask: Ask) -> int:
        with pytest.raises(RuntimeError):
            ask(["send", "o-999", {"methargs": BYE, "result": None}])
        return computrons

    world.vat("A").next = behave
    result = world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    world.drain()
    assert "illegal-syscall" in said(world, result)
    assert world.kernel.metering.get(meter).remaining == left
    assert "threshold_crossed" in world.vat("K").log[-1][2]["methargs"]["body"]
    assert audit(world.store) == []
