"""Promises that a vat leaves to its next incarnation: kept, claimed, settled, or broken after all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
ANSWER = {"body": '#"done"', "slots": []}
GONE = {
    "body": '#{"name":"vatUpgraded","upgradeMessage":"new code","incarnationNumber":0}',
    "slots": [],
}


@pytest.fixture
def world() -> RawWorld:
    return RawWorld("A", "B")


def give_promises(world: RawWorld, *names: str) -> list[str]:
    """B sends promises of its own to A, which waits for them. Returns A's names."""
    root = world.kernel.introduce(world.ids["B"], world.kernel.root_of("A"))
    got: list[str] = []

    def take(delivery: list[Any], ask: Ask) -> None:
        got.extend(delivery[2]["methargs"]["slots"])
        for vpid in got:
            ask(["subscribe", vpid])

    def give(ask: Ask) -> None:
        mentions = ",".join(f'"&{index}"' for index in range(len(names)))
        methargs = {"body": f'#["take",[{mentions}]]', "slots": list(names)}
        ask(["send", root, {"methargs": methargs, "result": None}])

    world.vat("A").next = take
    world.run_in("B", give)
    world.drain()
    world.vat("A").take_log()
    return got


def upgrade(world: RawWorld, *claimed: str, settle: str | None = None) -> tuple[str, ...]:
    """Upgrade B, which claims promises while it starts. Returns the krefs that were broken."""

    def start(delivery: list[Any], ask: Ask) -> None:
        if delivery[0] == "bringOutYourDead":
            world.vat("B").next = start
            return
        assert delivery[0] == "startVat"
        if claimed:
            ask(["keepPromises", list(claimed)])
        if settle:
            ask(["resolve", [[settle, False, ANSWER]]])

    world.vat("B").next = start
    result = world.kernel.queue_upgrade("B", (("B", ""),), None, "new code", first=True)
    reports = world.drain()
    world.kernel.release_result(result)
    assert audit(world.store) == []
    [left_behind] = [report.left_behind for report in reports if report.left_behind is not None]
    return left_behind.disconnected


def told(world: RawWorld) -> dict[str, Any]:
    """What A was told of promises since the last look."""
    notified = [delivery[1] for delivery in world.vat("A").take_log() if delivery[0] == "notify"]
    return {vpid: resolution for batch in notified for vpid, resolution in batch}


def test_kept_and_claimed_promise_is_settled_by_the_next_incarnation(world: RawWorld) -> None:
    """A kept promise outlives the upgrade under its name, and those who wait for it never hear of it."""
    kept, lost = give_promises(world, "p+5", "p+6")
    world.run_in("B", lambda ask: ask(["keepPromises", ["p+5"]]))
    broken = upgrade(world, "p+5")
    assert len(broken) == 1
    assert told(world) == {lost: {"rejected": True, "data": GONE}}
    world.run_in("B", lambda ask: ask(["resolve", [["p+5", False, ANSWER]]]))
    world.drain()
    assert told(world) == {kept: {"rejected": False, "data": ANSWER}}
    assert list(world.store.promises.all()) == []


def test_kept_promise_that_nobody_claims_is_broken(world: RawWorld) -> None:
    """If the new incarnation does not say that it wants a kept promise, it is rejected after the start."""
    (lost,) = give_promises(world, "p+5")
    world.run_in("B", lambda ask: ask(["keepPromises", ["p+5"]]))
    assert len(upgrade(world)) == 1
    assert told(world) == {lost: {"rejected": True, "data": GONE}}


def test_claim_lasts_for_one_upgrade(world: RawWorld) -> None:
    """A promise is kept from one incarnation to the next, and must be claimed again by each."""
    (kept,) = give_promises(world, "p+5")
    world.run_in("B", lambda ask: ask(["keepPromises", ["p+5"]]))
    assert upgrade(world, "p+5") == ()
    assert upgrade(world, "p+5") == ()
    assert told(world) == {}
    assert len(upgrade(world)) == 1
    assert list(told(world)) == [kept]


def test_kept_promise_may_be_settled_while_the_vat_starts(world: RawWorld) -> None:
    """A new incarnation that settles a kept promise at once need not claim it."""
    (kept,) = give_promises(world, "p+5")
    world.run_in("B", lambda ask: ask(["keepPromises", ["p+5"]]))
    assert upgrade(world, settle="p+5") == ()
    assert told(world) == {kept: {"rejected": False, "data": ANSWER}}


def test_only_the_decider_keeps_a_promise(world: RawWorld) -> None:
    """Keeping a promise that another vat decides, or that is settled, ends the vat."""
    (name,) = give_promises(world, "p+5")
    report = world.run_in("A", lambda ask: ask(["keepPromises", [name]]))
    assert report.fault is not None
    assert "cannot be kept: it is no promise that the vat decides" in report.fault.message


def test_forwarded_promise_is_kept_with_the_one_it_follows(world: RawWorld) -> None:
    """What was forwarded to a kept promise waits with it across the upgrade."""
    (waits,) = give_promises(world, "p+5")
    forward = [["p+5", False, {"body": '#"&0"', "slots": ["p+9"]}]]

    def go(ask: Ask) -> None:
        ask(["keepPromises", ["p+9"]])
        ask(["resolve", forward])

    world.run_in("B", go)
    assert upgrade(world, "p+9") == ()
    assert told(world) == {}
    world.run_in("B", lambda ask: ask(["resolve", [["p+9", False, ANSWER]]]))
    world.drain()
    assert told(world) == {waits: {"rejected": False, "data": ANSWER}}
