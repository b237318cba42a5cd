"""Messages that bid for their turn: who runs, in which order, and what it costs."""

from __future__ import annotations

import functools
import random
import sys
from dataclasses import dataclass, field
from heapq import heappop, heappush
from types import FrameType
from typing import Any

import pytest

from swingset.core import trading
from swingset.core.errors import KernelError
from swingset.core.escalators import MOST_BETWEEN, Escalators
from swingset.core.ladders import Ladders
from swingset.core.report import CrankReport
from swingset.lens.present.market import in_turn, orders
from swingset.model.bids import MENU, UNIT, Bid
from swingset.model.capdata import CapData
from swingset.model.messages import Message, Notify, Send
from swingset.model.reports import Fault
from tests.core.raw import Failed, RawWorld
from tests.meddling import atomic

CALL = CapData('#["go",[]]')


@dataclass
class Traded:
    """A world with a market and vats, and the order in which messages ran."""

    names: tuple[str, ...] = ("A", "B", "C")
    terms: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.raw = RawWorld(*self.names)
        self.kernel = self.raw.kernel
        trading.open_market(self.kernel, self.terms)

    @property
    def market(self) -> Escalators:
        assert self.kernel.agenda.market is not None
        return self.kernel.agenda.market

    def account(self, name: str, balance: int | None = 1_000) -> str:
        return trading.open_account(self.kernel, name, balance).name

    def offer(self, vat: str, account: str, **bid: Any) -> int:
        """Send a message of the host with a bid; returns its position."""
        bid = {"account": account, "allowance": 1, **bid}
        trading.offer(self.kernel, self.kernel.root_of(vat), CALL, bid, policy="none")
        return self.last()

    def plain(self, vat: str, sender: str | None = None) -> int:
        """Send a message without a bid; returns its position."""
        with atomic(self.kernel):
            root = self.kernel.root_of(vat)
            self.raw.store.enqueue(Send(root, Message(CALL), self.raw.ids.get(sender or "")))
        return self.last()

    def bid(self, vat: str, sender: str | None, bid: Bid) -> int:
        """Send a message of any vat with a bid for which nothing is checked; returns its position."""
        with atomic(self.kernel):
            if bid.account is not None:
                assert self.market.accounts.hold(bid.account, bid.hold)
            sent = Send(self.kernel.root_of(vat), Message(CALL), self.raw.ids.get(sender or ""), bid)
            self.raw.store.enqueue(sent)
        return self.last()

    def last(self) -> int:
        return self.raw.store.queues.all()[-1].seq

    def next(self) -> int | None:
        """The position of the message that runs next; it is run."""
        chosen = self.kernel.agenda.choose(lambda _: True, clean_up=True)
        self.raw.step()
        return None if chosen is None else chosen[0]

    def run(self) -> list[int]:
        """The positions of all waiting events in the order in which they run."""
        found = []
        while (seq := self.next()) is not None:
            found.append(seq)
        return found

    def balance(self, name: str) -> tuple[int | None, int]:
        account = self.market.accounts.get(name)
        return account.balance, account.held


def test_the_highest_offer_runs_and_pays_what_it_offers() -> None:
    """An impatient message overtakes a patient one of another flow, and is charged its own offer."""
    world = Traded()
    world.account("ann")
    world.account("bob")
    slow = world.offer("A", "ann", base=1, cap=50, slope=1)
    fast = world.offer("B", "bob", base=20, cap=50, slope=1)
    assert world.balance("bob") == (950, 50)
    assert world.next() == fast
    assert world.balance("bob") == (980, 0)  # a vat that counts no computrons is charged the allowance, 1
    assert world.next() == slow
    assert world.balance("ann") == (1_000 - 2, 0)  # one tick later it offers 2
    assert world.market.accounts.totals().sink == 22


def test_the_second_price_is_the_best_other_offer_of_another_account() -> None:
    """The winner pays what the next account offers, and its own other bids set no price."""
    world = Traded(terms={"price": "second", "reserve": 3, "base": 3})
    world.account("ann")
    world.account("bob")
    world.offer("A", "ann", base=40, cap=50, slope=0)
    world.offer("B", "ann", base=30, cap=50, slope=0)
    world.offer("C", "bob", base=10, cap=50, slope=0)
    world.next()
    assert world.balance("ann") == (1_000 - 50 - 10, 50)
    world.next()
    assert world.balance("ann") == (1_000 - 20, 0)
    world.next()
    assert world.balance("bob") == (1_000 - 3, 0)  # nobody else offers: the reserve


def test_a_flow_keeps_its_order_and_a_follower_pays_the_difference() -> None:
    """A message behind another lifts the first one, and pays what that one does not."""
    world = Traded()
    world.account("ann")
    world.account("bob")
    world.account("eve")
    first = world.offer("A", "ann", base=1, cap=50, slope=0)
    second = world.offer("A", "bob", base=30, cap=50, slope=0)
    other = world.offer("B", "eve", base=10, cap=50, slope=0)
    assert world.run() == [first, second, other]
    assert world.balance("ann") == (999, 0)
    assert world.balance("bob") == (1_000 - 29 - 30, 0)


def test_who_cannot_pay_the_difference_does_not_lift_others() -> None:
    """A follower whose account has nothing left beside its holds waits with the first of its flow."""
    world = Traded()
    world.account("ann")
    world.account("bob", 30)
    world.account("eve")
    first = world.offer("A", "ann", base=1, cap=50, slope=0)
    second = world.offer("A", "bob", base=30, cap=30, slope=0)
    other = world.offer("B", "eve", base=10, cap=50, slope=0)
    assert world.run() == [other, first, second]


def test_a_message_that_comes_back_in_front_is_lifted_by_those_behind_it() -> None:
    """What was parked is the first of its flow again, and the message that was first lifts it."""
    world = Traded()
    world.account("ann")
    world.account("bob")
    first = world.offer("A", "ann", base=1, cap=42, slope=0)
    world.kernel.suspend("A", "a while")
    assert world.next() == first  # it is parked
    second = world.offer("A", "bob", base=17, cap=71, slope=0)
    other = world.offer("B", "bob", base=9, cap=71, slope=0)
    assert world.kernel.agenda.choose(lambda _: True, clean_up=True) is not None
    world.kernel.resume("A")
    assert world.run() == [first, second, other]
    assert world.balance("ann") == (999, 0)


def test_nothing_runs_below_the_reserve_and_the_clock_jumps() -> None:
    """A base below zero is a delay: others come first, and if there are none time jumps."""
    world = Traded()
    world.account("ann")
    late = world.offer("A", "ann", base=-100, cap=5, slope=2)
    soon = world.plain("B")
    assert world.run() == [soon, late]
    assert world.market.tick() - world.kernel.cranks.count == 49
    assert world.balance("ann") == (1_000, 0)  # it ran as soon as its offer was nothing


def test_a_look_at_a_later_tick_leaves_the_bids_of_now_as_they_are() -> None:
    """A delay lasts its time, though its cap will be reached by then, and others still come before it."""
    world = Traded()
    world.account("ann")
    late = world.offer("A", "ann", base=-100, cap=0, slope=2)
    for _ in range(3):
        chosen = world.kernel.agenda.choose(lambda _: True, clean_up=True)
        assert chosen is not None
        assert chosen[0] == late
    soon = world.plain("B")
    assert world.run() == [soon, late]
    assert world.market.tick() - world.kernel.cranks.count == 49


def test_raising_moves_a_message_ahead_and_holds_the_difference() -> None:
    """A raised bid counts at once; a lower one, or one that cannot be held, changes nothing."""
    world = Traded()
    world.account("ann", 20)
    world.account("bob")
    mine = world.offer("A", "ann", base=1, cap=10, slope=0)
    theirs = world.offer("B", "bob", base=5, cap=5, slope=0)
    for wrong in ({"base": 0}, {"cap": 9}, {"cap": 21}, {"base": 1.5}, {"slope": 3}):
        with pytest.raises(KernelError):
            trading.raise_bid(world.kernel, mine, wrong)
        assert world.balance("ann") == (10, 10)
    trading.raise_bid(world.kernel, mine, {"base": 6, "cap": 12})
    assert world.balance("ann") == (8, 12)
    assert world.run() == [mine, theirs]
    assert world.balance("ann") == (14, 0)
    with pytest.raises(KernelError, match="does not wait any more"):
        trading.raise_bid(world.kernel, mine, {"base": 7})


def test_what_a_delivery_sends_carries_on_with_its_account() -> None:
    """Its messages have its account, slope and cap, and begin at 0; what is too dear rides with the house."""
    world = Traded()
    world.account("ann", 20)
    world.offer("A", "ann", base=9, cap=10, slope=2, allowance=1)
    root_b = world.kernel.introduce(world.raw.ids["A"], world.kernel.root_of("B"))

    def sends(_delivery: list[Any], ask: Any) -> int:
        for _ in range(2):
            ask(["send", root_b, {"methargs": CALL.to_json(), "result": None}])
        return 1

    world.raw.vat("A").next = sends
    world.next()
    one, two = (event.bid for _, event in world.raw.store.queues.all() if isinstance(event, Send))
    assert one is not None
    assert two is not None
    assert (one.account, one.base, one.slope, one.cap, one.allowance) == ("ann", 0, 2 * UNIT, 10, 1)
    assert two.account is None
    assert world.balance("ann") == (1, 10)  # 9 was paid for the first


def test_a_failed_delivery_is_charged_or_not_as_the_terms_say() -> None:
    """With `refund` a message whose delivery is rolled back costs nothing."""
    for refusal, left in (("charge", 993), ("refund", 1_000)):
        world = Traded(terms={"refusal": refusal})
        world.account("ann")
        world.offer("A", "ann", base=7, cap=10, slope=0)
        world.raw.vat("A").next = _failing
        report = world.raw.step()
        assert report is not None
        assert report.outcome == "refused"
        assert world.balance("ann") == (left, 0)


def _failing(_delivery: list[Any], _ask: Any) -> int:
    raise Failed(Fault("limit-exceeded", "too much"), None)


def test_notifications_and_housekeeping_wait_for_an_auction_now_and_then() -> None:
    """While an offer waits, at most eight cranks that are not auctioned run in a row."""
    world = Traded()
    store, kernel = world.raw.store, world.kernel
    with atomic(kernel):
        for _ in range(20):
            store.enqueue(Notify(world.raw.ids["A"], _settled(world)))
    world.plain("B")
    world.plain("C")
    ran = []
    while (report := world.raw.step()) is not None:
        ran.append(type(report.event).__name__)
    firsts = [at for at, name in enumerate(ran) if name == "Send"]
    assert firsts == [MOST_BETWEEN, 2 * MOST_BETWEEN + 1]


def _settled(world: Traded) -> str:
    store = world.raw.store
    kref = store.new_promise(None)
    store.resolve([(kref, False, CapData("#null"))])
    return kref


def test_a_restart_and_a_rollback_find_the_same_order() -> None:
    """What is in memory comes from the queue: a new scheduler chooses as the old one."""
    world = Traded()
    world.account("ann", None)
    for number in range(12):
        world.offer("ABC"[number % 3], "ann", base=(7 * number) % 5, slope=(0, 1, 4)[number % 3], cap=9)
    world.next()
    wanted = world.kernel.agenda.choose(lambda _: True, clean_up=True)
    world.kernel.agenda.look_again()
    assert world.kernel.agenda.choose(lambda _: True, clean_up=True) == wanted


def test_one_choice_among_many_bids_takes_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 bids, a choice moves a few entries of heaps, and not one for each bid."""
    living = dict[int, int]()
    ladders = Ladders(living)
    for seq in range(100_000):
        living[seq] = seq
        ladders.add(seq, Bid(None, seq % 977, MENU[seq % 9], None, None, seq % 31), seq)
    moved = []
    for move in (heappush, heappop):
        counted = functools.partial(lambda move, *given: moved.append(move) or move(*given), move)
        monkeypatch.setattr(f"swingset.core.ladders.{move.__name__}", counted)
    for tick in range(100, 200):
        with ladders.descending(tick) as offers:
            _, entry = next(offers)
        del living[entry.seq]
    assert 0 < len(moved) <= 4 * 100


def test_a_world_without_a_market_calls_nothing_of_it() -> None:
    """A crank with a message makes no call into the modules of a market."""
    world, called = RawWorld("A"), set[str]()

    def profile(frame: FrameType, event: str, _given: object) -> None:
        if event == "call":
            called.add(frame.f_globals.get("__name__", ""))

    with atomic(world.kernel):
        world.store.enqueue(Send(world.kernel.root_of("A"), Message(CALL)))
    sys.setprofile(profile)
    try:
        world.step()
    finally:
        sys.setprofile(None)
    assert "swingset.core.cranks" in called
    of_a_market = {"accounts", "bidding", "escalators", "ladders", "market_terms", "offers", "trading"}
    assert called.isdisjoint({f"swingset.core.{name}" for name in of_a_market} | {"swingset.model.bids"})


def test_the_orders_of_three_schedulers_are_shown_side_by_side() -> None:
    """FIFO, boosted flows and escalators differ in the same queue, and what is shown is what then runs."""
    world = Traded()
    world.account("ann")
    world.account("bob")
    idle = world.plain("A", "A")
    slow = world.offer("B", "ann", base=1, cap=50, slope=0)
    fast = world.offer("C", "bob", base=9, cap=50, slope=0)
    found = orders(world.raw.store, world.market)
    assert found.fifo == (idle, slow, fast)
    assert found.boost == (slow, fast, idle)
    assert found.escalators == (fast, idle, slow)
    assert found.waits()[idle] == (0, 2, 1)
    assert world.run() == list(found.escalators)


def test_a_report_of_an_auction_is_like_any_other() -> None:
    """The crank's event has the bid that won, so the record of it tells why it ran."""
    world = Traded()
    world.account("ann")
    world.offer("A", "ann", base=9, cap=50, slope=0)
    report: CrankReport | None = world.raw.step()
    assert report is not None
    assert isinstance(report.event, Send)
    assert report.event.bid == Bid("ann", 9, 0, 50, 1, report.number - 1)


@pytest.mark.parametrize("seed", range(12))
def test_the_views_say_in_which_order_a_queue_runs(seed: int) -> None:
    """Messages that bid, delays, followers and notifications run in the order that was shown beforehand."""
    chance = random.Random(seed)
    world = Traded(terms={"reserve": (reserve := chance.choice([0, 3])), "base": reserve})
    world.account("free", None)
    for _ in range(30):
        vat = chance.choice("ABC")
        if (what := chance.random()) < 0.3:
            world.plain(vat, chance.choice(["A", "B", None]))
        elif what < 0.5:
            with atomic(world.kernel):
                world.raw.store.enqueue(Notify(world.raw.ids[vat], _settled(world)))
        else:
            bid = {"base": chance.randrange(-40, 40), "slope": chance.choice([1, 2, "1/4"])}
            world.offer(vat, "free", **bid, cap=chance.choice([None, 60]))
    shown = [one.seq for one in in_turn(world.raw.store, world.raw.store.queues.all())]
    assert world.run() == shown
