"""The history of a world as tables, for programs that ask in SQL or with data frames.

`records` has a row for each record, `changes` one for each row of state that a record changed, `console` one
for each text that a vat printed, `calls` one for each call of a device, and `memory` one for each record of
the bytes that a vat stores or that its heap image takes. Texts are as they are in the records, and values as
JSON: who shows them to a reader has to make them visible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from swingset.core.store import KernelStore
from swingset.lens.history.cause import Causes, result_of
from swingset.lens.watching.costs_over_time import footprints
from swingset.model.messages import Send, kind_of
from swingset.world.records import CrankRecord, Record, RequestRecord

Row = tuple[int | str | None, ...]

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "records": {
        "number": "INTEGER PRIMARY KEY",
        "commit_seq": "INTEGER",
        "crank": "INTEGER",
        "kind": "TEXT",
        "vat": "TEXT",
        "summary": "TEXT",
        "target": "TEXT",
        "method": "TEXT",
        "result": "TEXT",
        "outcome": "TEXT",
        "computrons": "INTEGER",
        "fault_code": "TEXT",
        "fault": "TEXT",
        "sender": "INTEGER",
        "cell": "INTEGER",
        "line": "INTEGER",
        "session": "INTEGER",
        "arguments": "TEXT",
    },
    "changes": {
        "record": "INTEGER",
        "crank": "INTEGER",
        "table_name": "TEXT",
        "key": "TEXT",
        "after": "TEXT",
    },
    "console": {
        "record": "INTEGER",
        "crank": "INTEGER",
        "vat": "TEXT",
        "stream": "TEXT",
        "text": "TEXT",
    },
    "calls": {
        "record": "INTEGER",
        "crank": "INTEGER",
        "caller": "TEXT",
        "node": "TEXT",
        "method": "TEXT",
        "args": "TEXT",
        "failed": "INTEGER",
        "answer": "TEXT",
        "undone": "INTEGER",
    },
    "memory": {
        "record": "INTEGER",
        "crank": "INTEGER",
        "vat": "TEXT",
        "stored": "INTEGER",
        "heap": "INTEGER",
    },
}
"""The columns of each table of the history, with their types in SQL."""


def rows_of(store: KernelStore, table: str) -> Iterator[Row]:
    """The rows of one of these tables, oldest first; made as the records are read."""
    causes = Causes(store)
    make = _memory(store) if table == "memory" else _ROWS[table]
    for record in causes.recorded.after():
        yield from make(record, causes)


def _record(record: Record, causes: Causes) -> Iterator[Row]:
    step = causes.step(record)
    if isinstance(record, RequestRecord):
        cell, line = record.cell or (None, None)
        asked = json.dumps(dict(record.arguments), ensure_ascii=False)
        found = (record.number, record.commit, record.crank, record.verb, record.arguments.get("vat"))
        vat = causes.words.vat(found[4]) if isinstance(found[4], str) else None
        yield (*found[:4], vat, step.summary, *[None] * 8, cell, line, causes.session(record), asked)
        return
    event, fault = record.event, record.fault
    target = method = args = None
    if isinstance(event, Send):
        target, method, args = event.target, event.message.method, event.message.methargs.body
    kind = kind_of(event)
    yield (
        *(record.number, record.commit, record.crank, kind, record.vat, step.summary),
        *(target, method, result_of(event), record.outcome, record.computrons),
        *((fault.code, f"{fault.name}: {fault}") if fault is not None else (None, None)),
        *(record.sender, None, None, None, args),
    )


def _changes(record: Record, _: Causes) -> Iterator[Row]:
    for row in record.rows or ():
        key = json.dumps(list(row.key), ensure_ascii=False)
        after = None if row.after is None else json.dumps(list(row.after), ensure_ascii=False)
        yield record.number, record.crank, row.table, key, after


def _console(record: Record, _: Causes) -> Iterator[Row]:
    if isinstance(record, CrankRecord):
        for stream, text in record.console:
            yield record.number, record.crank, record.vat, stream, text


def _calls(record: Record, causes: Causes) -> Iterator[Row]:
    for call in record.calls or ():
        made = causes.words.vat(call.caller), call.node, call.method, call.args.body
        answered = int(call.failed), call.answer.body, int(call.undone)
        yield (record.number, record.crank, *made, *answered)


def _memory(store: KernelStore) -> Callable[[Record, Causes], Iterator[Row]]:
    footprint = footprints(store.world)

    def rows(record: Record, causes: Causes) -> Iterator[Row]:
        for vat, stored, heap in footprint(record):
            yield record.number, record.crank, causes.words.vat(vat), stored, heap

    return rows


_ROWS: Mapping[str, Callable[[Record, Causes], Iterator[Row]]] = {
    "records": _record,
    "changes": _changes,
    "console": _console,
    "calls": _calls,
}
