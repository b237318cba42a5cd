"""Rehearsal: do it in a fork, look at what happened, throw the fork away.

The fork is the whole world, heaps and queue included, on the same engines. What it says is therefore not
a prediction from rules but an observation, and the live world cannot be touched by it.

An upgrade that changes kinds migrates their first records at once and leaves the others for later, when one
that does not migrate would be found out by whoever sends to it. So a rehearsal can go through all of them.
Where one of the first records refuses the upgrade, a second fork puts the first look off, so as to hear of
the others too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from swingset.core.errors import VatFault
from swingset.host.controller import Controller
from swingset.host.migrating import Migrated
from swingset.host.policies import cranks
from swingset.host.starting import Parts
from swingset.lens.tables import Lens, ObjectRow, PromiseRow
from swingset.lens.versions import Versions
from swingset.model.reports import Fault
from swingset.world.vats import LIVE

Extent = int | Literal["all"] | None
"""How many records of changed kinds a rehearsal migrates; None: those that the upgrade itself migrates."""

FOLLOW_UP_CRANKS = 1_000
"""How many cranks of what already waits are run after the rehearsed upgrade."""


@dataclass(frozen=True)
class Rehearsal:
    """What an upgrade would do.

    `verdict` says it in one sentence, `lines` in several. `abandoned` are exports that would be lost,
    `disconnected` promises that would be broken, `kept` counts durable objects by kind. `records` is there
    where more records were migrated than the upgrade itself does; one that does not makes it not `ok`.
    """

    vat: str
    ok: bool
    verdict: str
    lines: tuple[str, ...]
    fault: Fault | None
    abandoned: tuple[ObjectRow, ...]
    disconnected: tuple[PromiseRow, ...]
    kept: dict[str, int]
    computrons: int | None
    records: Migrated | None = None


def rehearse_upgrade(controller: Controller, vat: str, parts: Parts, *, records: Extent = None) -> Rehearsal:
    """Upgrade `vat` to `parts` in a fork of the world, then run what waits there.

    With `records`, so many older records are migrated after that, or all of them, and those that do not
    migrate are told of.
    """
    fork = controller.fork()
    try:
        lens = Lens(fork.kernel.store)
        objects = {row.kref: row for row in lens.objects()}
        promises = {row.kref: row for row in lens.promises()}
        kept = kinds_exported(lens, vat)
        try:
            report = fork.upgrade_vat(vat, parts)
        except VatFault as error:
            found = _refused(vat, error.fault)
            if records is None or "record" not in error.fault.details:
                return found
            return _with_records(found, _all_the_same(controller, vat, parts, records))
        left_behind = report.left_behind
        abandoned = tuple(
            objects[kref] for kref in (left_behind.abandoned if left_behind else ()) if kref in objects
        )
        broken = tuple(
            promises[kref] for kref in (left_behind.disconnected if left_behind else ()) if kref in promises
        )
        fork.queue.unpause()
        run = fork.run(cranks(FOLLOW_UP_CRANKS))
        faults = [later.fault for later in run.reports if later.fault is not None]
        found = _accepted(vat, report.computrons, abandoned, broken, kept, run.cranks, faults)
        return found if records is None else _with_records(found, _migrated(fork, vat, records))
    finally:
        fork.close()


def _all_the_same(controller: Controller, vat: str, parts: Parts, records: Extent) -> Migrated | None:
    """What becomes of the records under code that one of the first of them refuses."""
    fork = controller.fork()
    try:
        store, vat_id = fork.kernel.store, fork.kernel.vat(vat).id
        with fork.kernel.atomic():
            for number in Versions(store, vat_id).kinds():
                store.vatstore.set(vat_id, f"vom.sweep.{number}", '{"putOff":true}')
        fork.upgrade_vat(vat, parts)
        return _migrated(fork, vat, records)
    except VatFault:
        return None  # there is more in the way than records
    finally:
        fork.close()


def _migrated(fork: Controller, vat: str, records: Extent) -> Migrated | None:
    if fork.kernel.vat(vat).state != LIVE:
        return None
    return fork.vats.migrate(vat, budget=None if records == "all" else records)


def _with_records(found: Rehearsal, migrated: Migrated | None) -> Rehearsal:
    if migrated is None:
        return found
    verdict = found.verdict
    if found.ok and migrated.failed:
        does = "1 record does" if migrated.failed == 1 else f"{migrated.failed:,} records do"
        verdict = (
            f"The upgrade of {found.vat} would leave broken records behind: {does} not migrate, and messages "
            "that touch them would be rejected."
        )
    elif found.ok and migrated.stopped is not None:
        verdict = f"The upgrade of {found.vat} would go through, but its records could not all be migrated."
    ok = found.ok and not migrated.failed and migrated.stopped is None
    return replace(found, ok=ok, verdict=verdict, lines=(*found.lines, *migrated.lines()), records=migrated)


def kinds_exported(lens: Lens, vat: str) -> dict[str, int]:
    """How many durable objects of each kind others know of, by tag."""
    found: dict[str, int] = {}
    for row in lens.clist(vat):
        if row.vref.startswith("o+d"):
            found[row.label] = found.get(row.label, 0) + 1
    return dict(sorted(found.items()))


def describe_left_behind(abandoned: tuple[ObjectRow, ...], broken: tuple[PromiseRow, ...]) -> list[str]:
    """Sentences about what an upgrade leaves behind, for those that somebody still holds."""
    lines = []
    for row in abandoned:
        holders = ", ".join(row.holders) or "nobody"
        lines.append(f"{row.kref} ({row.label}) is abandoned; held by {holders}")
    for promise in broken:
        waiting = ", ".join(promise.subscribers) or "nobody"
        lines.append(f"promise {promise.kref} is broken; {waiting} waits for it")
    return lines


def _refused(vat: str, fault: Fault) -> Rehearsal:
    verdict = f"The upgrade of {vat} would be refused, and nothing would change: {fault}"
    lines = tuple(f"at {frame}" for frame in fault.trace)
    return Rehearsal(vat, False, verdict, lines, fault, (), (), {}, None)


def _accepted(
    vat: str,
    computrons: int | None,
    abandoned: tuple[ObjectRow, ...],
    broken: tuple[PromiseRow, ...],
    kept: dict[str, int],
    ran: int,
    faults: list[Fault],
) -> Rehearsal:
    lines = [f"{count} {tag} kept, identity and state" for tag, count in kept.items()]
    lines += describe_left_behind(abandoned, broken)
    if ran:
        lines.append(f"what was waiting then ran for {ran} cranks, {len(faults)} of them undone")
    lines += [f"undone: {fault}" for fault in faults[:5]]
    losses = [
        f"{count} {one if count == 1 else many}"
        for count, one, many in (
            (len(abandoned), "exported object would be abandoned", "exported objects would be abandoned"),
            (len(broken), "promise would be broken", "promises would be broken"),
            (len(faults), "waiting delivery would be undone", "waiting deliveries would be undone"),
        )
        if count
    ]
    verdict = (
        f"The upgrade of {vat} would go through" + (", but " + " and ".join(losses) if losses else "") + "."
    )
    return Rehearsal(vat, True, verdict, tuple(lines), None, abandoned, broken, kept, computrons)
