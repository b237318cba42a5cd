"""Mailbox, bridge and host functions: the ways between a world and what is around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.guest.base.errors import RemoteError
from swingset.guest.sending.device_calls import D
from tests.staging import Stage

CLERK = """
    from swingset.vat import D, remotable

    @remotable
    class Clerk:
        def register(self, device):
            D(device).register(self)
            self.device = device

        def deliver(self, peer, number, body):
            print(peer, number, body)
            D(self.device).ack(peer, number)

        def inbound(self, data):
            print(data)

        def send(self, *args):
            return D(self.device).send(*args)

        def fail_after_sending(self, *args):
            D(self.device).send(*args)
            raise ValueError("too late")

        def call(self, function, *args):
            return D(function).call(*args)

        def call_and_catch(self, function, *args):
            try:
                return D(function).call(*args)
            except ValueError as error:
                return ["caught", str(error)]

    def build_root_object():
        return Clerk()
"""


def clerk_with(stage: Stage, device: Any) -> Any:
    """A vat that has registered with a device."""
    clerk = stage.define("clerk", CLERK)
    stage.ask(clerk, "register", device)
    return clerk


# Mailbox


def test_mail_is_delivered_once_however_often_it_is_carried(stage: Stage) -> None:
    """A carrier that repeats itself, or comes with old mail, tells the vat nothing new."""
    clerk_with(stage, stage.session.devices.mailbox())
    devices = stage.controller.devices
    assert devices.receive("bob", [[2, "two"], [1, "one"]]) == 2
    assert devices.receive("bob", [[1, "one"], [2, "two"]]) == 0
    assert devices.receive("bob", [[2, "two"], [3, "three"]]) == 1
    assert devices.receive("eve", [[1, "uno"]]) == 1
    stage.session.settle()
    assert stage.log == ["bob 1 one", "bob 2 two", "bob 3 three", "eve 1 uno"]
    assert devices.outbox() == {
        "bob": {"messages": [], "ack": 3},
        "eve": {"messages": [], "ack": 1},
    }


def test_sent_mail_stays_until_it_is_acknowledged(stage: Stage) -> None:
    """The outbox shows what the peer has not confirmed, under its numbers."""
    clerk = clerk_with(stage, stage.session.devices.mailbox())
    devices = stage.controller.devices
    assert [stage.ask(clerk, "send", "bob", text) for text in ("a", "b", "c")] == [1, 2, 3]
    assert devices.outbox()["bob"] == {"messages": [[1, "a"], [2, "b"], [3, "c"]], "ack": 0}
    devices.receive("bob", [], ack=2)
    assert devices.outbox()["bob"] == {"messages": [[3, "c"]], "ack": 0}
    devices.receive("bob", [], ack=1)
    assert stage.ask(clerk, "send", "bob", "d") == 4


def test_mail_is_remembered_by_the_file(tmp_path: Path) -> None:
    """Another process has the same outbox and refuses the same repetitions."""
    first = Stage("local", tmp_path / "world")
    clerk = clerk_with(first, first.session.devices.mailbox())
    first.ask(clerk, "send", "bob", "hello")
    first.controller.devices.receive("bob", [[1, "hi"]])
    first.close()
    second = Stage("local", tmp_path / "world")
    assert second.controller.devices.receive("bob", [[1, "hi"], [2, "ho"]]) == 1
    assert second.controller.devices.outbox()["bob"]["messages"] == [[1, "hello"]]
    second.session.settle()
    assert second.log == ["bob 1 hi", "bob 2 ho"]
    second.close()


def test_mail_nobody_wants_is_not_taken(local: Stage) -> None:
    """Before a vat registers, and for malformed mail, the carrier is told and nothing is noted."""
    devices = local.controller.devices
    with pytest.raises(KernelError, match="no vat has registered with the mailbox yet"):
        devices.receive("bob", [[1, "hi"]])
    clerk_with(local, local.session.devices.mailbox())
    for peer, messages in (("bob", [[1, 5]]), ("bob", [[-1, "x"]]), ("b b", [])):
        with pytest.raises(KernelError, match=f"mail from '{peer}'"):
            devices.receive(peer, messages)
    assert devices.receive("bob", [[1, "hi"]]) == 1


# Bridge


def test_the_bridge_carries_plain_data_both_ways(stage: Stage) -> None:
    """What goes out waits until the program has dealt with it; what comes in is a message."""
    clerk = clerk_with(stage, stage.session.devices.bridge())
    stage.session.devices.bridge_send({"to": "the vat", "n": [1, 2.5, b"x"]})
    stage.session.settle()
    assert stage.log == ["{'to': 'the vat', 'n': [1, 2.5, b'x']}"]
    assert stage.ask(clerk, "send", {"from": (1, "x")}) == 1
    assert stage.ask(clerk, "send", "second") == 2
    seen: list[Any] = []

    def deal(data: Any) -> None:
        if data == "second" and "retried" not in seen:
            seen.append("retried")
            raise OSError("the line is down")
        seen.append(data)

    with pytest.raises(OSError, match="the line is down"):
        stage.session.devices.bridge_receive(deal)
    assert stage.session.devices.bridge_receive(deal) == 1
    assert seen == [{"from": (1, "x")}, "retried", "second"]
    assert stage.session.devices.bridge_receive(deal) == 0


def test_the_bridge_takes_no_references(stage: Stage) -> None:
    """The program outside has no c-list."""
    clerk = clerk_with(stage, stage.session.devices.bridge())
    with pytest.raises(RemoteError, match="takes plain data, and was given a reference"):
        stage.ask(clerk, "send", {"me": clerk})
    with pytest.raises(TypeError, match="cannot hold references"):
        stage.session.devices.bridge_send([clerk])


# Host functions


def test_a_host_function_is_called_by_those_who_hold_it(stage: Stage) -> None:
    """Arguments and answers are plain data, an exception arrives as one."""

    def root_of(number: float) -> float:
        if number < 0:
            raise ValueError("negative")
        return float(number**0.5)

    function = stage.session.devices.plugin("root_of", root_of)
    clerk = stage.define("clerk", CLERK)
    assert stage.ask(clerk, "call", function, 9) == 3.0
    assert stage.ask(clerk, "call_and_catch", function, -1) == [
        "caught",
        "device plugins: call() failed: ValueError: negative",
    ]
    assert stage.session.devices.call(function, "call", 16) == 4.0
    assert stage.session.devices.plugin("root_of", root_of) is function


def test_a_host_function_takes_and_gives_no_references(stage: Stage) -> None:
    """It has no vat, so there is nothing it could do with one."""
    clerk = stage.define("clerk", CLERK)
    function = stage.session.devices.plugin("give", lambda *args: clerk)
    with pytest.raises(RemoteError, match="takes plain data, and was given a reference"):
        stage.ask(clerk, "call", function, clerk)
    with pytest.raises(RemoteError, match="cannot hold references"):
        stage.ask(clerk, "call", function)


ACTS: dict[str, Callable[[Stage, Any], object]] = {
    "run": lambda stage, _: stage.controller.run(),
    "step": lambda stage, _: stage.controller.step(),
    "settle": lambda stage, _: stage.session.settle(),
    "wait": lambda stage, clerk: stage.ask(clerk, "call_and_catch", clerk),
    "send": lambda stage, clerk: stage.send(clerk, "call_and_catch", clerk),
    "queue": lambda stage, _: stage.controller.queue_to_root("clerk", "call_and_catch"),
    "commit": lambda stage, _: stage.controller.commit(),
    "checkpoint": lambda stage, _: stage.controller.checkpoint("within"),
    "resume": lambda stage, _: stage.controller.history.go_back("before"),
    "define": lambda stage, _: stage.define("other", CLERK),
    "upgrade": lambda stage, _: stage.upgrade("clerk", CLERK),
    "terminate": lambda stage, _: stage.controller.terminate_vat("clerk"),
    "suspend": lambda stage, _: stage.controller.vats.suspend("clerk"),
    "pause": lambda stage, _: stage.controller.queue.pause(),
    "snapshot": lambda stage, _: stage.controller.vats.snapshot_all(),
    "close": lambda stage, _: stage.controller.close(),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_host_function_cannot_enter_the_world_again(stage: Stage, act: str) -> None:
    """A crank is one at a time: what would run or change the world within one is refused, and all goes on."""
    clerk = stage.define("clerk", CLERK)
    stage.controller.checkpoint("before")
    function = stage.session.devices.plugin("act", lambda: str(ACTS[act](stage, clerk)))
    for _ in range(2):
        with pytest.raises(RemoteError, match="the world is in the middle of a delivery"):
            stage.ask(clerk, "call", function)
    assert [row.name for row in stage.lens.vats()] == ["notebook", "clerk"]
    assert [label.name for label in stage.controller.history.checkpoints()] == ["before"]
    kernel = stage.controller.kernel
    assert kernel.warehouse.verify(kernel.vat("clerk"))[1] == stage.heap("clerk")


def test_a_host_function_is_not_repeated_when_its_caller_is_brought_back(stage: Stage) -> None:
    """The vat's transcript has the answer."""
    calls: list[int] = []

    def count(number: int) -> int:
        calls.append(number)
        return len(calls)

    function = stage.session.devices.plugin("count", count)
    clerk = stage.define("clerk", CLERK)
    assert stage.ask(clerk, "call", function, 7) == 1
    stage.controller.kernel.warehouse.discard_all()
    assert stage.ask(clerk, "call", function, 8) == 2
    assert calls == [7, 8]


def test_a_host_function_is_missing_after_a_restart_until_it_is_handed_in_again(tmp_path: Path) -> None:
    """The device is remembered, the function is not, and the error says what to do."""
    first = Stage("local", tmp_path / "world")
    clerk = first.define("clerk", CLERK)
    function = first.session.devices.plugin("five", lambda: 5)
    assert first.ask(clerk, "call", function) == 5
    first.session.names.remember({"clerk": clerk, "function": function})
    first.close()
    second = Stage("local", tmp_path / "world")
    names = second.session.names.recall()
    with pytest.raises(LookupError, match='host function "five" is not here') as caught:
        second.ask(names["clerk"], "call", names["function"])
    assert caught.value.code == "no-plugin"
    assert second.session.devices.plugin("five", lambda: 6) is names["function"]
    assert second.ask(names["clerk"], "call", names["function"]) == 6
    second.close()


def test_a_rehearsal_calls_no_host_function(local: Stage) -> None:
    """What is tried out in a fork has no effects outside."""
    calls: list[int] = []
    function = local.session.devices.plugin("effect", calls.append)
    clerk = local.define("clerk", CLERK)
    local.send(clerk, "call", function, 1)
    local.session.flush()
    assert local.session.rehearse("clerk", "clerk", CLERK.replace("    ", "", 1)).ok in (True, False)
    assert calls == []
    local.session.settle()
    assert calls == [1]


def test_what_an_undone_delivery_sent_is_not_sent(stage: Stage) -> None:
    """An exception in a method undoes nothing, the loss of the delivery does."""
    clerk = clerk_with(stage, stage.session.devices.bridge())
    with pytest.raises(RemoteError, match="too late"):
        stage.ask(clerk, "fail_after_sending", "kept")
    assert [number for number, _ in stage.controller.devices.bridge_outbound()] == [1]
    bridge = stage.session.devices.bridge()
    assert stage.session.devices.call(bridge, "send", "from the session") == 2
    assert D(bridge).send("again") == 3
