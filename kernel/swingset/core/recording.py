"""The records of cranks and requests, made of what the kernel knows when one of them is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any

from swingset.core.report import CrankReport
from swingset.core.store import KernelStore
from swingset.model.messages import CleanUp, Event, contents
from swingset.world.file import WorldFile
from swingset.world.record_lines import event_data, fault_data, without_nothing
from swingset.world.rows import RULES
from swingset.world.tables import TABLES

MOST_ROWS = 10_000
"""How many rows a record tells of at most."""

Cell = tuple[int, int | None]
"""The execution count of a cell, and the line in it, where that is known."""


def crank_record(
    store: KernelStore, report: CrankReport, seq: int | None, ran: set[str], budget: int
) -> dict[str, Any]:
    """The record of a crank: what it says of itself, and what is seen of the world after it.

    `seq` is where its event stood, `ran` are the vats that it has delivered to, `budget` is how many rows it
    was allowed to delete.
    """
    return without_nothing(
        crank=report.number,
        event=event_data(report.event),
        outcome=report.outcome,
        seq=seq,
        sender=store.queues.sender if seq is not None else None,
        vat=report.vat,
        computrons=report.computrons,
        fault=fault_data(report.fault) if report.fault is not None else None,
        clean_up=budget if isinstance(report.event, CleanUp) else None,
        console=[list(line) for line in report.console],
        transcripts={vat: running for vat in sorted(ran) if (running := _hash(store, vat)) is not None},
        calls=store.effects.calls,
        effects=store.effects.other,
    )


def row_changes(world: WorldFile) -> list[list[Any]] | None:
    """The rows that the crank or the request under way has changed, as they go into its record.

    None where they are more than `MOST_ROWS`: the changeset of the commit has them all the same.
    """
    rows = [
        [table, _as_in_file(table)(after)] if after is not None else [table, None, key]
        for table, key, after in world.changed("crank")
    ]
    return rows if len(rows) <= MOST_ROWS else None


@cache
def _as_in_file(table: str) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What brings the columns of a row into the order of the file, which is not that of a record's fields."""
    columns, wanted = TABLES[table].columns, tuple(RULES[table])
    return tuple if columns == wanted else itemgetter(*(columns.index(column) for column in wanted))


def request_record(
    store: KernelStore, verb: str, arguments: Mapping[str, Any], cell: Cell | None
) -> dict[str, Any]:
    """The record of a request; `cell` says where in a notebook it was asked for."""
    said = without_nothing(cell=list(cell) if cell else None, effects=store.effects.other)
    return said | {"do": verb, "with": dict(arguments)}


def extend_activity(store: KernelStore, event: Event, report: CrankReport) -> None:
    """Extend the activity digest by a crank: its event, its outcome, and what the vat did."""
    vat = store.vats.named(report.vat) if report.vat else None
    # An attached vat writes its state back with each commit, so its transcript depends on the host.
    transcript = store.vats.span(vat.id).hash if vat and not vat.attached else None
    fault = report.fault.code if report.fault else None
    done = [type(event).__name__, contents(event), report.outcome, fault, report.vat, transcript]
    store.activity.extend([report.number, *done])


def _hash(store: KernelStore, vat: str) -> str | None:
    return store.vats.span(vat).hash if store.vats.get(vat) is not None else None
