"""The tables of a world, which the static commands and the live panel show."""

from __future__ import annotations

from swingset.core.report import CrankReport
from swingset.lens.present.rows import QueueRow
from swingset.lens.present.tables import Lens
from swingset.lens.watching.storage import Storage
from swingset.model.messages import ChangeVatOptions, CloneVat, CreateVat, Notify, Send, UpgradeVat
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Stack, Table


def vat_table(lens: Lens) -> Table:
    """The vats as a table."""
    columns = ["vat", "incarnation", "state", "worker", "exports", "imports", "deliveries", "computrons"]
    rows = []
    notes = []
    stale = lens.stale_modules()
    for vat in lens.vats():
        worker = "this notebook" if vat.attached else vat.worker
        metered = "-" if vat.attached or vat.worker == "local" else vat.computrons
        state = f"{vat.state}, {vat.parked} waiting" if vat.parked else vat.state
        rows.append(
            [vat.name, vat.incarnation, state, worker, vat.exports, vat.imports, vat.deliveries, metered]
        )
        if vat.clone_of is not None:
            notes.append(f"{vat.name} is a clone of {vat.clone_of}")
        if vat.reason:
            notes.append(f"{vat.name}: {vat.reason}")
        for module in stale.get(vat.name, ()):
            upgrades = f"`%swingset module {module} --upgrade` upgrades it"
            notes.append(f"{vat.name} runs an older version of module {module}: {upgrades}")
    return Table("vats", columns, rows, notes=notes)


def storage_table(found: Storage) -> Stack:
    """What each vat takes by the rules of the world, and in the file, as tables, in bytes."""
    names = {
        row: f"{row.vat}, terminated" if row.terminated else row.vat for row in (*found.vats, found.host)
    }
    parts = ["state", "store", "transcript", "heap images", "history", "all of it"]
    rows: list[list[object]] = [
        [names[row], row.state, row.store, row.transcript, row.images, row.history, row.total]
        for row in (*found.vats, found.host)
    ]
    notes = [f"other branches of the history: {found.elsewhere:,} bytes"] if found.elsewhere else []
    notes.append(f"the file: {found.file:,} bytes, with code, guest libraries and what SQLite needs")
    notes.append("`%swingset retention --cranks 1000` says what less of the past would free")
    counts = ["store", "references", "waiting messages", "memory", "in all", "allowed"]
    rooms: list[list[object]] = [
        [names[row], *row.room, row.room.total, row.allowed] for row in found.vats if not row.terminated
    ]
    same = ["the same on every host: this is what rent and the option `total_bytes` count"]
    return Stack(
        [
            Table("what counts, by vat", ["vat", *counts], rooms, "there is no vat", same),
            Table("bytes of the file, by vat", ["vat", *parts], rows, notes=notes),
        ]
    )


def queue_table(lens: Lens, *, paused: bool) -> Table:
    """The waiting events as a table."""
    columns = ["", "event", "target", "from", "result", "where"]
    queue = lens.queue()
    rows: list[list[object]] = [
        [str(number), _what(row), row.target, row.sender, row.result, row.where]
        for number, row in enumerate(queue, 1)
    ]
    notes = ["paused: `%swingset step` or `%swingset run`"] if paused else []
    if any(row.offer is not None for row in queue):
        columns += ["offer", "account"]
        for shown, row in zip(rows, queue, strict=True):
            shown += [row.offer, None if row.offer is None else row.account or "the house"]
        notes.append("the order if nothing else comes: `%swingset market` shows the bids and who pays")
    return Table("run-queue", columns, rows, "empty, nothing is waiting", notes)


def _what(row: QueueRow) -> str:
    return row.summary if row.kind == "send" else f"{row.kind} {row.summary}"


def clist_table(lens: Lens, name: str) -> Table:
    """One vat's c-list as a table."""
    columns = ["in the vat", "in the kernel", "direction", "what", "owner", "reachable", "counts"]
    rows = [
        [row.vref, row.kref, row.direction, row.label, row.owner, row.reachable, row.counts]
        for row in lens.clist(name)
    ]
    return Table(f"c-list of {name}", columns, rows, "empty: it holds nothing and has given nothing away")


def step_row(world: OpenWorld, report: CrankReport) -> list[object]:
    """One crank as a row: number, event, vat, outcome, computrons."""
    outcome = f"{report.outcome}: {report.fault}" if report.fault else report.outcome
    spent = "-" if report.computrons is None else report.computrons
    return [str(report.number), _event(report, world), report.vat or "-", outcome, spent]


def _event(report: CrankReport, world: OpenWorld) -> str:
    match report.event:
        case Send(target=target, message=message):
            return f"{message.method}() to {target}"
        case Notify(vat=vat, promise=promise):
            return f"notify {world.lens.vat_name(vat)} of {promise}"
        case CreateVat(name=name):
            return f"create {name}"
        case CloneVat(vat=vat, name=name):
            return f"clone {world.lens.vat_name(vat)} as {name}"
        case UpgradeVat():
            return "upgrade"
        case ChangeVatOptions():
            return "options"
        case other:
            return type(other).__name__
