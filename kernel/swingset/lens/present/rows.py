"""The rows of the views of a world: vats, events that wait, entries of c-lists, promises and objects.

A row says everything in names that people know, such as those of vats. What a row says of an event that waits
depends on where the event waits, and on what it is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from swingset.lens.state.reading import Reading
from swingset.model.cloning import read_cloned_from
from swingset.model.messages import (
    ChangeVatOptions,
    CloneVat,
    CreateVat,
    Notify,
    QueuedEvent,
    Send,
    UpgradeVat,
)
from swingset.model.refs import kref_type
from swingset.model.states import PromiseState, VatState
from swingset.world.vats import VatRecord

Direction = Literal["export", "import"]
"""Whether a vat owns what an entry of its c-list names, or another does."""


@dataclass(frozen=True)
class VatRow:
    """One vat. `deliveries` counts its transcript entries; `since_image` those after its last heap image.

    `attached` says that it runs in the embedder's interpreter, whatever `worker` says. `clone_of` is the name
    of the vat that it is a clone of, or None.
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
    clone_of: str | None = None


@dataclass(frozen=True)
class QueueRow:
    """One event that waits. `where` is run-queue, the promise that it waits for, or the suspended vat.

    `summary` says in a few words what it does, such as `deposit()`. In a market `offer` is what a message of
    the run-queue offers at this moment, and `account` the one that pays, None for the house.
    """

    position: int
    where: str
    kind: str
    target: str
    summary: str
    result: str | None
    sender: str
    offer: int | None = None
    account: str | None = None


@dataclass(frozen=True)
class CListRow:
    """One entry of a vat's c-list: the vat's own name and the kernel's, and whether the vat can reach it.

    `label` says what it is, if that is known, and `owner` is the vat that has it or settles it. `counts` are
    the kernel's: `reachable,recognizable` of an object, the references to a promise.
    """

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
    """One promise.

    `decider` and `subscribers` are names of vats. `waiting` counts the messages that wait for it, `refcount`
    all references to it. `value` is what it was settled with, in short.
    """

    kref: str
    state: PromiseState
    decider: str
    subscribers: tuple[str, ...]
    waiting: int
    refcount: int
    value: str


@dataclass(frozen=True)
class ObjectRow:
    """One object: its owner, the names of the vats that import it, and the kernel's counts of its references.

    `fate` says why it has no owner.
    """

    kref: str
    label: str
    owner: str
    holders: tuple[str, ...]
    reachable: int
    recognizable: int
    fate: str


def clone_of(reading: Reading, vat: VatRecord) -> str | None:
    """The name of the vat that a vat is a clone of, or None."""
    of = read_cloned_from(vat.options.get("cloned_from"))
    return None if of is None else reading.name(of[0]) or of[0]


def aims_of(event: QueuedEvent) -> tuple[str, ...]:
    """The krefs of which a row of the queue says more than their names."""
    match event:
        case Send(target=target):
            return (target,)
        case Notify(promise=promise):
            return (promise,)
    return ()


def queue_row(reading: Reading, position: int, where: str, event: QueuedEvent) -> QueueRow:
    """A waiting event as a row: where it waits, and whom it is for."""
    match event:
        case Send(target, message, sender):
            what, sent = f"{message.method}()", reading.name(sender) or "host"
            return QueueRow(position, where, "send", _owner(reading, target), what, message.result, sent)
        case Notify(vat, promise):
            record = reading.promises.get(promise)
            what = f"{promise} {record.state if record else 'gone'}"
            return QueueRow(position, where, "notify", reading.name(vat) or vat, what, None, "kernel")
        case CreateVat(name=name, result=result):
            return QueueRow(position, where, "create-vat", name, "start", result, "host")
        case CloneVat(vat=vat, name=clone, result=result):
            what = f"a clone of {reading.name(vat) or vat}"
            return QueueRow(position, where, "clone-vat", clone, what, result, "host")
        case UpgradeVat(vat=vat, result=result):
            name = reading.name(vat) or vat
            return QueueRow(position, where, "upgrade-vat", name, "new code", result, "host")
        case ChangeVatOptions(vat, options):
            what = ", ".join(f"{name} {value}" for name, value in sorted(options.items()))
            return QueueRow(position, where, "options", reading.name(vat) or vat, what, None, "host")


def _owner(reading: Reading, kref: str) -> str:
    if kref_type(kref) == "p":
        return f"promise {kref}"
    obj = reading.objects.get(kref)
    owner = reading.name(obj.owner) if obj else None
    return f"{owner or 'nobody'} {kref} ({reading.label(kref)})"
