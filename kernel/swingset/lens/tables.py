"""A world as rows for people: vats, run-queue, c-lists, promises.

Everything is read from the world file's tables, so the views are the same whether the world runs or is opened
to look only. The order of rows depends only on the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from swingset.core.store import KernelStore
from swingset.lens.versions import Stale, Versions
from swingset.model.foreign import Unreadable, read_json
from swingset.model.messages import ChangeVatOptions, CreateVat, Notify, QueuedEvent, Send, UpgradeVat
from swingset.model.refs import ROOT, kref_type, sort_key
from swingset.model.states import PromiseState, VatState
from swingset.world.promises import UNRESOLVED
from swingset.world.vats import SUSPENDED, TERMINATED

Direction = Literal["export", "import"]
"""Whether a vat owns what an entry of its c-list names, or another does."""


@dataclass(frozen=True)
class VatRow:
    """One vat. `deliveries` counts its transcript entries; `since_image` those after its last heap image.

    `attached` says that it runs in the embedder's interpreter, whatever `worker` says.
    """

    name: str
    id: str
    worker: str
    state: VatState
    reason: str | None
    incarnation: int
    exports: int
    imports: int
    deliveries: int
    since_image: int
    computrons: int
    parked: int
    attached: bool


@dataclass(frozen=True)
class QueueRow:
    """One event that waits. `where` is run-queue, the promise it waits for, or the vat that is suspended."""

    position: int
    where: str
    kind: str
    target: str
    what: str
    result: str | None
    sender: str


@dataclass(frozen=True)
class CListRow:
    """One entry of a vat's c-list. `direction` is export or import; `label` says what it is, if known."""

    vat: str
    vref: str
    kref: str
    direction: Direction
    label: str
    owner: str
    reachable: bool
    counts: str


@dataclass(frozen=True)
class PromiseRow:
    """One promise. `decider` and `subscribers` are vat names; `waiting` counts messages queued to it."""

    kref: str
    state: PromiseState
    decider: str
    subscribers: tuple[str, ...]
    waiting: int
    refcount: int
    value: str


@dataclass(frozen=True)
class ObjectRow:
    """One object. `fate` says why it has no owner; `holders` are the names of the vats that import it."""

    kref: str
    label: str
    owner: str
    holders: tuple[str, ...]
    reachable: int
    recognizable: int
    fate: str


class Lens:
    """Views of one world."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store

    def vats(self) -> list[VatRow]:
        """The vats that are not terminated, oldest first.

        Example:
            >>> [(row.name, row.state) for row in world.lens.vats()]
            [('notebook', 'live'), ('bank', 'live')]
        """
        rows = []
        for vat in self._store.vats.all():
            if vat.state == TERMINATED:
                continue
            entries = self._store.clists.of(vat.id)
            exports = sum("+" in entry.vref for entry in entries)
            span = self._store.vats.span(vat.id)
            rows.append(
                VatRow(
                    name=vat.name,
                    id=vat.id,
                    worker=vat.worker,
                    state=vat.state,
                    reason=vat.reason,
                    incarnation=vat.incarnation,
                    exports=exports,
                    imports=len(entries) - exports,
                    deliveries=span.position,
                    since_image=span.position - span.start,
                    computrons=span.computrons,
                    parked=len(self._store.queues.parked(vat.id)),
                    attached=vat.attached,
                )
            )
        return rows

    def queue(self) -> list[QueueRow]:
        """Everything that waits: the run-queue first, then what is parked, then what waits for promises.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> [(row.where, row.what) for row in world.lens.queue()]
            [('run-queue', 'open_purse()')]
        """
        rows = [self._queue_row(seq, "run-queue", event) for seq, event in self._store.queues.all()]
        for vat in self._store.vats.all():
            where = (
                f"vat {vat.name}, suspended"
                if vat.state == SUSPENDED
                else f"vat {vat.name}, without its session or its code"
            )
            rows += [self._queue_row(seq, where, event) for seq, event in self._store.queues.parked(vat.id)]
        for promise in sorted(self._store.promises.all(), key=lambda record: sort_key(record.kref)):
            for position, event in enumerate(self._store.promises.waiting_events(promise.kref), 1):
                rows.append(self._queue_row(position, f"promise {promise.kref}", event))
        return rows

    def clist(self, vat_name: str) -> list[CListRow]:
        """The c-list of one vat, exports before imports, by number; empty where there is no such vat.

        Args:
            vat_name: the name of the vat.
        Example:
            >>> [(row.vref, row.label) for row in world.lens.clist("bank")]
            [('o+0', 'root of bank')]
        """
        vat = self._store.vats.named(vat_name)
        if vat is None:
            return []
        rows = []
        for entry in self._store.clists.of(vat.id):
            exported = "+" in entry.vref
            if kref_type(entry.kref) == "p":
                promise = self._store.promises.get(entry.kref)
                decider = promise.decider if promise else None
                owner, counts = self._name(decider) or "kernel", str(promise.refcount if promise else 0)
                label: str = "promise" if promise is None or promise.state == UNRESOLVED else promise.state
            else:
                obj = self._store.objects.get(entry.kref)
                owner = (self._name(obj.owner) if obj else None) or "nobody"
                counts = f"{obj.reachable},{obj.recognizable}" if obj else "0,0"
                label = self.label(entry.kref)
            rows.append(
                CListRow(
                    vat_name,
                    entry.vref,
                    entry.kref,
                    "export" if exported else "import",
                    label,
                    owner,
                    entry.reachable,
                    counts,
                )
            )
        return sorted(rows, key=lambda row: (row.direction != "export", sort_key(row.kref)))

    def older_records(self, vat_name: str) -> tuple[Stale, ...]:
        """How many records of one vat are older than its code, by kind and version.

        Reads all records of the kinds that may have older ones; a vat without such kinds costs nothing.

        Args:
            vat_name: the name of the vat.
        Example:
            >>> world.lens.older_records("bank")
            ()
        """
        vat = self._store.vats.named(vat_name)
        return () if vat is None else Versions(self._store, vat.id).stale()

    def outdated_kinds(self, vat_name: str) -> list[str]:
        """The kinds of one vat that may have records older than its code; reads no record.

        Args:
            vat_name: the name of the vat.
        Example:
            >>> world.lens.outdated_kinds("bank")
            []
        """
        vat = self._store.vats.named(vat_name)
        return [] if vat is None else [kind.kind for kind in Versions(self._store, vat.id).outdated()]

    def vat_name(self, vat_id: str) -> str:
        """The name of a vat, also of a terminated one; the id itself if there never was such a vat.

        Args:
            vat_id: its id.
        Example:
            >>> world.lens.vat_name(world.vats["bank"].id)
            'bank'
        """
        record = self._store.vats.get(vat_id)
        return record.name if record else vat_id

    def promises(self) -> list[PromiseRow]:
        """Every promise the kernel knows, by number.

        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> [row.state for row in world.lens.promises()]
            ['unresolved']
        """
        rows = []
        for record in sorted(self._store.promises.all(), key=lambda record: sort_key(record.kref)):
            subscribers = tuple(
                self._name(vat) or vat for vat in self._store.promises.subscribers(record.kref)
            )
            decider = self._name(record.decider) or ("kernel" if record.state == UNRESOLVED else "")
            waiting = len(self._store.promises.waiting(record.kref))
            value = _short(record.data.json) if record.data else ""
            rows.append(
                PromiseRow(record.kref, record.state, decider, subscribers, waiting, record.refcount, value)
            )
        return rows

    def objects(self) -> list[ObjectRow]:
        """Every object the kernel knows, by number.

        Example:
            >>> [row.label for row in world.lens.objects()]
            ['root of bank']
        """
        rows = []
        for record in sorted(self._store.objects.all(), key=lambda record: sort_key(record.kref)):
            holders = tuple(
                self._name(entry.vat) or entry.vat
                for entry in self._store.clists.holders(record.kref)
                if "-" in entry.vref
            )
            rows.append(
                ObjectRow(
                    record.kref,
                    self.label(record.kref),
                    self._name(record.owner) or "nobody",
                    holders,
                    record.reachable,
                    record.recognizable,
                    record.fate or "",
                )
            )
        return rows

    def label(self, kref: str) -> str:
        """What an object is, for people: `root of bank`, or the tag of its durable kind.

        Args:
            kref: the kernel's name for it.
        Example:
            >>> world.lens.label(world.vats.root("bank"))
            'root of bank'
        """
        obj = self._store.objects.get(kref)
        if obj is None or obj.owner is None:
            return f"{obj.iface or 'object'}, abandoned" if obj else "?"
        if kref_type(kref) == "d":
            device = self._store.devices.get(obj.owner)
            return f"root of {self._name(obj.owner)}" if device and device.root == kref else "device node"
        entry = self._store.clists.by_kref(obj.owner, kref)
        vref = entry.vref if entry else ""
        if vref == ROOT:
            return f"root of {self._name(obj.owner)}"
        if vref.startswith("o+d"):
            return self._kind_tag(obj.owner, vref[3:].partition("/")[0])
        return obj.iface or "object"

    def _kind_tag(self, vat: str, kind: str) -> str:
        descriptor = self._store.vatstore.get(vat, f"vom.dkind.{kind}.descriptor")
        try:
            tag = read_json(descriptor or "null")["tag"]
        except (Unreadable, TypeError, KeyError):
            return f"kind {kind}"
        return tag[:80] if isinstance(tag, str) else f"kind {kind}"

    def _name(self, owner: str | None) -> str | None:
        vat = self._store.vats.get(owner) if owner else None
        device = self._store.devices.get(owner) if owner and vat is None else None
        return vat.name if vat else f"device {device.name}" if device else owner

    def _queue_row(self, position: int, where: str, event: QueuedEvent) -> QueueRow:
        match event:
            case Send(target, message, sender):
                owner = self._owner(target)
                what = f"{message.method}()"
                return QueueRow(
                    position, where, "send", owner, what, message.result, self._name(sender) or "host"
                )
            case Notify(vat, promise):
                record = self._store.promises.get(promise)
                what = f"{promise} {record.state if record else 'gone'}"
                return QueueRow(position, where, "notify", self._name(vat) or vat, what, None, "kernel")
            case CreateVat(name=name, result=result):
                return QueueRow(position, where, "create-vat", name, "start", result, "host")
            case UpgradeVat(vat=vat, result=result):
                return QueueRow(
                    position, where, "upgrade-vat", self._name(vat) or vat, "new code", result, "host"
                )
            case ChangeVatOptions(vat, options):
                what = ", ".join(f"{name} {value}" for name, value in sorted(options.items()))
                return QueueRow(position, where, "options", self._name(vat) or vat, what, None, "host")

    def _owner(self, kref: str) -> str:
        if kref_type(kref) == "p":
            return f"promise {kref}"
        obj = self._store.objects.get(kref)
        owner = self._name(obj.owner) if obj else None
        return f"{owner or 'nobody'} {kref} ({self.label(kref)})"


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
