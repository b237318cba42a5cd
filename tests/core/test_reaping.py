"""When a vat is asked to bring out its dead: after so many deliveries, references or computrons, or never.

The reference asks after every delivery. For it that is cheap, and here it is a whole collection in the vat's
interpreter, so unless told otherwise a vat is asked after 200 deliveries, or when it was told of 20
references.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.core.kernel_options import DEFAULTS
from swingset.model.capdata import CapData
from swingset.model.messages import UpgradeVat
from swingset.testing import audit
from swingset.world.gc import Dirt

from .raw import Failed, RawWorld
from .test_causes import CRASH

Ask = Callable[[list[Any]], Any]
BOYD = "bringOutYourDead"


def reaped(**options: Any) -> RawWorld:
    """A world in which only A brings out its dead, as its options say."""
    return RawWorld("A", "B", A={"never_reap": False, **options})


def send(world: RawWorld, vat: str = "A", computrons: int | None = None) -> None:
    """One message, and all that follows."""
    world.vat(vat).next = lambda _delivery, _ask: computrons
    world.kernel.release_result(world.kernel.queue_message(world.kernel.root_of(vat), CapData('#["go",[]]')))
    world.drain()


def kinds(world: RawWorld, vat: str = "A") -> list[str]:
    """What a vat was delivered since the last look."""
    return [delivery[0] for delivery in world.vat(vat).take_log()]


def clean(world: RawWorld) -> None:
    """Forget what the making of the world has counted."""
    world.store.reaping.forget(world.ids["A"])
    world.vat("A").take_log()


def test_the_defaults() -> None:
    """200 deliveries, 20 references, computrons never, and nobody is exempt."""
    assert DEFAULTS == {
        "reap_interval": 200,
        "reap_gc_krefs": 20,
        "reap_computrons": None,
        "snapshot_interval": 500,
    }
    world = reaped()
    clean(world)
    for _ in range(199):
        send(world)
    assert BOYD not in kinds(world)
    send(world)
    assert kinds(world) == ["message", BOYD]


@pytest.mark.parametrize("interval", [1, 3])
def test_after_so_many_deliveries(interval: int) -> None:
    """The asking follows the last of them at once, is none itself, and counting begins anew."""
    world = reaped(reap_interval=interval)
    clean(world)
    for _ in range(2):
        for _ in range(interval):
            send(world)
        assert kinds(world) == ["message"] * interval + [BOYD]
        assert world.store.reaping.dirt(world.ids["A"]) == Dirt(0, 0, 0)
    send(world, "B")
    assert kinds(world) == []


@pytest.mark.usefixtures("unrecorded")
def test_notifications_and_collections_are_deliveries() -> None:
    """Whatever a vat is delivered counts, and references are counted one by one."""
    world = reaped(reap_interval=1_000, reap_gc_krefs=1_000)
    for number in (1, 2, 3):
        world.give("A", f"o+{number}", "B")
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    clean(world)
    names = [entry.vref for entry in world.store.clists.of(world.ids["B"]) if "-" in entry.vref]
    world.run_in("B", lambda ask: ask(["dropImports", names]))
    world.drain()
    assert kinds(world) == ["dropExports"]
    assert world.store.reaping.dirt(world.ids["A"]) == Dirt(1, 3, 0)
    go = {"methargs": {"body": '#["go",[]]', "slots": []}, "result": "p+9"}

    def ask_and_wait(ask: Ask) -> None:
        ask(["send", root, go])
        ask(["subscribe", "p+9"])

    def answer(delivery: list[Any], ask: Ask) -> None:
        ask(["resolve", [[delivery[2]["result"], False, {"body": "#1", "slots": []}]]])

    world.vat("B").next = answer
    world.run_in("A", ask_and_wait)
    world.drain()
    assert kinds(world) == ["notify"]
    assert world.store.reaping.dirt(world.ids["A"]) == Dirt(3, 3, 0)


@pytest.mark.usefixtures("unrecorded")
def test_after_so_many_references() -> None:
    """Two references dropped in one delivery are two."""
    world = reaped(reap_gc_krefs=2)
    for number in (1, 2, 3):
        world.give("A", f"o+{number}", "B")
    clean(world)
    names = [entry.vref for entry in world.store.clists.of(world.ids["B"]) if "-" in entry.vref]
    world.run_in("B", lambda ask: ask(["dropImports", names[:1]]))
    world.drain()
    assert kinds(world) == ["dropExports"]
    world.run_in("B", lambda ask: ask(["dropImports", names[1:]]))
    world.drain()
    assert kinds(world) == ["dropExports", BOYD]


def test_after_so_many_computrons() -> None:
    """What deliveries have cost is added up."""
    world = reaped(reap_computrons=100)
    clean(world)
    for computrons in (60, 39):
        send(world, computrons=computrons)
    assert kinds(world) == ["message", "message"]
    send(world, computrons=1)
    assert kinds(world) == ["message", BOYD]


@pytest.mark.usefixtures("unrecorded")
def test_never() -> None:
    """A vat that is exempt is asked only when the host says so, however much it goes through."""
    world = reaped(reap_interval=1, reap_gc_krefs=1, reap_computrons=1, never_reap=True)
    clean(world)
    for _ in range(3):
        send(world, computrons=5)
    assert kinds(world) == ["message"] * 3
    world.store.reaping.schedule(world.ids["A"])
    world.drain()
    assert kinds(world) == [BOYD]


@pytest.mark.usefixtures("unrecorded")
def test_vats_are_asked_in_the_order_in_which_they_are_due() -> None:
    """Who is due first is asked first, and being due twice is being asked once."""
    world = RawWorld("A", "B", "C")
    for name in ("C", "A", "B", "C"):
        world.store.reaping.schedule(world.ids[name])
    assert [report.vat for report in world.drain()] == ["C", "A", "B"]


def upgraded(world: RawWorld) -> Any:
    """Upgrade A, and answer the report of that crank."""
    result = world.kernel.queue_upgrade("A", (("A", "new"),), None, "new code")
    reports = world.drain()
    world.kernel.release_result(result)
    [report] = [report for report in reports if isinstance(report.event, UpgradeVat)]
    return report


def test_the_dead_are_brought_out_before_an_upgrade() -> None:
    """The old incarnation hears it last, in the crank in which the new one is started."""
    world = RawWorld("A", "B")
    assert upgraded(world).outcome == "upgraded"
    assert kinds(world) == [BOYD, "startVat"]


@pytest.mark.parametrize("how", ["illegal syscall", "delivery error", "wish to end"])
def test_who_cannot_bring_out_the_dead_is_not_upgraded(how: str) -> None:
    """The upgrade is refused, its caller told, and the old incarnation goes on with promises and exports."""
    world = RawWorld("A", "B")
    amy = world.give("A", "o+1", "B")
    before = world.kernel.vat("A")

    def fail(_delivery: list[Any], ask: Ask) -> None:
        if how == "illegal syscall":
            ask(["dropImports", ["o-999"]])
        if how == "wish to end":
            ask(["exit", False, {"body": '#"bye"', "slots": []}])
        else:
            raise Failed(CRASH)

    world.vat("A").next = fail
    report = upgraded(world)
    assert report.outcome == "refused"
    assert report.fault is not None
    assert world.kernel.vat("A") == before
    assert world.counts(amy) == ("A", 1, 1)
    assert kinds(world) == [BOYD]
    send(world)
    assert kinds(world) == ["message"]
    assert audit(world.store) == []


@pytest.mark.usefixtures("unrecorded")
def test_a_suspended_vat_is_asked_when_it_is_awake() -> None:
    """It stays due, and is asked before what was parked for it."""
    world = RawWorld("A", "B")
    world.kernel.suspend("A", "for a while")
    world.store.reaping.schedule(world.ids["A"])
    send(world)
    assert kinds(world) == []
    world.kernel.resume("A")
    world.drain()
    assert kinds(world) == [BOYD, "message"]
