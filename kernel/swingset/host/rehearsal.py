"""Rehearsal: do it in a fork, look at what happened, throw the fork away.

The fork is the whole world, heaps and queue included, on the same engines. What it says is therefore not
a prediction from rules but an observation, and the live world cannot be touched by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.errors import VatFault
from swingset.host.controller import Controller, Parts
from swingset.host.policies import cranks
from swingset.lens.tables import Lens, ObjectRow, PromiseRow
from swingset.model.reports import Fault

FOLLOW_UP_CRANKS = 1_000
"""How many cranks of what already waits are run after the rehearsed upgrade."""


@dataclass(frozen=True)
class Rehearsal:
    """What an upgrade would do.

    `verdict` says it in one sentence, `lines` in several. `abandoned` are exports that would be lost,
    `disconnected` promises that would be broken, `kept` counts durable objects by kind.
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


def rehearse_upgrade(controller: Controller, vat: str, parts: Parts) -> Rehearsal:
    """Upgrade `vat` to `parts` in a fork of the world, then run what waits there."""
    fork = controller.fork()
    try:
        lens = Lens(fork.kernel.store)
        objects = {row.kref: row for row in lens.objects()}
        promises = {row.kref: row for row in lens.promises()}
        kept = kinds_exported(lens, vat)
        try:
            report = fork.upgrade_vat(vat, parts)
        except VatFault as error:
            return _refused(vat, error.fault)
        parting = report.parting
        abandoned = tuple(objects[kref] for kref in (parting.abandoned if parting else ()) if kref in objects)
        broken = tuple(
            promises[kref] for kref in (parting.disconnected if parting else ()) if kref in promises
        )
        fork.unpause()
        run = fork.run(cranks(FOLLOW_UP_CRANKS))
        faults = [later.fault for later in run.reports if later.fault is not None]
        return _accepted(vat, report.computrons, abandoned, broken, kept, run.cranks, faults)
    finally:
        fork.close()


def kinds_exported(lens: Lens, vat: str) -> dict[str, int]:
    """How many durable objects of each kind others know of, by tag."""
    found: dict[str, int] = {}
    for row in lens.clist(vat):
        if row.vref.startswith("o+d"):
            found[row.label] = found.get(row.label, 0) + 1
    return dict(sorted(found.items()))


def describe_parting(abandoned: tuple[ObjectRow, ...], broken: tuple[PromiseRow, ...]) -> list[str]:
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
    lines += describe_parting(abandoned, broken)
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
