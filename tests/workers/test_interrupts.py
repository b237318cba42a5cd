"""Ctrl-C during runs: who takes it, and how often the handler of the signal is changed for that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from swingset.core.report import CrankReport
from swingset.host.base.requests import Ref
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.workers.interrupts import before, routed, taken

BOB = """
from swingset.vat import remotable

@remotable
class Bob:
    def ping(self):
        return 1

def build_root_object():
    return Bob()
"""

ALICE = """
from swingset.vat import E, remotable

@remotable
class Alice:
    async def go(self, bob, count):
        for _ in range(count):
            await E(bob).ping()

def build_root_object():
    return Alice()
"""

WORKERS = ["local", "wasm"]


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """The handler that Python starts with: a process in the background is started without it."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


@pytest.fixture(params=WORKERS)
def world(request: pytest.FixtureRequest) -> Iterator[Controller]:
    """Two vats that talk."""
    with open_world(None, worker=request.param) as controller:
        controller.create_vat("alice", (("alice", ALICE),))
        controller.create_vat("bob", (("bob", BOB),))
        yield controller


def talk(world: Controller, count: int) -> None:
    """Have so many messages sent, one after the other."""
    bob = Ref(world.vats.pin_root("bob"), "bob")
    world.queue_to_root("alice", "go", [bob, count])
    world.gc.unpin(bob.kref)


def press(taker: Callable[[], None]) -> None:
    """Ctrl-C, and what is done right after it."""
    signal.raise_signal(signal.SIGINT)
    taker()


def test_a_run_changes_the_handler_as_often_for_many_deliveries_as_for_few(
    world: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal's handler is changed at the start and at the end of a run, whatever happens between."""
    changes: list[Any] = []
    change = signal.signal

    def counted(number: int, handler: Any) -> Any:
        changes.append(handler)
        return change(number, handler)

    monkeypatch.setattr(signal, "signal", counted)
    found = []
    for count in (1, 20):
        talk(world, count)
        changes.clear()
        world.run()
        found.append(len(changes))
    assert found == [2, 2]
    assert before() is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_between_two_cranks_an_interrupt_is_raised_at_once(world: Controller) -> None:
    """Nobody has taken it there, so it goes where it would have gone; what was done is committed."""
    talk(world, 3)

    def watch(report: CrankReport) -> None:
        press(lambda: pytest.fail("the interrupt was put off"))

    cranks = world.crank
    with pytest.raises(KeyboardInterrupt):
        world.run(watch=watch)
    assert world.crank == cranks + 1
    assert before() is None


def test_the_innermost_taker_gets_it() -> None:
    """Takers nest, and what nobody has taken goes to the handler that was there."""
    said: list[str] = []

    def note(name: str) -> Callable[[int, FrameType | None], None]:
        return lambda _number, _frame: said.append(name)

    found = signal.signal(signal.SIGINT, note("host"))
    try:
        with routed():
            signal.raise_signal(signal.SIGINT)
            with taken(note("outer")):
                with taken(note("inner")):
                    signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        with taken(note("alone")):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, found)
    assert said == ["host", "inner", "outer", "host", "alone", "host"]


def test_a_handler_that_a_host_installs_meanwhile_stays() -> None:
    """What a host has done to the signal during a run is not undone at its end."""
    found = signal.getsignal(signal.SIGINT)

    def own(_number: int, _frame: FrameType | None) -> None:
        return None

    try:
        with routed():
            signal.signal(signal.SIGINT, own)
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, found)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_signal_that_no_function_handles_is_left_alone(handler: signal.Handlers) -> None:
    """Where the host ignores Ctrl-C, or lets it end the process, it stays so."""
    found = signal.signal(signal.SIGINT, handler)
    try:
        with routed(), taken(lambda _number, _frame: None):
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, found)


def test_another_thread_takes_nothing() -> None:
    """Only the main thread gets signals, so no other may change what becomes of them."""
    found: list[object] = []

    def work() -> None:
        with routed(), taken(lambda _number, _frame: None):
            found.append(before())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]
