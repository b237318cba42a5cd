"""What was paid for turns, read out of the records, and how long accounts and meters last at that rate.

Nothing here is counted while the world runs: each record has the rows that changed, and an auction is seen in
the event of its crank and in the rows of the market. So it is the same after a restart, and of any past.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from swingset.core.accounts import MARKET, Accounts
from swingset.core.store import KernelStore
from swingset.lens.history.recorded import Recorded
from swingset.model import capdata
from swingset.model.bids import UNIT
from swingset.model.capdata import CapData, MalformedCapData, NotPlain
from swingset.model.foreign import Unreadable, read_json
from swingset.model.messages import Send
from swingset.world.records import CrankRecord, Record
from swingset.world.vats import TERMINATED

LOOK_BACK = 2_000
"""How many of the newest records are read."""


@dataclass(frozen=True)
class PriceRow:
    """A message that won an auction: its crank, the `tick` of that, what it offered and what was paid in all.

    `account` is None for the house. `waited` is how many ticks its offer had climbed.

    Source:
        Ours.
    """

    crank: int
    tick: int
    vat: str | None
    method: str
    account: str | None
    offer: int
    paid: int
    waited: int


@dataclass(frozen=True)
class FundRow:
    """An account or a meter: what is `left` of it and `held`, and how long that lasts.

    `above` is the superior of a meter. `rate` is what was spent per 1,000 cranks of late, and `lasts` after
    how many cranks nothing is left at that rate, None if nothing was spent or it is without limit. `pays_for`
    are the vats that it pays for.

    Source:
        Ours.
    """

    kind: str
    name: str
    above: str | None
    left: int | None
    held: int
    rate: int
    lasts: int | None
    pays_for: tuple[str, ...]


def prices(store: KernelStore, most: int) -> list[PriceRow]:
    """The newest messages that won auctions, at most `most`, oldest first."""
    found: list[PriceRow] = []
    jumped, sink = 0, -1  # nothing is known of what was paid until a row says it
    for record in _newest(store):
        known = _market_rows(record)
        jumped = _whole(known.get("clock"), 0, jumped)
        before, sink = sink, _whole(known.get("totals"), 1, sink)
        if isinstance(record, CrankRecord) and isinstance(record.event, Send) and record.event.bid:
            bid, tick = record.event.bid, record.crank - 1 + jumped
            if record.outcome in ("delivered", "refused"):
                paid = sink - before if before >= 0 else 0
                offer, waited = bid.at(tick) // UNIT, max(tick - bid.born, 0)
                method = record.event.message.method
                row = PriceRow(record.crank, tick, record.vat, method, bid.account, offer, paid, waited)
                found.append(row)
    return found[-most:]


def funds(store: KernelStore) -> list[FundRow]:
    """The accounts by name, then the meters, each below its superior."""
    spent, cranks = _spent(_newest(store))
    vats = [vat for vat in store.vats.all() if vat.state != TERMINATED]

    def row(kind: str, name: str, above: str | None, left: int | None, held: int = 0) -> FundRow:
        used = spent.get((kind, name), 0)
        lasts = -(-left * cranks // used) if used and left is not None else None
        pays_for = tuple(vat.name for vat in vats if vat.options.get(kind) == name)
        return FundRow(kind, name, above, left, held, used * 1_000 // max(cranks, 1), lasts, pays_for)

    device = store.devices.named(MARKET)
    accounts = Accounts(store, device.id).all() if device is not None and device.kind == MARKET else []
    found = [row("account", each.name, None, each.balance, each.held) for each in accounts]
    meters = {meter.id: meter for meter in store.meters.all()}
    below: dict[str | None, list[str]] = {}
    for name in meters:
        below.setdefault(store.meters.superior(name), []).append(name)
    waiting = below.get(None, [])[::-1]
    while waiting:
        name = waiting.pop()
        found.append(row("meter", name, store.meters.superior(name), meters[name].remaining))
        waiting += below.get(name, [])[::-1]
    return found


def _newest(store: KernelStore) -> Iterable[Record]:
    recorded = Recorded(store.world)
    return recorded.after(max(0, recorded.last - LOOK_BACK))


def _spent(records: Iterable[Record]) -> tuple[dict[tuple[str, str], int], int]:
    """What went out of each account and meter, and in how many cranks."""
    spent: dict[tuple[str, str], int] = {}
    last: dict[tuple[str, str], int] = {}
    cranks = 0
    for record in records:
        cranks += isinstance(record, CrankRecord)
        left: dict[tuple[str, str], int | None] = {}
        for key, value in _market_rows(record).items():
            if key.startswith("account.") and value[0] is not None:
                left["account", key.removeprefix("account.")] = _whole(value, 0, 0) + _whole(value, 1, 0)
        for change in record.rows or ():
            if change.table == "meters" and change.after is not None and type(change.after[1]) is int:
                left["meter", str(change.after[0])] = change.after[1]
        for name, now in left.items():
            if now is not None:
                spent[name] = spent.get(name, 0) + max(last.get(name, now) - now, 0)
                last[name] = now
    return spent, cranks


def _market_rows(record: Record) -> dict[str, list[object]]:
    """What the market has stored in a record, by key; what cannot be read is left out."""
    found: dict[str, list[object]] = {}
    for change in record.rows or ():
        key = str(change.key[1]) if change.table == "device_state" and len(change.key) == 2 else ""
        if change.after is None or not (key in ("clock", "totals") or key.startswith("account.")):
            continue
        try:
            value = capdata.read(CapData.from_json(read_json(str(change.after[2]))))
        except (Unreadable, MalformedCapData, NotPlain):
            continue
        if isinstance(value, list):
            found[key] = value
    return found


def _whole(value: list[object] | None, place: int, otherwise: int) -> int:
    """A number of a list that a file has, or another."""
    item = value[place] if value is not None and place < len(value) else None
    return item if type(item) is int else otherwise
