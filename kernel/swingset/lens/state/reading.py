"""The tables of a world as one view reads them: each at most once, however many rows there are.

A view shows a row of one table with what others say of it: an object with the name of its owner, a promise
with the vats that wait for it. To ask for each of these by itself takes statements without end where a world
is large. So a view reads whatever table it needs when it first needs something of it, and looks things up in
what it has read. All that comes out of a table passes the rules of its columns on the way.

A reading is of one moment. Whoever keeps it while the world runs sees what was.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from swingset.core.store import KernelStore
from swingset.lens.state.records import descriptors, kind_tag
from swingset.lens.state.versions import Outdated, outdated
from swingset.lens.state.wires import Wire
from swingset.model.messages import QueuedEvent
from swingset.model.refs import ROOT, kref_type, sort_key
from swingset.world.clists import CListEntry
from swingset.world.device_records import DeviceRecord
from swingset.world.objects import ObjectRecord
from swingset.world.promises import PromiseRecord, Waiting
from swingset.world.queues import Parked, Queued
from swingset.world.rows import Reader
from swingset.world.tables import TABLES, Rows
from swingset.world.vats import TERMINATED, Span, VatRecord

_T = TypeVar("_T")


class Extent(NamedTuple):
    """Which krefs are read: those for which `where` holds, with what is `given` for its question marks."""

    where: str
    given: tuple[str, ...] = ()


WHOLE = Extent("")
_HELD_BY = "where kref in (SELECT kref from clists where vat = ?)"
_SUBSCRIBER = Reader("subscribers", "promise, vat")


def held_by(vat: str) -> Extent:
    """What is in the c-list of one vat."""
    return Extent(_HELD_BY, (vat,))


def among(krefs: Iterable[str]) -> Extent:
    """These krefs."""
    return Extent("where kref in (SELECT value from json_each(?))", (json.dumps(sorted(set(krefs))),))


class Reading:
    """What a view has read so far. `extent` bounds objects, promises and c-lists, and nothing else."""

    def __init__(self, store: KernelStore, extent: Extent = WHOLE) -> None:
        self.store = store
        self._extent = extent

    # Who there is

    @cached_property
    def vats(self) -> dict[str, VatRecord]:
        """Every vat by id, oldest first."""
        return {vat.id: vat for vat in self.store.vats.all()}

    @cached_property
    def named(self) -> dict[str, VatRecord]:
        """The vats that are not terminated, by name."""
        return {vat.name: vat for vat in self.vats.values() if vat.state != TERMINATED}

    def span(self, vat: str) -> Span:
        """Where a vat's transcript stands. Raises `DamagedRow` for a vat that has no such row."""
        return self.spans.get(vat) or self.store.vats.span(vat)

    @cached_property
    def spans(self) -> dict[str, Span]:
        """Where the transcript of each vat stands, by the vat's id."""
        return {span.vat: span for span in self._rows("spans")}

    @cached_property
    def devices(self) -> dict[str, DeviceRecord]:
        """Every device by id, oldest first."""
        return {device.id: device for device in self.store.devices.all()}

    def name(self, owner: str | None) -> str | None:
        """What a vat or a device is called; the id itself where there never was such a one."""
        if owner is None:
            return None
        if (vat := self.vats.get(owner)) is not None:
            return vat.name
        device = self.devices.get(owner)
        return f"device {device.name}" if device else owner

    # What they know

    @cached_property
    def objects(self) -> dict[str, ObjectRecord]:
        """The objects by kref, in order."""
        return _by_kref(self._rows("objects", self._extent.where, *self._extent.given))

    @cached_property
    def promises(self) -> dict[str, PromiseRecord]:
        """The promises by kref, in order."""
        return _by_kref(self._rows("promises", self._extent.where, *self._extent.given))

    @cached_property
    def _entries(self) -> list[CListEntry]:
        return list(self._rows("clists", f"{self._extent.where} order by vat, kref", *self._extent.given))

    @cached_property
    def clists(self) -> defaultdict[str, list[CListEntry]]:
        """The c-list of each vat, by the vat's id: of those krefs that are read."""
        return _grouped((entry.vat, entry) for entry in self._entries)

    @cached_property
    def holders(self) -> defaultdict[str, list[CListEntry]]:
        """The entries of each kref, in order of the vats' ids, the owner's included."""
        return _grouped((entry.kref, entry) for entry in self._entries)

    def label(self, kref: str) -> str:
        """What an object is, for people."""
        obj = self.objects.get(kref)
        if obj is None or obj.owner is None:
            return f"{obj.iface or 'object'}, abandoned" if obj else "?"
        if kref_type(kref) == "d":
            device = self.devices.get(obj.owner)
            return f"root of {self.name(obj.owner)}" if device and device.root == kref else "device node"
        vref = self._vrefs.get((obj.owner, kref), "")
        if vref == ROOT:
            return f"root of {self.name(obj.owner)}"
        if vref.startswith("o+d"):
            far = self._wire.remote(vref) if obj.owner == self._wire.vat else None
            if far is not None:
                return far[0]
            kind = vref[3:].partition("/")[0]
            tag = kind_tag(self._kinds.get(obj.owner, {}).get(kind))
            return f"kind {kind}" if tag is None else tag[:80]
        return obj.iface or "object"

    @cached_property
    def _wire(self) -> Wire:
        return Wire(self.store)

    @cached_property
    def _vrefs(self) -> dict[tuple[str, str], str]:
        return {(entry.vat, entry.kref): entry.vref for entry in self._entries}

    @cached_property
    def _kinds(self) -> dict[str, dict[str, str]]:
        owners = f"SELECT DISTINCT owner id from objects {self._extent.where}"
        return descriptors(self.store, owners, *self._extent.given)

    # What waits

    @cached_property
    def queue(self) -> list[Queued]:
        """The run-queue, first one first."""
        return self.store.queues.all()

    @cached_property
    def parked(self) -> defaultdict[str, list[Queued]]:
        """The events set aside for each vat, by the vat's id, oldest first."""
        events: Iterable[Parked] = self._rows("parked", "order by vat, seq")
        return _grouped((event.vat, Queued(event.seq, event.item)) for event in events)

    @cached_property
    def waiting(self) -> defaultdict[str, list[QueuedEvent]]:
        """The messages that wait for each promise, by its kref, oldest first."""
        events: Iterable[Waiting] = self._rows("promise_queue", "order by promise, seq")
        return _grouped((event.promise, event.item) for event in events)

    @cached_property
    def subscribers(self) -> defaultdict[str, list[str]]:
        """The vats that wait for each promise, by its kref, in order of their ids."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in self.store.world.rows("SELECT promise, vat from subscribers order by promise, vat"):
            _SUBSCRIBER.check(self.store.world.name, row)
            found[row[0]].append(row[1])
        return found

    # Versions

    @cached_property
    def outdated(self) -> dict[str, tuple[Outdated, ...]]:
        """The kinds of each vat that may have older records, by the vat's id."""
        return outdated(self.store)

    def _rows(self, table: str, rest: str = "", *given: str) -> Iterable[Any]:
        return Rows(self.store.world, TABLES[table]).select(rest, *given)


def _grouped(found: Iterable[tuple[str, _T]]) -> defaultdict[str, list[_T]]:
    """What was found, by what each is found under, in the order in which it came."""
    groups: defaultdict[str, list[_T]] = defaultdict(list)
    for key, item in found:
        groups[key].append(item)
    return groups


def _by_kref(records: Iterable[Any]) -> dict[str, Any]:
    return {record.kref: record for record in sorted(records, key=lambda record: sort_key(record.kref))}
