"""Deliveries that the host stops: they never were, and the world of a faster host is the same."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core.errors import VatFault
from swingset.host.session import StillPending
from swingset.model import reasons
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.messages import Notify
from swingset.model.reports import DeliveryResult, Fault
from swingset.testing import audit
from swingset.workers.base import SyscallHandler, VatSpec
from tests.staging import Stage

from .raw import RawFactory, RawVat, RawWorker, RawWorld

HOST_CHOSEN = [reasons.WALL_CLOCK, reasons.INTERRUPTED]


class SlowFactory(RawFactory):
    """Raw workers on a host that stops the next delivery when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.stops: list[str] = []

    def start(self, spec: VatSpec) -> RawWorker:
        return SlowWorker(self.vats.setdefault(spec.name, RawVat(spec.name)), self.stops)


class SlowWorker(RawWorker):
    def __init__(self, vat: RawVat, stops: list[str]) -> None:
        super().__init__(vat)
        self._stops = stops

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        if self._stops and limits.seconds is not None:
            syscall(["vatstoreSet", "key", "this was never said"])
            return DeliveryResult(Fault(self._stops.pop(), "it took too long"), 7)
        return super().deliver(delivery, syscall, limits)


def stopping(world: RawWorld) -> SlowFactory:
    """Have the world's vats run on a host that can stop them."""
    factory = SlowFactory()
    factory.vats = world.factory.vats
    world.kernel.warehouse.discard_all()
    world.kernel.warehouse._factories = {"raw": factory}
    return factory


def message(world: RawWorld) -> str:
    return world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))


def activity(world: RawWorld) -> tuple[str, str]:
    """The digests of what was done and of the state."""
    return world.store.activity.digest(), world.world.digest()


def run(code: str | None, what: str) -> tuple[RawWorld, tuple[str, str]]:
    """A world in which A is told something, on a host that stops it once where a code is given."""
    world = RawWorld("A", "B")
    factory = stopping(world)
    if what == "message":
        message(world)
    elif what == "reap":
        with world.kernel.undoing():
            world.store.reaping.schedule(world.ids["A"])
    elif what == "collect":
        world.give("A", "o+5", "B")
        vref = world.vref("B", world.kref("A", "o+5") or "") or ""
        world.run_in("B", lambda ask: [ask(["dropImports", [vref]]), ask(["retireImports", [vref]])][0])
    elif what == "notify":
        with world.kernel.undoing():
            kref = world.store.new_promise(None)
            world.name_for("A", kref)
            world.store.resolve([(kref, False, CapData("#1"))])
            world.store.enqueue(Notify(world.ids["A"], kref))
    if code is not None:
        factory.stops.append(code)
        before = world.store.activity.digest()
        report = world.step()
        assert report is not None
        assert (report.outcome, report.vat) == ("stopped", "A")
        assert report.number == world.kernel.crank + 1
        assert world.store.activity.digest() == before
        vat = world.kernel.vat("A")
        assert (vat.state, vat.reason) == ("suspended", f"{code}: it took too long")
        assert audit(world.store) == []
        world.kernel.wake("A")
    world.drain()
    assert audit(world.store) == []
    return world, activity(world)


@pytest.mark.parametrize("what", ["message", "notify", "reap", "collect"])
@pytest.mark.parametrize("code", HOST_CHOSEN)
def test_a_stopped_delivery_leaves_no_trace_once_the_vat_is_woken(code: str, what: str) -> None:
    """State and activity are to the letter those of a world whose host was fast enough."""
    world, digests = run(code, what)
    assert world.kernel.vat("A").state == "live"
    assert digests == run(None, what)[1]


def test_the_world_goes_on_without_a_vat_that_was_stopped() -> None:
    """What comes for the vat is parked, with the delivery that was stopped first, and others run."""
    world = RawWorld("A", "B")
    factory = stopping(world)
    first, second = message(world), message(world)
    world.kernel.queue_message(world.kernel.root_of("B"), CapData('#["go",[]]'))
    factory.stops.append(reasons.WALL_CLOCK)
    assert [report.outcome for report in world.drain()] == ["stopped", "parked", "parked", "delivered"]
    assert len(world.vat("B").take_log()) == 1
    world.kernel.wake("A")
    world.drain()
    results = [delivery[2]["result"] for delivery in world.vat("A").take_log()]
    assert len(results) == 2
    for promise in (first, second):
        record = world.store.promises.get(promise)
        assert record is not None
        assert record.state == "unresolved"
    assert audit(world.store) == []


def test_a_stopped_delivery_costs_its_meter_nothing() -> None:
    """What is not kept is not paid: another host would have had another sum."""
    world = RawWorld("A")
    factory = stopping(world)
    with world.kernel.undoing():
        meter = world.kernel.metering.create(100)
        vat = world.kernel.vat("A")
        world.store.vats.save(vat.having(options={**vat.options, "meter": meter}))
    message(world)
    factory.stops.append(reasons.WALL_CLOCK)
    world.step()
    assert world.kernel.metering.get(meter).remaining == 100


def test_why_a_start_was_refused_is_part_of_the_activity() -> None:
    """Two hosts that refuse a start for different reasons have different digests from then on."""
    digests = []
    for code in (reasons.WALL_CLOCK, reasons.OUT_OF_COMPUTRONS):
        world = RawWorld("A")
        factory = stopping(world)
        world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {})
        factory.stops.append(code)
        report = world.step()
        assert report is not None
        assert report.outcome == "refused"
        digests.append(world.store.activity.digest())
    assert digests[0] != digests[1]


SLOW = """
    from swingset.vat import remotable

    @remotable
    class Slow:
        def work(self):
            while LOOP:
                pass
            return "done"

    def build_root_object():
        return Slow()
"""


def test_a_vat_that_takes_too_long_waits_for_better_code(stage: Stage) -> None:
    """The message is not rejected: the vat is suspended, says why, and answers after an upgrade."""
    source = SLOW.replace("LOOP", "True")
    slow = stage.define("slow", source, options={"seconds": 2, "computrons": 1 << 60})
    promise = stage.send(slow, "work")
    with pytest.raises(StillPending, match="vat slow, suspended"):
        stage.session.wait(promise)
    assert (stage.controller.kernel.vat("slow").reason or "").startswith("wall-clock: the delivery ")
    assert any("vat slow is suspended" in output.text for output in stage.outputs)
    stage.upgrade("slow", SLOW.replace("LOOP", "False"))
    assert stage.session.wait(promise) == "done"


def test_a_start_that_takes_too_long_is_refused(stage: Stage) -> None:
    """There is no vat yet that could be suspended, so whoever asked for it hears why there is none."""
    with pytest.raises(VatFault, match=r"2 seconds"):
        stage.define("slow", "while True: pass", options={"seconds": 2, "computrons": 1 << 60})
    assert stage.controller.kernel.store.vats.named("slow") is None
