"""The auditor: counts every reference of a world again, and checks the ties between its tables.

The kernel keeps counts and changes them as references come and go. The auditor ignores those changes: it
walks everything that can hold a reference (c-lists, waiting events, outcomes of promises, the host) and
reports where a stored count, a row or a tie between two tables differs from what the walk finds. Call it
between cranks; it reads, and never writes. A row that cannot be read raises `DamagedRow` and ends the audit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from swingset.core.options import option_wants
from swingset.core.rooms import counted
from swingset.core.store import KernelStore
from swingset.lens.state.accounts import audit_market
from swingset.lens.state.reading import Reading
from swingset.model.cloning import read_cloned_from
from swingset.model.messages import Event, Notify, Send
from swingset.model.refs import is_kref, kref_type, parse_vref, sort_key
from swingset.world.clists import CListEntry
from swingset.world.footprints import IMPORTED
from swingset.world.gc import DROP_EXPORT, RETIRE_EXPORT, RETIRE_IMPORT
from swingset.world.objects import ObjectRecord
from swingset.world.promises import FORWARDED, UNRESOLVED, PromiseRecord
from swingset.world.vats import LIVE, TERMINATED, VatRecord


def audit(store: KernelStore) -> list[str]:
    """Every discrepancy of a world's `store` between cranks, in words; empty for a sound one.

        assert audit(world.kernel.store) == []

    Source:
        Ours; the reference's `auditstore` looked for the same.
    """
    return sorted([*_Audit(store).problems(), *audit_market(store)], key=sort_key)


_OF_VATS = (
    ("clists", "vat"),
    ("dead", "vat"),
    ("gc_actions", "vat"),
    ("objects", "owner"),
    ("parked", "vat"),
    ("promises", "decider"),
    ("reap", "vat"),
    ("spans", "vat"),
    ("subscribers", "vat"),
    ("vatstore", "vat"),
)
_VATS_NAMED = " union ".join(
    f"SELECT '{table}', {column} from {table} where {column} like 'v%'" for table, column in _OF_VATS
)


def audit_holdings(store: KernelStore) -> list[str]:
    """Every vat of a world's `store` whose count of stored bytes is wrong, in words, oldest vat first.

    Separate from `audit`, because it reads everything that every vat has stored.

        assert audit_holdings(world.kernel.store) == []

    Source:
        Ours.
    """
    problems = []
    for vat in store.vats.all():
        if vat.state == TERMINATED:
            continue
        if (stored := store.holdings.of(vat.id)) != (kept := store.holdings.counted(vat.id)):
            problems.append(f"{vat.id}: vat {vat.name} keeps {kept:,} bytes, {stored:,} are stored")
        if store.footprints.follows(vat.id):
            room, (imports, waiting) = store.footprints.of(vat.id), counted(store, vat.id)
            if (room.references, room.waiting) != (IMPORTED * imports, waiting):
                problems.append(
                    f"{vat.id}: vat {vat.name} has {imports:,} imports and {waiting:,} bytes that wait, and"
                    f" {room.references:,} and {room.waiting:,} bytes are counted"
                )
    return problems


class _Audit:
    def __init__(self, store: KernelStore) -> None:
        self._store = store
        self._reading = reading = Reading(store)
        self._vats = reading.vats
        self._objects = reading.objects
        self._promises = reading.promises
        self._devices = reading.devices
        self._reachable: Counter[str] = Counter()
        self._recognizable: Counter[str] = Counter()
        self._known: dict[str, dict[str, CListEntry]] = {}
        self._actions = set(store.gc.all())
        self._dead = {vat for (vat,) in store.world.rows("SELECT vat from dead")}

    def problems(self) -> Iterator[str]:
        for vat in self._vats.values():
            yield from self._walk_clist(vat)
        for kref in self._store.pins.all():
            yield from self._hold(kref, "the host")
        for meter, keeper in self._store.world.rows("SELECT id, keeper from meters where keeper is not null"):
            yield from self._hold(keeper, f"meter {meter}")
        for vat in self._vats.values():
            for slot in vat.parameters.slots:
                yield from self._hold(slot, f"vat {vat.name}, whose parameter it is,")
        for device in self._devices.values():
            yield from self._hold(device.root, f"device {device.name}, whose root it is,")
        for name, key, value in self._store.devices.kept():
            for slot in value.slots:
                yield from self._hold(slot, f"what device {name} keeps under {key}")
            if key.startswith("kd") and key not in self._objects:
                yield f"{key}: device {name} keeps state for it, but there is no such node"
        for where, event in self._events():
            yield from self._walk_event(where, event)
        for promise in self._promises.values():
            yield from self._walk_promise(promise)
        yield from self._walk_kept()
        yield from self._walk_forwards()
        yield from self._walk_vats()
        yield from self._walk_numbers()
        yield from self._compare()

    def _hold(self, kref: str, holder: str) -> Iterator[str]:
        if not is_kref(kref):
            yield f"{kref}: {holder} holds it, and it is no kref"
            return
        self._recognizable[kref] += 1
        self._reachable[kref] += 1
        if kref not in (self._promises if kref_type(kref) == "p" else self._objects):
            yield f"{kref}: {holder} holds it, but there is no such row"

    def _walk_clist(self, vat: VatRecord) -> Iterator[str]:
        known = self._known[vat.id] = {}
        for entry in self._reading.clists[vat.id]:
            known[entry.kref] = entry
            here = f"{vat.name}'s c-list ({entry.vref})"
            vref = parse_vref(entry.vref)
            if vref.type != kref_type(entry.kref):
                yield f"{entry.kref}: {here} names it by another type"
            elif vref.type == "p":
                yield from self._hold(entry.kref, here)
            elif vref.exported:
                yield from self._walk_export(vat, entry, here)
            elif entry.kref in self._objects:
                self._recognizable[entry.kref] += 1
                self._reachable[entry.kref] += entry.reachable
            elif vat.state != TERMINATED and (
                entry.reachable or (vat.id, RETIRE_IMPORT, entry.kref) not in self._actions
            ):
                yield f"{entry.kref}: {here} imports it, but it is gone and nobody is to tell {vat.name}"
        if vat.state == TERMINATED and vat.id not in self._dead and known:
            yield f"{vat.id}: vat {vat.name} is cleaned up and still has {len(known)} c-list entries"

    def _walk_export(self, vat: VatRecord, entry: CListEntry, here: str) -> Iterator[str]:
        record = self._objects.get(entry.kref)
        if record is None or record.owner != vat.id:
            yield f"{entry.kref}: {here} exports it, but {record and record.owner} owns it"
        elif record.reachable and not entry.reachable:
            yield f"{entry.kref}: {here} believes it dropped, but it is reachable"

    def _events(self) -> Iterator[tuple[str, Event]]:
        for seq, event in self._reading.queue:
            yield f"the run-queue ({seq})", event
        for vat in self._vats.values():
            parked = self._reading.parked[vat.id]
            waits = vat.state == "suspended" or vat.attached or vat.id in self._dead
            if parked and not waits:
                yield f"the events parked for {vat.name}, which is {vat.state}", parked[0][1]
            for seq, event in parked:
                yield f"the events parked for {vat.name} ({seq})", event
        for promise in self._promises:
            for event in self._reading.waiting[promise]:
                yield f"the messages for {promise}", event

    def _walk_event(self, where: str, event: Event) -> Iterator[str]:
        for kref in event.refs():
            yield from self._hold(kref, where)
        if where.endswith((LIVE, TERMINATED)):
            yield f"{where}: they should have gone back to the run-queue"
        match event:
            case Notify(vat, kref):
                promise = self._promises.get(kref)
                if promise is not None and promise.state in (UNRESOLVED, FORWARDED):
                    yield f"{kref}: {where} tells {vat} of its outcome, but it is unresolved"
            case Send(message=message) if message.result is not None:
                result = self._promises.get(message.result)
                if result is not None and (result.state != UNRESOLVED or result.decider is not None):
                    yield f"{message.result}: {where} carries it as a result, but it is decided elsewhere"

    def _walk_promise(self, promise: PromiseRecord) -> Iterator[str]:
        kref = promise.kref
        subscribers, waiting = self._reading.subscribers[kref], self._reading.waiting[kref]
        if promise.policy is not None:
            self._recognizable[kref] += 1  # the host holds it
        if promise.state == FORWARDED:
            if promise.decider not in self._promises or waiting:
                yield f"{kref}: it is forwarded to {promise.decider}, with {len(waiting)} messages waiting"
        elif promise.state != UNRESOLVED:
            if promise.data is None:
                yield f"{kref}: it is {promise.state} without data"
            if waiting or promise.decider or subscribers:
                yield f"{kref}: it is {promise.state} and still has a decider, subscribers or messages"
        elif promise.data is not None:
            yield f"{kref}: it is unresolved and has data"
        for slot in promise.data.slots if promise.data else ():
            yield from self._hold(slot, f"the outcome of {kref}")
        for vat in subscribers:
            if kref not in self._known.get(vat, {}):
                yield f"{kref}: {vat} waits for it and does not know it"
        if (
            promise.state == UNRESOLVED
            and promise.decider is not None
            and kref not in self._known.get(promise.decider, {})
        ):
            yield f"{kref}: {promise.decider} decides it and does not know it"

    def _walk_kept(self) -> Iterator[str]:
        for (kref,) in self._store.world.rows("SELECT promise from kept"):
            promise = self._promises.get(kref)
            if promise is None or promise.state != UNRESOLVED or promise.decider not in self._vats:
                yield f"{kref}: it is kept for the next incarnation of its decider, and has none"

    def _walk_forwards(self) -> Iterator[str]:
        """Whether each chain of forwarded promises ends."""
        ends: set[str] = set()
        for kref in self._promises:
            passed: dict[str, None] = {}
            at: str | None = kref
            while at is not None and at not in ends and at not in passed:
                passed[at] = None
                record = self._promises.get(at)
                at = record.decider if record is not None and record.state == FORWARDED else None
            if at is not None and at in passed:
                yield f"{kref}: it is forwarded in a ring: {' to '.join([*passed, at])}"
            ends.update(passed)

    def _walk_vats(self) -> Iterator[str]:
        """Whether the vats that rows name exist, and whether vats and devices have what they need."""
        rows = self._store.world.rows
        for table, vat in rows(_VATS_NAMED):
            if vat not in self._vats:
                yield f"{vat}: table {table} is about it, and there is no such vat"
        spans = self._reading.spans
        meters = {meter.id for meter in self._store.meters.all()}
        names: set[str] = set()
        for vat in self._vats.values():
            if vat.id not in spans:
                yield f"{vat.id}: vat {vat.name} has no row in spans"
            if vat.state == TERMINATED:
                continue
            if vat.name in names:
                yield f"{vat.id}: another vat that lives is called {vat.name} too"
            names.add(vat.name)
            of = read_cloned_from(vat.options.get("cloned_from"))
            if of is not None and (of[0] not in self._vats or int(of[0][1:]) >= int(vat.id[1:])):
                yield f"{vat.id}: it is a clone of {of[0]}, which is no vat that is older"
            if (meter := vat.options.get("meter")) is not None and meter not in meters:
                yield f"{vat.id}: its meter {meter} is missing"
            for name, value in vat.options.items():
                if (wanted := option_wants(name, value)) is not None:
                    yield f"{vat.id}: option {name} wants {wanted}"
        for device in self._devices.values():
            root = self._objects.get(device.root)
            if root is not None and root.owner != device.id:
                yield f"{device.id}: its root {device.root} belongs to {root.owner}"
        for (device_id,) in rows("SELECT DISTINCT device from device_state"):
            if device_id not in self._devices:
                yield f"{device_id}: table device_state is about it, and there is no such device"

    def _walk_numbers(self) -> Iterator[str]:
        """Whether each counter is above every number that was taken from it."""
        highest: Counter[str] = Counter()

        def see(counter: str, number: int) -> None:
            highest[counter] = max(highest[counter], number)

        for kref in (*self._objects, *self._promises):
            see(kref[:2], int(kref[2:]))
        for vat in self._vats:
            see("v", int(vat[1:]))
        for device in self._devices:
            see("d", int(device[1:]))
        for meter in self._store.meters.all():
            see("m", int(meter.id[1:]))
        for vat, known in self._known.items():
            for entry in known.values():
                if entry.vref[1] == "-":
                    see(f"{vat}.{entry.vref[0]}", int(entry.vref[2:]))
        for table in ("queue", "parked", "promise_queue"):
            row = self._store.world.row(f"SELECT min(seq), max(seq) from {table}")
            if row is not None and row[0] is not None:
                see("queue", row[1])
                see("queue.front", -row[0])
        row = self._store.world.row("SELECT max(due) from reap")
        see("reap", (row[0] if row else None) or 0)
        row = self._store.world.row("SELECT max(created) from vats")
        for counter, number in sorted(highest.items()):
            if number > 0 and self._store.counters.get(counter) <= number:
                yield f"counter {counter}: it is {self._store.counters.get(counter)}, and {number} is in use"
        if ((row[0] if row else None) or 0) > self._store.counters.get("crank"):
            yield "counter crank: a vat was made in a later one"

    def _compare(self) -> Iterator[str]:
        for promise in self._promises.values():
            counted = self._recognizable[promise.kref]
            if promise.refcount != counted:
                yield f"{promise.kref}: {promise.refcount} is stored, {counted} hold it"
            if counted == 0:
                yield f"{promise.kref}: nobody holds it and it is still there"
        for record in self._objects.values():
            counts = self._reachable[record.kref], self._recognizable[record.kref]
            if (record.reachable, record.recognizable) != counts:
                stored = f"{record.reachable},{record.recognizable}"
                yield f"{record.kref}: {stored} is stored, {counts[0]},{counts[1]} hold it"
            yield from self._collected(record)

    def _collected(self, record: ObjectRecord) -> Iterator[str]:
        """Whether an object that nobody holds is about to be collected."""
        kref, owner = record.kref, record.owner
        if owner is None:
            if not record.reachable:
                yield f"{kref}: it has no owner, nobody can reach it, and it is still there"
            return
        entry = self._known.get(owner, {}).get(kref)
        if kref_type(kref) == "d":
            if owner not in self._devices:
                yield f"{kref}: its owner {owner} is no device"
            if not record.reachable:
                yield f"{kref}: nobody can reach this device node, and it is still there"
        elif entry is None:
            yield f"{kref}: its owner {owner} does not know it"
        elif owner in self._vats and self._vats[owner].state != TERMINATED and not record.reachable:
            if entry.reachable and (owner, DROP_EXPORT, kref) not in self._actions:
                yield f"{kref}: nobody can reach it, and nobody is to tell its owner {owner}"
            if not record.recognizable and (owner, RETIRE_EXPORT, kref) not in self._actions:
                yield f"{kref}: nobody can recognize it, and nobody is to tell its owner {owner}"
