"""Alarms by the thousand: what a poll or a cancellation takes grows with what it finds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.devices.timer import TimerDevice
from swingset.model.capdata import CapData
from swingset.testing import audit
from tests.core.raw import RawWorld
from tests.effort import measured
from tests.meddling import atomic

TOKENS = 10


class Clock:
    """The timer device of a world, and tokens that the world's one vat has exported."""

    def __init__(self, alarms: int) -> None:
        self.device = TimerDevice()
        raw = RawWorld("A")
        self.world, self.kernel = raw.world, raw.kernel
        self.kernel.devices.install(self.device)
        self.root = self.kernel.add_device("timer", "timer")
        self.context = self.kernel.devices.context("timer")
        store = self.kernel.store
        with atomic(self.kernel):
            self.tokens = [store.new_object(raw.ids["A"]) for _ in range(TOKENS)]
            for number, token in enumerate(self.tokens):
                store.clists.add(raw.ids["A"], token, f"o+{10 + number}")
                store.hold(token)  # the host's
            for number in range(alarms):
                # All of them use the first token but a few, spread over all times, which share the others.
                token = self.tokens[number % TOKENS] if number < 5 * TOKENS else self.tokens[0]
                self.ask("promise_at", [1_000 + number, "token"], token)

    def ask(self, method: str, args: list[Any], *slots: str) -> Any:
        words = [f"$0.Alleged: {arg}" if isinstance(arg, str) else arg for arg in args]
        return self.device.call(method, CapData("#" + json.dumps(words), slots), self.context)

    def steps(self, method: str, *args: Any) -> int:
        """How much work a call is."""
        with measured(self.world) as effort, atomic(self.kernel):
            if method == "poll":
                assert self.device.poll(args[0], self.context) == args[1]
            else:
                assert self.ask("cancel", ["token"], self.tokens[args[0]]).body == f"#{args[1]}"
        return effort.total


@pytest.mark.unaudited
@pytest.mark.parametrize("call", [("cancel", 3, 5), ("poll", 1_004, 5)])
def test_what_a_call_costs_does_not_grow_with_the_alarms_there_are(call: tuple[Any, ...]) -> None:
    """Five alarms cancelled, or five that go off, take the same steps among 200 and among 4,000."""
    few, many = (Clock(alarms).steps(*call) for alarms in (200, 4_000))
    assert 0 < many <= few * 1.2


def test_a_token_cancels_what_was_set_with_it_and_leaves_nothing() -> None:
    """Alarms that went off are not cancelled, those of other tokens stay, and no note of a token is left."""
    clock = Clock(50)
    assert clock.context.keys("by.") != []
    clock.steps("poll", 1_012, 13)
    for index, left in enumerate((3, 3, 3, 4, 4, 4, 4, 4, 4, 4)):
        before = int(clock.ask("pending", []).body[1:])
        clock.steps("cancel", index, left)
        clock.steps("cancel", index, 0)
        assert int(clock.ask("pending", []).body[1:]) == before - left
    assert clock.context.keys("by.") == clock.context.keys("at.") == []
    with atomic(clock.kernel):
        for kref in clock.tokens:
            clock.kernel.store.release(kref)
    assert audit(clock.kernel.store) == []
