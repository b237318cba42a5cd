"""What a bad end is put down to, where there is more than one cause for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.reports import Fault
from swingset.testing import audit

from .raw import Failed
from .test_meters import metered
from .test_paying import said

Ask = Callable[[list[Any]], Any]
CRASH = Fault(reasons.GUEST_CRASHED, "it crashed")

RANKED = ("illegal syscall", "delivery error", "meter underflow", "wish to end")
CODES = dict(
    zip(
        RANKED,
        (reasons.ILLEGAL_SYSCALL, reasons.GUEST_CRASHED, reasons.METER_EXHAUSTED, reasons.TERMINATED),
        strict=True,
    )
)


@pytest.mark.parametrize(
    "causes",
    [causes for size in range(1, 5) for causes in combinations(RANKED, size)],
    ids=lambda causes: ", ".join(causes),
)
def test_the_cause_that_ranks_first_is_told(causes: tuple[str, ...]) -> None:
    """An illegal syscall goes before a delivery error, that before an empty meter, that before an exit.

    In the reference a delivery error ends the vat like the others. Here the delivery is undone and the vat
    goes on, and so what it wished at the end of a failed delivery is undone too.
    """
    world, meter = metered(on_starvation="terminate")
    computrons = 1_000 if "meter underflow" in causes else 10

    def behave(_delivery: list[Any], ask: Ask) -> int:
        if "wish to end" in causes:
            ask(["exit", True, {"body": '#"bye"', "slots": []}])
        if "illegal syscall" in causes:
            with pytest.raises(RuntimeError):
                ask(["dropImports", ["o-999"]])
        if "delivery error" in causes:
            raise Failed(CRASH, computrons)
        return computrons

    world.vat("A").next = behave
    result = world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))
    world.drain()
    assert f'"code":"{CODES[causes[0]]}"' in said(world, result)
    ended = world.store.vats.named("A") is None
    assert ended == (causes[0] != "delivery error")
    assert world.kernel.metering.get(meter).remaining == max(0, 100 - computrons)
    assert audit(world.store) == []
