"""Views of a market: the waiting bids, the accounts, and the order that other schedulers would choose.

The comparison is a picture of the queue as it stands: each message takes one tick, and sends nothing. What
really happens when other bids had been made is for a branch to say (`swingset.branch`), in which vats run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from swingset.core.escalators import MOST_BETWEEN, Escalators
from swingset.core.routing import vat_of
from swingset.core.store import KernelStore
from swingset.lens.present.rows import QueueRow
from swingset.model.bids import UNIT, Bid, slope_in_words
from swingset.model.messages import QueuedEvent, Send
from swingset.world.queues import Queued

MOST = 1_000
"""How many waiting messages are compared at most, oldest first."""

LOOK_AHEAD = 100
"""How many auctions are held at most to say in which order a queue will run."""


@dataclass(frozen=True)
class BidRow:
    """A waiting message and what it offers at this moment.

    `sender` and `vat` are names of vats; the sender is None for the host. `account` is None for a message
    that rides with the house. `offer` is in whole units. `behind` is the position of the message ahead of it
    in its flow, None if it is the first. `climbed` is what it offers in 1/1,024 of a unit, without its cap.

    Source:
        Ours.
    """

    position: int
    sender: str | None
    vat: str | None
    method: str
    account: str | None
    base: int
    slope: str
    cap: int | None
    allowance: int | None
    offer: int
    behind: int | None
    climbed: int

    def offer_in(self, ticks: int) -> int:
        """The offer after some ticks, if the message still waits then.

        Args:
            ticks: how many.
        Example:
            >>> opened = world.market.open()
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> world.market.bids()[0].offer_in(5)
            5
        """
        climbed = self.climbed + round(Fraction(self.slope) * UNIT) * ticks
        return (climbed if self.cap is None else min(climbed, self.cap * UNIT)) // UNIT


@dataclass(frozen=True)
class Orders:
    """The waiting messages in the order of three schedulers, by their positions.

    `fifo` is that of the queue. `boost` has flows with a bid of an account first, and is the simplest thing
    that can be bought. `escalators` is that of this market.

    Source:
        Ours; `boost` after agoric-sdk #3517.
    """

    fifo: tuple[int, ...]
    boost: tuple[int, ...]
    escalators: tuple[int, ...]

    def waits(self) -> dict[int, tuple[int, int, int]]:
        """How many ticks each message waits under each of the three, by its position.

        Returns:
            For each position the ticks under `fifo`, `boost` and `escalators`.
        Example:
            >>> opened = world.market.open()
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> list(world.market.orders().waits().values())
            [(0, 0, 0)]
        """
        found = [{seq: tick for tick, seq in enumerate(order)} for order in self._all()]
        return {seq: (found[0][seq], found[1][seq], found[2][seq]) for seq in self.fifo}

    def _all(self) -> tuple[tuple[int, ...], ...]:
        return self.fifo, self.boost, self.escalators


_Flow = tuple[str | None, str | None]


@dataclass(frozen=True)
class _Waiting:
    seq: int
    flow: _Flow
    bid: Bid


def bid_rows(store: KernelStore, market: Escalators) -> list[BidRow]:
    """The messages of the run-queue with their offers, in the order of the queue, at most `MOST`."""
    rows: list[BidRow] = []
    last, tick = dict[_Flow, int](), market.tick()
    for seq, event in store.queues.all():
        if not isinstance(event, Send) or len(rows) == MOST:
            continue
        vat, bid = vat_of(store, event), market.bid_of(event)
        flow = (event.sender, vat)
        rows.append(
            BidRow(
                seq,
                _name(store, event.sender),
                _name(store, vat),
                event.message.method,
                bid.account,
                bid.base,
                slope_in_words(bid.slope),
                bid.cap,
                bid.allowance,
                bid.at(tick) // UNIT,
                last.get(flow) if vat is not None else None,
                bid.base * UNIT + bid.slope * (tick - bid.born),
            )
        )
        last[flow] = seq
    return rows


def orders(store: KernelStore, market: Escalators) -> Orders:
    """The order of the waiting messages under three schedulers, if nothing else came."""
    waiting = _auctioned(store, market, store.queues.all())
    paying = {message.flow for message in waiting if message.bid.account is not None}
    boosted = sorted(waiting, key=lambda message: message.flow not in paying)
    seqs: Callable[[Sequence[_Waiting]], tuple[int, ...]] = lambda found: tuple(one.seq for one in found)  # noqa: E731
    return Orders(seqs(waiting), seqs(boosted), seqs(_climbed(waiting, market)))


def in_turn(store: KernelStore, queue: Sequence[Queued]) -> list[Queued]:
    """The run-queue in the order in which it will run if nothing else comes; in its own where is no market.

    Only the first `LOOK_AHEAD` auctions are held, among the oldest messages; the rest follows as it was sent.
    """
    market = store.market
    if not isinstance(market, Escalators):
        return list(queue)
    known = {one.seq: one for one in queue}
    auctioned = {message.seq: message for message in _auctioned(store, market, queue)}
    lane = deque(seq for seq, event in queue if not isinstance(event, Send))
    first = [seq for seq in lane if seq < 0]
    lane = deque(seq for seq in lane if seq >= 0)
    first += [seq for seq, event in queue if isinstance(event, Send) and vat_of(store, event) is None]
    tick, between, found = market.tick() + len(first), market.between, first
    flows = _flows(auctioned.values())
    for _ in range(LOOK_AHEAD + len(lane)):
        if lane and not (between >= MOST_BETWEEN and flows):
            found.append(lane.popleft())
            between += 1
        elif flows:
            message, tick = _auction(flows, tick, market.terms().reserve)
            found.append(message.seq)
            between = 0
        else:
            break
        tick += 1
    ran = set(found)
    return [known[seq] for seq in found] + [one for one in queue if one.seq not in ran]


def with_offers(store: KernelStore, rows: list[QueueRow], events: Sequence[QueuedEvent]) -> list[QueueRow]:
    """The rows of a queue with what their messages offer at this moment, in a world with a market."""
    market = store.market
    if not isinstance(market, Escalators):
        return rows
    tick = market.tick()
    return [
        replace(row, offer=market.bid_of(event).at(tick) // UNIT, account=market.bid_of(event).account)
        if isinstance(event, Send) and row.where == "run-queue"
        else row
        for row, event in zip(rows, events, strict=True)
    ]


def _auctioned(store: KernelStore, market: Escalators, queue: Iterable[Queued]) -> list[_Waiting]:
    found = [
        _Waiting(seq, (event.sender, vat_of(store, event)), market.bid_of(event))
        for seq, event in queue
        if isinstance(event, Send) and vat_of(store, event) is not None
    ]
    return found[:MOST]


def _flows(waiting: Iterable[_Waiting]) -> dict[_Flow, deque[_Waiting]]:
    flows: dict[_Flow, deque[_Waiting]] = {}
    for message in waiting:
        flows.setdefault(message.flow, deque()).append(message)
    return flows


def _auction(flows: dict[_Flow, deque[_Waiting]], tick: int, reserve: int) -> tuple[_Waiting, int]:
    """Take the message that runs next, and the tick at which it does: that is later if no offer is enough."""
    messages = [(place > 0, message) for flow in flows.values() for place, message in enumerate(flow)]
    if all(message.bid.at(tick) < reserve * UNIT for _, message in messages):
        tick = min(_reaches(flow[0].bid, tick, reserve) for flow in flows.values())
    # of equal offers that of the first of a flow wins, then the one that was made first
    _, best = min(messages, key=lambda one: (-one[1].bid.at(tick), one[0], one[1].bid.born, one[1].seq))
    first = flows[best.flow].popleft()
    if not flows[best.flow]:
        del flows[best.flow]
    return first, tick


def _reaches(bid: Bid, tick: int, reserve: int) -> int:
    """The tick from which on an offer is enough; a bid that never gets there was refused when it was sent."""
    lacking = reserve * UNIT - bid.at(tick)
    return tick if lacking <= 0 or not bid.slope else tick - (-lacking // bid.slope)


def _climbed(waiting: Sequence[_Waiting], market: Escalators) -> list[_Waiting]:
    flows, tick, order = _flows(waiting), market.tick(), []
    while flows:
        message, tick = _auction(flows, tick, market.terms().reserve)
        order.append(message)
        tick += 1
    return order


def _name(store: KernelStore, vat: str | None) -> str | None:
    record = store.vats.get(vat) if vat is not None else None
    return vat if record is None else record.name
