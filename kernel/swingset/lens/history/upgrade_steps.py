"""An upgrade step by step, as it happened.

It is read from the record of its crank, the transcript of its two deliveries, and the records of what came of
it. Nothing is run.

All steps up to the new incarnation are one crank, which happened as a whole. What follows are cranks of their
own, in which others are notified of what the upgrade rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.cause import Causes
from swingset.lens.history.story import entries_of, syscalls_of
from swingset.lens.state.records import kind_tag
from swingset.lens.state.versions import Versions
from swingset.model.foreign import read_object
from swingset.model.messages import UpgradeVat
from swingset.model.visible import one_line
from swingset.world.promises import REJECTED
from swingset.world.records import CrankRecord, RowChange
from swingset.world.transcripts import Entry

_MOST = 12
"""How many objects, promises, kinds or cranks one step names."""
_FOLLOWED = 40


@dataclass(frozen=True)
class UpgradeStep:
    """One step of an upgrade: what happened, and details of it."""

    title: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  {line}" for line in self.lines)])


def upgrade_steps(store: KernelStore, vat: str, name: str) -> tuple[UpgradeStep, ...]:
    """The steps of the last upgrade of a vat. Raises `KernelError` if there is no record of one."""
    causes = Causes(store)
    record = _last(causes, vat)
    if record is None:
        gone = causes.recorded.gone
        why = f": {gone}" if gone is not None else ", as far as its records go back"
        raise KernelError(f"vat {name} was not upgraded{why}")
    return tuple(_steps(store, causes, vat, name, record))


def _last(causes: Causes, vat: str) -> CrankRecord | None:
    recorded = causes.recorded
    for record in recorded.before(lambda line: b'"upgrade-vat"' in line, recorded.last + 1):
        if isinstance(record, CrankRecord) and isinstance(record.event, UpgradeVat) and record.began == vat:
            return record
    return None


def _steps(
    store: KernelStore, causes: Causes, vat: str, name: str, record: CrankRecord
) -> Iterator[UpgradeStep]:
    by_delivery = {_delivery(entry): entry for entry in entries_of(store, record)}
    cause = causes.cause(record, _FOLLOWED)
    yield UpgradeStep(
        f"crank {record.crank:,}: the upgrade of {name}",
        tuple(f"asked for by {step}" for step in cause.up[:1]) or (cause.origin,),
    )
    old, start = by_delivery.get("bringOutYourDead"), by_delivery.get("startVat")
    if old is not None:
        deleted = sum(1 for call in syscalls_of([old]) if call[:1] == ["vatstoreDelete"])
        swept = f"{deleted:,} entries of its store that nothing refers to are deleted" if deleted else ""
        yield UpgradeStep(
            f"incarnation {old.incarnation} brings out its dead, and ends with its heap",
            (swept,) if swept else ("nothing is deleted",),
        )
    rows = record.rows
    if rows is None:
        yield UpgradeStep("too many rows changed to tell them one by one: the commit has them")
    yield from _left(causes, rows or ())
    if start is not None:
        spent = f"{record.computrons:,} computrons" if record.computrons is not None else "not metered"
        printed = [one_line(text, 200) for _, text in record.console[:_MOST]]
        yield UpgradeStep(
            f"incarnation {start.incarnation} starts with the new code",
            (spent, *(f"it prints {text}" for text in printed)),
        )
    kinds = list(_kinds(vat, rows or ()))
    if kinds:
        yield UpgradeStep("durable kinds are defined again", _some(kinds))
    if start is not None:
        versions = Versions(store, vat)
        moved = [
            f"{row.count:,} {row.kind}, from version {row.old} to {row.new}"
            for row in versions.moved_in([start.entry], versions.tags())
        ]
        if moved:
            yield UpgradeStep("records are migrated", _some(moved))
    yield UpgradeStep("the crank is committed: from here on, messages reach the new code")
    came = [effect.step for effect in cause.down]
    followed = [f"{step}, for {step.vat}" if step.vat else str(step) for step in came]
    if followed:
        more = ("and more",) if cause.more else ()
        yield UpgradeStep("what came of it", (*_some(followed), *more))


def _delivery(entry: Entry) -> str:
    raw = entry.entry.get("delivery") if isinstance(entry.entry, dict) else None
    return str(raw[0]) if isinstance(raw, list) and raw else ""


def _left(causes: Causes, rows: tuple[RowChange, ...]) -> Iterator[UpgradeStep]:
    """The promises that were rejected and the exports that were abandoned."""
    rejected = [
        str(row.key[0])
        for row in rows
        if row.table == "promises" and row.after is not None and row.after[1] == REJECTED
    ]
    if rejected:
        yield UpgradeStep(
            "promises that only its heap could settle are rejected", _some([f"promise {k}" for k in rejected])
        )
    orphans = [
        str(row.key[0])
        for row in rows
        if row.table == "objects" and row.after is not None and row.after[1] is None and row.after[4]
    ]
    if orphans:
        yield UpgradeStep(
            "objects of its heap are abandoned: messages to them are rejected from now on",
            _some([causes.words.thing(kref) for kref in orphans]),
        )


def _kinds(vat: str, rows: tuple[RowChange, ...]) -> Iterator[str]:
    """The kinds whose descriptors changed."""
    for row in rows:
        key = str(row.key[1]) if row.table == "vatstore" and row.key[0] == vat else ""
        if row.after is None or not key.startswith("vom.dkind.") or not key.endswith(".descriptor"):
            continue
        text = str(row.after[2])
        made = read_object(text) or {}
        fields = made.get("fields")
        names = [one_line(str(field[0]), 60) for field in fields if field] if isinstance(fields, list) else []
        version = made.get("version", 1)
        older = made.get("older")
        records = ", with older records to migrate" if isinstance(older, dict) and older else ""
        tag = one_line(kind_tag(text) or "?", 80)
        yield one_line(f"{tag}, version {version}: {', '.join(names[:_MOST]) or 'any fields'}{records}", 300)


def _some(lines: list[str]) -> tuple[str, ...]:
    more = len(lines) - _MOST
    return tuple(lines[:_MOST]) + ((f"and {more:,} more",) if more > 0 else ())
