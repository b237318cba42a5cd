"""A knock that brings many syscalls: the host's clock and Ctrl-C are looked at between any two of them."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.model import reasons
from swingset.model.limits import Limits
from swingset.workers.wasm import worker
from swingset.workers.wasm.engine import WasmWorkerFactory

from .conftest import Bench

MANY = """
_host.call(b"S" + __import__("json").dumps([["vatstoreGet", "key"]] * 1_000).encode())
"""


class Clock:
    """A clock that stands still until somebody sets it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("served", [1, 500])
def test_the_clock_stops_a_batch_in_the_middle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, served: int
) -> None:
    """The syscall under way is served, and none after it."""
    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)

    def answer(_syscall: list[Any]) -> list[Any]:
        if len(bench.syscalls) == served:
            clock.now = 1_000_000
        return ["ok", None]

    bench.answer = answer
    result = bench.run(MANY, Limits(seconds=30))
    assert result.fault is not None
    assert result.fault.code == reasons.WALL_CLOCK
    assert len(bench.syscalls) == served


def test_an_interruption_stops_a_batch_in_the_middle(bench: Bench, bare: WasmWorkerFactory) -> None:
    """So does the hand of whoever runs the world."""

    def answer(_syscall: list[Any]) -> list[Any]:
        if len(bench.syscalls) == 7:
            bare.interrupt()
        return ["ok", None]

    bench.answer = answer
    result = bench.run(MANY)
    assert result.fault is not None
    assert result.fault.code == reasons.INTERRUPTED
    assert len(bench.syscalls) == 7
