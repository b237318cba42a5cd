"""Where numbering begins, what goes before what, and which misuse ends a vat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.testing import audit
from tests.meddling import atomic

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
NOTHING = {"body": '#["go",[]]', "slots": []}


@pytest.fixture
def world() -> RawWorld:
    return RawWorld("A", "B", "C")


def queue(world: RawWorld, name: str) -> None:
    """A message to a vat's root, whose answer nobody waits for."""
    result = world.kernel.queue_message(world.kernel.root_of(name), CapData('#["go",[]]'))
    world.kernel.release_result(result)


def test_numbering_begins_where_it_does_in_the_reference(world: RawWorld) -> None:
    """Objects from ko20, and in a vat imports from o-50 and promises from p-60."""
    assert [world.kernel.root_of(name) for name in "ABC"] == ["ko20", "ko21", "ko22"]
    assert world.ids == {"A": "v1", "B": "v2", "C": "v3"}
    assert world.kernel.introduce("v1", "ko21") == "o-50"
    assert world.kernel.introduce("v1", "ko22") == "o-51"
    result = world.kernel.queue_message("ko20", CapData('#["go",[]]'))
    world.drain()
    [delivery] = world.vat("A").take_log()
    assert delivery == ["message", "o+0", {"methargs": NOTHING, "result": "p-60"}]
    assert world.kref("A", "p-60") == result


def test_subscribers_hear_in_the_order_of_vats_and_before_what_waited(world: RawWorld) -> None:
    """Whoever subscribed first, v1 is told before v3, and waiting messages come after all notifications."""
    roots = [world.kernel.introduce("v2", world.kernel.root_of(name)) for name in ("C", "A")]

    def share(ask: Ask) -> None:
        for root in roots:
            methargs = {"body": '#["take",["&0"]]', "slots": ["p+7"]}
            ask(["send", root, {"methargs": methargs, "result": None}])

    def take(delivery: list[Any], ask: Ask) -> None:
        [slot] = delivery[2]["methargs"]["slots"]
        ask(["send", slot, {"methargs": NOTHING, "result": None}])
        ask(["subscribe", slot])

    world.vat("A").next = world.vat("C").next = take
    world.run_in("B", share)
    world.drain()
    world.run_in("B", lambda ask: ask(["resolve", [["p+7", False, {"body": '#"$0"', "slots": ["o+3"]}]]]))
    told = [(type(report.event).__name__, report.vat) for report in world.drain()]
    assert told == [("Notify", "A"), ("Notify", "C"), ("Send", "B"), ("Send", "B")]
    assert audit(world.store) == []


def test_subscribers_hear_in_the_order_of_their_ids_as_text() -> None:
    """v10 and v11 are told before v2, as in the reference, whoever subscribed first."""
    world = RawWorld(*"ABCDEFGHIJK")
    names = ["C", "K", "B", "J"]
    roots = [world.kernel.introduce("v1", world.kernel.root_of(name)) for name in names]

    def share(ask: Ask) -> None:
        for root in roots:
            methargs = {"body": '#["take",["&0"]]', "slots": ["p+7"]}
            ask(["send", root, {"methargs": methargs, "result": None}])

    for name in names:
        world.vat(name).next = lambda delivery, ask: ask(["subscribe", delivery[2]["methargs"]["slots"][0]])
    world.run_in("A", share)
    world.drain()
    world.run_in("A", lambda ask: ask(["resolve", [["p+7", False, {"body": "#1", "slots": []}]]]))
    told = [world.ids[str(report.vat)] for report in world.drain()]
    assert told == ["v10", "v11", "v2", "v3"]


def test_a_vat_is_made_and_started_in_one_crank() -> None:
    """From the first of all cranks: v1, with its root ko20, the promise for which is kp40."""
    world = RawWorld()
    result = world.kernel.queue_creation("A", "raw", (("A", ""),), CapData("#null"), {})
    assert result == "kp40"
    report = world.step()
    assert report is not None
    assert (report.number, report.outcome, report.vat) == (1, "created", "A")
    assert (world.kernel.vat("A").id, world.kernel.root_of("A")) == ("v1", "ko20")
    assert world.vat("A").log == [["startVat", {"body": "#null", "slots": []}]]
    promise = world.store.promises.get(result)
    assert promise is not None
    assert promise.data == CapData('#"$0.Alleged: A"', ("ko20",))
    assert world.step() is None
    with atomic(world.kernel):
        assert world.kernel.metering.create(1) == "m1"


@pytest.mark.usefixtures("unrecorded")
def test_housekeeping_goes_before_messages(world: RawWorld) -> None:
    """Clean-up, then what vats are told of dropped references, then the dead, then the run-queue.

    The reference accepts queued events in cranks of their own before all these. Here there is one queue.
    """
    amy = world.give("A", "o+1", "B")
    queue(world, "A")
    world.store.reaping.schedule(world.ids["B"])
    name = world.vref("B", amy)

    def let_go(ask: Ask) -> None:
        ask(["dropImports", [name]])
        ask(["retireImports", [name]])

    world.run_in("B", let_go)
    world.kernel.terminate("C", "enough")
    seen = [type(report.event).__name__ for report in world.drain()]
    assert seen == ["CleanUp", "Collect", "Collect", "Reap", "Send"]


@pytest.mark.parametrize(
    ("exporter", "before", "misuse"),
    [
        (True, None, ["retireExports", ["o+1"]]),
        (False, None, ["retireImports", ["NAME"]]),
        (False, ["dropImports", ["NAME"]], ["dropImports", ["NAME"]]),
        (False, ["dropImports", ["NAME"]], ["send", "NAME", {"methargs": NOTHING, "result": None}]),
        (True, None, ["dropImports", ["o+1"]]),
        (False, None, ["retireExports", ["NAME"]]),
    ],
)
def test_misuse_of_references_ends_the_vat(
    world: RawWorld, exporter: bool, before: list[Any] | None, misuse: list[Any]
) -> None:
    """A vat retires what is unreachable, drops once what it imports, and names only what it can reach."""
    amy = world.give("A", "o+1", "B")
    culprit = "A" if exporter else "B"
    name = world.vref(culprit, amy)

    def fill(call: list[Any]) -> list[Any]:
        target = [name] if call[1] == ["NAME"] else name if call[1] == "NAME" else call[1]
        return [call[0], target, *call[2:]]

    if before is not None:
        world.run_in(culprit, lambda ask: ask(fill(before)))
    report = world.run_in(culprit, lambda ask: ask(fill(misuse)))
    assert report.fault is not None
    assert report.fault.code == "illegal-syscall"
    assert world.store.vats.named(culprit) is None
    world.drain()
    assert audit(world.store) == []
