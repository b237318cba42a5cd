"""Events that the host fails over: they and their vats are set aside at the third failure, and no sooner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.core.failures import Failures
from swingset.core.store import KernelStore
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Notify, Send
from swingset.model.reports import Fault
from swingset.testing import audit
from swingset.workers.base import WorkerError
from swingset.world.errors import DiskFailed, DiskFull, WorldError
from tests.meddling import atomic

from .raw import Failed, RawWorld


class Bug(Exception):
    """What nobody has foreseen."""


def tell(world: RawWorld) -> str:
    return world.kernel.queue_message(world.kernel.root_of("A"), CapData('#["go",[]]'))


def send(world: RawWorld) -> None:
    tell(world)


def notify(world: RawWorld) -> None:
    with atomic(world.kernel):
        kref = world.store.new_promise(None)
        world.name_for("A", kref)
        world.store.resolve([(kref, False, CapData("#1"))])
        world.store.enqueue(Notify(world.ids["A"], kref))


def reap(world: RawWorld) -> None:
    with atomic(world.kernel):
        world.store.reaping.schedule(world.ids["A"])


def collect(world: RawWorld) -> None:
    world.give("A", "o+5", "B")
    vref = world.vref("B", world.kref("A", "o+5") or "") or ""
    world.run_in("B", lambda ask: [ask(["dropImports", [vref]]), ask(["retireImports", [vref]])][0])


def failing(world: RawWorld, error: BaseException) -> None:
    """Have the host fail over the next delivery to A."""

    def fail(_delivery: list[Any], ask: Callable[[list[Any]], Any]) -> None:
        ask(["vatstoreSet", "key", "this was never said"])
        raise error

    world.kernel.warehouse.discard_all()
    world.vat("A").next = fail


@pytest.mark.parametrize("event", [send, notify, reap, collect])
def test_at_the_third_failure_the_vat_is_set_aside_and_others_go_on(
    event: Callable[[RawWorld], None],
) -> None:
    """Two runs raise and change nothing; the third suspends the vat, with words, and runs what is left."""
    world = RawWorld("A", "B")
    event(world)
    world.kernel.queue_message(world.kernel.root_of("B"), CapData('#["go",[]]'))
    before = world.world.digest()
    for _ in range(2):
        failing(world, Bug("over here"))
        with pytest.raises(Bug):
            world.step()
        assert world.world.digest() == before
    failing(world, Bug("over here"))
    report = world.step()
    assert report is not None
    assert (report.outcome, report.vat) == ("stopped", "A")
    vat = world.kernel.vat("A")
    assert (vat.state, vat.reason) == (
        "suspended",
        "host-failed: the host failed over it 3 times: Bug: over here",
    )
    world.drain()
    assert [delivery[0] for delivery in world.vat("B").take_log()] == ["message"]
    assert audit(world.store) == []
    world.kernel.resume("A")
    world.drain()
    assert len(world.vat("A").take_log()) >= 1
    assert audit(world.store) == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError("no"),
        DiskFull("full"),
        DiskFailed("no"),
        WorldError("no"),
        WorkerError("no engine"),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_trouble_of_the_host_is_not_counted(error: BaseException) -> None:
    """However often the disk is full, the message waits, and the vat is not suspended."""
    world = RawWorld("A")
    tell(world)
    for _ in range(5):
        failing(world, error)
        with pytest.raises(type(error)):
            world.step()
    assert world.kernel.vat("A").state == "live"
    assert [report.outcome for report in world.drain()] == ["delivered"]


def test_only_failures_in_a_row_over_the_same_event_count() -> None:
    """What went well after two failures starts the count anew."""
    world = RawWorld("A")
    for _ in range(3):
        tell(world)
        for _ in range(2):
            failing(world, Bug())
            with pytest.raises(Bug):
                world.step()
        assert [report.outcome for report in world.drain()] == ["delivered"]


def test_a_creation_that_the_host_fails_over_is_refused() -> None:
    """There is no vat yet to be set aside, so whoever asked for it hears why there is none."""
    world = RawWorld("A")
    result = world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {})
    world.factory.start = _raising(Bug("no start"))  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(Bug):
            world.step()
    report = world.step()
    assert report is not None
    assert report.fault is not None
    assert (report.outcome, report.fault.code) == ("stopped", "host-failed")
    promise = world.store.promises.get(result)
    assert promise is not None
    assert promise.state == "rejected"
    assert promise.data is not None
    assert "the host failed over it 3 times: Bug: no start" in promise.data.body
    assert world.store.vats.named("new") is None
    assert world.step() is None
    assert audit(world.store) == []


def test_whether_a_vat_may_be_made_here_is_not_counted() -> None:
    """A host that may not start a vat leaves its creation for one that may."""
    world = RawWorld("A")
    world.kernel.queue_creation("new", "raw", (("new", ""),), CapData("#null"), {})
    world.factory.start = _raising(KernelError("not here"))  # type: ignore[method-assign]
    for _ in range(5):
        with pytest.raises(KernelError):
            world.step()


def test_what_is_for_no_vat_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that would wait for a promise, and that the host fails over, is rejected to its sender."""
    world = RawWorld("A")
    with atomic(world.kernel):
        target = world.store.new_promise(None, "ignore")
        world.store.hold(target)
    result = world.kernel.queue_message(target, CapData('#["go",[]]'))
    monkeypatch.setattr(KernelStore, "wait_for", _raising(Bug("cannot wait")))
    for _ in range(2):
        with pytest.raises(Bug):
            world.step()
    assert [report.outcome for report in world.drain()] == ["stopped"]
    promise = world.store.promises.get(result)
    assert promise is not None
    assert promise.state == "rejected"
    assert audit(world.store) == []


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_given: Any) -> Any:
        raise error

    return fail


def test_a_failure_over_another_event_starts_a_count_of_its_own() -> None:
    """Two over one, then one over what came before it: that one is its first."""
    failures, one, two = Failures(), Notify("v1", "kp40"), Notify("v1", "kp41")
    order = ((1, one), (1, one), (2, two), (2, two), (2, two))
    said = [failures.enough(seq, event, Bug()) for seq, event in order]
    assert said == [False, False, False, False, True]
    assert [failures.enough(1, one, Bug()) for _ in range(3)] == [False, False, True]
    assert [failures.enough(seq, one, Bug()) for seq in (1, 1, 2)] == [False] * 3


def test_what_goes_well_between_two_failures_forgets_them() -> None:
    """A message to another vat that went ahead shows that the host is able to run."""
    world = RawWorld("A", "B")
    tell(world)
    for _ in range(3):
        for _ in range(2):
            failing(world, Bug())
            with pytest.raises(Bug):
                world.step()
        with atomic(world.kernel):
            send_to_b = Send(world.kernel.root_of("B"), Message(CapData('#["go",[]]')))
            world.store.enqueue(send_to_b, first=True)
        report = world.step()
        assert report is not None
        assert (report.outcome, report.vat) == ("delivered", "B")
    assert world.kernel.vat("A").state == "live"
    assert [report.outcome for report in world.drain()] == ["delivered"]


def starve(world: RawWorld) -> None:
    """A delivery that its meter cannot pay."""
    with atomic(world.kernel):
        meter = world.kernel.metering.create(5)
        vat = world.kernel.vat("A")
        world.store.vats.save(vat.having(options={**vat.options, "meter": meter}))
    world.vat("A").next = lambda _delivery, _ask: 6
    tell(world)
    world.drain()


def misbehave(world: RawWorld) -> None:
    """A delivery with an illegal syscall."""
    world.vat("A").next = lambda _delivery, ask: ask(["subscribe", "p-999"])
    tell(world)
    world.drain()


def write_too_much(world: RawWorld) -> None:
    """A delivery over its limit of bytes."""
    vat = world.kernel.vat("A")
    with atomic(world.kernel):
        world.store.vats.save(vat.having(options={**vat.options, "write_bytes": 200}))
    world.vat("A").next = lambda _delivery, ask: ask(["vatstoreSet", "k", "v" * 200])
    tell(world)
    world.drain()


def crash(world: RawWorld) -> None:
    """A delivery that the engine stopped."""

    def fall(_delivery: list[Any], _ask: Callable[[list[Any]], Any]) -> None:
        raise Failed(Fault("guest-crashed", "on purpose"))

    world.vat("A").next = fall
    tell(world)
    world.drain()


def break_down(world: RawWorld) -> None:
    """A delivery that the host failed over."""
    failing(world, Bug())
    tell(world)
    with pytest.raises(Bug):
        world.step()


@pytest.mark.parametrize("undo", [starve, misbehave, write_too_much, crash, break_down])
def test_a_worker_whose_delivery_was_undone_is_not_used_again(undo: Callable[[RawWorld], None]) -> None:
    """Its memory has seen what the world will not remember; only a vat that ran is brought back."""
    world = RawWorld("A", "B")
    tell(world)
    world.kernel.queue_message(world.kernel.root_of("B"), CapData('#["go",[]]'))
    world.drain()
    online = world.kernel.warehouse.is_online
    assert online(world.ids["A"])
    undo(world)
    assert not online(world.ids["A"])
