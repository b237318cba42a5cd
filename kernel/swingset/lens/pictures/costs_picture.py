"""Costs over time as a picture: a chart of what was spent, stacked by vat, and one of what vats store.

The same bytes for the same costs. A column is a stretch of equally many cranks. Colours only tell vats apart,
and the legend names them in the order in which they are stacked, from below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from swingset.lens.pictures.paper import FAINT, HOLDERS, RULE, Picture, cut, sheet, text_at
from swingset.lens.watching.costs_over_time import CostsBin, CostsOverTime

_WIDTH = 720
_LEFT, _RIGHT = 96, 20
_CHART = 110
_ACROSS = _WIDTH - _LEFT - _RIGHT
_IN_ROW = 4

Series = Callable[[CostsBin], Sequence[int | None]]


def draw_costs(costs: CostsOverTime) -> Picture:
    """Draw what was spent, and what was stored if that is known."""
    spent: Series = (lambda each: each.computrons) if costs.metered else (lambda each: each.deliveries)
    charts = [
        ("computrons" if costs.metered else "deliveries", spent),
        ("bytes stored", lambda each: each.stored),
    ]
    if any(size is not None for each in costs.bins for size in each.memory):
        charts.append(("bytes of heap", lambda each: each.memory))
    body: list[str] = [text_at(_LEFT, 24, costs.headline(), size=13, weight="bold")]
    y = 40
    for name, series in charts:
        body += _chart(costs, name, series, y)
        y += _CHART + 26
    body.append(text_at(_LEFT, y, f"crank {costs.since + 1:,}", size=10.5, colour=FAINT))
    body.append(text_at(_WIDTH - _RIGHT, y, f"crank {costs.until:,}", size=10.5, colour=FAINT, anchor="end"))
    y += 24
    for number, vat in enumerate(costs.vats):
        x = _LEFT + number % _IN_ROW * (_ACROSS // _IN_ROW)
        line = y + number // _IN_ROW * 18
        body.append(f"<rect x='{x}' y='{line - 9}' width='10' height='10' fill='{_colour(number)}'/>")
        body.append(text_at(x + 15, line, cut(vat.vat, 20), size=11))
    rows = -(-len(costs.vats) // _IN_ROW)
    return sheet("".join(body), in_words(costs), _WIDTH, y + rows * 18 + 4)


def in_words(costs: CostsOverTime) -> str:
    """The picture for readers who cannot see it."""
    vats = ", ".join(
        f"{vat.vat} {vat.computrons if costs.metered else vat.deliveries:,}" for vat in costs.vats
    )
    return f"Costs over time, {costs.headline()}: {vats or 'nothing'}"


def _chart(costs: CostsOverTime, name: str, series: Series, top: int) -> list[str]:
    """One chart: a column for each bin, its parts stacked."""
    columns = [[size or 0 for size in series(each)] for each in costs.bins]
    highest = max((sum(column) for column in columns), default=0)
    bottom = top + _CHART
    body = [
        f"<path d='M{_LEFT} {top}V{bottom}H{_WIDTH - _RIGHT}' fill='none' stroke='{RULE}'/>",
        text_at(_LEFT - 8, top + 9, _short(highest), size=10.5, colour=FAINT, anchor="end"),
        text_at(_LEFT - 8, bottom, "0", size=10.5, colour=FAINT, anchor="end"),
        text_at(_LEFT - 8, top + _CHART // 2 + 4, name, size=10.5, colour=FAINT, anchor="end"),
    ]
    if not highest:
        return body
    paths: list[list[str]] = [[] for _ in costs.vats]
    for place, column in enumerate(columns):
        left = _LEFT + 1 + place * (_ACROSS - 1) // len(columns)
        right = max(left + 1, _LEFT + 1 + (place + 1) * (_ACROSS - 1) // len(columns) - (len(columns) <= 200))
        below = 0
        for number, size in enumerate(column):
            low, high = (bottom - amount * (_CHART - 2) // highest for amount in (below, below + size))
            below += size
            if high < low:
                paths[number].append(f"M{left} {low}V{high}H{right}V{low}Z")
    body += [
        f"<path d='{''.join(path)}' fill='{_colour(number)}'/>" for number, path in enumerate(paths) if path
    ]
    return body


def _colour(number: int) -> str:
    return HOLDERS[number % len(HOLDERS)]


def _short(number: int) -> str:
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 10 * size:
            return f"{number // size:,} {unit}"
    return f"{number:,}"
