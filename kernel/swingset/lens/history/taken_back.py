"""What some commits did, for one who takes them back: what goes with them, and what stays outside.

Deliveries, vats and stored names are state, and go. What has left the world stays where it is: lines that
vats printed, calls of devices, mail that was taken, the time that devices were told. It is listed, because
only people can decide whether that matters.

It is read from the records. Nothing is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from swingset.core.store import KernelStore
from swingset.lens.history.cause import Causes, result_of
from swingset.lens.state.wires import Wire, called_by_others
from swingset.model.messages import CloneVat, Collect, CreateVat, Reap, Send, UpgradeVat
from swingset.model.visible import one_line
from swingset.world.edge import told_in_words
from swingset.world.records import CrankRecord, Record, RequestRecord

MOST = 20
"""How many lines are kept of what was taken back."""

SENT = "what was sent to other worlds"
"""What stays outside of anything that went over a link or a connection."""

_INNER = frozenset({"timer", "vat-admin", "bundle", "mailbox", "bridge", "market", "mover"})
"""Kinds of devices whose calls change only the world; what the host takes of them later is a request."""

_BY_THEMSELVES = frozenset(
    {"syscall", "introduce", "take-capdata", "unpark", "snapshot-vat", "reap", "log-outcomes", "release"}
    | {"pin", "unpin", "visit-device", "attach-vat", "set-aside", "withdraw", "keep-service"}
    | {"keep-sources"}
)
"""Requests that a session or host makes on the way of others, so they are not listed."""


@dataclass(frozen=True)
class Effects:
    """What some commits did.

    `done` has the first deliveries and requests in words, and `more` is how many there are beyond these.
    `cranks` counts all cranks. `outside` is what stays, in words.
    """

    done: tuple[str, ...] = ()
    more: int = 0
    cranks: int = 0
    outside: tuple[str, ...] = ()
    by_others: tuple[str, ...] = ()
    """The first messages of other worlds to vats of this one: their senders have the answers."""


def effects(store: KernelStore, commits: Iterable[int], after: int = -1) -> Effects:
    """What these commits did, given oldest first; the world stands where their results can be looked up.

    Of a commit with several cranks, only what came after the crank `after` counts.
    """
    causes = Causes(store)
    done: list[str] = []
    count = cranks = lines = 0
    outside: Counter[str] = Counter()
    wire, came, by_others = Wire(store), set[int](), list[str]()
    for record in _records(store, commits):
        if record.crank < after or (record.crank == after and isinstance(record, CrankRecord)):
            continue
        if isinstance(record, CrankRecord):
            cranks += 1
            lines += sum(text.count("\n") or 1 for _, text in record.console if text)
        else:
            outside.update(_told(record))
        if called_by_others(wire, came, record) and len(by_others) < MOST:
            by_others.append(causes.step(record).summary)
        outside.update(_calls(store, record))
        if _counts(record) and not wire.came_in(record):
            count += 1
            if len(done) < MOST:
                done.append(causes.step(record).summary)
    stays = [f"{lines:,} printed {'line' if lines == 1 else 'lines'}"] if lines else []
    stays += [f"{what}{f', {times:,} times' if times > 1 else ''}" for what, times in outside.items()]
    more = count - len(done)
    return Effects(tuple(done), more, cranks, tuple(stays[:MOST]), tuple(by_others))


def is_quiet(record: Record, vat: str) -> bool:
    """Whether a record only keeps house: what a vat stores of itself, and the kernel's own clean-up."""
    if isinstance(record, CrankRecord):
        return isinstance(record.event, Collect | Reap)
    if record.verb == "syscall" and record.arguments.get("vat") == vat:
        call = record.arguments.get("syscall")
        return isinstance(call, list) and str(call[:1]).startswith("['vatstore")
    return record.verb in ("attach-vat", "unpark", "snapshot-vat", "reap")


Judge = Callable[[Sequence[Record], str], bool]
"""Judges records, given the id of the session's vat."""


def only_housekeeping(records: Sequence[Record], vat: str) -> bool:
    """Whether records only keep house."""
    return all(is_quiet(record, vat) for record in records)


def did_nothing(records: Sequence[Record], vat: str) -> bool:
    """Whether records only keep house, or ask for upgrades that were refused: these have changed nothing."""
    refused = [record for record in records if is_refused_upgrade(record)]
    asked, results = {record.sender for record in refused}, {result_of(record.event) for record in refused}
    return all(
        is_quiet(record, vat)
        or is_refused_upgrade(record)
        or record.number in asked
        or (
            isinstance(record, RequestRecord)
            and record.verb == "release"
            and record.arguments.get("kref") in results
        )
        for record in records
    )


def is_refused_upgrade(record: Record) -> TypeGuard[CrankRecord]:
    """Whether a record is that of an upgrade that was refused."""
    if not isinstance(record, CrankRecord):
        return False
    return isinstance(record.event, UpgradeVat) and record.outcome == "refused"


def _records(store: KernelStore, commits: Iterable[int]) -> Iterator[Record]:
    with told_in_words(store.world.name):
        for seq in commits:
            yield from store.world.history.records_of(seq)


def _counts(record: Record) -> bool:
    if isinstance(record, CrankRecord):
        return isinstance(record.event, Send | CreateVat | CloneVat | UpgradeVat) and not is_refused_upgrade(
            record
        )
    return record.verb not in _BY_THEMSELVES | {"send", "offer", "create-vat", "clone-vat", "upgrade-vat"}


def _calls(store: KernelStore, record: Record) -> Iterator[str]:
    for call in record.calls or ():
        node = store.objects.get(call.node)
        device = store.devices.get(node.owner) if node is not None and node.owner else None
        if device is None:
            yield f"{one_line(call.method, 40)}() of a device"
        elif device.kind == "wire":
            if call.method == "send":
                yield SENT
        elif device.kind not in _INNER:
            yield f"{one_line(call.method, 40)}() of device {one_line(device.name, 40)}"


def _told(record: RequestRecord) -> Iterator[str]:
    match record.verb:
        case "receive":
            yield f"mail taken from {one_line(str(record.arguments.get('peer')), 60)}"
        case "bridge-taken":
            yield f"what was taken from device {one_line(str(record.arguments.get('device')), 40)}"
        case "poll":
            yield "the time that was told"
