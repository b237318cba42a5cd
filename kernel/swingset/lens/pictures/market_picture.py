"""The offers of the waiting messages as a picture: a line for each, from now on.

The same bytes for the same bids. A line rises with its slope and is level from its cap on; where two lines
cross, one message overtakes another. Colours tell accounts apart, and the legend names them in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from swingset.lens.pictures.paper import FAINT, HOLDERS, RULE, Picture, cut, sheet, text_at
from swingset.lens.present.market import BidRow

_WIDTH = 720
_LEFT, _RIGHT, _TOP = 96, 20, 40
_ACROSS, _CHART = _WIDTH - 96 - 20, 180
_IN_ROW = 4

MOST_LINES = 60
"""How many lines are drawn at most: those of the oldest messages."""

TICKS = 32
"""How many ticks the picture looks ahead."""

HOUSE = "house"


def draw_offers(bids: Sequence[BidRow], tick: int) -> Picture:
    """Draw what the waiting messages offer from a tick on."""
    shown = bids[:MOST_LINES]
    accounts = sorted({row.account or HOUSE for row in shown})
    ends = [offer for row in shown for offer in (row.offer_in(0), row.offer_in(TICKS))]
    low, high = min([0, *ends]), max([1, *ends])
    body = [
        text_at(_LEFT, 24, in_words(bids), size=13, weight="bold"),
        f"<path d='M{_LEFT} {_TOP}V{_TOP + _CHART}H{_WIDTH - _RIGHT}' fill='none' stroke='{RULE}'/>",
        text_at(_LEFT - 8, _TOP + 9, f"{high:,}", size=10.5, colour=FAINT, anchor="end"),
        text_at(_LEFT - 8, _TOP + _CHART, f"{low:,}", size=10.5, colour=FAINT, anchor="end"),
        text_at(_LEFT - 8, _TOP + _CHART // 2 + 4, "offer", size=10.5, colour=FAINT, anchor="end"),
    ]
    for row in shown:
        colour = HOLDERS[accounts.index(row.account or HOUSE) % len(HOLDERS)]
        heights = [(row.offer_in(ahead) - low) * _CHART // (high - low) for ahead in range(TICKS + 1)]
        points = [
            f"{_LEFT + ahead * _ACROSS // TICKS} {_TOP + _CHART - height}"
            for ahead, height in enumerate(heights)
        ]
        body.append(f"<path d='M{'L'.join(points)}' fill='none' stroke='{colour}' stroke-width='1.5'/>")
    y = _TOP + _CHART + 18
    body.append(text_at(_LEFT, y, f"tick {tick:,}", size=10.5, colour=FAINT))
    body.append(text_at(_WIDTH - _RIGHT, y, f"tick {tick + TICKS:,}", size=10.5, colour=FAINT, anchor="end"))
    y += 24
    for number, account in enumerate(accounts):
        x, line = _LEFT + number % _IN_ROW * (_ACROSS // _IN_ROW), y + number // _IN_ROW * 18
        fill = HOLDERS[number % len(HOLDERS)]
        body.append(f"<rect x='{x}' y='{line - 9}' width='10' height='10' fill='{fill}'/>")
        body.append(text_at(x + 15, line, cut(account, 20), size=11))
    rows = -(-len(accounts) // _IN_ROW)
    return sheet("".join(body), in_words(bids), _WIDTH, y + rows * 18 + 4)


def in_words(bids: Sequence[BidRow]) -> str:
    """The picture for readers who cannot see it."""
    if not bids:
        return "Offers: nothing waits"
    best = max(bids, key=lambda row: (row.offer, -row.position))
    count = f"{len(bids):,} {'message waits' if len(bids) == 1 else 'messages wait'}"
    return f"Offers: {count}, the highest offer is {best.offer:,} for {cut(best.method, 30)}()"
