"""Deleting what a large vat left behind: as much as the budget says, whatever is still to come."""

from __future__ import annotations

import pytest

from swingset import policies
from swingset.core.report import CrankReport
from swingset.host.base.opened import Opened
from swingset.host.worlds.controller import Controller
from swingset.model.messages import CleanUp
from swingset.testing import audit
from swingset.world.file import WorldFile
from tests.effort import measured
from tests.meddling import crank

from .raw import RawFactory

MANY, LARGE, FEW = 20_000, 5_000, 1_000
KEYS = 500
ROWS, TOTAL = 100, 1_000


def populated(objects: int) -> Controller:
    """A world where vat A has exported so many objects to B, and has some keys in its store."""
    controller = Controller(Opened(WorldFile.open(None), {"raw": RawFactory()}))
    for name in ("A", "B"):
        controller.create_vat(name, ((name, ""),), worker="raw", options={"never_reap": True})
    world, kernel = controller.world, controller.kernel
    exporter, importer = kernel.vat("A").id, kernel.vat("B").id
    with crank(world):
        for number in range(1, objects + 1):
            kref = f"ko{number + 1_000}"
            world.execute("insert into objects values (?, ?, 1, 1, null, null)", (kref, exporter))
            world.execute("insert into clists values (?, ?, ?, 1)", (exporter, kref, f"o+{number}"))
            world.execute("insert into clists values (?, ?, ?, 1)", (importer, kref, f"o-{number + 1_000}"))
        for number in range(KEYS):
            world.execute("insert into vatstore values (?, ?, 'x')", (exporter, f"key.{number:05}"))
    for counter in ("ko", f"{importer}.o"):
        kernel.store.counters.set(counter, objects + 1_001)
    controller.commit("populated")
    assert audit(kernel.store) == []
    return controller


def left(controller: Controller) -> int:
    """How many rows vat A still has, in its c-list and in its store."""
    exporter = controller.kernel.store.vats.named("A")
    vat = exporter.id if exporter else "v1"
    counts = [
        controller.world.row(f"SELECT count(*) from {table} where vat = ?", (vat,))
        for table in ("clists", "vatstore")
    ]
    return sum(row[0] for row in counts if row)


@pytest.mark.usefixtures("unrecorded")
def test_a_large_vat_is_deleted_within_the_budget_of_each_run() -> None:
    """No crank deletes more rows than it may, no run more than it may, and in the end nothing is left."""
    with populated(LARGE) as controller:
        rows = left(controller)
        assert rows >= LARGE + KEYS
        controller.terminate_vat("A", "enough")
        assert left(controller) == rows
        runs = 0
        while controller.kernel.cranks.has_work():
            before: list[int] = [left(controller)]

            def watch(report: CrankReport, before: list[int] = before) -> None:
                assert isinstance(report.event, CleanUp)
                before.append(left(controller))
                assert before[-2] - before[-1] == report.cleaned <= ROWS

            budget = policies.Cleaning(rows=ROWS, total=TOTAL)
            controller.run(policies.all_of(policies.cranks(TOTAL // ROWS), budget), watch=watch)
            assert before[0] - before[-1] <= TOTAL
            runs += 1
        assert left(controller) == 0
        assert runs == -(-(rows + 1) // TOTAL)
        assert audit(controller.kernel.store) == []
        orphans = "SELECT count(*) from objects where owner is null and reachable = 1"
        assert controller.world.row(orphans) == (LARGE + 1,)


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.unaudited
@pytest.mark.parametrize("doing", ["terminate", "clean up"])
def test_what_a_step_of_the_end_costs_does_not_grow_with_the_vat(doing: str) -> None:
    """Ending a vat, and each run of its deletion, cost the same for 1,000 objects and for 20,000."""
    spent = []
    for objects in (FEW, MANY):
        with populated(objects) as controller:
            if doing == "clean up":
                controller.terminate_vat("A", "enough")
            with measured(controller.world) as effort:
                if doing == "terminate":
                    controller.terminate_vat("A", "enough")
                else:
                    controller.run(policies.all_of(policies.cranks(10), policies.Cleaning(rows=ROWS)))
            spent.append(effort.total)
    assert 0 < spent[1] <= spent[0] * 1.5, spent
