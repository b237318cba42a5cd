"""The command `market`: who waits with which offer, who pays, and which meters stand above each other."""

from __future__ import annotations

import argparse

from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Drawn, Message, Shown, Stack, Table


@command(
    "market",
    "the offers of waiting messages, the accounts that pay, and the meters as a tree",
    argument("--open", action="store_true", help="open the market: from then on messages bid, for good"),
)
def show_market(notebook: Notebook, given: argparse.Namespace) -> Shown:
    """Show who runs next and who pays; nothing is changed unless a market is to be opened."""
    world = notebook.require()
    notebook.flush()
    market = world.controller.market
    if given.open:
        market.open()
    elif not market.is_open:
        hints = ("`%swingset market --open` opens it, for good: messages can bid from then on",)
        if not (meters := world.controller.meters.all()):
            return Message(
                "this world has no market: messages run in the order in which they were sent", (), hints
            )
        return _meters(world, len(meters), [f"no market, {hints[0]}"])
    most = extent_of(given).most()
    bids, orders = market.bids(), market.orders()
    waits = orders.waits()
    rows = [
        [
            *(row.position, row.sender or "the host", row.vat or "-", row.method, row.account or "the house"),
            *(row.offer, f"{row.base} + {row.slope} a tick", row.cap),
            *(waits.get(row.position) or (None,) * 3),
        ]
        for row in bids[:most]
    ]
    columns = ["position", "from", "vat", "method", "account", "offer", "bid", "cap", "fifo", "boost", "here"]
    notes = ["the last three columns say how many ticks it waits in plain order, boosted flows, and here"]
    if len(bids) > most:
        notes.append(f"and {len(bids) - most:,} more: `--rows {4 * most}` or `--all` shows them")
    totals = market.totals()
    accounts = [[account.name, account.balance, account.held] for account in market.accounts()]
    paid = f"issued {totals.issued:,}, paid so far {totals.sink:,}, tick {totals.tick:,}"
    parts: list[Shown] = [
        Drawn(market.picture()),
        Table("waiting messages", columns, rows, "nothing waits", notes if rows else ()),
        Table("accounts", ["account", "can spend", "held"], accounts, "there is none", [paid]),
    ]
    if rents := [[row.vat, row.account, row.bytes, row.owed] for row in market.rents()]:
        parts.append(Table("rent", ["vat", "account", "bytes", "owed"], rents))
    if meters := world.controller.meters.all():
        parts.append(_meters(world, len(meters), ()))
    return Stack(parts)


def _meters(world: OpenWorld, most: int, notes: list[str] | tuple[()]) -> Table:
    """The meters, each below its superior."""
    rows = world.controller.meters.all()
    below: dict[str | None, list[int]] = {}
    for place, row in enumerate(rows):
        below.setdefault(row.superior, []).append(place)
    shown: list[list[object]] = []
    waiting = [(place, 0) for place in reversed(below.get(None, []))]
    while waiting and len(shown) < most:
        place, depth = waiting.pop()
        row = rows[place]
        left = "unlimited" if row.remaining is None else row.remaining
        shown.append(["└ " * depth + row.id, left, row.threshold, ", ".join(row.vats) or "-"])
        waiting += [(each, depth + 1) for each in reversed(below.get(row.id, []))]
    return Table("meters", ["meter", "computrons", "threshold", "pays for"], shown, "there is none", notes)
