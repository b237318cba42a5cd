"""What a stopped guest says of where it stood: decided by its fuel, never by the host's clock."""

from __future__ import annotations

import time
from typing import Any

import pytest

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.workers.wasm import ticker, worker

from .conftest import Bench

SLOW_TO_TELL = """
import sys
real = sys._getframe
def slow(*given):
    for step in range(450_000): pass
    return real()
sys._getframe = slow
while True: pass
"""


class Clock:
    """A clock that goes forward by so many seconds each time somebody looks."""

    def __init__(self, stride: float) -> None:
        self.now, self.stride = 0.0, stride

    def monotonic(self) -> float:
        self.now += self.stride
        return self.now


@pytest.mark.parametrize("seconds", [1_000_000.0, None])
def test_a_slow_host_hears_the_same_lines(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    """However many seconds go by while a stopped guest looks for its lines, they are found."""
    monkeypatch.setattr(worker, "time", Clock(stride=100))
    result = bench.run(SLOW_TO_TELL, Limits(computrons=50_000_000, seconds=seconds))
    assert result.fault is not None
    assert result.fault.code == reasons.OUT_OF_COMPUTRONS
    assert ("cell", 8) in [(frame.part, frame.line) for frame in result.fault.trace]


def test_a_clock_that_strikes_meanwhile_is_no_outcome(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the time is up before the lines are told, the delivery is one that the host has stopped."""
    clock = Clock(stride=0)
    monkeypatch.setattr(worker, "time", clock)
    # The beat that is under way ends, and short ones follow: somebody looks, however fast the host is.
    usual = ticker.TICK
    monkeypatch.setattr(ticker, "TICK", 0.001)

    def forward(*given: Any) -> Any:
        clock.stride = 1_000
        time.sleep(2 * usual)
        return autopsy(*given)

    autopsy = bench.worker._autopsy
    monkeypatch.setattr(bench.worker, "_autopsy", forward)
    result = bench.run(SLOW_TO_TELL, Limits(computrons=50_000_000, seconds=30))
    assert result.fault is not None
    assert result.fault.code in reasons.HOST_CHOSEN
