"""Upgrades a vat, and reports what the upgrade left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from swingset.core.lifecycle import LeftBehind
from swingset.core.report import CrankReport
from swingset.guest.base import context
from swingset.guest.passing.passable import UnpassableError
from swingset.host.base.starting import Parts
from swingset.host.code.joined import Joined
from swingset.host.code.rehearsal import kept_of
from swingset.host.worlds.controller import Controller
from swingset.lens.present.rows import ObjectRow, PromiseRow
from swingset.lens.state.versions import Versions
from swingset.model.capdata import CapData
from swingset.model.stack import room


@dataclass(frozen=True)
class Upgraded:
    """The report of an upgrade. `kept` counts all durable objects by kind; rows are from before it."""

    vat: str
    incarnation: int
    report: CrankReport
    kept: dict[str, int]
    abandoned: tuple[ObjectRow, ...]
    disconnected: tuple[PromiseRow, ...]


def upgrade(controller: Controller, vat: str, parts: Parts, given: CapData | None, message: str) -> Upgraded:
    """Upgrade a vat, and report what was kept, abandoned and broken, with the labels from before."""
    lens = controller.lens
    objects = {row.kref: row for row in lens.objects()}
    promises = {row.kref: row for row in lens.promises()}
    versions = Versions(controller.kernel.store, controller.kernel.vat(vat).id)
    stored = versions.stored()
    report = controller.upgrade_vat(vat, parts, parameters=given, message=message)
    left_behind = report.left_behind or LeftBehind((), ())
    return Upgraded(
        vat,
        controller.vats[vat].incarnation,
        report,
        kept_of(stored, versions.stored()),
        tuple(objects[kref] for kref in left_behind.abandoned if kref in objects),
        tuple(promises[kref] for kref in left_behind.disconnected if kref in promises),
    )


def parameters_of(joined: Joined, parameters: Any) -> CapData | None:
    """The parameters for the start of a vat, as capdata whose slots are krefs."""
    if parameters is None:
        return None
    with joined.controller.lock, context.activate(joined.liveslots):
        slots = joined.liveslots.slots
        try:
            with room():
                written = slots.encode(parameters)
        except UnpassableError as exc:
            raise TypeError(slots.explain("parameters", parameters, exc)) from None
        kernel = joined.controller.kernel
        return kernel.take_capdata(kernel.vat(joined.name).id, written)
