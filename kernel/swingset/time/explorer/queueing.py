"""What waits in a world, in the order in which it will run: the first events, and how many there are.

The run-queue comes first, then what is parked for suspended vats, then what waits for promises. Only the
first rows of each table are read, however long it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from swingset.core.store import KernelStore
from swingset.lens.present.market import in_turn
from swingset.lens.present.rows import aims_of
from swingset.model.messages import (
    ChangeVatOptions,
    CloneVat,
    CreateVat,
    Event,
    Notify,
    QueuedEvent,
    Send,
    UpgradeVat,
    event_from_json,
    kind_of,
)
from swingset.model.values import call_in_words
from swingset.model.visible import one_line
from swingset.time.explorer.answers import Waiting
from swingset.time.explorer.labels import LABEL, NAME, Labels
from swingset.world.queues import Queued

MOST_QUEUED, MOST_ELSEWHERE = 24, 8
"""How many events of the run-queue, and of each other place, are shown."""

MOST_COMPARED = 200
"""How many events of the run-queue are looked at, in a market, to say which will run first."""

ARGS = 160

Target = Callable[[str], tuple[str, str]]
"""The box and the row in which a thing is drawn."""


class Queue:
    """The events that wait in one world at one moment."""

    def __init__(self, store: KernelStore, labels: Labels, target: Target) -> None:
        self._rows = store.world.rows
        self._store = store
        self._labels = labels
        self._target = target
        queued, parked, waits = (
            int(self._rows(f"SELECT count(*) from {table}")[0][0])
            for table in ("queue", "parked", "promise_queue")
        )
        self.elsewhere = parked + waits
        self.total = queued + self.elsewhere

    def first(self) -> tuple[Waiting, ...]:
        """The first events."""
        return tuple(self._all())

    def about(self, kref: str, most: int) -> tuple[Waiting, ...]:
        """The first events that are sent to something, or wait for it."""
        found: list[Waiting] = []
        query = "SELECT seq, item, sender from queue where instr(item, ?) order by seq limit ?"
        for seq, item, sender in self._rows(query, (f'"{kref}"', 4 * most)):
            if (event := _event(item)) is not None and kref in aims_of(event):
                found.append(self.row(len(found) + 1, f"q{seq}", item, sender, ""))
        query = "SELECT seq, item, sender from promise_queue where promise = ? order by seq limit ?"
        for seq, item, sender in self._rows(query, (kref, most)):
            found.append(self.row(len(found) + 1, f"{kref}.{seq}", item, sender, f"promise {kref}"))
        return tuple(found[:most])

    def about_result(self, kref: str) -> tuple[Waiting, ...]:
        """The event of the run-queue whose result a promise is, if there is one."""
        query = "SELECT seq, item, sender from queue where instr(item, ?) order by seq limit 40"
        rows = [
            self.row(1, f"q{seq}", item, sender, "")
            for seq, item, sender in self._rows(query, (f'"result":"{kref}"',))
        ]
        return tuple(row for row in rows if row.result == kref)

    def of_vat(self, vat: str, most: int) -> tuple[Waiting, ...]:
        """The first events that are parked for a vat."""
        query = "SELECT seq, item, sender from parked where vat = ? order by seq limit ?"
        return tuple(
            self.row(at, f"{vat}.{seq}", item, sender, "parked")
            for at, (seq, item, sender) in enumerate(self._rows(query, (vat, most)), 1)
        )

    def one(self, id: str) -> tuple[Waiting, QueuedEvent] | None:
        """The event of an id, or None if it does not wait any more."""
        place, _, seq = id.rpartition(".") if "." in id else ("queue", "", id[1:])
        digits = seq.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
            return None
        where, given = "from queue where seq = ?", tuple[str | int, ...]((int(seq),))
        said = ""
        if place != "queue":
            table, column = ("promise_queue", "promise") if place.startswith("kp") else ("parked", "vat")
            where, given = f"from {table} where {column} = ? and seq = ?", (place, int(seq))
            said = f"promise {place}" if table == "promise_queue" else "parked"
        for item, sender in self._rows(f"SELECT item, sender {where}", given):
            event = _event(item)
            before = self._rows("SELECT count(*) from queue where seq < ?", (int(seq),))
            position = int(before[0][0]) + 1 if place == "queue" else 0
            if event is not None:
                return self.row(position, id, item, sender, one_line(said, NAME)), event
        return None

    def _all(self) -> Iterator[Waiting]:
        position = 0
        for seq, item, sender in self._run_queue():
            position += 1
            yield self.row(position, f"q{seq}", item, sender, "")
        query = "SELECT vat, seq, item, sender from parked order by vat, seq limit ?"
        for vat, seq, item, sender in self._rows(query, (MOST_ELSEWHERE,)):
            position += 1
            yield self.row(position, f"{vat}.{seq}", item, sender, f"vat {self._labels.owner(vat)}")
        query = "SELECT promise, seq, item, sender from promise_queue order by promise, seq limit ?"
        for promise, seq, item, sender in self._rows(query, (MOST_ELSEWHERE,)):
            position += 1
            yield self.row(position, f"{promise}.{seq}", item, sender, f"promise {promise}")

    def _run_queue(self) -> list[Any]:
        """The first rows of the run-queue: in a market, of the oldest ones those that will run first."""
        query = "SELECT seq, item, sender from queue order by seq limit ?"
        if self._store.market is None:
            return self._rows(query, (MOST_QUEUED,))
        rows = {row[0]: row for row in self._rows(query, (MOST_COMPARED,))}
        events = ((seq, _event(item)) for seq, item, _ in rows.values())
        queue = [Queued(seq, event) for seq, event in events if event is not None]
        found = dict.fromkeys(one.seq for one in in_turn(self._store, queue))
        return [rows[seq] for seq in (found | dict.fromkeys(rows))][:MOST_QUEUED]

    def row(self, position: int, id: str, item: str, sender: Any, where: str) -> Waiting:
        """One event as a row."""
        event, said, where = _event(item), one_line(id, NAME), one_line(where, LABEL)
        record = sender if type(sender) is int else None
        if event is None:
            return Waiting(said, position, "?", "", "", "", "", "a damaged event", where, record)
        what, args, to = event_in_words(event, self._labels)
        source = event.sender or "" if isinstance(event, Send) else ""
        box, row = self._drawn(event)
        result = event.message.result if isinstance(event, Send) else None
        return Waiting(said, position, what, args, source, box, row, to, where, record, result)

    def _drawn(self, event: QueuedEvent) -> tuple[str, str]:
        match event:
            case Send(target=target):
                return self._target(target)
            case Notify(vat=vat) | CloneVat(vat=vat) | UpgradeVat(vat=vat) | ChangeVatOptions(vat=vat):
                return vat, ""
        return "", ""


def event_in_words(event: Event, labels: Labels) -> tuple[str, str, str]:
    """An event as its method or kind, its arguments, and whom it is for."""
    match event:
        case Send(target, message):
            method = one_line(message.method, NAME)
            said = call_in_words(message.methargs, labels.thing, ARGS + len(method) + 2)
            args = said.removeprefix(f"{method}(") if said.startswith(f"{method}(") else said
            args = args[:-1] if args.endswith(")") and args != said else args
            return method, args, labels.thing(target)
        case Notify(vat, promise):
            return "notify", one_line(promise, NAME), labels.owner(vat)
        case CloneVat(vat=vat, name=name):
            return "clone-vat", f"of {labels.owner(vat)}", one_line(name, NAME)
        case CreateVat(name=name):
            return "create-vat", one_line(name, NAME), one_line(name, NAME)
        case ChangeVatOptions(vat, options):
            pairs = (f"{name} {value}" for name, value in sorted(options.items())[:4])
            return "options", one_line(", ".join(pairs), ARGS), labels.owner(vat)
        case _:
            return kind_of(event), "", labels.owner(event.vat)


def _event(item: str) -> QueuedEvent | None:
    try:
        return event_from_json(item)
    except ValueError:
        return None
