"""Records: what a host asked of a world, and what each crank did, in the order in which it happened.

A record has the rows that its crank or request changed, so every moment of a world can be inspected without
running anything. Deliveries and syscalls are in the transcripts of vats. A record has the rest: the event
and its sender, the cost and the fault of a delivery that was rolled back, the effects of devices in the
kernel's names, and what the host requested between two cranks.

`swingset.world.record_lines` reads records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swingset.model.capdata import CapData
from swingset.model.cranks import Crank

Value = int | str | None
"""What a column of a state table holds."""


@dataclass(frozen=True)
class RowChange:
    """One row of the state that changed.

    `key` has the values of the key's columns. `after` is the whole new row, None if it was deleted. `before`
    is the whole old row, None if there was none; in records it is always None, because they have new rows
    only.
    """

    table: str
    key: tuple[Value, ...]
    after: tuple[Value, ...] | None
    before: tuple[Value, ...] | None = None


@dataclass(frozen=True)
class DeviceEffect:
    """What a device did, in the kernel's names.

    `what` names the effect, and `given` has its arguments: `set` (a key, and the stored capdata or None),
    `send` (the target, and the capdata of the message), `new_node` (its kref), `new_promise` (its kref) or
    `settle` (the promise, whether it is rejected, and the outcome).
    """

    device: str
    what: str
    given: tuple[Any, ...]


@dataclass(frozen=True)
class DeviceAnswer:
    """A vat's call of a device, with the effects of the call and the answer that the device returned.

    `undone` is true if the delivery was rolled back afterwards. Then the effects on the world are rolled back
    too, but not what the device did outside of the world.
    """

    caller: str
    node: str
    method: str
    args: CapData
    failed: bool
    answer: CapData
    effects: tuple[DeviceEffect, ...] = ()
    undone: bool = False


@dataclass(frozen=True)
class Recorded:
    """What records of both kinds have.

    `number` counts records from 1. `commit` is the commit that stores the record. `crank` is the last crank
    before it, or its own. `calls` are vats' calls of devices. `effects` are what devices did without a call.
    `calls`, `effects` and `rows` are None if there are too many to list; the commit's changes have those rows
    all the same.
    """

    number: int
    commit: int
    crank: int
    calls: tuple[DeviceAnswer, ...] | None = field(default=(), kw_only=True)
    effects: tuple[DeviceEffect, ...] | None = field(default=(), kw_only=True)
    rows: tuple[RowChange, ...] | None = field(default=(), kw_only=True)


@dataclass(frozen=True)
class RequestRecord(Recorded):
    """A request of the host between two cranks: a verb of `swingset.core.verbs`, and its arguments as JSON.

    `cell` is the execution count of the notebook cell that made the request, with the line in the cell, if
    they are known. `effects` are those of devices that the host called, and `calls` are those that a session
    made between two deliveries. `number`, `commit`, `crank` and `rows` are those of any record.
    """

    verb: str
    arguments: Mapping[str, Any]
    cell: tuple[int, int | None] | None = None


@dataclass(frozen=True, kw_only=True)
class CrankRecord(Crank, Recorded):
    """One crank, as it is recorded.

    `position` is the position of its event in the run-queue, None if the event was not queued. `sender` is
    the number of the record that sent the event, None if that is not known. `clean_up` is how many rows of a
    terminated vat the crank was allowed to delete. `transcripts` has, for each vat that it delivered to, the
    running hash of the transcript, by vat id. All else is that of a `Crank` and of any record.
    """

    position: int | None = None
    sender: int | None = None
    clean_up: int | None = None
    transcripts: Mapping[str, str] = field(default_factory=dict)


Record = RequestRecord | CrankRecord
"""A record of either kind."""
