"""Escalators: an order of the run-queue in which messages bid for their turn.

Every waiting message rides an escalator: its offer begins at a base, rises with each tick, and stops at a
cap. The highest offer runs. So an impatient message can overtake, and a patient one is not starved, because
it rises too. A world has this order once its market was opened, by its own state: a restart, a fork, a replay
and an archive go on with it. Without a market nothing here is called.

**Time.** A tick is a crank, and never a second. While no offer reaches the reserve, the clock jumps to the
tick at which one does: a base below zero is a delay.

**Flows.** Messages of one sender to one vat keep their order. Only the first of a flow can run, but it may
run for the offer of one behind it, whose account pays the difference. A message to an unsettled promise is in
no flow: it is queued to the promise at once, and is born again when it comes back.

**What is not auctioned.** Notifications, starts and options run in the order of the queue, before the
auction, and no account pays for them. The same holds for housekeeping. But while an offer waits, at most
`MOST_BETWEEN` such cranks run between two auctions.

**Money.** The cap of a bid for its whole allowance is held when the message is sent, so a waiting bid can
always pay. The price is the own offer, or the best other offer of another account (`second`). It is charged
for the computrons spent, at most the allowance, which is also the most that the delivery gets; a vat that
counts none is charged the allowance. What a message's delivery sends carries on with its account, slope and
cap, with a base of 0; if the account cannot hold that, it rides with the house.

`choose` changes nothing but memory, so one may ask whether there is work. Time, holds and payments are
written by `begin` and `settle`, inside the savepoint of the crank. What is in memory is found again from the
queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace
from heapq import heappop, heappush

from swingset.core import rent
from swingset.core.accounts import MARKET, Accounts, is_amount
from swingset.core.ladders import Entry, Ladders
from swingset.core.market_terms import Terms, are_terms, terms_from_data
from swingset.core.offers import Chosen, Due, extra_of, over_allowance, used_of
from swingset.core.report import CrankReport
from swingset.core.routing import vat_of
from swingset.core.store import KernelStore
from swingset.model.bids import MOST_TIME, UNIT, Bid
from swingset.model.messages import Event, QueuedEvent, Send, event_from_json, event_to_json
from swingset.world.errors import DamagedRow
from swingset.world.vats import VatRecord

MOST_BETWEEN = 8
"""How many cranks run between two auctions, at most, while an offer waits."""

LOOK = 64
"""How many offers are looked at, at most, to find who runs, and again to find the second price."""

Flow = tuple[str | None, str]
"""The sender of messages, a vat or None for the host, and the vat that they are for."""


class Escalators:
    """The order of the run-queue of one world with a market."""

    def __init__(self, store: KernelStore, device: str) -> None:
        self._store = store
        self.accounts = Accounts(store, device)
        self.due: Due | None = None
        """The message whose crank is under way, None for an event that is not auctioned."""
        self._carries: Bid | None = None
        self._ended: Event | None = None  # whose hold has ended, though it was not consumed yet
        self._watched: list[int] = []
        self._moved: list[str] = []
        self._living: dict[int, int] = {}
        self._flow_of: dict[int, Flow] = {}
        self._flows: dict[Flow, list[int]] = {}
        self._by_target: dict[str, set[int]] = {}
        self._target_of: dict[int, str] = {}
        self._lane: list[int] = []  # heap of positions: what is not auctioned
        self._homeless: list[int] = []  # heap of positions: messages to no vat
        self._heads = Ladders(self._living)
        self._followers = Ladders(self._living)
        self._stamp = 0
        self._terms: Terms | None = None
        self._is_new = True
        store.queues.watched = self._watched

    def terms(self) -> Terms:
        """The terms of this market, which never change."""
        if self._terms is None:
            stored = self.accounts.load("terms", are_terms)
            self._terms = Terms() if stored is None else terms_from_data(stored)
        return self._terms

    def tick(self) -> int:
        """The time: the cranks that were run, and all jumps."""
        return min(self._store.counters.get("crank") + self._clock()[0], MOST_TIME)

    def _clock(self) -> tuple[int, int]:
        """How far the clock has jumped in all, and how many cranks ran since the last auction."""
        jumped, between = self.accounts.load("clock", _is_clock) or (0, 0)
        return jumped, between

    @property
    def between(self) -> int:
        """How many cranks ran since the last auction."""
        return self._clock()[1]

    # What waits

    def enqueued(self, event: QueuedEvent) -> QueuedEvent:
        """The event as it is to be queued: a message without a bid inherits one, or rides with the house."""
        if not isinstance(event, Send) or event.bid is not None:
            return event
        tick = self.tick()
        bid = self._carries if event.sender is not None else None
        if bid is not None and bid.account is not None:
            inherited = replace(bid, base=0, born=tick)
            if self.terms().trouble(inherited) is None and self.accounts.hold(bid.account, inherited.hold):
                return replace(event, bid=inherited)
        return replace(event, bid=self.terms().house(tick))

    def rejoined(self, item: str) -> str:
        """The stored text of a message that comes back from a promise: its offer begins anew."""
        try:
            event = event_from_json(item)
        except ValueError:
            return item  # a damaged row is complained of in its turn
        if not isinstance(event, Send):
            return item
        tick = self.tick()
        return event_to_json(replace(event, bid=replace(event.bid or self.terms().house(tick), born=tick)))

    def settled(self, kref: str) -> None:
        """Look again where messages to a promise or an object go."""
        self._moved.append(kref)

    def rented(self, vat: VatRecord, *, pays: bool) -> str | None:
        """Settle the rent of a vat after a delivery; returns why its account cannot pay, or None."""
        return rent.settle(self.accounts, self._store, self.terms(), self.tick(), vat, pays=pays)

    def ended(self, vat: str) -> None:
        """Look again where messages to a vat go that was terminated, which owes nothing any more."""
        self._store.devices.keep(self.accounts.device, f"rent.{vat}", None)
        for flow, waiting in self._flows.items():
            if flow[1] == vat:
                self._watched.extend(waiting)

    def dropped(self, event: Event) -> None:
        """End the hold of a message that is delivered or dropped, unless `settle` did."""
        bid = event.bid if isinstance(event, Send) and event is not self._ended else None
        if bid is not None and bid.account is not None:
            self.accounts.release(bid.account, bid.hold)

    def _sync(self) -> None:
        """Take up what changed in the queue since the last look, all of it at the first."""
        if self._is_new:
            self._is_new = False
            self._watched.extend(self._store.queues.soon(1 << 62))
        for kref in self._moved:
            self._watched.extend(sorted(self._by_target.get(kref, ())))
        self._moved.clear()
        if self._watched:
            for seq in dict.fromkeys(self._watched):
                self._place(seq)
            self._watched.clear()

    def _place(self, seq: int) -> None:
        """Put one position where it belongs, or forget it."""
        left = self._flow_of.pop(seq, None)
        self._living.pop(seq, None)
        target = self._target_of.pop(seq, None)
        if target is not None:
            waiting = self._by_target[target]
            waiting.discard(seq)
            if not waiting:
                del self._by_target[target]
        try:
            event = self._store.queues.at(seq)
        except DamagedRow:
            heappush(self._lane, seq)  # it is raised when its turn comes
            event = None
        if isinstance(event, Send):
            self._place_message(seq, event)
        elif event is not None:
            heappush(self._lane, seq)
        if left is not None:
            self._promote(left)

    def _place_message(self, seq: int, event: Send) -> None:
        self._target_of[seq] = event.target
        self._by_target.setdefault(event.target, set()).add(seq)
        vat = vat_of(self._store, event)
        if vat is None:
            heappush(self._homeless, seq)
            return
        flow = self._flow_of[seq] = (event.sender, vat)
        before = self._head(flow)
        heappush(self._flows.setdefault(flow, []), seq)
        if self._head(flow) == seq:
            if before is not None and before != seq:
                self._rank(before, self._followers)
            self._rank(seq, self._heads)
        else:
            self._rank(seq, self._followers)

    def _rank(self, seq: int, among: Ladders) -> None:
        """Have a waiting message bid among the first of flows, or among their followers, and nowhere else."""
        event = self._store.queues.at(seq)
        if isinstance(event, Send):
            self._stamp += 1
            self._living[seq] = self._stamp
            among.add(seq, self.bid_of(event), self._stamp)

    def bid_of(self, event: Send) -> Bid:
        """The bid of a waiting message; one that was sent before the market opened is born with it."""
        return event.bid or self.terms().house(self.terms().opened)

    def _head(self, flow: Flow) -> int | None:
        waiting = self._flows.get(flow)
        while waiting:
            if self._flow_of.get(waiting[0]) == flow:
                return waiting[0]
            heappop(waiting)
        self._flows.pop(flow, None)
        return None

    def _promote(self, flow: Flow) -> None:
        """Have the first message of a flow bid as such."""
        seq = self._head(flow)
        if seq is not None:
            self._rank(seq, self._heads)

    def event_at(self, seq: int) -> QueuedEvent | None:
        """The event at a position of the run-queue, or None."""
        return self._store.queues.at(seq)

    def replace(self, seq: int, send: Send) -> None:
        """Give a waiting message another bid."""
        self._store.queues.replace(seq, send)

    # Who is next

    def is_due(self) -> bool:
        """Whether an offer waits, and enough else has run since the last auction."""
        return self._clock()[1] >= MOST_BETWEEN and self._best(jump=False) is not None

    def choose(self, passed: Set[int] = frozenset()) -> tuple[int, QueuedEvent] | None:
        """The position and the event to run next; `passed` are positions of starts that must wait."""
        self._sync()
        seq = self._next_homeless()
        if seq is None and not self.is_due():
            seq = self._next_in_lane(passed)
        if seq is None and (chosen := self._best()) is not None:
            seq = chosen.seq
        if seq is None or (event := self._store.queues.at(seq)) is None:
            return None
        return seq, event

    def _next_homeless(self) -> int | None:
        while self._homeless:
            seq = self._homeless[0]
            event = self._store.queues.at(seq)
            if isinstance(event, Send) and seq not in self._flow_of:
                if vat_of(self._store, event) is None:
                    return seq
                self._place(seq)
            heappop(self._homeless)
        return None

    def _next_in_lane(self, passed: Set[int]) -> int | None:
        held_back: list[int] = []
        found = None
        while self._lane and found is None:
            seq = self._lane[0]
            if seq in passed:
                held_back.append(heappop(self._lane))
            elif self._store.queues.text_at(seq) is None or seq in self._flow_of:
                heappop(self._lane)
            else:
                found = seq
        for seq in held_back:
            heappush(self._lane, seq)
        return found

    def _best(self, *, jump: bool = True) -> Chosen | None:
        """The message that wins the auction of now, or of the tick to which the clock has to jump."""
        self._sync()
        tick, reserve = self.tick(), self.terms().reserve * UNIT
        chosen = next(self._bidders(tick), None)
        if chosen is not None and chosen.offer >= reserve:
            return chosen
        if not jump:
            return None
        soonest = self._heads.soonest(tick, reserve)
        if soonest is None or soonest == tick:
            return None
        chosen = next(self._bidders(soonest), None)
        return chosen if chosen is not None and chosen.offer >= reserve else None

    def _bidders(self, tick: int) -> Iterator[Chosen]:
        """First messages of flows by the best offer for each, highest first; a flow may come twice."""
        with self._heads.descending(tick) as heads, self._followers.descending(tick) as followers:
            first = next(heads, None)
            boost, looks = self._next_boost(followers, tick, LOOK)
            while first is not None:
                if boost is not None and boost.offer > first[0]:
                    yield boost
                    boost, looks = self._next_boost(followers, tick, looks)
                    continue
                entry = first[1]
                if self._head(self._flow_of[entry.seq]) == entry.seq:
                    yield Chosen(entry.seq, first[0], first[0], None, tick)
                first = next(heads, None)

    def _next_boost(
        self, followers: Iterator[tuple[int, Entry]], tick: int, looks: int
    ) -> tuple[Chosen | None, int]:
        """The next offer of a message that is not the first of its flow, and can pay the difference."""
        while looks > 0 and (found := next(followers, None)) is not None:
            looks -= 1
            offer, entry = found
            head = self._head(self._flow_of[entry.seq])
            one, other = (self._store.queues.at(seq) for seq in (entry.seq, head or 0))
            if head == entry.seq or not (isinstance(one, Send) and isinstance(other, Send)):
                continue
            bid, own = self.bid_of(one), self.bid_of(other).at(tick)
            if offer > own and self._can_boost(bid, offer, own):
                return Chosen(head or 0, offer, own, bid, tick), looks
        return None, 0

    def _can_boost(self, bid: Bid, offer: int, own: int) -> bool:
        if bid.account is None:
            return True
        account = self.accounts.find(bid.account)
        return account is not None and (
            account.balance is None or account.balance >= extra_of(bid, offer, own)
        )

    # The crank

    def begin(self, seq: int, event: Event) -> None:
        """Begin the crank of an event, whatever was chosen: find its price, let the clock jump, and hold."""
        self._sync()
        flow = self._flow_of.get(seq)
        if isinstance(event, Send) and flow is not None:
            self.due = self._price(seq, flow, event)
            if event.bid is not None and event.bid.inherits:
                self._carries = event.bid
        self.again()

    def again(self) -> None:
        """Write what `begin` has found, at the beginning and after the crank was rolled back to it."""
        if self.due is not None:
            chosen = self.due.chosen
            jumped, between = self._clock()
            ahead = chosen.tick - self.tick()
            if ahead > 0:
                self.accounts.keep("clock", [min(jumped + ahead, MOST_TIME - 1), between])
            if self.due.held and chosen.booster is not None and chosen.booster.account is not None:
                self.accounts.hold(chosen.booster.account, self.due.held)

    def _price(self, seq: int, flow: Flow, event: Send) -> Due:
        """What a message pays that runs now."""
        bid, terms = self.bid_of(event), self.terms()
        best = self._best()
        if best is not None and best.seq == seq:
            chosen = best
        else:  # a host repeats a crank
            tick = self.tick()
            chosen = Chosen(seq, bid.at(tick), bid.at(tick), None, tick)
        payer = bid if chosen.booster is None else chosen.booster
        price = chosen.offer
        if terms.price == "second":
            price = min(price, max(terms.reserve * UNIT, self._other_offer(chosen, flow, payer.account)))
        own = min(price, chosen.own)
        extra = max(price // UNIT - max(own, 0) // UNIT, 0) if chosen.booster is not None else 0
        held = extra_of(chosen.booster, price, own) if chosen.booster is not None else 0
        return Due(chosen, bid, max(own, 0) // UNIT, extra, held)

    def _other_offer(self, chosen: Chosen, flow: Flow, payer: str | None) -> int:
        """The best offer of another flow and another account."""
        offer = 0
        for look, other in enumerate(self._bidders(chosen.tick)):
            offer = other.offer
            event = self._store.queues.at(other.seq)
            bid = other.booster or (self.bid_of(event) if isinstance(event, Send) else None)
            if self._flow_of.get(other.seq) != flow and (
                bid is None or payer is None or bid.account != payer
            ):
                return offer
            if look >= LOOK:
                return offer
        return 0

    @property
    def fuel(self) -> int | None:
        """How many computrons the delivery may spend at most, None for no more limit than the vat's own."""
        return None if self.due is None else self.due.bid.allowance

    def stopped(self, most: int | None) -> str | None:
        """What to say of a delivery that used up its allowance; None if the limit of its vat is `most`."""
        fuel = self.fuel
        if self.due is None or fuel is None or (most is not None and most <= fuel):
            return None
        return over_allowance(self.due, self.terms().refusal, most)

    def settle(self, report: CrankReport) -> None:
        """End the crank of an event: charge what its message has used."""
        due = self.due
        jumped, between = self._clock()
        now = 0 if due is not None else min(between + 1, MOST_BETWEEN)
        if now != between:
            self.accounts.keep("clock", [jumped, now])
        if due is None:
            return
        booster = due.chosen.booster
        charged = report.outcome in ("delivered", "refused")
        if report.outcome == "refused" and self.terms().refusal == "refund":
            charged = False
        bid, booster = due.bid, due.chosen.booster
        if bid.account is not None and bid.allowance is not None and report.outcome != "parked":
            paid = due.price * used_of(report, bid.allowance) if charged else 0
            self.accounts.release(bid.account, bid.hold, paid)
            self._ended = report.event
        if booster is not None and booster.account is not None and booster.allowance is not None:
            paid = due.extra * used_of(report, booster.allowance) if charged else 0
            self.accounts.release(booster.account, due.held, paid)

    def end(self) -> None:
        """Forget the crank that was under way, also if it was rolled back."""
        self.due = self._carries = self._ended = None


def find_market(store: KernelStore) -> Escalators | None:
    """The order of a world by its market, or None if it has none."""
    found = [device for device in store.devices.all() if device.kind == MARKET]
    store.market = Escalators(store, found[0].id) if found else None
    if store.market is None:
        store.queues.watched = None
    return store.market


def _is_clock(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(is_amount, value))
        and value[1] <= MOST_BETWEEN
    )
