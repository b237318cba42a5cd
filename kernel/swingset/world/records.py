"""Records: what a host asked of a world, and what each crank did, in the order in which it happened.

With them every moment of a world can be looked at without running anything: a record says which rows were
others after it. What vats were told and what they answered is in their transcripts; a record has what those
do not say: which event was chosen and who had sent it, what an undone delivery cost and why, what devices did
in the kernel's names, and what the host did between two cranks.

How they are spelled and read is said in `swingset.world.record_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swingset.model.capdata import CapData
from swingset.model.messages import Event
from swingset.model.reports import Fault
from swingset.model.states import ConsoleStream, CrankOutcome

Value = int | str | None
"""What a column of a state table holds."""


@dataclass(frozen=True)
class RowChange:
    """One row of the state that is another one now.

    `key` are the values of its key's columns, `after` is the whole row, None where it was deleted. `before`
    is the row as it was, None where there was none or where it is not told: records tell what rows became.
    """

    table: str
    key: tuple[Value, ...]
    after: tuple[Value, ...] | None
    before: tuple[Value, ...] | None = None


@dataclass(frozen=True)
class DeviceEffect:
    """What a device did, in the kernel's names.

    `what` is one of `set` (a key, and the capdata kept under it or None), `send` (the target, and the
    capdata of the message), `new_node` (its kref), `new_promise` (its kref) and `settle` (the promise,
    whether it was rejected, and the outcome). `given` are those.
    """

    device: str
    what: str
    given: tuple[Any, ...]


@dataclass(frozen=True)
class DeviceAnswer:
    """A vat's call of a device, what the device did for it, and what it answered.

    `undone` says that the delivery was rolled back, and the call with it: what it did outside of the world,
    it did.
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
class RequestRecord:
    """What a host asked for between two cranks: a verb of `swingset.core.verbs`, and its arguments as JSON.

    `number` counts records from 1, `commit` is the commit that has it, `crank` the last crank before it.
    `cell` is the execution count of the notebook's cell that asked, and the line of it, where they are
    known. `effects` are those of devices that the host spoke to. `rows` is None where they are too many to
    be told of one by one.
    """

    number: int
    commit: int
    crank: int
    verb: str
    arguments: Mapping[str, Any]
    cell: tuple[int, int | None] | None = None
    effects: tuple[DeviceEffect, ...] = ()
    rows: tuple[RowChange, ...] | None = ()


@dataclass(frozen=True)
class CrankRecord:
    """One crank.

    `number`, `commit`, `effects` and `rows` are as in a `RequestRecord`; all else is as in a `CrankReport`.
    `crank` is its own number. `position` is where its event stood in the run-queue, None for one that was
    not queued. `sender` is the number of the record in which the event was sent, None where that is not
    known. `clean_up` is how many rows of a terminated vat the crank was allowed to delete. `transcripts`
    has the running hash of the transcript of each vat that it delivered to, by vat id. `calls` are those of
    devices.
    """

    number: int
    commit: int
    crank: int
    event: Event
    outcome: CrankOutcome
    position: int | None = None
    sender: int | None = None
    vat: str | None = None
    computrons: int | None = None
    fault: Fault | None = None
    clean_up: int | None = None
    console: tuple[tuple[ConsoleStream, str], ...] = ()
    transcripts: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[DeviceAnswer, ...] = ()
    effects: tuple[DeviceEffect, ...] = ()
    rows: tuple[RowChange, ...] | None = ()


Record = RequestRecord | CrankRecord
"""Either of the two."""
