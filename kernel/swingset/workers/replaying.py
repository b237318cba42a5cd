"""Repeating a transcript: the same deliveries, and every syscall compared with the recorded one.

This is how a vat comes back after a restart, and how one finds out that an engine or a guest library is not
the one that made a world. Syscalls are answered from the record and reach no kernel. The first difference is
an error that names the delivery and the syscall; after it, nothing that the vat does can be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from swingset.model import reasons
from swingset.model.foreign import shown
from swingset.model.limits import Limits
from swingset.model.reports import DeliveryResult, Fault
from swingset.model.sourced import Fetch, with_source
from swingset.model.syscalls import Syscall
from swingset.workers.base import Worker, WorkerError

MOST_COMPUTRONS = 1 << 62
"""More than any delivery takes."""

_TO_TELL = 100_000_000
"""Computrons allowed on top of twice the recorded number, so that the error can say how many it takes now."""


class ReplayDiverged(WorkerError):
    """A vat did not repeat its transcript; the message names the first difference."""


class ReplayStopped(WorkerError):
    """The host ended a replay, which says nothing about the vat. `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"the replay was ended: {fault}")
        self.fault = fault


def replay(
    worker: Worker, name: str, entry: Mapping[str, Any], limits: Limits, fetch: Fetch
) -> DeliveryResult:
    """Repeat one transcript entry; raises `ReplayDiverged` at the first difference.

    Raises `ReplayStopped` if the host ends it. The computrons are limited to little more than twice what the
    delivery took, because code that was altered may never end. `fetch` finds source that an answer names.
    """
    recorded = list(entry["syscalls"])
    position = 0
    difference: str | None = None

    def answer(syscall: Syscall) -> list[Any]:
        nonlocal position, difference
        expected = recorded[position] if position < len(recorded) else None
        position += 1
        if expected is None or expected[0] != syscall.raw:
            wanted = "no further syscall" if expected is None else short(expected[0])
            difference = difference or f"syscall {position}: recorded {wanted}, now {short(syscall.raw)}"
            return ["error", "the replay has diverged"]
        return with_source(expected[1], fetch)

    taken = entry["computrons"]
    if type(taken) is int and 0 <= taken < MOST_COMPUTRONS:
        limits = replace(limits, computrons=2 * taken + _TO_TELL)
    result = worker.deliver(entry["delivery"], answer, limits)
    if result.fault is not None and result.fault.code in reasons.HOST_CHOSEN:
        raise ReplayStopped(result.fault)
    if difference is None and position < len(recorded):
        difference = f"syscall {position + 1}: recorded {short(recorded[position][0])}, now none"
    if difference is None and result.fault is not None:
        difference = f"the delivery failed: {result.fault}"
    spent = result.computrons
    if difference is None and None not in (spent, taken) and spent != taken:
        difference = f"computrons: recorded {taken:,}, now {spent:,}"
    if difference is not None:
        where = f"vat {name}, delivery {entry['position']} ({short(entry['delivery'])})"
        raise ReplayDiverged(
            f"{where} does not repeat its transcript: {difference}. Either another engine recorded it, or the"
            " file was altered, or the vat saw something of its host. (A local vat can see the clock, for"
            " example, or the order of a set of str, which differs between processes unless they share one"
            " PYTHONHASHSEED.) Upgrade the vat: its stored state is whole"
        )
    return result


def short(value: Any) -> str:
    """The beginning of a syscall or a delivery as JSON; the rest is not read."""
    text = json.dumps(_cut(value, 5), ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."


def _cut(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value[:120]
    if isinstance(value, list) and depth:
        return [_cut(item, depth - 1) for item in value[:20]]
    if isinstance(value, dict) and depth:
        return {str(key)[:120]: _cut(item, depth - 1) for key, item in list(value.items())[:20]}
    return value if value is None or isinstance(value, bool) else shown(value)
