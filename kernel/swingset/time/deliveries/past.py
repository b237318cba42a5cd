"""A past delivery: which one a crank made, and a worker that stands just before it.

The record of a crank names the transcript of each vat that it delivered to, and the row of the vat's span as
it was then, with the heap image before it. So a vat is brought back from that image in a worker of its own,
and the entries between are repeated in it. The live world is only read.

What cannot be repeated is refused with the reason: a vat of the embedder's own interpreter, one without a
transcript, a crank that delivered nothing, and a delivery that was rolled back, which no transcript has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.warehouse import Warehouse, limits_of
from swingset.host.base.engines import Engines
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded
from swingset.model.cloning import origin_of
from swingset.model.limits import Limits
from swingset.model.visible import one_line
from swingset.workers.base import Worker
from swingset.world.errors import DamagedWorld, NoSuchMoment
from swingset.world.records import CrankRecord, Record
from swingset.world.rows import RULES
from swingset.world.tables import TABLES
from swingset.world.transcripts import Entry
from swingset.world.vats import Span, VatRecord


class NotRepeatable(KernelError):
    """A crank cannot be repeated; the message says why, and what can be done instead."""


@dataclass(frozen=True)
class PastDelivery:
    """A delivery of a past crank.

    `vat` and `span` are the rows of the vat as the crank left them, and `entry` is the transcript entry.
    `code_name` is the name of the vat in the names of its files.
    """

    record: CrankRecord
    vat: VatRecord
    span: Span
    entry: Entry
    code_name: str

    @property
    def delivery(self) -> list[Any]:
        """What the vat was told, in its own names."""
        told: list[Any] = self.entry.entry["delivery"]
        return told

    @property
    def syscalls(self) -> list[list[Any]]:
        """The recorded syscalls, each with its answer."""
        said: list[list[Any]] = self.entry.entry["syscalls"]
        return said

    @property
    def title(self) -> str:
        """The delivery in a few words, safe to show."""
        told = self.delivery
        words = {"message": "a message to", "notify": "a notification of", "startVat": "the start of"}
        return (
            f"crank {self.record.crank}: {words.get(told[0], f'{one_line(told[0], 40)} for')}"
            f" vat {one_line(self.vat.name)}, delivery {self.entry.position}"
        )


def find_delivery(controller: Controller, crank: int) -> PastDelivery:
    """The last delivery of a committed crank; raises `NotRepeatable`."""
    with controller.lock:
        record = crank_record(controller, crank)
        return _delivery_of(controller, record)


def crank_record(controller: Controller, crank: int) -> CrankRecord:
    """The record of a committed crank; raises `NotRepeatable` if there is none."""
    history, head = controller.world.history, controller.world.head
    if type(crank) is int and 1 <= crank <= history.commit(head).crank:
        commits = (seq for seq in history.ancestors(head) if seq)
        made = next((seq for seq in commits if history.commit(history.parent(seq) or 0).crank < crank), None)
        for record in () if made is None else history.records_of(made):
            if isinstance(record, CrankRecord) and record.crank == crank:
                return record
        gone = Recorded(controller.world).gone
        raise NotRepeatable(f"there is no record of crank {crank:,} any more: {gone or 'it was pruned'}")
    last = history.commit(head).crank
    raise NotRepeatable(f"there is no committed crank {crank!r}: the world has cranks 1 to {last}")


def _delivery_of(controller: Controller, record: CrankRecord) -> PastDelivery:
    store, where = controller.kernel.store, f"crank {record.crank}"
    for vat_id, running in record.transcripts.items():
        found = store.world.transcripts.record(running)
        if (found.vat, found.crank) != (vat_id, record.crank):
            continue  # the crank was rolled back, and this is the entry before it
        (entry,) = store.world.transcripts.deliveries(vat_id, running, found.prev)  # checks its shape
        if origin := origin_of(entry["delivery"]):
            raise NotRepeatable(
                f"{where} made vat {one_line(origin.called)}, a clone of {one_line(origin.name)}: no code"
                " of it ran that could be repeated"
            )
        span = _row(controller, record, "spans", vat_id) or _whole(controller, found)
        vat = _vat_then(controller, record, found, span)
        if vat.attached:
            raise NotRepeatable(
                f"{where} delivered to {one_line(vat.name)}, whose code runs in its embedder's own"
                " interpreter, such as a notebook: it cannot be repeated"
            )
        return PastDelivery(record, vat, span, found, code_name(controller, vat))
    vat_name = f" to vat {one_line(record.vat)}" if record.vat else ""
    if record.fault is not None:
        raise NotRepeatable(
            f"{where}{vat_name} was rolled back, so no transcript has its delivery: "
            f"{one_line(str(record.fault), 300)}"
        )
    raise NotRepeatable(f"{where} delivered nothing{vat_name} that a transcript has: it was {record.outcome}")


def code_name(controller: Controller, vat: VatRecord) -> str:
    """The name of a vat in the names of its files: as it was started, and a clone as the vat it is one of."""
    return controller.kernel.store.vats.origin(vat).name


def rows_of(controller: Controller, record: Record, table: str) -> Iterator[Any]:
    """The rows of a table that a crank or request wrote, as their records."""
    found = TABLES[table]
    for change in record.rows or ():
        if change.table == table and change.after is not None:
            values = dict(zip(RULES[table], change.after, strict=True))
            yield found.read(controller.world.name, tuple(values[column] for column in found.columns))


def _row(controller: Controller, record: CrankRecord, table: str, vat: str) -> Any:
    """The row of a vat that a crank wrote to `vats` or `spans`; None if it wrote none."""
    for row in rows_of(controller, record, table):
        if (row.id if table == "vats" else row.vat) == vat:
            return row
    return None


def _whole(controller: Controller, entry: Entry) -> Span:
    """A span from the start of an entry's incarnation, for a crank whose rows are too many to be recorded."""
    first = entry
    for earlier in _back(controller, entry):
        if earlier.incarnation != entry.incarnation:
            break
        first = earlier
    start = first.position, first.prev
    return Span(entry.vat, entry.incarnation, *start, *start, entry.position + 1, entry.hash, None, 0)


def _back(controller: Controller, entry: Entry) -> Iterator[Entry]:
    """An entry of a transcript, the one before it, and so on."""
    transcripts, at = controller.world.transcripts, entry
    yield at
    while at.prev is not None:
        at = transcripts.record(at.prev)
        yield at


def _vat_then(controller: Controller, record: CrankRecord, entry: Entry, span: Span) -> VatRecord:
    """The row of the vat of an entry, in the incarnation of the entry."""
    transcripts = controller.world.transcripts
    vat: VatRecord | None = _row(controller, record, "vats", entry.vat)
    if vat is None:
        vat = controller.kernel.store.vats.get(entry.vat)
    if vat is not None and vat.attached:
        return vat
    if vat is None or vat.incarnation != entry.incarnation or not vat.bundle:
        begun = next(
            earlier
            for earlier in _back(controller, entry)
            if earlier.prev == span.incarnation_hash or transcripts.before(earlier) != entry.vat
        )
        vat = _row(controller, crank_record(controller, begun.crank), "vats", entry.vat)
    if vat is None or vat.incarnation != entry.incarnation:
        raise NotRepeatable(
            f"crank {record.crank}: what vat {one_line(entry.vat)} ran on in incarnation {entry.incarnation}"
            " is not recorded"
        )
    return vat


def brought_before(controller: Controller, past: PastDelivery, *, local: bool = False) -> Worker:
    """A worker of its own that stands just before a past delivery. The caller closes it.

    With `local` it is a local one, whatever the vat ran in.

    Raises `VatDiverged` where an earlier delivery does not repeat, and `WorkerRefused` for a local vat of a
    world that is not trusted.
    """
    opened = controller._opened
    with controller.lock:
        warehouse = Warehouse(
            controller.kernel.store,
            opened.factories or Engines(),
            confined_only=not opened.choices.trusts_local,
        )
        vat, span = past.vat, past.span._replace(hash=past.entry.prev)
        if local and vat.worker != "local":
            # Another engine's image is of no use, and the host has one guest library only.
            vat, span = vat.having(worker="local", library=None), span._replace(snapshot=None)
        return warehouse.brought_to(vat, span)


def limits_then(past: PastDelivery) -> Limits:
    """The limits of a repeated delivery: its memory is bounded, and its effort only by who repeats it."""
    return replace(limits_of(past.vat), seconds=None, computrons=None)


def stored_before(controller: Controller, past: PastDelivery) -> dict[str, str]:
    """The vat's store as it was before a delivery; empty where the state before its crank is not known."""
    found: dict[str, str] = {}
    vat, earlier = past.vat.id, list[Entry]()
    with controller.lock, suppress(NoSuchMoment, DamagedWorld), controller.at(past.record.crank - 1) as then:
        store = then.kernel.store.vatstore
        key = store.next_key(vat, "")
        while key is not None:
            found[key] = store.get(vat, key) or ""
            key = store.next_key(vat, key)
        earlier = list(
            takewhile(lambda entry: entry.crank == past.entry.crank, _back(controller, past.entry))
        )
    for entry in reversed(earlier[1:]):  # an upgrade delivers to the old incarnation first
        for call, _answer in entry.entry["syscalls"]:
            match call:
                case ["vatstoreSet", str(key), str(value)]:
                    found[key] = value
                case ["vatstoreDelete", str(key)]:
                    found.pop(key, None)
    return found
