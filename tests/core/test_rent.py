"""Rent: who stores pays, and who cannot pay is refused with words and not broken."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.core import rent, trading
from swingset.core.errors import KernelError
from swingset.core.report import CrankReport
from swingset.lens.state.audit import audit
from swingset.model.capdata import NOTHING
from swingset.model.messages import Notify
from tests.core.raw import RawWorld
from tests.core.test_escalators import Traded
from tests.meddling import atomic

MIB = 1 << 20


def rented(balance: int | None = 10_000, **terms: Any) -> Traded:
    """A world in which A pays rent from an account."""
    world = Traded(terms={"rent": rent.TICKS, **terms})
    world.account("ann", balance)
    world.kernel.change_options("A", {"account": "ann"})
    return world


def store(world: Traded, *sets: tuple[str, str]) -> CrankReport:
    """Have A set entries of its store in a message."""

    def act(_delivery: list[Any], ask: Any) -> int:
        for key, value in sets:
            ask(["vatstoreSet", key, value])
        return 1

    world.raw.vat("A").next = act
    world.plain("A")
    report = world.raw.step()
    assert report is not None
    return report


def wait(world: Traded, ticks: int) -> None:
    """Let cranks go by that are not A's."""
    for _ in range(ticks):
        world.plain("B")
        world.raw.step()


def test_what_lies_there_costs_for_as_long_as_it_does() -> None:
    """A MiB for so many ticks costs so many units, exactly, whenever it is settled."""
    world = rented()
    kept = world.raw.store.holdings
    assert store(world, ("x", "y" * (MIB - kept.of(world.raw.ids["A"]) - 1))).outcome == "delivered"
    assert kept.of(world.raw.ids["A"]) == MIB
    assert world.balance("ann") == (10_000, 0)
    wait(world, 6)
    assert store(world, ("x", "")).outcome == "delivered"
    assert world.balance("ann") == (10_000 - 7, 0)  # it lay there until the end of this delivery's tick
    wait(world, 5)
    store(world)
    assert world.balance("ann") == (10_000 - 7, 0)
    assert audit(world.raw.store) == []


def test_a_notification_notes_what_lies_there_and_never_pays() -> None:
    """What was stored meanwhile counts from then on, so nobody hides bytes between two messages."""
    world = rented(0)
    store(world)
    with atomic(world.kernel):
        kref = world.raw.store.new_promise(None)
        world.raw.name_for("A", kref)
        world.raw.store.resolve([(kref, False, NOTHING)])
        world.raw.store.enqueue(Notify(world.raw.ids["A"], kref))

    def act(_delivery: list[Any], ask: Any) -> int:
        ask(["vatstoreSet", "x", "y" * MIB])
        return 1

    world.raw.vat("A").next = act
    report = world.raw.step()
    assert report is not None
    assert (type(report.event).__name__, report.outcome) == ("Notify", "delivered")
    wait(world, 4)
    report = store(world)
    assert (report.outcome, report.fault and report.fault.code) == ("refused", "store-full")
    assert "account ann can spend 0: credit it" in str(report.fault)
    assert world.kernel.vat("A").state == "live"


def test_who_cannot_pay_goes_on_once_it_is_credited() -> None:
    """The refused message changes nothing, what is owed stays owed, and a credit lets the vat go on."""
    world = rented(3)
    store(world, ("x", "y" * MIB))
    wait(world, 4)
    before = world.raw.store.vats.span(world.raw.ids["A"]).position
    for _ in range(2):
        assert store(world, ("z", "z")).outcome == "refused"
    assert world.raw.store.vatstore.get(world.raw.ids["A"], "z") is None
    assert world.raw.store.vats.span(world.raw.ids["A"]).position == before
    trading.credit(world.kernel, "ann", 100)
    assert store(world, ("z", "z")).outcome == "delivered"
    assert world.balance("ann") == (103 - 7, 0)
    assert audit(world.raw.store) == []


def test_a_transcript_costs_once() -> None:
    """The fee is for the bytes of each entry, and not for the time that they lie there."""
    world = rented(10_000, rent=0, fee=MIB)
    store(world, ("x", "y"))
    entry = len(world.raw.store.world.transcripts.last)
    assert world.balance("ann") == (10_000 - entry, 0)
    wait(world, 10)
    assert world.balance("ann") == (10_000 - entry, 0)


def test_a_vat_that_ends_owes_nothing() -> None:
    """Its row goes with it, and nothing is paid for what is cleaned up."""
    world = rented()
    store(world, ("x", "y" * MIB))
    vat = world.raw.ids["A"]
    assert rent.owed(world.market.accounts, vat) is not None
    world.kernel.terminate("A", "")
    world.raw.drain()
    assert rent.owed(world.market.accounts, vat) is None


@pytest.mark.parametrize(("account", "words"), [("eve", "no account"), (5, "account wants"), ("", "wants")])
def test_a_bad_account_is_refused(account: Any, words: str) -> None:
    """The option names an account of the market, and a world without one has none."""
    world = rented()
    with pytest.raises(KernelError, match=words):
        world.kernel.change_options("B", {"account": account})


def test_a_world_without_a_market_has_no_rent() -> None:
    """The option is refused with words."""
    with pytest.raises(KernelError, match="wants a market"):
        RawWorld("A").kernel.change_options("A", {"account": "ann"})
