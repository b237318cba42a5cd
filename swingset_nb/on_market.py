"""The command `market`: who waits with which offer, who pays, and which meters stand above each other."""

from __future__ import annotations

import argparse

from swingset_nb.commands import argument, command
from swingset_nb.extent import extent_of
from swingset_nb.notebook import Notebook
from swingset_nb.open_world import OpenWorld
from swingset_nb.render import Drawn, Message, Shown, Stack, Table

_BEGIN = (
    '`swingset_nb.session().controller.market.open_account("ann", 10**10)` makes an account with units',
    '`ann = swingset_nb.session().devices.market("account", "ann")` pays by `E.bid(ann, base=5, cap=40)(x)`',
)


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
    opened = given.open and not market.is_open
    if given.open:
        market.open()
    elif not market.is_open:
        hints = ("`%swingset market --open` opens it, for good: messages can bid from then on",)
        if not (meters := world.controller.meters.all()):
            return Message(
                "this world has no market: messages run in the order in which they were sent", (), hints
            )
        return _funds(world, len(meters), "meter", [f"no market, {hints[0]}"])
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
    paid = f"issued {totals.issued:,}, paid so far {totals.sink:,}, tick {totals.tick:,}"
    parts: list[Shown] = [Message("the market is open: messages bid for their turn", (), _BEGIN)] * opened
    parts += [
        *map(Drawn, market.pictures()),
        Table("waiting messages", columns, rows, "nothing waits", notes if rows else ()),
        _funds(world, most, "account", [paid]),
    ]
    if rents := [[row.vat, row.account, row.bytes, row.owed] for row in market.rents()]:
        parts.append(Table("rent", ["vat", "account", "bytes", "owed"], rents))
    if meters := world.controller.meters.all():
        parts.append(_funds(world, len(meters), "meter", ()))
    return Stack(parts)


def _funds(world: OpenWorld, most: int, kind: str, notes: list[str] | tuple[()]) -> Table:
    """The accounts, or the meters each below its superior, with how long each lasts."""
    rows = [row for row in world.controller.market.funds() if row.kind == kind]
    depth: dict[str | None, int] = {None: -1}
    shown: list[list[object]] = []
    for row in rows:
        depth[row.name] = depth[row.above] + 1
        left = "without limit" if row.left is None else row.left
        lasts = "-" if row.lasts is None else f"{row.lasts:,} cranks"
        held = [row.held] if kind == "account" else []
        name = "└ " * depth[row.name] + row.name
        shown.append([name, left, *held, row.rate, lasts, ", ".join(row.pays_for) or "-"])
    holds = ["can spend", "held"] if kind == "account" else ["computrons"]
    columns = [kind, *holds, "per 1,000 cranks", "lasts", "pays for"]
    return Table(f"{kind}s", columns, shown[:most], "there is none", notes)
