"""Where a message goes that is sent to an object or to a promise, as things stand when it is its turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from swingset.model.capdata import CapData
from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
TAKE = {"body": '#["take",[]]', "slots": []}


@pytest.fixture
def world() -> RawWorld:
    return RawWorld("A", "B", "C")


def share(world: RawWorld, vpid: str = "p+7") -> str:
    """B lets A know a promise of its own; A's name for it."""
    root = world.kernel.introduce(world.ids["B"], world.kernel.root_of("A"))
    methargs = {"body": '#["take",["&0"]]', "slots": [vpid]}
    world.run_in("B", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    world.drain()
    [delivery] = world.vat("A").take_log()
    return str(delivery[2]["methargs"]["slots"][0])


def send(world: RawWorld, target: str, number: int = 20) -> str:
    """A sends a message, and subscribes to its result; the kernel's name of that."""

    def go(ask: Ask) -> None:
        ask(["send", target, {"methargs": TAKE, "result": f"p+{number}"}])
        ask(["subscribe", f"p+{number}"])

    world.run_in("A", go)
    kref = world.kref("A", f"p+{number}")
    assert kref is not None
    return kref


def settle(world: RawWorld, rejected: bool, body: str, *slots: str) -> None:
    """B settles the promise that it has shared."""
    world.run_in("B", lambda ask: ask(["resolve", [["p+7", rejected, {"body": body, "slots": list(slots)}]]]))


def told(world: RawWorld, number: int = 20) -> dict[str, Any]:
    """What A heard of its message."""
    notified = [batch for kind, batch in world.vat("A").take_log() if kind == "notify"]
    [outcome] = [outcome for batch in notified for name, outcome in batch if name == f"p+{number}"]
    return dict(outcome)


def heard(world: RawWorld, name: str) -> list[str]:
    """The targets of the messages that a vat got."""
    return [delivery[1] for delivery in world.vat(name).take_log() if delivery[0] == "message"]


def test_an_object_is_reached_in_the_vat_that_owns_it(world: RawWorld) -> None:
    """The owner gets the message under its own name for the object."""
    amy = world.give("C", "o+3", "A")
    send(world, str(world.vref("A", amy)))
    world.drain()
    assert heard(world, "C") == ["o+3"]


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("terminated", "vat-terminated", "vat terminated: enough"),
        ("upgraded", "abandoned", "vat C was upgraded to incarnation 1"),
    ],
)
def test_an_object_without_an_owner_rejects(world: RawWorld, how: str, code: str, words: str) -> None:
    """The sender hears why nobody owns it; the reference says `vat terminated` for both."""
    amy = world.give("C", "o+3", "A")
    if how == "terminated":
        world.kernel.terminate("C", "enough")
        world.drain()
    else:
        result = world.kernel.queue_upgrade("C", (("C", ""),), None, "new code")
        world.drain()
        world.kernel.release_result(result)
    send(world, str(world.vref("A", amy)))
    world.drain()
    outcome = told(world)
    assert outcome["rejected"] is True
    error = json.loads(outcome["data"]["body"][1:])
    assert (error["#error"], error["code"]) == (words, code)
    assert audit(world.store) == []


def test_a_promise_for_one_object_leads_to_the_object(world: RawWorld) -> None:
    """The message goes to the object's owner, whoever settled the promise."""
    amy = world.give("C", "o+3", "B")
    promise = share(world)
    settle(world, False, '#"$0.Alleged: amy"', str(world.vref("B", amy)))
    send(world, promise)
    world.drain()
    assert heard(world, "C") == ["o+3"]
    assert heard(world, "B") == []


@pytest.mark.parametrize(
    ("body", "slots"),
    [("#5", []), ('#"text"', []), ("#null", []), ('#["$0"]', ["o+3"]), ('#{"a":"$0"}', ["o+3"])],
)
def test_a_promise_for_data_rejects(world: RawWorld, body: str, slots: list[str]) -> None:
    """Data has no methods, and a list of one object is data."""
    promise = share(world)
    settle(world, False, body, *slots)
    send(world, promise)
    world.drain()
    outcome = told(world)
    assert outcome["rejected"] is True
    error = json.loads(outcome["data"]["body"][1:])
    assert error["#error"] == "data is not callable, has no method take"
    assert error["name"] == "TypeError"


def test_a_rejected_promise_rejects_with_the_same_data(world: RawWorld) -> None:
    """Body and references are those that the promise was rejected with."""
    amy = world.give("C", "o+3", "B")
    promise = share(world)
    settle(world, True, '#{"why":"$0.Alleged: amy"}', str(world.vref("B", amy)))
    send(world, promise)
    world.drain()
    name = world.vref("A", amy)
    data = {"body": '#{"why":"$0.Alleged: amy"}', "slots": [name]}
    assert told(world) == {"rejected": True, "data": data}


def test_an_unsettled_promise_keeps_its_messages_in_order(world: RawWorld) -> None:
    """They wait with the promise until it is settled, whether a vat decides it or nobody yet does."""
    promise = share(world)
    result = send(world, promise)
    send(world, "p+20", 21)  # to the result of the first, which nobody decides before that is delivered
    send(world, promise, 22)
    world.drain()
    kref = str(world.kref("B", "p+7"))
    assert [event.message.result for event in world.store.promises.waiting_events(kref)] == [
        result,
        world.kref("A", "p+22"),
    ]
    assert len(world.store.promises.waiting(result)) == 1
    record = world.store.promises.get(result)
    assert record is not None
    assert (record.state, record.decider) == ("unresolved", None)
    settle(world, False, '#"$0.Alleged: bob"', "o+9")
    world.drain()
    assert heard(world, "B") == ["o+9", "o+9"]
    record = world.store.promises.get(result)
    assert record is not None
    assert (record.state, record.decider) == ("unresolved", world.ids["B"])
    assert len(world.store.promises.waiting(result)) == 1
    assert audit(world.store) == []


@pytest.mark.parametrize("known", ["imported", "exported", "sent before"])
def test_the_result_of_a_message_is_a_new_promise(world: RawWorld, known: str) -> None:
    """A vat that names a promise which the kernel knows already as the result of a message is ended."""
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("C"))
    name = share(world) if known == "imported" else "p+30"
    if known == "exported":
        methargs = {"body": '#["take",["&0"]]', "slots": [name]}
        world.run_in("A", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    elif known == "sent before":
        world.run_in("A", lambda ask: ask(["send", root, {"methargs": TAKE, "result": name}]))
    report = world.run_in("A", lambda ask: ask(["send", root, {"methargs": TAKE, "result": name}]))
    assert report.fault is not None
    assert report.fault.code == "illegal-syscall"
    assert f"{name} cannot be a result" in report.fault.message
    world.drain()
    assert audit(world.store) == []


def test_the_host_decides_nothing(world: RawWorld) -> None:
    """The result of a host's message is decided by the kernel until the vat has it, and by the vat then."""
    result = world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    before = world.store.promises.get(result)
    world.drain()
    after = world.store.promises.get(result)
    assert before is not None
    assert after is not None
    assert (before.decider, after.decider) == (None, world.ids["A"])
