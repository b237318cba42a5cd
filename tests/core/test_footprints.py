"""The room that a vat takes: what is counted, who it is counted for, and what is refused beyond a limit."""

from __future__ import annotations

import random
from typing import Any

import pytest

from swingset.core import trading
from swingset.core.errors import KernelError
from swingset.core.report import CrankReport
from swingset.lens.state.audit import audit, audit_holdings
from swingset.model.capdata import NOTHING, CapData
from swingset.model.messages import Message, Notify, Send
from swingset.world.footprints import IMPORTED
from tests.core.raw import Behaviour, RawWorld
from tests.meddling import atomic

CALL = CapData('#["go",[]]')
LONG = CapData(f'#["go",["{"x" * 2_000}"]]')


def limited(most: int | None = 1 << 20) -> RawWorld:
    """A world in which the room of A is counted, and limited."""
    world = RawWorld("A", "B", "C")
    world.kernel.change_options("A", {"total_bytes": most})
    return world


def room(world: RawWorld, vat: str = "A") -> Any:
    return world.store.footprints.of(world.ids[vat])


def deliver(world: RawWorld, behaviour: Behaviour, vat: str = "A") -> CrankReport:
    """Have a vat do something in a message of the host."""
    world.vat(vat).next = behaviour
    with atomic(world.kernel):
        world.store.enqueue(Send(world.kernel.root_of(vat), Message(CALL)))
    while True:
        report = world.step()
        assert report is not None
        if isinstance(report.event, Send) and report.vat == vat and not world.vat(vat).next:
            return report


def named(world: RawWorld, vat: str, kref: str) -> str:
    """The name that a vat has for something from now on."""
    with atomic(world.kernel):
        return world.name_for(vat, kref)


def sends(world: RawWorld, to: str, count: int, methargs: CapData = LONG) -> Behaviour:
    """Send some messages to a vat."""
    root = named(world, "A", world.kernel.root_of(to))

    def act(_delivery: list[Any], ask: Any) -> int:
        for _ in range(count):
            ask(["send", root, {"methargs": methargs.to_json(), "result": None}])
        return 1

    return act


def stores(size: int) -> Behaviour:
    """Store a value."""

    def act(_delivery: list[Any], ask: Any) -> int:
        ask(["vatstoreSet", "x", "y" * size])
        return 1

    return act


def test_messages_that_wait_are_their_senders() -> None:
    """They count until they are delivered, wherever they wait, and never for the receiver."""
    world = limited()
    world.kernel.change_options("B", {"total_bytes": 1 << 20})
    world.kernel.suspend("B", "a while")
    before = room(world, "B")
    assert deliver(world, sends(world, "B", 3)).outcome == "delivered"
    assert room(world).waiting > 3 * 2_000
    assert audit_holdings(world.store) == []
    world.drain()
    assert room(world).waiting > 3 * 2_000  # parked
    assert room(world, "B") == before
    assert audit_holdings(world.store) == []
    world.kernel.resume("B")
    world.drain()
    assert room(world).waiting == 0
    assert audit_holdings(world.store) == []


def test_references_count_for_who_has_imported_them() -> None:
    """An import counts from when it comes in until it is retired."""
    world = limited()
    before = room(world).references
    vref = named(world, "A", world.kernel.root_of("B"))
    assert room(world).references == before + IMPORTED

    def drop(_delivery: list[Any], ask: Any) -> int:
        ask(["dropImports", [vref]])
        ask(["retireImports", [vref]])
        return 1

    deliver(world, drop)
    assert room(world).references == before
    assert audit_holdings(world.store) == []


def test_a_message_beyond_the_limit_is_undone_and_the_vat_goes_on() -> None:
    """Words say what it takes and of what; one that makes room is delivered, though it is not room enough."""
    world = limited(10_000)
    assert deliver(world, stores(9_000)).outcome == "delivered"
    report = deliver(world, sends(world, "B", 1))
    assert (report.outcome, report.fault and report.fault.code) == ("refused", "store-full")
    assert "are allowed (total_bytes): have it store, refer to or send less" in str(report.fault)
    assert room(world).waiting == 0
    world.kernel.change_options("A", {"total_bytes": 500})
    assert deliver(world, stores(8_000)).outcome == "delivered"
    assert deliver(world, stores(8_001)).outcome == "refused"
    assert world.kernel.vat("A").state == "live"
    assert audit(world.store) == [] == audit_holdings(world.store)


def notify(world: RawWorld, behaviour: Behaviour) -> CrankReport:
    """Have A do something in a notification."""
    with atomic(world.kernel):
        kref = world.store.new_promise(None)
        world.name_for("A", kref)
        world.store.resolve([(kref, False, NOTHING)])
        world.store.enqueue(Notify(world.ids["A"], kref))
    world.vat("A").next = behaviour
    report = world.step()
    assert report is not None
    return report


def test_a_notification_runs_beyond_the_limit_unless_its_vat_takes_more() -> None:
    """A vat hears what it waits for; it is suspended if it uses that to store or send, and comes back."""
    world = limited(10_000)
    deliver(world, stores(9_000))
    world.kernel.change_options("A", {"total_bytes": 500})
    assert notify(world, lambda _delivery, _ask: 1).outcome == "delivered"
    assert notify(world, stores(8_000)).outcome == "delivered"
    assert notify(world, sends(world, "B", 1)).outcome == "parked"
    vat = world.kernel.vat("A")
    assert (vat.state, "total_bytes" in (vat.reason or "")) == ("suspended", True)
    world.kernel.change_options("A", {"total_bytes": 50_000})
    world.kernel.resume("A")
    world.drain()
    assert world.kernel.vat("A").state == "live"
    assert audit(world.store) == [] == audit_holdings(world.store)


def test_who_owes_rent_takes_no_more_in_notifications() -> None:
    """A vat that cannot pay goes on hearing, and is suspended when it stores more in what it hears."""
    world = RawWorld("A", "B", "C")
    trading.open_market(world.kernel, {"rent": 1 << 30})
    trading.open_account(world.kernel, "ann", 0)
    world.kernel.change_options("A", {"account": "ann"})
    deliver(world, stores(9_000))
    deliver(world, lambda _delivery, _ask: 1, "B")
    assert notify(world, lambda _delivery, _ask: 1).outcome == "delivered"
    assert notify(world, stores(9_001)).outcome == "parked"
    assert "credit it" in (world.kernel.vat("A").reason or "")
    trading.credit(world.kernel, "ann", 1 << 40)
    world.kernel.resume("A")
    world.drain()
    assert world.kernel.vat("A").state == "live"
    assert audit(world.store) == [] == audit_holdings(world.store)


def test_who_is_followed_later_is_counted_as_if_from_the_start() -> None:
    """The option may come when much waits already, and when it goes nothing is counted any more."""
    world = RawWorld("A", "B", "C")
    world.kernel.suspend("B", "a while")
    deliver(world, sends(world, "B", 2))
    world.drain()
    assert not world.store.footprints.follows(world.ids["A"])
    world.kernel.change_options("A", {"total_bytes": 1 << 20})
    assert room(world).waiting > 4_000
    assert audit_holdings(world.store) == []
    world.kernel.change_options("A", {"total_bytes": None})
    assert not world.store.footprints.follows(world.ids["A"])


def test_a_vat_that_ends_takes_no_room() -> None:
    """Its counters go with it."""
    world = limited()
    deliver(world, stores(9_000))
    world.kernel.terminate("A", "")
    world.drain()
    assert not world.store.footprints.follows(world.ids["A"])
    assert room(world).total == 0


@pytest.mark.parametrize("wrong", [0, -1, "x", True, 1 << 62])
def test_a_limit_is_a_number_of_bytes(wrong: Any) -> None:
    """Another value is refused with words."""
    with pytest.raises(KernelError, match="total_bytes wants None or an int from 1"):
        limited(wrong)


@pytest.mark.unaudited
@pytest.mark.parametrize("seed", range(4))
def test_what_is_counted_is_what_is_there_after_any_history(seed: int) -> None:
    """Sends, promises, references, failures and refusals leave counts that all rows confirm."""
    chance, world = random.Random(seed), limited(9_000)
    world.kernel.change_options("B", {"total_bytes": 1 << 20})
    roots = {(one, other): named(world, one, world.kernel.root_of(other)) for one in "ABC" for other in "ABC"}
    numbers = iter(range(100, 10_000))

    def act(name: str) -> Behaviour:
        def behave(_delivery: list[Any], ask: Any) -> int:
            for _ in range(chance.randrange(4)):
                result = f"p+{next(numbers)}" if chance.random() < 0.5 else None
                to = roots[name, chance.choice("ABC")]
                gift = {"body": '#["go",["$0.Alleged: x"]]', "slots": [f"o+{next(numbers)}"]}
                said = gift if chance.random() < 0.4 else CALL.to_json()
                ask(["send", to, {"methargs": said, "result": result}])
                if result and chance.random() < 0.7:
                    ask(["send", result, {"methargs": LONG.to_json(), "result": None}])
                if chance.random() < 0.3:
                    ask(["vatstoreSet", chance.choice("xyz"), "v" * chance.randrange(4_000)])
            return 1

        return behave

    for number in range(60):
        for name in "ABC":
            world.vat(name).next = act(name)
        with atomic(world.kernel):
            world.store.enqueue(Send(world.kernel.root_of(chance.choice("ABC")), Message(CALL)))
        world.step()
        if number % 4 == 0:
            vat = chance.choice("BC")
            (world.kernel.suspend if chance.random() < 0.3 else lambda name, _: world.kernel.resume(name))(
                vat, "a while"
            )
        assert audit_holdings(world.store) == []
        assert room(world).total <= 9_000 + 40 * IMPORTED
    assert audit(world.store) == []
