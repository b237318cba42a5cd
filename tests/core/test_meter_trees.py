"""Meters above each other, and keepers: who pays, who is called, and that nobody is lost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from swingset.core.errors import KernelError
from swingset.model.capdata import CapData
from swingset.testing import audit
from swingset.world.meters import MOST_CHAIN
from tests.core.raw import RawWorld
from tests.meddling import atomic

GO = CapData('#["go",[]]')


class Tree:
    """A world with meters: `top` pays for T through `left`, and for A and K as it is told."""

    def __init__(self, *names: str) -> None:
        self.raw = RawWorld(*(names or ("A", "B", "K", "T")))
        self.metering = self.raw.kernel.metering

    def meter(self, remaining: int | None, above: str | None = None, threshold: int = 0) -> str:
        with atomic(self.raw.kernel):
            return self.metering.create(remaining, threshold, above)

    def pays(self, meter: str, vat: str) -> None:
        self.raw.kernel.change_options(vat, {"meter": meter})

    def keeps(self, vat: str, meter: str) -> None:
        with atomic(self.raw.kernel):
            self.metering.set_keeper(meter, self.raw.kernel.root_of(vat))

    def refill(self, meter: str, computrons: int) -> None:
        with atomic(self.raw.kernel):
            self.metering.refill(meter, computrons)

    def spend(self, vat: str, computrons: int) -> None:
        self.raw.vat(vat).next = lambda _delivery, _ask: computrons
        self.raw.kernel.queue_one_way(self.raw.kernel.root_of(vat), GO)
        self.raw.drain()

    def left(self, *meters: str) -> list[int | None]:
        return [self.metering.get(meter).remaining for meter in meters]

    def state(self, vat: str) -> str:
        return self.raw.kernel.vat(vat).state

    def asked(self, vat: str) -> list[str]:
        """What a keeper was called with."""
        bodies = [entry[2]["methargs"]["body"] for entry in self.raw.vat(vat).take_log() if len(entry) > 2]
        return [body for body in bodies if "refill_wanted" in body or "threshold" in body]


def test_what_is_spent_is_deducted_from_all_above() -> None:
    """Each crank is paid by the vat's meter and every superior; an unlimited one stays so."""
    tree = Tree()
    top = tree.meter(1_000)
    middle = tree.meter(None, top)
    low, other = tree.meter(500, middle), tree.meter(600, middle)
    tree.pays(low, "A")
    tree.pays(other, "B")
    tree.spend("A", 30)
    tree.spend("B", 5)
    assert tree.left(top, middle, low, other) == [965, None, 470, 595]
    assert audit(tree.raw.store) == []


def test_a_threshold_above_is_told_to_its_keeper() -> None:
    """Each meter of the chain has a threshold and a keeper of its own."""
    tree = Tree()
    top = tree.meter(100, threshold=90)
    low = tree.meter(100, top, threshold=10)
    tree.keeps("T", top)
    tree.keeps("K", low)
    tree.pays(low, "A")
    tree.spend("A", 20)
    assert tree.asked("T") == [f'#["threshold_crossed",["{top}",80]]']
    assert tree.asked("K") == []


def test_a_vat_wakes_when_its_whole_chain_has_what_it_needs() -> None:
    """A refill of one meter is not enough while another lacks it, nor are ten refills of nothing much."""
    tree = Tree()
    top = tree.meter(10)
    low = tree.meter(10, top)
    tree.pays(low, "A")
    tree.spend("A", 15)
    assert tree.state("A") == "suspended"
    tree.refill(low, 50)
    assert tree.state("A") == "suspended"
    for _ in range(9):
        tree.refill(top, 1)
    assert tree.state("A") == "suspended"
    tree.raw.vat("A").next = lambda _delivery, _ask: 15
    tree.refill(top, 1)
    assert tree.state("A") == "live"
    tree.raw.drain()
    assert tree.left(top, low) == [5, 45]
    assert audit(tree.raw.store) == []


def test_a_keeper_is_called_once_until_a_refill() -> None:
    """Two vats starve on one meter, and its keeper has one message; after a refill there may be another."""
    tree = Tree()
    low = tree.meter(10)
    tree.keeps("K", low)
    for vat in "AB":
        tree.pays(low, vat)
        tree.spend(vat, 15)
    assert tree.asked("K") == [f'#["refill_wanted",["{low}",20]]']
    tree.raw.vat("A").next = tree.raw.vat("B").next = None
    tree.refill(low, 30)
    tree.raw.drain()
    tree.spend("A", 90)
    assert tree.asked("K") == [f'#["refill_wanted",["{low}",80]]']


def test_the_keeper_of_the_meter_that_lacks_is_called() -> None:
    """If the superior is dry, its keeper is called, and not that of the vat's own meter."""
    tree = Tree()
    top = tree.meter(10)
    low = tree.meter(1_000, top)
    tree.keeps("T", top)
    tree.keeps("K", low)
    tree.pays(low, "A")
    tree.spend("A", 15)
    assert (tree.asked("T"), tree.asked("K")) == ([f'#["refill_wanted",["{top}",20]]'], [])


def test_a_keeper_that_is_dry_itself_passes_to_the_superiors() -> None:
    """A starved keeper is not called; the next one up is, about the meter that lacks; and at last none."""
    tree = Tree()
    top = tree.meter(1_000)
    low, own = tree.meter(10, top), tree.meter(1)
    tree.keeps("T", top)
    tree.keeps("K", low)
    tree.pays(low, "A")
    tree.pays(own, "K")
    tree.spend("K", 5)
    assert tree.state("K") == "suspended"
    tree.spend("A", 15)
    assert tree.asked("T") == [f'#["refill_wanted",["{low}",20]]']
    tree.pays(own, "T")
    tree.spend("T", 5)
    tree.pays(low, "B")
    tree.spend("B", 25)
    assert [tree.state(vat) for vat in "ABKT"] == ["suspended"] * 4
    tree.refill(low, 100)
    assert [tree.state(vat) for vat in "ABKT"] == ["live", "live", "suspended", "suspended"]


def test_a_keeper_that_the_meter_pays_for_is_refused() -> None:
    """It would wait for itself; a vat that comes to be paid by it later is passed over."""
    tree = Tree()
    top = tree.meter(100)
    low = tree.meter(10, top)
    tree.pays(low, "K")
    for meter in (low, top):
        with pytest.raises(KernelError, match="would wait for itself"):
            tree.keeps("K", meter)
    tree.keeps("T", low)
    tree.pays(low, "T")
    tree.pays(low, "A")
    tree.spend("A", 15)
    assert tree.asked("T") == []
    assert tree.state("A") == "suspended"


def test_a_chain_has_an_end() -> None:
    """Meters are made below others, so there is no ring, and at most twenty pay for one vat."""
    tree = Tree("A")
    meter = None
    for _ in range(MOST_CHAIN):
        meter = tree.meter(100, meter)
    with pytest.raises(KernelError, match="20 meters"):
        tree.meter(100, meter)
    with pytest.raises(KernelError, match="no meter 'm99'"):
        tree.meter(100, "m99")
    with atomic(tree.raw.kernel):  # as an altered file may have it
        tree.raw.store.meters.set_superior("m1", meter or "")
    tree.pays("m1", "A")
    tree.spend("A", 5)
    assert tree.left("m1", meter or "") == [95, 95]


def test_a_meter_with_others_below_it_stays() -> None:
    """It is forgotten only when nothing is paid through it any more."""
    tree = Tree("A")
    top = tree.meter(100)
    low = tree.meter(10, top)
    with atomic(tree.raw.kernel):
        assert tree.metering.forget_unused(top) is False
        assert tree.metering.forget_unused(low) is True
        assert tree.metering.forget_unused(top) is True
    assert tree.raw.store.counters.get(f"meter.superior.{low}") == 0


def _exhausted(seed: int, *, dry: bool) -> list[Any]:
    """A history whose meters run dry at random places, or never; returns what the vats' transcripts are."""
    chance = random.Random(seed)
    tree = Tree("A", "B", "K")
    top = tree.meter(40 if dry else 10**9)
    low, keepers = tree.meter(25 if dry else 10**9, top), tree.meter(60 if dry else 10**9)
    tree.keeps("K", low)
    tree.pays(low, "A")
    tree.pays(low, "B")
    tree.pays(keepers, "K")
    plan = [(chance.choice("AB"), chance.randrange(1, 40)) for _ in range(6)]
    for vat, cost in plan:
        tree.raw.kernel.queue_one_way(tree.raw.kernel.root_of(vat), CapData(f'#["spend",[{cost}]]'))

    def costs(delivery: list[Any], _ask: Any) -> int:
        body = delivery[2]["methargs"]["body"] if delivery[0] == "message" else "7"
        return int("".join(filter(str.isdigit, body)) or 7) % 97

    exhaustions = 0
    for _ in range(400):
        for name in "ABK":
            tree.raw.vat(name).next = costs
        report = tree.raw.step()
        if report is not None:
            exhaustions += report.outcome == "parked"
            continue
        starved = [name for name in "ABK" if tree.state(name) == "suspended"]
        if not starved:
            break
        for meter in (top, low, keepers):
            tree.refill(meter, chance.randrange(1, 60))
    assert [tree.state(name) for name in "ABK"] == ["live"] * 3
    assert audit(tree.raw.store) == []
    _exhaustions.append(exhaustions)
    store, ids = tree.raw.store, tree.raw.ids
    transcripts = store.world.transcripts
    return [transcripts.deliveries(ids[name], store.vats.span(ids[name]).hash, None) for name in "AB"]


_exhaustions: list[int] = []


@pytest.mark.unaudited
def test_no_vat_is_lost_and_no_transcript_differs() -> None:
    """In 50 exhaustions at random places, those of keepers too, all goes on as if no meter had been dry."""
    _exhaustions.clear()
    for seed in range(12):
        assert _exhausted(seed, dry=True) == _exhausted(seed, dry=False)
    assert sum(_exhaustions) >= 50


@pytest.mark.slow
@pytest.mark.unaudited
def test_no_vat_is_lost_in_a_thousand_exhaustions() -> None:
    """The same, for many more."""
    _exhaustions.clear()
    seed = 100
    while sum(_exhaustions) < 1_000:
        assert _exhausted(seed, dry=True) == _exhausted(seed, dry=False)
        seed += 1
