"""A vat moves to another world: what this side does, which is the vat's old home.

What moves is what an upgrade keeps: the code, the store, the root and the durable objects, and the promises
that the vat waits for. The heap stays, as in an upgrade, and promises that the vat decides are rejected with
the same disconnection object. So a vat is ready to move if it is ready for an upgrade.

The vat is suspended while its package is on its way, so that the package stays true. Until the commit in
which it departs, it lives here, and resuming it ends the move. In that commit it is terminated, its exports
become exports of the service vat `net`, under the names by which `net` knows the objects of the new home, and
the message `start` is queued. So no crank sees the vat in two places or in none, holders keep the krefs that
they have, and whatever is sent to these goes where the vat is, behind `start`.

What cannot move is refused by a code, before anything has happened: a vat that is not confined, that holds a
device, that others administer, or of which more than durable state would be lost.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal

from swingset.core.device_board import DeviceError
from swingset.core.judging import Judge
from swingset.core.lifecycle import Lifecycle
from swingset.core.options import reserved
from swingset.core.store import KernelStore
from swingset.model import capdata, reasons
from swingset.model.capdata import Ref
from swingset.model.messages import ChangeVatOptions, CloneVat, Message, Notify, Send, UpgradeVat
from swingset.model.modules import is_raw
from swingset.model.refs import FIRST_IMPORT, ROOT, is_called_well, kref_type, parse_vref
from swingset.model.vat_packages import (
    BROKEN,
    DROPPED,
    EXPORT,
    IMPORT,
    MOST_BYTES,
    MOST_ENTRIES,
    PROMISE,
    WEAK,
    Entry,
    VatPackage,
)
from swingset.world.clists import CListEntry
from swingset.world.promises import UNRESOLVED
from swingset.world.vats import LIVE, SUSPENDED, TERMINATED, VatRecord

MOVER = "mover"
"""The kind of the device that has what is under way, see `devices.mover`."""

ON_ITS_WAY = "moving"
"""How the reason begins why a vat is suspended that is on its way."""

MoveCode = Literal[
    "not-confined",
    "not-live",
    "service",
    "critical",
    "device",
    "account",
    "administered",
    "keeps-promises",
    "busy",
    "too-large",
    "bad-name",
    "not-there",
    "name-taken",
    "used",
    "same-reference",
    "resumed",
    "bad-answer",
    "format",
    "not-lost",
    "move-refused",
]
"""Why a vat does not move: each has a section in `docs/recovering.md`."""

_SERVICES = ("net", "http", "vatAdmin", "timer", "vatMover")


@dataclass(frozen=True)
class Packed:
    """A package, and the krefs of what is beside it; `exports` are those that the new home has to answer."""

    package: VatPackage
    refs: tuple[str, ...]
    exports: tuple[str, ...]


class Departures:
    """Vats of this world that move to others. Callers provide the crank around it."""

    def __init__(self, store: KernelStore, lifecycle: Lifecycle, judge: Judge) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._judge = judge

    # Whether it can

    def trouble(self, vat: VatRecord) -> tuple[MoveCode, str] | None:
        """Why a vat cannot move, as a code and words; None if it can."""
        about = f"vat {vat.name} cannot move"
        if vat.attached or not vat.worker.startswith("wasm"):
            words = "it runs in this process, and only a confined vat can: define it with the worker wasm"
            return "not-confined", f"{about}: {words}"
        if vat.state != LIVE:
            return "not-live", f"{about} while it is {vat.state} ({vat.reason}): resume it first"
        if reserved(vat.name) is not None or self._serves(vat):
            return "service", f"{about}: it serves the whole world, and another world has its own"
        if vat.options.get("critical"):
            return "critical", f"{about}: it is critical, and this world stops without it"
        if vat.options.get("account") is not None:
            return "account", f"{about}: it has an account of the market here: set its option account to None"
        if self._is_administered(vat.id):
            return "administered", f"{about}: a vat here has its admin node, which would lead nowhere"
        if self._is_to_change(vat.id):
            words = "an upgrade, a clone or options of it wait in the run-queue: run them first"
            return "busy", f"{about}: {words}"
        return self._trouble_of_state(vat, about)

    def _trouble_of_state(self, vat: VatRecord, about: str) -> tuple[MoveCode, str] | None:
        store = self._store
        entries = store.clists.of(vat.id)
        device = next((entry.kref for entry in entries if kref_type(entry.kref) == "d"), None)
        if device is not None or any(kref_type(slot) == "d" for slot in vat.parameters.slots):
            words = "it holds a device of this world: have it drop that, or hold it in another vat"
            return "device", f"{about}: {words}"
        if store.promises.kept_by(vat.id):
            words = "it goes on with calls or promises that it has kept: let it finish them"
            return "keeps-promises", f"{about}: {words}"
        if len(entries) > MOST_ENTRIES:
            words = f"it knows {len(entries):,} references, and may know {MOST_ENTRIES:,}"
            return "too-large", f"{about}: {words}"
        if (stored := store.holdings.of(vat.id)) > MOST_BYTES // 2:
            return "too-large", f"{about}: it stores {stored:,} bytes, and may store {MOST_BYTES // 2:,}"
        return None

    def _serves(self, vat: VatRecord) -> bool:
        numbers = [self._store.counters.get(f"service.{name}") for name in _SERVICES]
        code = self._store.world.bundles.get(vat.bundle) if vat.bundle is not None else ()
        return vat.id in {f"v{number}" for number in numbers if number} or is_raw(code)

    def _is_administered(self, vat: str) -> bool:
        found = [device for device in self._store.devices.all() if device.kind == "vat-admin"]
        return any(self._store.devices.load(device.id, f"vat.{vat}") is not None for device in found)

    def _is_to_change(self, vat: str) -> bool:
        kinds = (ChangeVatOptions, CloneVat, UpgradeVat)
        waiting = (event for _, event in self._store.queues.all())
        return any(isinstance(event, kinds) and event.vat == vat for event in waiting)

    # On its way

    def pack(self, vat: VatRecord, there: str) -> Packed:
        """Suspend a vat, and make its package. Raises `DeviceError` for one that cannot move."""
        found = self.trouble(vat)
        if found is not None:
            raise DeviceError(found[1], code=found[0])
        store = self._store
        entries, refs, exports = [], [], []
        told = self._told(vat.id)
        for each in store.clists.of(vat.id):
            entry = self._entry(vat, each, told)
            if entry is None:
                continue
            entries.append(entry)
            if entry.fate in (IMPORT, WEAK, PROMISE):
                refs.append(each.kref)
            elif entry.fate == EXPORT:
                exports.append(each.kref)
        slots = vat.parameters.slots
        code = store.world.bundles.get(vat.bundle) if vat.bundle is not None else ()
        rows = store.vatstore.rows_of(vat.id)
        counters = [
            (letter, store.counters.get(f"{vat.id}.{letter}", FIRST_IMPORT[letter])) for letter in "op"
        ]
        package = VatPackage(
            name=vat.name,
            incarnation=vat.incarnation,
            code=code,
            cells=store.sources.parts(vat.name),
            parameters=vat.parameters.body,
            slots=tuple(kref_type(slot) for slot in slots),
            rows=tuple(rows),
            counters=tuple(counters),
            entries=tuple(entries),
            message=_parting(vat),
            disavow=bool(vat.options.get("enable_disavow")),
        )
        store.vats.save(
            vat.having(state=SUSPENDED, reason=f"{ON_ITS_WAY}: it moves to {there}; resuming it ends that")
        )
        return Packed(package, (*refs, *slots), tuple(exports))

    def _entry(self, vat: VatRecord, entry: CListEntry, told: set[str]) -> Entry | None:
        """What becomes of a name of the c-list; None for one that ends with the incarnation."""
        store, kref, vref = self._store, entry.kref, parse_vref(entry.vref)
        if vref.type == "p":
            known = store.promises.get(kref)
            waits = vat.id in store.promises.subscribers(kref) or kref in told
            if known is not None and known.state == UNRESOLVED and known.decider == vat.id:
                return Entry(entry.vref, BROKEN, None, True) if waits else None
            return Entry(entry.vref, PROMISE, None, waits)
        if not vref.exported:
            return Entry(entry.vref, IMPORT if entry.reachable else WEAK)
        if not vref.outlives_upgrade:
            return None
        found = store.objects.get(kref)
        iface = found.iface if found is not None and is_called_well(found.iface) else None
        return Entry(entry.vref, EXPORT if entry.reachable else DROPPED, iface)

    def _told(self, vat: str) -> set[str]:
        """The promises of whose outcome a notification is queued for a vat."""
        waiting = [*self._store.queues.all(), *self._store.queues.parked(vat)]
        return {event.promise for _, event in waiting if isinstance(event, Notify) and event.vat == vat}

    def is_on_its_way(self, vat: VatRecord, incarnation: int, position: int) -> bool:
        """Whether a vat is as it was when its package was made."""
        suspended = vat.state == SUSPENDED and (vat.reason or "").startswith(f"{ON_ITS_WAY}:")
        return (
            suspended
            and vat.incarnation == incarnation
            and self._store.vats.span(vat.id).position == position
        )

    def stay(self, vat: VatRecord) -> None:
        """End a move before it was decided: the vat goes on here."""
        self._store.vats.save(vat.having(state=LIVE, reason=None))
        self._store.queues.unpark(vat.id)

    # Departing

    def net(self) -> str | None:
        """The id of the vat that speaks with other worlds."""
        number = self._store.counters.get("service.net")
        return f"v{number}" if number else None

    def is_of_another_world(self, kref: str) -> bool:
        """Whether an object is one that another world has."""
        found, net = self._store.objects.get(kref), self.net()
        entry = None if net is None else self._store.clists.by_kref(net, kref)
        return found is not None and found.owner == net and entry is not None and entry.vref != ROOT

    def depart(
        self,
        vat: VatRecord,
        exports: tuple[str, ...],
        there: tuple[str, ...],
        arrival: str,
        mover: str,
        where: str,
    ) -> str:
        """Decide the move: terminate the vat, and have its exports be the new home's objects.

        Args:
            vat: the vat, which is on its way.
            exports: the krefs of its exports that move.
            there: the objects that the new home has answered for them, in this order.
            arrival: the object to which `start` is sent.
            mover: the vat that is allowed to know the answered objects.
            where: the new home, for people.
        Returns:
            The promise for the answer to `start`.
        Raises:
            DeviceError: for answers that are no new objects of another world.
        """
        net = self.net()
        if net is None or len(there) != len(exports) or len(set(there)) != len(there):
            raise DeviceError(
                "the other world has not answered with an object for each export", code="bad-answer"
            )
        for kref in there:
            known = {entry.vat for entry in self._store.clists.holders(kref)}
            if not self.is_of_another_world(kref) or not known <= {net, mover}:
                raise DeviceError(
                    "the other world has answered with an object that is not new", code="bad-answer"
                )
        renamed: list[list[str]] = []
        for kref, answered in zip(exports, there, strict=True):
            self._take_over(vat.id, kref, net, answered, renamed)
        root = self._lifecycle.root_of(net)
        store = self._store
        store.queues.unpark(vat.id)
        started = store.new_promise(None)
        store.enqueue(Send(arrival, Message(capdata.data(["start", []]), started)), first=True)
        if root is not None:
            told = capdata.data(["departed", [renamed, Ref(arrival)]])
            store.enqueue(Send(root, Message(told)), first=True)
        words = f"vat {vat.name} has moved to {where}"
        self._lifecycle.end_incarnation(vat, _parting(vat), fate=f"{reasons.ABANDONED}: {words}")
        self._judge.end(vat, reasons.MOVED, words)
        return started

    def give_back(self, exports: tuple[str, ...]) -> None:
        """Have objects that have moved be without an owner again, because their vat is made here anew.

        What `net` calls them stands for objects that nothing holds from then on, so it is told to drop them.
        """
        store, net = self._store, self.net()
        for kref in exports:
            entry = None if net is None else store.clists.by_kref(net, kref)
            if net is not None and entry is not None:
                store.clists.delete(net, kref)
                store.clists.add(net, store.new_object(net), entry.vref)
            store.orphan(kref, f"{reasons.MOVED}: its vat has moved")

    def _take_over(self, vat: str, kref: str, net: str, answered: str, renamed: list[list[str]]) -> None:
        """Have `net` export a kref under the name that it has for another."""
        store = self._store
        name = store.clists.by_kref(net, answered)
        assert name is not None
        before = store.clists.by_kref(net, kref)
        if before is not None:
            renamed.append([before.vref, name.vref])
            store.forget(net, kref, exported=False, reachable=before.reachable)
        store.clists.delete(net, answered)
        store.orphan(answered, f"{reasons.MOVED}: it stands for an object that has moved")
        store.touch(answered)
        store.clists.delete(vat, kref)
        store.objects.adopt(kref, net)
        store.clists.add(net, kref, name.vref)
        store.touch(kref)


def _parting(vat: VatRecord) -> str:
    """What those are told who wait for promises that a vat decides, as the message of an upgrade."""
    return f"vat {vat.name} moved to another world"


def moved_vats(store: KernelStore) -> dict[str, str]:
    """The vats that have moved to another world or have come from one, as names by id.

    A vat is among them too that is about to come, as soon as its old home may have decided that it does: by
    the key of its arrival.
    """
    found = {}
    for vat in store.vats.all():
        has_gone = vat.state == TERMINATED and (vat.reason or "").startswith(f"{reasons.MOVED}:")
        if has_gone or "arrived_as" in vat.options:
            found[vat.id] = vat.name
    for device in store.devices.all():
        keys = store.devices.keys(device.id, "arrival.") if device.kind == MOVER else ()
        for key in keys:
            state = store.devices.load(device.id, key) if key.count(".") == 1 else None
            with contextlib.suppress(ValueError):  # whoever uses the row is told what is wrong with it
                row = capdata.read(state) if state is not None else None
                if isinstance(row, dict) and row.get("ready") is True:
                    found[key] = str(row.get("name"))
    return found


def has_moves(store: KernelStore) -> bool:
    """Whether a vat of this world may ever have moved: there is a device for it."""
    return any(device.kind == MOVER for device in store.devices.all())
