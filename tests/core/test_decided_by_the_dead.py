"""What was to come from a vat that ended: a rejection for each, however many they are, a few at a time."""

from __future__ import annotations

import pytest

from swingset.core.lifecycle import REJECTED_AT_ONCE
from swingset.host.base.opened import Opened
from swingset.host.worlds.controller import Controller
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Notify, Send, event_to_json
from swingset.testing import audit
from swingset.world.counters import Counters
from swingset.world.file import WorldFile
from tests.effort import measured
from tests.meddling import altered, atomic

from .raw import RawFactory, RawWorld

FIRST = 1_000
BUDGET = 100
WORDS = "vat terminated: enough"


def populate(world: WorldFile, decider: str, other: str, promises: int) -> list[str]:
    """Let one vat decide so many promises for which another waits; returns them, oldest first."""
    krefs = [f"kp{FIRST + number}" for number in range(promises)]
    for number, kref in enumerate(krefs):
        altered(
            world, "insert into promises values (?, 'unresolved', ?, 2, null, null, null)", (kref, decider)
        )
        altered(world, "insert into clists values (?, ?, ?, 1)", (decider, kref, f"p+{FIRST + number}"))
        altered(world, "insert into clists values (?, ?, ?, 1)", (other, kref, f"p-{FIRST + number}"))
        altered(world, "insert into subscribers values (?, ?)", (kref, other))
    for name in ("kp", f"{other}.p"):
        Counters(world).set(name, FIRST + promises)
    return krefs


def deciding(promises: int) -> tuple[RawWorld, list[str]]:
    """A world where vat A decides so many promises, for all of which B waits."""
    world = RawWorld("A", "B")
    with atomic(world.kernel):
        krefs = populate(world.world, world.ids["A"], world.ids["B"], promises)
    assert audit(world.store) == []
    return world, krefs


def unsettled(world: RawWorld) -> int:
    return len(world.store.promises.decided_by(world.ids["A"]))


def park(world: RawWorld, events: int) -> list[str]:
    """Suspend A with so many messages and as many notifications waiting for it; the results' krefs."""
    root, vat, results = world.kernel.root_of("A"), world.ids["A"], []
    world.kernel.suspend("A", "for a while")
    with atomic(world.kernel):
        for _ in range(events):
            result = world.store.new_promise(None)
            world.store.hold(result)  # the host's
            world.store.promises.set_policy(result, "ignore")
            settled = world.store.new_promise(None)
            world.name_for("A", settled)
            world.store.resolve([(settled, False, CapData("#1"))])
            world.store.enqueue(Send(root, Message(CapData('#["go",[]]'), result)))
            world.store.enqueue(Notify(vat, settled))
            results.append(result)
    world.drain()
    assert len(world.store.queues.parked(vat)) == 2 * events
    return results


def test_promises_of_a_small_vat_are_rejected_with_its_end_oldest_first() -> None:
    """Whoever waits for a few promises hears of all of them, in the order in which they came about."""
    world, krefs = deciding(200)
    names = [world.vref("B", kref) for kref in krefs]
    world.kernel.terminate("A", "enough")
    assert unsettled(world) == 0
    world.drain()
    told = world.vat("B").take_log()
    assert [delivery[1][0][0] for delivery in told] == names
    assert all(WORDS in delivery[1][0][1]["data"]["body"] for delivery in told)
    assert audit(world.store) == []


@pytest.mark.unaudited
def test_a_thousand_are_rejected_at_once() -> None:
    """What is left of a thousand and one waits for the next crank."""
    world, krefs = deciding(1_001)
    world.kernel.terminate("A", "enough")
    assert world.store.promises.decided_by(world.ids["A"]) == krefs[-1:]


@pytest.mark.unaudited
def test_promises_of_a_large_vat_are_rejected_within_the_budget_of_each_crank() -> None:
    """The end itself rejects a thousand, each crank of cleaning as many as it may, and all hear the same."""
    world, krefs = deciding(REJECTED_AT_ONCE + 550)
    world.kernel.terminate("A", "enough")
    left = [unsettled(world)]
    assert left == [550]
    assert audit(world.store) == []
    while left[-1]:
        report = world.kernel.cranks.step(clean_up=BUDGET)
        assert report is not None
        assert report.outcome == "cleaned"
        assert report.cleaned == BUDGET
        left.append(unsettled(world))
    assert left == [550, 450, 350, 250, 150, 50, 0]
    world.drain()
    told = world.vat("B").take_log()
    assert len(told) == len(krefs)
    assert {delivery[1][0][1]["data"]["body"] for delivery in told} == {
        f'#{{"#error":"{WORDS}","name":"Error","code":"vat-terminated"}}'
    }
    assert audit(world.store) == []


@pytest.mark.unaudited
def test_a_promise_whose_turn_has_not_come_is_waited_for_and_then_rejected() -> None:
    """A message, a subscription and a promise forwarded to it meanwhile all hear of the end."""
    world, krefs = deciding(REJECTED_AT_ONCE + 3)
    world.kernel.terminate("A", "enough")
    kref = world.store.promises.decided_by(world.ids["A"])[-1]
    with atomic(world.kernel):
        world.store.promises.unsubscribe(kref, world.ids["B"])
        forwarded = world.store.new_promise(world.ids["B"])
        world.store.clists.add(world.ids["B"], forwarded, "p+7")
        world.store.hold(forwarded)
    result = world.kernel.queue_message(kref, CapData('#["go",[]]'))
    name = world.vref("B", kref)
    world.vat("B").next = lambda _delivery, ask: [
        ask(["subscribe", name]),
        ask(["subscribe", "p+7"]),
        ask(["resolve", [["p+7", False, {"body": '#"&0"', "slots": [name]}]]]),
    ][0]
    send = Send(world.kernel.root_of("B"), Message(CapData('#["go",[]]')))
    with atomic(world.kernel):
        world.store.enqueue(send, first=True)
    for _ in range(3):
        world.kernel.cranks.step(clean_up=None)
    assert world.store.promises.get(kref).state == "unresolved"  # type: ignore[union-attr]
    assert len(world.store.promises.waiting(kref)) + world.store.queues.length() > 0
    world.drain()
    record = world.store.promises.get(result)
    assert record is not None
    assert record.data is not None
    assert WORDS in record.data.body
    told = {
        vref for delivery in world.vat("B").take_log() if delivery[0] == "notify" for vref, _ in delivery[1]
    }
    assert name in told
    assert len(told) == len(krefs)
    assert audit(world.store) == []


def test_what_was_parked_for_a_vat_that_ends_is_seen_to() -> None:
    """Messages that waited for a suspended vat are rejected, and nothing is left of its notifications."""
    world = RawWorld("A")
    results = park(world, 30)
    world.kernel.terminate("A", "enough")
    world.drain()
    for result in results:
        record = world.store.promises.get(result)
        assert record is not None
        assert record.data is not None
        assert WORDS in record.data.body
    assert audit(world.store) == []


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.unaudited
@pytest.mark.parametrize("what", ["promises", "parked"])
def test_what_the_end_of_a_vat_costs_does_not_grow_with_what_was_to_come_from_it(what: str) -> None:
    """Ending a vat and a first cleaning cost the same for 3,000 promises or parked messages and 12,000."""
    spent = []
    for count in (3_000, 12_000):
        with Controller(Opened(WorldFile.open(None), {"raw": RawFactory()})) as controller:
            for name in ("A", "B"):
                controller.create_vat(name, ((name, ""),), worker="raw", options={"never_reap": True})
            kernel, world = controller.kernel, controller.world
            vat, other = kernel.vat("A").id, kernel.vat("B").id
            if what == "promises":
                populate(world, vat, other, count)
            else:
                kernel.suspend("A", "for a while")
                item = event_to_json(Send(kernel.root_of("A"), Message(CapData('#["go",[]]'))))
                for number in range(count):
                    altered(world, "insert into parked values (?, ?, ?, null)", (vat, FIRST + number, item))
                root = kernel.root_of("A")
                altered(
                    world,
                    "update objects set reachable = reachable + ?1, recognizable = recognizable + ?1"
                    " where kref = ?2",
                    (count, root),
                )
            controller.commit("populated")
            with measured(controller.world) as effort:
                controller.terminate_vat("A", "enough")
                kernel.cranks.step(clean_up=BUDGET)
            spent.append(effort.total)
    assert 0 < spent[1] <= spent[0] * 1.5, spent
