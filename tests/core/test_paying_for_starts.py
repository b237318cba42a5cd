"""What a vat's start or upgrade has cost is paid, whether it comes to anything or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.report import CrankReport
from swingset.model.capdata import CapData
from swingset.testing import audit

from .raw import RawVat, RawWorld
from .test_meters import metered
from .test_paying import said

Ask = Callable[[list[Any]], Any]
Behaviour = Callable[[list[Any], Ask], int]


def costing(computrons: int, *syscalls: list[Any]) -> Behaviour:
    """What makes a vat spend so much, after these syscalls."""

    def behave(_delivery: list[Any], ask: Ask) -> int:
        for syscall in syscalls:
            try:
                ask(syscall)
            except RuntimeError:
                break
        return computrons

    return behave


ILLEGAL = ["dropImports", ["o-999"]]
ASK_TO_END = ["exit", False, {"body": '#"bye"', "slots": []}]


def left(world: RawWorld, meter: str) -> int | None:
    return world.kernel.metering.get(meter).remaining


def create(behaviour: Behaviour) -> tuple[RawWorld, str, str, CrankReport]:
    """Create a vat whose start does this, paid by a meter of 100 that warns at 50."""
    world, meter = metered()
    world.factory.vats["new"] = raw = RawVat("new")
    raw.next = behaviour
    result = world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {"meter": meter})
    report = world.step()
    assert report is not None
    return world, meter, result, report


def upgrade(*behaviours: Behaviour) -> tuple[RawWorld, str, str, CrankReport]:
    """Upgrade A, whose last delivery and whose new start do this; the same meter pays for both."""
    world, meter = metered()
    todo = list(behaviours)
    raw = world.vat("A")

    def next_in_turn(delivery: list[Any], ask: Ask) -> int:
        behaviour = todo.pop(0)
        raw.next = next_in_turn if todo else None
        return behaviour(delivery, ask)

    raw.next = next_in_turn
    result = world.kernel.queue_upgrade("A", (("A", "2"),), None, "")
    report = world.step()
    assert report is not None
    return world, meter, result, report


@pytest.mark.parametrize("wrong", [ILLEGAL, ASK_TO_END])
@pytest.mark.parametrize(("computrons", "remaining"), [(60, 40), (100, 0), (1_000, 0)])
def test_a_creation_that_fails_is_paid_for(wrong: list[Any], computrons: int, remaining: int) -> None:
    """The vat never was, but its meter has paid, and its keeper hears of the threshold."""
    world, meter, result, report = create(costing(computrons, wrong))
    assert report.outcome == "refused"
    assert report.computrons == computrons
    world.drain()
    assert world.store.vats.named("new") is None
    assert "Vat Creation Error" in said(world, result)
    assert left(world, meter) == remaining
    assert f'"threshold_crossed",["{meter}",{remaining}]' in world.vat("K").log[-1][2]["methargs"]["body"]
    assert audit(world.store) == []


def test_a_creation_that_its_meter_cannot_pay_empties_it() -> None:
    """The start is refused for want of money, and what there was of it is gone."""
    world, meter, result, _ = create(costing(101))
    world.drain()
    assert world.store.vats.named("new") is None
    assert f"meter {meter} cannot pay the 101 computrons of its start" in said(world, result)
    assert left(world, meter) == 0
    assert audit(world.store) == []


def test_an_upgrade_pays_for_both_of_its_deliveries() -> None:
    """What the old incarnation spent on bringing out its dead is added to what the new one's start cost."""
    world, meter, _, report = upgrade(costing(30), costing(40))
    assert report.outcome == "upgraded"
    assert report.computrons == 70
    assert left(world, meter) == 30
    assert world.store.vats.span(world.ids["A"]).computrons == 70
    assert audit(world.store) == []


@pytest.mark.parametrize(
    ("behaviours", "remaining"),
    [
        ([costing(30), costing(40, ILLEGAL)], 30),
        ([costing(30), costing(40, ASK_TO_END)], 30),
        ([costing(30), costing(71)], 0),
        ([costing(101), costing(0)], 0),
        ([costing(30, ILLEGAL)], 70),
        ([costing(30, ASK_TO_END)], 70),
        ([costing(101, ILLEGAL)], 0),
    ],
)
def test_an_upgrade_that_fails_is_paid_for(behaviours: list[Behaviour], remaining: int) -> None:
    """The old incarnation goes on as it was, and its meter has paid for the attempt."""
    world, meter, result, report = upgrade(*behaviours)
    assert report.outcome == "refused"
    world.vat("A").next = None
    world.drain()
    assert "vat-upgrade failure" in said(world, result)
    assert world.kernel.vat("A").incarnation == 0
    assert world.kernel.vat("A").state == "live"
    assert left(world, meter) == remaining
    assert audit(world.store) == []


def test_a_start_without_a_meter_costs_nobody_anything() -> None:
    """A vat that has no meter may fail to start as often as it likes."""
    world = RawWorld("A")
    world.vat("A").next = costing(1_000, ILLEGAL)
    world.kernel.queue_upgrade("A", (("A", "2"),), None, "")
    report = world.step()
    assert report is not None
    assert report.outcome == "refused"
    assert audit(world.store) == []
