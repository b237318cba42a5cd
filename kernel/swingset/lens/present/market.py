"""Views of a market: the waiting bids, the accounts, and the order that other schedulers would choose.

The comparison is a picture of the queue as it stands: each message takes one tick, and sends nothing. What
really happens when other bids had been made is for a branch to say (`swingset.branch`), in which vats run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from swingset.core.escalators import Escalators
from swingset.core.routing import vat_of
from swingset.core.store import KernelStore
from swingset.model.bids import UNIT, Bid, slope_in_words
from swingset.model.messages import Send

MOST = 1_000
"""How many waiting messages are compared at most, oldest first."""


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


@dataclass(frozen=True)
class _Waiting:
    seq: int
    flow: tuple[str | None, str | None]
    bid: Bid


def bid_rows(store: KernelStore, market: Escalators) -> list[BidRow]:
    """The messages of the run-queue with their offers, in the order of the queue, at most `MOST`."""
    rows: list[BidRow] = []
    last, tick = dict[tuple[str | None, str | None], int](), market.tick()
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
    waiting = [
        _Waiting(seq, (event.sender, vat_of(store, event)), market.bid_of(event))
        for seq, event in store.queues.all()
        if isinstance(event, Send) and vat_of(store, event) is not None
    ][:MOST]
    paying = {message.flow for message in waiting if message.bid.account is not None}
    boosted = sorted(waiting, key=lambda message: message.flow not in paying)
    seqs: Callable[[Sequence[_Waiting]], tuple[int, ...]] = lambda found: tuple(one.seq for one in found)  # noqa: E731
    return Orders(seqs(waiting), seqs(boosted), seqs(_climbed(waiting, market.tick())))


def _climbed(waiting: Sequence[_Waiting], tick: int) -> list[_Waiting]:
    flows: dict[tuple[str | None, str | None], deque[_Waiting]] = {}
    for message in waiting:
        flows.setdefault(message.flow, deque()).append(message)
    order = []
    while flows:
        best = min(
            (
                (-message.bid.at(tick), message.bid.born, message.seq, flow)
                for flow in flows
                for message in flows[flow]
            ),
            key=lambda offer: offer[:3],
        )
        flow = best[3]
        order.append(flows[flow].popleft())
        if not flows[flow]:
            del flows[flow]
        tick += 1
    return order


def _name(store: KernelStore, vat: str | None) -> str | None:
    record = store.vats.get(vat) if vat is not None else None
    return vat if record is None else record.name
