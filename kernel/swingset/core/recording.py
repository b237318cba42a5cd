"""Makes the records of cranks and requests, when they end.

A record has the event or the request, what the kernel knows of its outcome, and the rows that changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from swingset.core.report import CrankReport
from swingset.core.store import KernelStore
from swingset.model.messages import CleanUp
from swingset.model.reports import fault_to_data
from swingset.world.file import WorldFile

MOST_ROWS = 10_000
"""How many changed rows a record lists at most."""

Cell = tuple[int, int | None]
"""The execution count of a notebook cell, and the line in the cell, or None if it is not known."""


def crank_record(
    store: KernelStore,
    report: CrankReport,
    event: dict[str, Any],
    seq: int | None,
    ran: set[str],
    budget: int,
) -> dict[str, Any]:
    """Return the record of a crank, without its rows.

    `event` is its event as JSON data. `seq` is the event's position in the run-queue, or None. `ran` are the
    vats that it delivered to. `budget` is how many rows of a terminated vat it was allowed to delete.
    """
    return without_nothing(
        crank=report.number,
        event=event,
        outcome=report.outcome,
        seq=seq,
        sender=store.queues.sender if seq is not None else None,
        vat=report.vat,
        computrons=report.computrons,
        fault=fault_to_data(report.fault) if report.fault is not None else None,
        clean_up=budget if isinstance(report.event, CleanUp) else None,
        console=[list(line) for line in report.console],
        transcripts={vat: running for vat in sorted(ran) if (running := _hash(store, vat)) is not None},
        calls=store.effects.calls,
        effects=store.effects.other,
    )


def row_changes(world: WorldFile) -> list[list[Any]] | None:
    """Return the rows that the current crank or request changed, as its record stores them.

    Returns None for more than `MOST_ROWS` rows; the changeset of the commit has them all the same.
    """
    rows: list[list[Any]] = [
        [table, after] if after is not None else [table, None, key]
        for table, key, after in islice(world.changed("crank"), MOST_ROWS + 1)
    ]
    return rows if len(rows) <= MOST_ROWS else None


def request_record(
    store: KernelStore, verb: str, arguments: Mapping[str, Any], cell: Cell | None
) -> dict[str, Any]:
    """Return the record of a request, without its rows; `cell` is the notebook cell that made it."""
    devices = store.effects
    said = without_nothing(cell=list(cell) if cell else None, calls=devices.calls, effects=devices.other)
    return said | {"do": verb, "with": dict(arguments)}


def extend_activity(store: KernelStore, report: CrankReport, event: dict[str, Any]) -> None:
    """Extend the activity digest by a crank: its event as JSON data, its outcome, and what the vat did."""
    vat = store.vats.named(report.vat) if report.vat else None
    # An attached vat writes its state back with each commit, so its transcript depends on the host.
    transcript = store.vats.span(vat.id).hash if vat and not vat.attached else None
    fault = report.fault.code if report.fault else None
    contents = event.copy()
    del contents["type"]
    done = [type(report.event).__name__, contents, report.outcome, fault, report.vat, transcript]
    store.activity.extend([report.number, *done])


def without_nothing(**parts: Any) -> dict[str, Any]:
    """Return the parts of a record without those that are None, an empty list or an empty dict."""
    return {name: part for name, part in parts.items() if part is not None and part != [] and part != {}}


def _hash(store: KernelStore, vat: str) -> str | None:
    return store.vats.span(vat).hash if store.vats.get(vat) is not None else None
