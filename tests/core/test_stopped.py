"""Deliveries that the host stops: they never were, and the world of a faster host is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.administration import Administration
from swingset.core.errors import DeliveryStopped, VatFault
from swingset.host.sessions.pending import StillPending
from swingset.model import reasons, syscalls
from swingset.model.capdata import CapData
from swingset.model.limits import Limits
from swingset.model.messages import Notify
from swingset.model.reports import DeliveryResult, Fault
from swingset.testing import audit
from swingset.workers.base import SyscallHandler, VatSpec
from swingset.workers.replaying import ReplayStopped
from tests.meddling import atomic
from tests.staging import Stage

from .raw import RawFactory, RawVat, RawWorker, RawWorld

HOST_CHOSEN = [reasons.WALL_CLOCK, reasons.INTERRUPTED]


class SlowFactory(RawFactory):
    """Raw workers on a host that stops the next delivery when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.stops: list[str] = []
        self.only: str | None = None

    def start(self, spec: VatSpec) -> RawWorker:
        return SlowWorker(self.vats.setdefault(spec.name, RawVat(spec.name)), self)


class SlowWorker(RawWorker):
    """Is stopped in the delivery that comes next, or next of some sort; of replays only if it says so."""

    def __init__(self, vat: RawVat, host: SlowFactory) -> None:
        super().__init__(vat)
        self._host = host

    def deliver(self, delivery: list[Any], syscall: SyscallHandler, limits: Limits) -> DeliveryResult:
        stops, only = self._host.stops, self._host.only
        if stops and stops[-1] == "replay":
            if limits.seconds is None:
                stops.pop()
                return DeliveryResult(Fault(reasons.INTERRUPTED, "somebody wished it"), None)
        elif stops and limits.seconds is not None and only in (None, delivery[0]):
            syscall(syscalls.read(["vatstoreSet", "key", "this was never said"]))
            return DeliveryResult(Fault(stops.pop(), "it took too long"), 7)
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


def asked_by_a_vat(world: RawWorld) -> Administration:
    """What queues starts as the device for vats does, in their turn."""
    return world.kernel.administration


def create(world: RawWorld, name: str = "new") -> str:
    with atomic(world.kernel):
        bundle = world.world.bundles.put(((name, ""),))
        _, result = asked_by_a_vat(world).create(name, "raw", bundle, CapData("#null"), {"never_reap": True})
        world.store.promises.set_policy(result, "ignore")
        world.store.hold(result)
    return result


def upgrade(world: RawWorld, source: str = "better") -> str:
    with atomic(world.kernel):
        bundle = world.world.bundles.put((("A", source),))
        result = asked_by_a_vat(world).upgrade(world.ids["A"], bundle, CapData("#null"), source)
        world.store.promises.set_policy(result, "ignore")
        world.store.hold(result)
    return result


def state_of(world: RawWorld, promise: str) -> str:
    record = world.store.promises.get(promise)
    assert record is not None
    return record.state


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
        with atomic(world.kernel):
            world.store.reaping.schedule(world.ids["A"])
    elif what == "collect":
        world.give("A", "o+5", "B")
        vref = world.vref("B", world.kref("A", "o+5") or "") or ""
        world.run_in("B", lambda ask: [ask(["dropImports", [vref]]), ask(["retireImports", [vref]])][0])
    elif what == "notify":
        with atomic(world.kernel):
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
        assert report.number == world.kernel.cranks.count + 1
        assert world.store.activity.digest() == before
        vat = world.kernel.vat("A")
        assert (vat.state, vat.reason) == ("suspended", f"{code}: it took too long")
        assert audit(world.store) == []
        world.kernel.resume("A")
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
    world.kernel.resume("A")
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
    with atomic(world.kernel):
        meter = world.kernel.metering.create(100)
        vat = world.kernel.vat("A")
        world.store.vats.save(vat.having(options={**vat.options, "meter": meter}))
    message(world)
    factory.stops.append(reasons.WALL_CLOCK)
    world.step()
    assert world.kernel.metering.get(meter).remaining == 100


STARTS = [("creation", "new", create), ("upgrade", "A", upgrade)]


@pytest.mark.parametrize(("what", "name", "ask"), STARTS)
@pytest.mark.parametrize("code", HOST_CHOSEN)
def test_a_stopped_start_leaves_no_trace_once_it_is_woken(
    code: str, what: str, name: str, ask: Callable[[RawWorld], str]
) -> None:
    """It is not rejected: it stays in its place, says why, and digests become those of a faster host."""
    fast, slow = RawWorld("A", "B"), RawWorld("A", "B")
    stopping(fast)
    factory = stopping(slow)
    ask(fast)
    fast.drain()
    result, before = ask(slow), slow.store.activity.digest()
    factory.stops.append(code)
    [report] = slow.drain()
    assert (report.outcome, report.vat, report.number) == ("stopped", name, slow.kernel.cranks.count + 1)
    assert state_of(slow, result) == "unresolved"
    assert slow.store.activity.digest() == before
    [(seq, _, _)] = slow.kernel.queued_starts()
    assert slow.kernel.agenda.why_passed_over(seq) == f"{code}: it took too long"
    assert not slow.kernel.cranks.has_work()
    assert audit(slow.store) == []
    slow.kernel.resume(name)
    slow.drain()
    assert state_of(slow, result) == "fulfilled"
    assert activity(slow) == activity(fast)
    assert audit(slow.store) == []


def test_the_old_incarnation_stopped_in_its_last_words_is_the_same() -> None:
    """An upgrade has two deliveries, and either may be the one that is stopped."""
    world = RawWorld("A")
    factory = stopping(world)
    result = upgrade(world)
    for stopped in ("bringOutYourDead", "startVat"):
        factory.only, factory.stops = stopped, [reasons.WALL_CLOCK]
        [report] = world.drain()
        assert (report.outcome, factory.stops) == ("stopped", [])
        assert (world.kernel.vat("A").state, world.kernel.vat("A").incarnation) == ("suspended", 0)
        assert audit(world.store) == []
        world.kernel.resume("A")
    world.drain()
    assert state_of(world, result) == "fulfilled"
    assert world.kernel.vat("A").incarnation == 1


def test_what_comes_after_a_stopped_upgrade_comes_after_it_still() -> None:
    """Messages wait for the new code, and a later upgrade for the earlier one."""
    world = RawWorld("A")
    factory = stopping(world)
    upgrade(world, "first")
    message(world)
    upgrade(world, "second")
    factory.stops.append(reasons.WALL_CLOCK)
    assert [report.outcome for report in world.drain()] == ["stopped", "parked"]
    assert world.kernel.vat("A").incarnation == 0
    world.kernel.resume("A")
    assert [report.outcome for report in world.drain()] == ["upgraded", "delivered", "upgraded"]
    assert world.kernel.vat("A").incarnation == 2
    assert audit(world.store) == []


def test_the_world_goes_on_without_what_was_not_started() -> None:
    """Others run, another creation too, and each that was stopped is resumed by its own name."""
    world = RawWorld("A")
    factory = stopping(world)
    results = [create(world, name) for name in ("one", "two")]
    message(world)
    factory.stops.append(reasons.WALL_CLOCK)
    assert [report.outcome for report in world.drain()] == ["stopped", "created", "delivered"]
    assert [state_of(world, result) for result in results] == ["unresolved", "fulfilled"]
    world.kernel.resume("one")
    assert [report.outcome for report in world.drain()] == ["created"]
    assert state_of(world, results[0]) == "fulfilled"


def test_an_upgrade_that_was_stopped_hears_that_its_vat_ended() -> None:
    """Who ends the vat meanwhile ends the wait: the upgrade is rejected as any that comes too late."""
    world = RawWorld("A")
    factory = stopping(world)
    result = upgrade(world)
    factory.stops.append(reasons.WALL_CLOCK)
    world.drain()
    world.kernel.terminate("A", "enough")
    world.drain()
    assert state_of(world, result) == "rejected"
    assert audit(world.store) == []


def test_a_stopped_start_costs_its_meter_nothing() -> None:
    """What is not kept is not paid, of a start either."""
    world = RawWorld("A")
    factory = stopping(world)
    with atomic(world.kernel):
        meter = world.kernel.metering.create(100)
        bundle = world.world.bundles.put((("new", ""),))
        asked_by_a_vat(world).create("new", "raw", bundle, CapData("#null"), {"meter": meter})
    factory.stops.append(reasons.WALL_CLOCK)
    world.drain()
    assert world.kernel.metering.get(meter).remaining == 100


@pytest.mark.parametrize("what", ["creation", "upgrade"])
def test_a_start_that_the_host_asked_for_is_taken_back(what: str) -> None:
    """The host hears at once that it was stopped, so nothing waits, and the vat runs on as it was."""
    world = RawWorld("A")
    factory = stopping(world)
    before, queued = world.store.activity.digest(), world.store.queues.length()
    if what == "creation":
        world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {}, first=True)
    else:
        world.kernel.queue_upgrade("A", (("A", "2"),), None, "", first=True)
    factory.stops.append(reasons.WALL_CLOCK)
    [report] = world.drain()
    assert report.outcome == "withdrawn"
    assert report.fault is not None
    assert world.store.queues.length() == queued
    assert world.store.activity.digest() == before
    vat = world.kernel.vat("A")
    assert (vat.state, vat.incarnation) == ("live", 0)
    assert world.store.vats.named("new") is None
    assert audit(world.store) == []


def test_a_replay_that_the_host_ends_says_nothing_about_the_vat() -> None:
    """It has not diverged: it is suspended with the host's reason, and goes on when it is resumed."""
    world = RawWorld("A")
    message(world)
    world.drain()
    factory = stopping(world)
    promise = message(world)
    factory.stops.append("replay")
    assert [report.outcome for report in world.drain()] == ["stopped", "parked"]
    assert world.kernel.vat("A").reason == "interrupted: somebody wished it"
    world.kernel.resume("A")
    assert [report.outcome for report in world.drain()] == ["delivered"]
    assert state_of(world, promise) == "unresolved"
    factory.stops.append("replay")
    with pytest.raises(ReplayStopped, match="somebody wished it"):
        world.kernel.warehouse.verify(world.kernel.vat("A"))
    world.kernel.warehouse.discard_all()
    factory.stops.append("replay")
    with pytest.raises(DeliveryStopped):
        world.kernel.warehouse.online(world.kernel.vat("A"))


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


LOOP = "while True: pass"
LIMITS = {"seconds": 1, "computrons": 1 << 60}


def test_a_start_that_takes_too_long_is_told_to_the_host_that_asked(stage: Stage) -> None:
    """Whoever asked hears why there is no vat or no new code, and nothing has changed."""
    with pytest.raises(VatFault, match=r"1 second"):
        stage.define("slow", LOOP, options=LIMITS)
    assert stage.controller.kernel.store.vats.named("slow") is None
    fine = stage.define("fine", SLOW.replace("LOOP", "False"), options=LIMITS)
    with pytest.raises(VatFault, match=r"1 second"):
        stage.upgrade("fine", LOOP)
    assert stage.ask(fine, "work") == "done"
    assert stage.controller.kernel.vat("fine").incarnation == 0
    assert stage.controller.queue.held_back() == []


def test_a_start_that_a_vat_asked_for_waits_for_a_faster_host(stage: Stage) -> None:
    """What a vat's creator waits for stays pending, with words for the host, and is held back by name."""
    kernel = stage.controller.kernel
    with atomic(kernel):
        bundle = stage.controller.world.bundles.put((("slow", LOOP),))
        kernel.administration.create("slow", stage.worker, bundle, CapData("#null"), LIMITS)
    stage.controller.run()
    [line] = stage.controller.queue.held_back()
    assert "the creation of vat slow waits in the run-queue" in line
    assert "wall-clock" in line
    assert any("vat slow is not started" in output.text for output in stage.outputs)
    count = len(stage.outputs)
    stage.controller.run()
    assert len(stage.outputs) == count
    stage.controller.vats.resume("slow")
    stage.controller.run()
    assert len(stage.outputs) > count
