"""Promises in the kernel: forwarding, pipelining, retirement, and what the host wants done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.errors import KernelPanic
from swingset.model.capdata import CapData
from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
ANSWER = {"body": '#"done"', "slots": []}


def send(target: str, result: str | None = None, *slots: str) -> list[Any]:
    mentions = ",".join(
        f'"&{index}"' if slot[0] == "p" else f'"${index}"' for index, slot in enumerate(slots)
    )
    methargs = {"body": f'#["take",[{mentions}]]', "slots": list(slots)}
    return ["send", target, {"methargs": methargs, "result": result}]


@pytest.fixture
def world() -> RawWorld:
    return RawWorld("A", "B", "C")


def ask_b_and_keep_the_result(world: RawWorld) -> list[str]:
    """A asks B for something; B keeps the name of the result. Returns B's names, filled later."""
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    names: list[str] = []
    world.vat("B").next = lambda delivery, _ask: names.append(delivery[2]["result"])

    def go(ask: Ask) -> None:
        ask(send(root, "p+5"))
        ask(["subscribe", "p+5"])

    world.run_in("A", go)
    world.drain()
    return names


def test_a_promise_forwarded_to_another_settles_with_it(world: RawWorld) -> None:
    """Subscribers of the forwarded promise hear the outcome of the one it follows, in one notify."""
    (result,) = ask_b_and_keep_the_result(world)
    world.run_in("B", lambda ask: ask(["resolve", [[result, False, {"body": '#"&0"', "slots": ["p+9"]}]]]))
    world.drain()
    assert world.vat("A").take_log() == []
    world.run_in("B", lambda ask: ask(["resolve", [["p+9", False, ANSWER]]]))
    world.drain()
    assert world.vat("A").take_log() == [["notify", [["p+5", {"rejected": False, "data": ANSWER}]]]]
    assert audit(world.store) == []
    assert list(world.store.promises.all()) == []


def test_a_promise_can_follow_the_result_of_the_vats_own_message(world: RawWorld) -> None:
    """B answers A with the promise of a message it sends to C, and C's answer reaches A."""
    (result,) = ask_b_and_keep_the_result(world)
    root = world.kernel.introduce(world.ids["B"], world.kernel.root_of("C"))
    names: list[str] = []
    world.vat("C").next = lambda delivery, _ask: names.append(delivery[2]["result"])

    def pass_on(ask: Ask) -> None:
        ask(send(root, "p+6"))
        ask(["resolve", [[result, False, {"body": '#"&0"', "slots": ["p+6"]}]]])

    world.run_in("B", pass_on)
    world.drain()
    world.run_in("C", lambda ask: ask(["resolve", [[names[0], True, ANSWER]]]))
    world.drain()
    assert world.vat("A").take_log() == [["notify", [["p+5", {"rejected": True, "data": ANSWER}]]]]
    assert audit(world.store) == []


def test_messages_to_a_forwarded_promise_move_on_at_once(world: RawWorld) -> None:
    """What waits for a promise waits for the one it was forwarded to, before and after."""
    (result,) = ask_b_and_keep_the_result(world)
    world.run_in("A", lambda ask: ask(send("p+5")))
    world.drain()
    forwarded = str(world.kref("A", "p+5"))
    world.run_in("B", lambda ask: ask(["resolve", [[result, False, {"body": '#"&0"', "slots": ["p+9"]}]]]))
    world.run_in("A", lambda ask: ask(send("p+5")))
    world.drain()
    world.vat("B").take_log()
    target = str(world.kref("B", "p+9"))
    assert len(world.store.promises.waiting(forwarded)) == 0
    assert len(world.store.promises.waiting(target)) == 2
    world.run_in("B", lambda ask: ask(["resolve", [["p+9", False, {"body": '#"$0"', "slots": ["o+3"]}]]]))
    world.drain()
    assert [entry[:2] for entry in world.vat("B").take_log()] == [["message", "o+3"], ["message", "o+3"]]
    assert audit(world.store) == []


def test_a_cycle_of_promises_is_refused(world: RawWorld) -> None:
    """Forwarding that would close a circle rejects the promise that would close it, and so all of them."""

    def watch(delivery: list[Any], ask: Ask) -> None:
        for slot in delivery[2]["methargs"]["slots"]:
            ask(["subscribe", slot])

    root = world.kernel.introduce(world.ids["B"], world.kernel.root_of("A"))
    world.run_in("B", lambda ask: ask(send(root, None, "p+7", "p+8")))
    world.vat("A").next = watch
    world.drain()
    krefs = [str(world.kref("B", "p+7")), str(world.kref("B", "p+8"))]
    first = {"body": '#"&0"', "slots": ["p+8"]}
    world.run_in("B", lambda ask: ask(["resolve", [["p+7", False, first]]]))
    name = world.kernel.introduce(world.ids["B"], krefs[0])
    second = {"body": '#"&0"', "slots": [name]}
    world.run_in("B", lambda ask: ask(["resolve", [["p+8", False, second]]]))
    world.drain()
    notified = [entry for entry in world.vat("A").take_log() if entry[0] == "notify"]
    outcomes = [outcome for _, batch in notified for _, outcome in batch]
    assert len(outcomes) == 2
    assert all(outcome["rejected"] and "promise-cycle" in outcome["data"]["body"] for outcome in outcomes)
    assert audit(world.store) == []


def test_a_vat_that_asks_for_it_is_sent_messages_to_promises_it_has_not_settled() -> None:
    """With enable_pipelining the message goes to the promise's decider at once."""
    world = RawWorld("A", "B", B={"enable_pipelining": True})
    (result,) = ask_b_and_keep_the_result(world)
    world.vat("B").take_log()
    world.run_in("A", lambda ask: ask(send("p+5")))
    world.drain()
    assert [entry[:2] for entry in world.vat("B").take_log()] == [["message", result]]


def test_a_settled_promise_is_told_once_and_its_name_retired(world: RawWorld) -> None:
    """One notify carries every settled promise that the outcome mentions; their c-list entries are gone."""
    (result,) = ask_b_and_keep_the_result(world)
    inner = {"body": '#["&0"]', "slots": ["p+9"]}
    world.run_in("B", lambda ask: ask(["resolve", [[result, False, inner], ["p+9", False, ANSWER]]]))
    world.drain()
    (notify,) = world.vat("A").take_log()
    assert [name for name, _ in notify[1]] == ["p+5", "p-60"]
    assert world.kref("A", "p+5") is world.kref("A", "p-60") is world.kref("B", "p+9") is None
    assert list(world.store.promises.all()) == []


def test_a_vat_cannot_settle_what_it_does_not_decide(world: RawWorld) -> None:
    """Resolving a promise of another vat is illegal: the crank is undone and the vat terminated."""
    ask_b_and_keep_the_result(world)
    report = world.run_in("A", lambda ask: ask(["resolve", [["p+5", False, ANSWER]]]))
    assert report.fault is not None
    assert "does not decide it" in report.fault.message


def test_a_vat_cannot_name_what_it_was_never_given(world: RawWorld) -> None:
    """Guessing at another vat's references gets nothing but the guesser's own end."""
    report = world.run_in("A", lambda ask: ask(send("o-77")))
    assert report.fault is not None
    assert report.fault.code == "illegal-syscall"
    assert "never given to the vat" in report.fault.message
    assert world.store.vats.named("A") is None


def test_a_rejection_under_the_policy_panic_stops_the_kernel(world: RawWorld) -> None:
    """The outcome is kept, and nothing runs any more."""
    result = world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'), policy="panic")

    def fail(delivery: list[Any], ask: Ask) -> None:
        ask(["resolve", [[delivery[2]["result"], True, ANSWER]]])

    world.vat("A").next = fail
    assert world.step() is not None
    with pytest.raises(KernelPanic, match=rf"kernel panic {result}.policy panic: rejected"):
        world.step()
    promise = world.store.promises.get(result)
    assert promise is not None
    assert promise.state == "rejected"


def test_the_end_of_a_critical_vat_stops_the_kernel() -> None:
    """A world that cannot do without a vat does not go on without it."""
    world = RawWorld("A", A={"critical": True})
    world.run_in("A", lambda ask: ask(["exit", True, {"body": "#null", "slots": []}]))
    with pytest.raises(KernelPanic, match="critical vat A was terminated"):
        world.step()


def test_an_exit_that_fails_undoes_its_crank_and_one_that_succeeds_keeps_it(world: RawWorld) -> None:
    """A vat's last messages are sent only if it ends well."""
    roots = {name: world.kernel.introduce(world.ids[name], world.kernel.root_of("C")) for name in "AB"}
    for name, failed in (("A", True), ("B", False)):

        def leave(ask: Ask, name: str = name, failed: bool = failed) -> None:
            ask(send(roots[name]))
            ask(["exit", failed, {"body": "#null", "slots": []}])

        world.run_in(name, leave)
        world.drain()
        assert world.store.vats.named(name) is None
        assert len(world.vat("C").take_log()) == (0 if failed else 1)
