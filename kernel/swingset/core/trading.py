"""What a host asks for in a world with a market: opening it, accounts, messages with a bid, higher bids.

Each is one request, like those of `Kernel`: it succeeds completely, or changes nothing and raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from swingset.core import bidding
from swingset.core.accounts import MARKET, Account
from swingset.core.errors import KernelError
from swingset.core.escalators import Escalators
from swingset.core.kernel import Kernel
from swingset.core.market_terms import terms_as_data, terms_of
from swingset.model import capdata
from swingset.model.bids import Bid
from swingset.model.capdata import CapData
from swingset.model.foreign import quoted, shown
from swingset.model.messages import Message, Send
from swingset.model.states import ResultPolicy
from swingset.model.visible import visible

PARTS = ("account", "base", "slope", "cap", "allowance", "inherits")
"""The parts of a bid as a host gives them."""

FACETS = ("market", "mint", "account")
"""What a host can give to vats: who may open accounts, who may issue, and who may spend of an account."""


def market_of(kernel: Kernel) -> Escalators:
    """The market of a world. Raises `KernelError` if it has none."""
    market = kernel.agenda.market
    if market is None:
        raise KernelError("this world has no market: open one first, with `world.market.open()`")
    return market


def open_market(kernel: Kernel, given: object) -> Escalators:
    """Open the market of a world; from then on messages bid for their turn.

    Raises `KernelError` if it has one, and for terms that are wrong.
    """
    if kernel.agenda.market is not None:
        raise KernelError(
            "this world has a market already, and its terms stay: go back to before it was opened, or make"
            " another world"
        )
    if not isinstance(given, Mapping):
        raise KernelError(f"the terms of a market want a dict, got {shown(given)}")
    store, terms = kernel.store, terms_of(dict(given), kernel.store.counters.get("crank"))
    if store.devices.named(MARKET) is not None or kernel.devices.find(MARKET) is not None:
        raise KernelError(f"a device of this world is called {MARKET} already: a market has that name")
    with kernel.request("open-market", terms={name: _part(value) for name, value in given.items()}):
        device = kernel.devices.ensure(MARKET, MARKET)
        store.devices.keep(device.id, "terms", capdata.data(terms_as_data(terms)))
    kernel.agenda.find_market()
    return market_of(kernel)


def open_account(kernel: Kernel, account: Any, balance: Any) -> Account:
    """Open an account with a balance. Raises `KernelError` for a bad or taken name, or a bad balance."""
    market = market_of(kernel)
    with kernel.request("open-account", account=account, balance=balance):
        return market.accounts.open(account, balance)


def credit(kernel: Kernel, account: Any, amount: Any) -> Account:
    """Issue an amount to an account. Raises `KernelError` if there is none of that name."""
    market = market_of(kernel)
    with kernel.request("credit-account", account=account, amount=amount):
        return market.accounts.credit(account, amount)


def node(kernel: Kernel, what: Any, account: Any = None) -> str:
    """The device node of a facet of the market, which the host holds; returns its kref."""
    market = market_of(kernel)
    if what not in FACETS:
        raise KernelError(f"a market has no facet {quoted(what)}; there are: {', '.join(FACETS)}")
    if what == "account" and account is None:
        raise KernelError(f"the facet account is that of one account: name it, {market.accounts.others()}")
    device = kernel.devices.context(MARKET).device
    if what == "market":
        return device.root
    name = market.accounts.get(account).name if what == "account" else None
    known = f"node.{what}" if name is None else f"node.{what}.{name}"
    kept = market.accounts.load(known, lambda value: isinstance(value, capdata.Ref))
    if kept is not None:
        return str(kept.kref)
    with kernel.request("market-node", what=what, account=account):
        context = kernel.devices.context(MARKET)
        kref = context.new_node(capdata.data({what: name}))
        context.set(known, capdata.data(capdata.Ref(kref, str(what))))
    return kref


def offer(
    kernel: Kernel, target: str, methargs: CapData, bid: object, *, policy: ResultPolicy = "ignore"
) -> str | None:
    """Send a message from outside with a bid; returns the promise for its result, which the host holds.

    Raises `KernelError` for a bid that is wrong, or that its account cannot hold for.
    """
    market, parts = market_of(kernel), _parts(bid)
    store = kernel.store
    with kernel.request("offer", target=target, methargs=methargs.to_json(), policy=policy, bid=parts):
        made = bidding.held_bid(market, bidding.checked_bid(market, **parts))
        result = None
        if policy != "none":
            result = store.new_promise(None, policy)
            store.hold(result)
        store.enqueue(Send(target, Message(methargs, result), None, made))
    return result


def raise_bid(kernel: Kernel, position: object, bid: object) -> Bid:
    """Raise the bid of the message at a position, or of the one with a result. Raises `KernelError`."""
    market, parts = market_of(kernel), _parts(bid)
    if isinstance(position, str):
        position = _position_of(kernel, position)
    if type(position) is not int:
        raise KernelError(
            "a waiting message is named by its position, as `bids()` has it, or by the promise for its"
            f" result, got {shown(position)}"
        )
    if strange := sorted(set(parts) - {"base", "slope", "cap"}):
        raise KernelError(f"{strange[0]} of a bid stays as it is: raise its base, slope or cap")
    with kernel.request("raise-bid", position=position, bid=parts):
        return bidding.raised(market, position, **parts)


def _position_of(kernel: Kernel, result: str) -> int:
    """The position of the waiting message with a result."""
    for seq, event in kernel.store.queues.all():
        if isinstance(event, Send) and event.message.result == result:
            return seq
    raise KernelError(
        f"no message waits for whose result {visible(result, 40)} is: it was delivered, dropped or parked"
    )


def _parts(bid: object) -> dict[str, Any]:
    if not isinstance(bid, Mapping):
        raise KernelError(f"a bid wants a dict of {', '.join(PARTS)}, got {shown(bid)}")
    if strange := sorted(set(map(str, bid)) - set(PARTS)):
        raise KernelError(f"a bid has no {visible(strange[0])}; it has: {', '.join(PARTS)}")
    return {str(name): _part(value) for name, value in bid.items()}


def _part(value: object) -> object:
    """A part as a record can have it; what no bid can have is refused later."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else str(value)
    return value
