"""What nobody can use any more goes: meters by counting, and what vats were by pruning."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.devices.vat_admin import VatAdminDevice
from swingset.model.capdata import CapData
from swingset.testing import audit
from swingset.world.file import WorldFile
from tests.conftest import MakeStage
from tests.core.raw import RawVat, RawWorld
from tests.meddling import atomic

Ask = Callable[[list[Any]], Any]


class Payer:
    """Raw vats A, K and B, of which A has the vat-admin device and made a meter with it."""

    def __init__(self) -> None:
        self.world = world = RawWorld("A", "K", "B")
        kernel = world.kernel
        kernel.devices.install(VatAdminDevice(kernel.administration, kernel.store.devices))
        self.device = kernel.add_device("vatAdmin", "vat-admin")
        self.root = kernel.introduce(world.ids["A"], self.device)
        self.node = self.call(self.root, "create_meter", "[100,0]")["slots"][0]
        self.meter = "m1"
        keeper = world.give("K", "o+5", "A")
        self.keeper = world.vref("A", keeper) or ""
        self.call(self.node, "set_keeper", '["$0.Alleged: keeper"]', self.keeper)

    def call(self, node: str, method: str, args: str, *slots: str) -> Any:
        answers: list[Any] = []

        def do(ask: Ask) -> None:
            answers.append(ask(["callNow", node, method, {"body": f"#{args}", "slots": list(slots)}]))

        self.world.run_in("A", do)
        failed, answer = answers[0]
        assert not failed, answer
        return answer

    def drop(self, *vrefs: str) -> None:
        """Have A forget some imports."""

        def do(ask: Ask) -> None:
            ask(["dropImports", list(vrefs)])
            ask(["retireImports", list(vrefs)])

        self.world.run_in("A", do)

    def pay_for(self, vat: str | None) -> None:
        """Let the meter pay for a vat, or for none."""
        world = self.world
        for name in ("A", "B", "K"):
            record = world.store.vats.named(name)
            if record is not None:
                options = {key: value for key, value in record.options.items() if key != "meter"}
                paid = {"meter": self.meter} if name == vat else {}
                with atomic(world.kernel):
                    world.store.vats.save(record.having(options=options | paid))

    @property
    def exists(self) -> bool:
        assert audit(self.world.store) == []
        return self.world.store.meters.get(self.meter) is not None


def test_a_meter_that_pays_for_nothing_goes_with_its_last_holder() -> None:
    """The row is deleted in the crank in which the meter is dropped, and its keeper is let go of."""
    payer = Payer()
    payer.drop(payer.node, payer.keeper)
    assert not payer.exists
    assert payer.world.actions() == ["K dropExport", "K retireExport"]
    assert payer.world.store.devices.keys("d7", "loose.") == []


def test_a_meter_that_pays_for_a_vat_stays_until_that_one_ends() -> None:
    """Nobody can refill it any more, but the vat still spends from it."""
    payer = Payer()
    payer.pay_for("B")
    payer.drop(payer.node, payer.keeper)
    assert payer.exists
    payer.world.kernel.terminate("K", "")
    assert payer.exists
    payer.world.kernel.terminate("B", "")
    assert not payer.exists
    with pytest.raises(KernelError, match="there is no meter 'm1'"):
        payer.world.kernel.metering.get("m1")


def test_a_meter_that_somebody_holds_stays_when_its_vats_have_ended() -> None:
    """It may pay for another."""
    payer = Payer()
    payer.pay_for("B")
    payer.world.kernel.terminate("B", "")
    assert payer.exists


@pytest.mark.parametrize("fails", [False, True])
def test_a_meter_that_waits_for_a_creation_stays_for_it(fails: bool) -> None:
    """A meter dropped before its vat is created pays for the vat, and goes if that comes to nothing."""
    payer = Payer()
    world = payer.world
    world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {"meter": payer.meter})
    payer.drop(payer.node, payer.keeper)
    assert payer.exists
    world.factory.vats["new"] = raw = RawVat("new")

    def start(_delivery: list[Any], ask: Ask) -> int:
        if fails:
            ask(["dropImports", ["o-999"]])
        return 7

    raw.next = start
    world.drain()
    assert payer.exists == (not fails)


def test_a_vat_that_is_given_another_meter_lets_go_of_a_loose_one() -> None:
    """Changing a vat's options is also a moment at which a meter may have become useless."""
    payer = Payer()
    world = payer.world
    payer.pay_for("B")
    context = world.kernel.devices.context("vatAdmin")
    with atomic(world.kernel):
        state = {"vat": world.ids["B"], "done": "&0"}
        admin = context.new_node(CapData("#" + json.dumps(state), (context.new_promise(),)))
        world.store.hold(admin)
    node = world.kernel.introduce(world.ids["A"], admin)
    with atomic(world.kernel):
        world.store.release(admin)
    payer.drop(payer.node, payer.keeper)
    assert payer.exists
    payer.call(node, "change_options", '[{"meter":null}]')
    assert not payer.exists


def test_a_meter_that_the_host_made_is_the_hosts() -> None:
    """It has no device node, and stays whatever becomes of the vats it pays for."""
    payer = Payer()
    with atomic(payer.world.kernel):
        payer.meter = payer.world.kernel.metering.create(50)
    payer.pay_for("B")
    payer.world.kernel.terminate("B", "")
    assert payer.exists


def test_a_vat_that_is_cleaned_up_leaves_no_counters() -> None:
    """Only its record and the place where its transcript ends stay, for those who look back."""
    world = RawWorld("A", "B")
    world.give("B", "o+5", "A")
    vat = world.ids["A"]
    world.kernel.terminate("A", "enough")
    world.drain()
    rows = {
        table: world.world.row(f"SELECT count(*) from {table} where {column} = ?", (vat,))
        for table, column in (("vats", "id"), ("spans", "vat"), ("clists", "vat"), ("vatstore", "vat"))
    }
    assert rows == {"vats": (1,), "spans": (1,), "clists": (0,), "vatstore": (0,)}
    assert world.world.row("SELECT count(*) from counters where name like ?", (f"{vat}.%",)) == (0,)


COUNTER = """
    from swingset.vat import remotable

    @remotable
    class Counter:
        def count(self):
            return 1

    def build_root_object():
        return Counter()
"""


def bulk(world: Any, vat: str) -> dict[str, int]:
    """How many rows of bulk a vat has, and how many bundles and heap pages there are at all."""
    tables = {"transcript": "where vat = ?", "snapshots": "where vat = ?", "bundles": "", "heap_pages": ""}
    return {
        table: world.row(f"SELECT count(*) from {table} {where}", (vat,) if where else ())[0]
        for table, where in tables.items()
    }


def test_pruning_frees_what_a_dead_vat_was_once_no_history_has_it(
    make_stage: MakeStage, tmp_path: Path
) -> None:
    """Transcript, heap images and code stay while a commit can be gone back to, and go with the last."""
    stage = make_stage("wasm", tmp_path / "w.sqlite", snapshot_interval=2)
    world = stage.controller.world
    stage.controller.checkpoint("before")
    start = bulk(world, "")
    counter = stage.define("counter", COUNTER)
    vat = stage.controller.kernel.vat("counter").id
    for _ in range(5):
        stage.ask(counter, "count")
    stage.controller.terminate_vat("counter", "enough")
    stage.session.settle()
    had = bulk(world, vat)
    assert had["transcript"] > 5
    assert had["snapshots"] > 0
    assert had["bundles"] == start["bundles"] + 1
    assert had["heap_pages"] > start["heap_pages"]
    world.prune()
    assert bulk(world, vat) == had
    stage.close()
    with WorldFile.open(tmp_path / "w.sqlite") as again:
        again.goto(again.labelled("before").seq)
        again.prune()
        assert bulk(again, vat) == {**start, "transcript": 0, "snapshots": 0}
