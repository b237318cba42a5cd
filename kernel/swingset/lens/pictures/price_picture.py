"""What turns have cost over the past, and in which order a queue runs under three schedulers, as pictures.

The same bytes for the same records. A bar is a message that won its auction, as high as its offer; colours
tell accounts apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from swingset.lens.pictures.market_picture import HOUSE
from swingset.lens.pictures.paper import FAINT, HOLDERS, RULE, Picture, cut, sheet, text_at
from swingset.lens.present.market import BidRow, Orders
from swingset.lens.watching.funds import PriceRow
from swingset.model.counting import plural

_WIDTH, _LEFT, _TOP, _CHART = 720, 96, 40, 120
_ACROSS = _WIDTH - _LEFT - 20
_IN_ROW = 4

MOST_BARS = 120
"""How many messages are drawn at most: the newest ones."""

MOST_BOXES = 24
"""How many messages of a queue are drawn at most."""


def draw_prices(prices: Sequence[PriceRow]) -> Picture:
    """Draw what the messages offered that won their auctions, in the order of their cranks."""
    shown = list(prices[-MOST_BARS:])
    accounts = sorted({row.account or HOUSE for row in shown})
    high = max([1, *(row.offer for row in shown)])
    words = prices_in_words(prices)
    body = [
        text_at(_LEFT, 24, words, size=13, weight="bold"),
        f"<path d='M{_LEFT} {_TOP}V{_TOP + _CHART}H{_WIDTH - 20}' fill='none' stroke='{RULE}'/>",
        text_at(_LEFT - 8, _TOP + 9, f"{high:,}", size=10.5, colour=FAINT, anchor="end"),
        text_at(_LEFT - 8, _TOP + _CHART, "0", size=10.5, colour=FAINT, anchor="end"),
    ]
    for place, row in enumerate(shown):
        x, width = _LEFT + place * _ACROSS // len(shown), max(_ACROSS // len(shown) - 1, 1)
        height = max(max(row.offer, 0) * _CHART // high, 1)
        fill = HOLDERS[accounts.index(row.account or HOUSE) % len(HOLDERS)]
        at = f"x='{x}' y='{_TOP + _CHART - height}' width='{width}' height='{height}'"
        body.append(f"<rect {at} fill='{fill}'/>")
    y = _TOP + _CHART + 18
    if shown:
        body.append(text_at(_LEFT, y, f"crank {shown[0].crank:,}", size=10.5, colour=FAINT))
        last = f"crank {shown[-1].crank:,}"
        body.append(text_at(_WIDTH - 20, y, last, size=10.5, colour=FAINT, anchor="end"))
    return sheet("".join([*body, *_legend(accounts, y + 24)]), words, _WIDTH, y + 28 + _rows(accounts) * 18)


def draw_orders(bids: Sequence[BidRow], orders: Orders) -> Picture:
    """Draw the first messages of a queue in the order of three schedulers, one below the other."""
    by_position = {row.position: row for row in bids}
    accounts = sorted({row.account or HOUSE for row in bids})
    words = orders_in_words(orders)
    body, width = [text_at(_LEFT, 24, words, size=13, weight="bold")], _ACROSS // MOST_BOXES
    lanes = (("plain order", orders.fifo), ("boosted flows", orders.boost), ("bids", orders.escalators))
    for lane, (name, order) in enumerate(lanes):
        y = _TOP + lane * 30
        body.append(text_at(_LEFT - 8, y + 15, name, size=10.5, colour=FAINT, anchor="end"))
        for place, position in enumerate(order[:MOST_BOXES]):
            row = by_position.get(position)
            holder = (row.account if row else None) or HOUSE
            fill = HOLDERS[accounts.index(holder) % len(HOLDERS)] if holder in accounts else RULE
            x = _LEFT + place * width
            body.append(f"<rect x='{x}' y='{y}' width='{width - 3}' height='22' rx='3' fill='{fill}'/>")
            number = orders.fifo.index(position) + 1
            body.append(text_at(x + width // 2 - 1, y + 15, f"{number}", size=10, anchor="middle", halo=True))
    y = _TOP + len(lanes) * 30 + 12
    return sheet("".join([*body, *_legend(accounts, y)]), words, _WIDTH, y + 4 + _rows(accounts) * 18)


def _rows(accounts: Sequence[str]) -> int:
    return -(-len(accounts) // _IN_ROW)


def _legend(accounts: Sequence[str], y: int) -> list[str]:
    body = []
    for number, account in enumerate(accounts):
        x, line = _LEFT + number % _IN_ROW * (_ACROSS // _IN_ROW), y + number // _IN_ROW * 18
        fill = HOLDERS[number % len(HOLDERS)]
        body.append(f"<rect x='{x}' y='{line - 9}' width='10' height='10' fill='{fill}'/>")
        body.append(text_at(x + 15, line, cut(account, 20), size=11))
    return body


def prices_in_words(prices: Sequence[PriceRow]) -> str:
    """The picture of prices for readers who cannot see it."""
    if not prices:
        return "Prices: no message has won an auction yet"
    best = max(prices, key=lambda row: (row.offer, row.crank))
    paid = sum(row.paid for row in prices)
    best_of = f"{best.offer:,} for {cut(best.method, 30)}() in crank {best.crank:,}"
    return f"Prices: {plural(len(prices), 'turn')} for {paid:,} in all, the highest offer was {best_of}"


def orders_in_words(orders: Orders) -> str:
    """The picture of orders for readers who cannot see it."""
    moved = sum(one != other for one, other in zip(orders.fifo, orders.escalators, strict=True))
    if not orders.fifo:
        return "Order: nothing waits"
    return f"Order: of {len(orders.fifo):,} waiting messages {moved:,} have another place than in plain order"
