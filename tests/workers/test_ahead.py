"""A delivery that runs ahead of its turn: what it is answered, what becomes of it, and how it is stopped."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from swingset.model import reasons, syscalls
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Fault
from swingset.model.syscalls import Syscall
from swingset.workers.ahead import Bell, Overtaken, RunAhead
from swingset.workers.base import HeapImage, SyscallHandler

SEND = ["send", "o-1", {"methargs": {"body": "#[]", "slots": []}, "result": None}]
CALL = ["callNow", "d-1", "now", {"body": "#[]", "slots": []}]


def get(key: str) -> list[Any]:
    return ["vatstoreGet", key]


def after(key: str) -> list[Any]:
    return ["vatstoreGetNextKey", key]


def put(key: str, value: str) -> list[Any]:
    return ["vatstoreSet", key, value]


def delete(key: str) -> list[Any]:
    return ["vatstoreDelete", key]


class Scripted:
    """A worker that makes the syscalls it is delivered, and fails if one is refused."""

    kind = "scripted"

    def __init__(self, fault: Fault | None = None, *, endless: bool = False) -> None:
        self.answers: list[Any] = []
        self._fault = fault
        self._stopped = threading.Event()
        self._endless = endless

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        assert limits.seconds is None
        for raw in delivery:
            status, value = syscall(syscalls.read(raw))
            if status != "ok":
                return DeliveryResult(Fault(reasons.PROTOCOL, value))
            self.answers.append(value)
        if self._endless:
            self._stopped.wait()
            return DeliveryResult(Fault(reasons.INTERRUPTED, "it was stopped"))
        return DeliveryResult(self._fault, 7)

    def stop(self) -> None:
        self._stopped.set()

    def snapshot(self) -> HeapImage | None:
        return None

    def heap_digest(self) -> str | None:
        return None

    def close(self) -> None:
        pass


@dataclass
class Kernel:
    """A vat's store, a clock device, and the log of a delivery that asks in its turn."""

    rows: dict[str, str] = field(default_factory=dict)
    log: list[Any] = field(default_factory=list)
    refuses: str | None = None

    def get(self, vat: str, key: str) -> str | None:
        assert vat == "v1"
        return self.rows.get(key)

    def next_key(self, vat: str, prior: str) -> str | None:
        assert vat == "v1"
        return min((key for key in self.rows if key > prior), default=None)

    def __call__(self, syscall: Syscall) -> list[Any]:
        if syscall.raw[0] == self.refuses:
            return ["error", "no"]
        value: Any = None
        match syscall.raw:
            case ["vatstoreGet", key]:
                value = self.get("v1", key)
            case ["vatstoreGetNextKey", prior]:
                value = self.next_key("v1", prior)
            case ["vatstoreSet", key, said]:
                self.rows[key] = said
            case ["vatstoreDelete", key]:
                self.rows.pop(key, None)
            case ["callNow", *_]:
                value = [False, {"body": f"#{len(self.log)}", "slots": []}]
        self.log.append([syscall.raw, value])
        return ["ok", value]


def _rest(run: RunAhead, bell: Bell, kernel: Kernel) -> None:
    """Answer what it reads until it has ended, or calls a device."""
    while True:
        heard = bell.count
        run.serve("v1", kernel)
        if run.rests:
            return
        bell.wait(heard, None)


def _ahead(script: list[Any], rows: dict[str, str]) -> tuple[list[Any], Kernel, DeliveryResult | None]:
    """What a script is answered that runs ahead as far as it can, and what the kernel learns in its turn."""
    worker, kernel, bell = Scripted(), Kernel(dict(rows)), Bell(1)
    run = RunAhead(worker, script, Limits(), bell)
    _rest(run, bell, kernel)
    assert kernel.log == []
    result = run.play(kernel, lambda: None)
    return worker.answers, kernel, result


def _in_turn(script: list[Any], rows: dict[str, str]) -> tuple[list[Any], Kernel, DeliveryResult | None]:
    kernel = Kernel(dict(rows))
    return [kernel(syscalls.read(raw))[1] for raw in script], kernel, DeliveryResult(None, 7)


ROWS = {"a": "1", "b": "2", "d": "4"}

SCRIPTS = {
    "nothing": [],
    "sends": [SEND, SEND],
    "reads": [get("a"), get("z"), after(""), after("b"), after("d")],
    "reads what it wrote": [put("a", "9"), get("a"), put("c", "3"), get("c"), after("b"), after("c")],
    "does not see what it deleted": [delete("b"), get("b"), after("a"), delete("d"), after("a")],
    "sees what it deleted and wrote again": [delete("b"), put("b", "7"), get("b"), after("a")],
    "writes before and behind all others": [put("0", "x"), put("z", "y"), after(""), after("d"), after("z")],
    "deletes what is not there": [delete("q"), after("d"), get("q")],
    "asks a device": [SEND, CALL, SEND, CALL],
    "reads and writes around a device": [put("c", "3"), get("c"), CALL, get("c"), after("b"), delete("a")],
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_delivery_ahead_is_answered_as_in_its_turn(name: str) -> None:
    """The guest hears the same, the kernel learns the same in the same order, and the outcome is the same."""
    assert _ahead(SCRIPTS[name], ROWS) == _in_turn(SCRIPTS[name], ROWS)


@pytest.mark.parametrize("seed", range(40))
def test_random_deliveries_ahead_are_answered_as_in_their_turn(seed: int) -> None:
    """The same for reads, writes, sends and device calls in any order."""
    chance = random.Random(seed)
    keys = [chr(chance.randrange(97, 107)) for _ in range(8)]
    made: list[Callable[[], list[Any]]] = [
        lambda: get(chance.choice(keys)),
        lambda: after(chance.choice(keys)),
        lambda: put(chance.choice(keys), str(chance.random())),
        lambda: delete(chance.choice(keys)),
        lambda: SEND,
    ]
    script = [chance.choice(made)() for _ in range(chance.randrange(1, 30))]
    if seed % 3 == 0:
        script.insert(chance.randrange(len(script)), CALL)
    rows = dict.fromkeys(chance.sample(keys, 4), "old")
    assert _ahead(script, rows) == _in_turn(script, rows)


OVERTAKEN: dict[str, tuple[list[Any], Kernel, Fault | None]] = {
    "a row was changed meanwhile": ([get("a")], Kernel({"a": "another"}), None),
    "a key was added meanwhile": ([after("b")], Kernel({"c": "new"}), None),
    "the kernel refuses what it did": ([SEND], Kernel(refuses="send"), None),
    "it failed": ([SEND], Kernel(), Fault(reasons.GUEST_CRASHED, "no")),
    "the host stopped it": ([SEND], Kernel(), Fault(reasons.INTERRUPTED, "Ctrl-C")),
}


@pytest.mark.parametrize("why", OVERTAKEN)
def test_what_would_go_otherwise_in_its_turn_is_not_used(why: str) -> None:
    """Another answer, a refusal or a failure: the delivery has to run in its turn."""
    script, kernel, fault = OVERTAKEN[why]
    bell = Bell(1)
    run = RunAhead(Scripted(fault), script, Limits(), bell)
    _rest(run, bell, Kernel(dict(ROWS)))
    with pytest.raises(Overtaken):
        run.play(kernel, lambda: None)
    run.give_up()


def test_after_a_device_has_answered_a_failure_is_the_outcome() -> None:
    """From there on it runs in its turn: a second run would call the device twice."""
    for script, kernel, fault, wanted in (
        ([CALL, SEND], Kernel(), Fault(reasons.GUEST_CRASHED, "no"), "no"),
        ([CALL, SEND], Kernel(refuses="send"), None, "no"),
    ):
        run = RunAhead(Scripted(fault), script, Limits(), Bell(1))
        result = run.play(kernel, lambda: None)
        assert result is not None
        assert result.fault is not None
        assert result.fault.message == wanted


def test_what_has_not_begun_runs_in_its_turn() -> None:
    """Where no thread is free, play says so, and the worker is as it was."""
    worker = Scripted()
    run = RunAhead(worker, [SEND], Limits(), Bell(0))
    assert run.play(Kernel(), lambda: None) is None
    assert worker.answers == []


@pytest.mark.parametrize("script", [[], [get("a")], [CALL]], ids=["computing", "reading", "at a device"])
def test_a_delivery_that_is_given_up_ends(script: list[Any]) -> None:
    """Whatever it was doing, its thread is gone, and a slot is free again."""
    bell = Bell(1)
    run = RunAhead(Scripted(endless=True), script, Limits(), bell)
    run.give_up()
    assert run.ended or run.lasts == 0.0  # given up before it began
    assert bell.free == 1


def test_its_seconds_are_counted_from_its_turn() -> None:
    """One that lasts is run in its turn; one that a device has answered is stopped, and says why."""
    with pytest.raises(Overtaken):
        RunAhead(Scripted(endless=True), [SEND], Limits(seconds=0.01), Bell(1)).play(Kernel(), lambda: None)
    run = RunAhead(Scripted(endless=True), [CALL], Limits(seconds=0.01), Bell(1))
    result = run.play(Kernel(), lambda: None)
    assert result is not None
    assert result.fault == Fault(
        reasons.WALL_CLOCK, "the delivery took longer than 0.01 seconds", "DeliveryStopped"
    )


@pytest.mark.parametrize("asks", [put("a", "x" * 1_000), SEND, get("a")], ids=["writes", "sends", "reads"])
def test_what_is_kept_is_no_more_than_a_delivery_may_add(asks: list[Any]) -> None:
    """Who says or hears more ahead of its turn waits for it, where the kernel refuses what is too much."""
    worker, bell, kernel = Scripted(), Bell(1), Kernel({"a": "x" * 1_000})
    run = RunAhead(worker, [asks] * 1_000, Limits(write_bytes=50_000), bell)
    _rest(run, bell, kernel)
    assert not run.ended
    assert 0 < len(worker.answers) < 400
    result = run.play(kernel, lambda: None)
    assert (result, len(kernel.log)) == (DeliveryResult(None, 7), 1_000)


def test_an_error_of_the_host_is_raised_in_turn() -> None:
    """What the kernel's handler raises comes out of play, and the guest can be stopped."""

    def broken(_: Syscall) -> list[Any]:
        raise OSError("disk full")

    run = RunAhead(Scripted(), [CALL], Limits(), Bell(1))
    with pytest.raises(OSError, match="disk full"):
        run.play(broken, lambda: None)
    run.give_up()
    assert run.ended
