"""Rehearsal: does an upgrade in a fork, reports what happened, and discards the fork.

The fork is the whole world, with heaps and queue, on the same engines. So its report is not a prediction but
an observation, and it cannot change the live world.

An upgrade that changes kinds migrates their first records at once and the others later, when a record that
fails would reject messages to it. So a rehearsal can migrate all of them. If one of the first records fails
and refuses the upgrade, a second fork postpones their migration, to report the other failures too.

What the new code does differently shows only with messages: `swingset.redeliver` re-delivers recorded ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from swingset.core.errors import VatFault
from swingset.core.kernel import Kernel
from swingset.core.lifecycle import LeftBehind
from swingset.host.base.policies import cranks
from swingset.host.base.starting import Parts
from swingset.host.code.consequences import (
    Consequences,
    costing,
    lost,
    migrating,
    noticing,
    reaching,
    store_size,
    surviving,
)
from swingset.host.controls.migrating import Migrated, Watcher
from swingset.host.worlds.controller import Controller
from swingset.lens.present.rows import ObjectRow, PromiseRow
from swingset.lens.present.tables import Lens
from swingset.lens.source.fixes import Fix, fixes, fixes_of_answers
from swingset.lens.state.versions import Versions
from swingset.model.capdata import CapData
from swingset.model.reports import Fault
from swingset.model.visible import one_line
from swingset.world.promises import FULFILLED, REJECTED
from swingset.world.vats import LIVE

Extent = int | Literal["all"] | None
"""How many records of changed kinds a rehearsal migrates; None for those that the upgrade itself migrates."""

_DISCONNECTION = "vatUpgraded"  # in the rejection of a promise that is broken

FOLLOW_UP_CRANKS = 1_000
"""How many cranks of the waiting events are run after the rehearsed upgrade."""


@dataclass(frozen=True)
class Rehearsal:
    """The report of what an upgrade would do.

    `verdict` is one sentence and `lines` are several. `abandoned` lists exports that would be lost,
    `disconnected` lists promises that would be broken, and `kept` counts durable objects by kind. `records`
    is set if more records were migrated than the upgrade itself migrates; if one fails, `ok` is False.
    `untried` counts the older records that were not migrated, each of which may still fail.
    `rejected` lists other promises that the upgrade would reject, such as adopted ones whose adopter fails.
    `fixes` are changes of the code that may cure a refusal, or such a rejection. `consequences` tell what the
    upgrade would do to the world; they are empty if it is refused.
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
    untried: int = 0
    rejected: tuple[PromiseRow, ...] = ()
    fixes: tuple[Fix, ...] = ()
    consequences: Consequences = field(default_factory=Consequences)


def rehearse_upgrade(
    controller: Controller,
    vat: str,
    parts: Parts,
    *,
    parameters: CapData | None = None,
    records: Extent = None,
    progress: Watcher | None = None,
) -> Rehearsal:
    """Upgrade `vat` to `parts` in a fork of the world, then run the events that wait there.

    With `records`, that many older records are migrated after that, or all of them, and failures are
    reported. `progress` is called after each step of that.
    """
    fork = controller.fork()
    try:
        lens = Lens(fork.kernel.store)
        objects = {row.kref: row for row in lens.objects()}
        promises = {row.kref: row for row in lens.promises()}
        kernel, vat_id = fork.kernel, fork.kernel.vat(vat).id
        versions = Versions(kernel.store, vat_id)
        stored = versions.stored()
        size = store_size(kernel, vat_id)
        try:
            report = fork.upgrade_vat(vat, parts, parameters=parameters)
        except VatFault as error:
            found = _refused(vat, error.fault, fixes(error.fault, parts, controller.vats.parts(vat)))
            if records is None or "record" not in error.fault.details:
                return found
            return _with_records(found, _all_the_same(controller, vat, parts, records, progress))
        losses = _losses(report.left_behind, objects, promises, lens.promises())
        kept = kept_of(stored, versions.stored())
        moved, left = migrating(kernel, vat_id)
        size_then = store_size(kernel, vat_id)
        fork.queue.unpause()
        run = fork.run(cranks(FOLLOW_UP_CRANKS))
        faults = [later.fault for later in run.reports if later.fault is not None]
        found = _accepted(vat, report.computrons, losses, kept, run.cranks, faults)
        cures = [
            fixes_of_answers(row.value, parts, controller.vats.parts(vat)) for row in losses.rejected[:1]
        ]
        waiting = [promises[row.kref] for row in losses.rejected]
        told = Consequences(
            surviving(kept),
            lost(*losses),
            moved,
            noticing(losses.abandoned, losses.broken, waiting, faults),
            costing(report.computrons, (size, size_then), run.cranks, len(faults), left),
            reaching(vat, objects, lens.objects()),
        )
        found = replace(found, fixes=cures[0] if cures else (), consequences=told)
        migrated = None if records is None else _migrated(fork, vat, records, progress)
        if migrated is not None:
            found = _with_records(found, migrated)
            left = max(0, migrated.remaining - migrated.failed)
        elif left:
            left = sum(row.count for row in versions.stale())  # what waited may have used some
        return _with_untried(found, left)
    finally:
        fork.close()


class _Losses(NamedTuple):
    """What an upgrade loses: exports, promises that it breaks, and other promises that it rejects."""

    abandoned: tuple[ObjectRow, ...]
    broken: tuple[PromiseRow, ...]
    rejected: tuple[PromiseRow, ...]


def _losses(
    left_behind: LeftBehind | None,
    objects: Mapping[str, ObjectRow],
    promises: Mapping[str, PromiseRow],
    then: list[PromiseRow],
) -> _Losses:
    """What is lost of the objects and promises that there were, if the promises are `then`."""
    abandoned, broken = (left_behind.abandoned, left_behind.disconnected) if left_behind else ((), ())
    return _Losses(
        tuple(objects[kref] for kref in abandoned if kref in objects),
        tuple(promises[kref] for kref in broken if kref in promises),
        tuple(
            row
            for row in then
            if row.state == REJECTED
            and row.kref in promises
            and promises[row.kref].state not in (FULFILLED, REJECTED)
            and _DISCONNECTION not in row.value
        ),
    )


def _all_the_same(
    controller: Controller, vat: str, parts: Parts, records: Extent, progress: Watcher | None
) -> Migrated | None:
    """The migration of the records to code that the upgrade refuses because one of the first fails."""
    fork = controller.fork()
    try:
        put_off_migration(fork.kernel, fork.kernel.vat(vat).id)
        fork.upgrade_vat(vat, parts)
        return _migrated(fork, vat, records, progress)
    except VatFault:
        return None  # records are not the only obstacle
    finally:
        fork.close()


def put_off_migration(kernel: Kernel, vat_id: str) -> None:
    """Have the next start of a vat migrate no record. In a fork that is thrown away."""
    with kernel.request("put-off-migration", vat=vat_id):
        for number in Versions(kernel.store, vat_id).kinds():
            kernel.store.vatstore.set(vat_id, f"vom.sweep.{number}", '{"putOff":true}')


def _migrated(fork: Controller, vat: str, records: Extent, progress: Watcher | None) -> Migrated | None:
    if fork.kernel.vat(vat).state != LIVE:
        return None
    return fork.vats.migrate(vat, budget=None if records == "all" else records, progress=progress)


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


def _with_untried(found: Rehearsal, left: int) -> Rehearsal:
    were = "1 of its records was" if left == 1 else f"{left:,} of its records were"
    verdict = f"{found.verdict[:-1]}; {were} not tried." if found.ok and left else found.verdict
    return replace(found, verdict=verdict, untried=left)


def kept_of(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """How many objects of each durable kind an upgrade kept, of the numbers that were stored around it.

    An upgrade first deletes what nothing refers to, and the new code may make some at once.
    """
    return {kind: kept for kind, count in before.items() if (kept := min(count, after.get(kind, 0)))}


def describe_left_behind(abandoned: tuple[ObjectRow, ...], broken: tuple[PromiseRow, ...]) -> list[str]:
    """Sentences about the objects and promises that an upgrade leaves behind and that others still hold."""
    lines = []
    for row in abandoned:
        holders = ", ".join(row.holders) or "nobody"
        lines.append(f"{row.kref} ({row.label}) is abandoned; held by {holders}")
    for promise in broken:
        waiting = ", ".join(promise.subscribers) or "nobody"
        lines.append(f"promise {promise.kref} is broken; {waiting} waits for it")
    return lines


def _refused(vat: str, fault: Fault, cures: tuple[Fix, ...]) -> Rehearsal:
    verdict = f"The upgrade of {vat} would be refused, and nothing would change: {fault}"
    lines = tuple(f"at {frame}" for frame in fault.trace)
    return Rehearsal(vat, False, verdict, lines, fault, (), (), {}, None, fixes=cures)


def _accepted(
    vat: str,
    computrons: int | None,
    losses: _Losses,
    kept: dict[str, int],
    ran: int,
    faults: list[Fault],
) -> Rehearsal:
    abandoned, broken, rejected = losses
    lines = [f"{count:,} {tag} kept, identity and state" for tag, count in kept.items()]
    lines += describe_left_behind(abandoned, broken)
    lines += [f"promise {row.kref} is rejected: {one_line(row.value, 200)}" for row in rejected]
    if ran:
        lines.append(f"what was waiting then ran for {ran} cranks, {len(faults)} of them undone")
    lines += [f"undone: {fault}" for fault in faults[:5]]
    counted = [
        f"{count} {one if count == 1 else many}"
        for count, one, many in (
            (len(abandoned), "exported object would be abandoned", "exported objects would be abandoned"),
            (len(broken), "promise would be broken", "promises would be broken"),
            (len(rejected), "promise would be rejected", "promises would be rejected"),
            (len(faults), "waiting delivery would be undone", "waiting deliveries would be undone"),
        )
        if count
    ]
    verdict = (
        f"The upgrade of {vat} would go through" + (", but " + " and ".join(counted) if counted else "") + "."
    )
    left = (abandoned, broken, kept, computrons)
    return Rehearsal(vat, True, verdict, tuple(lines), None, *left, rejected=rejected)
