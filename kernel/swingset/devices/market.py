"""The market device: accounts and escalators as objects that vats hold and hand on.

Each facet is a node of the device, and each is one authority. The root opens accounts. The mint credits them,
for the vat that issues what they hold. An account makes escalators and moves what it has. An escalator sends
messages that bid with its account, and cannot do anything else with it. A bid is raised by who holds it. Who
holds none of them sends as ever, with `E`, and rides with the house.

`E.bid(escalator)(target).method(...)` asks an escalator to send, and so does `D(escalator).send(target,
method, args, kwargs)`. It is a send like any other: the target runs later, the result is a promise, and it
keeps its place in the flow between the two vats. What cannot be held is refused at once, and then nothing was
sent.
"""

from __future__ import annotations

from typing import Any

from swingset.core import bidding
from swingset.core.accounts import MARKET
from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.core.escalators import Escalators
from swingset.core.store import KernelStore
from swingset.devices import plain
from swingset.model import capdata
from swingset.model.bids import ALLOWANCE, UNIT, is_account_name, slope_in_words
from swingset.model.capdata import CapData, NotPlain, Ref
from swingset.model.messages import Message, Send
from swingset.model.refs import kref_type
from swingset.world.rows import MOST

_ROOT = ("open_account", "terms", "tick")
_MINT = ("credit",)
_ACCOUNT = ("get", "transfer", "escalator")
_ESCALATOR = ("send", "send_only", "offer")
_BID = ("get", "raise_to")


class MarketDevice:
    """Serves devices of kind `market`."""

    kind = MARKET
    takes_promises = True
    """An escalator sends to promises, and passes on those among the arguments, as E does."""

    def __init__(self, store: KernelStore) -> None:
        self._store = store

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve the root, the mint, an account, an escalator or a bid, as the state of the node says."""
        assert context.node is not None
        market = self._store.market
        if not isinstance(market, Escalators):
            raise DeviceError("the market of this world is closed")
        try:
            if context.node == context.device.root:
                return self._root(method, args, context, market)
            known = plain.kept(context, context.node, _is_node) or {}
            if "mint" in known:
                return self._mint(method, args, context, market)
            if "escalator" in known:
                return self._escalator(method, args, context, market, known)
            if "account" in known:
                return self._account(method, args, context, market, str(known["account"]))
            if "bid" in known:
                return self._bid(method, args, market, int(known["bid"]))
        except KernelError as error:
            raise DeviceError(str(error)) from None
        raise plain.no_method("this device node", method)

    def _root(self, method: str, args: CapData, context: DeviceContext, market: Escalators) -> CapData:
        if method == "open_account":
            plain.arguments(args, method)
            return _facet(context, "account", market.accounts.open(None).name)
        if method == "tick":
            plain.arguments(args, method)
            return plain.write(market.tick())
        if method == "terms":
            plain.arguments(args, method)
            terms = market.terms()
            said: dict[str, Any] = {"rent": terms.rent, "fee": terms.fee}
            said |= {"reserve": terms.reserve, "price": terms.price, "refusal": terms.refusal}
            return plain.write({**said, "base": terms.base, "slope": str(terms.slope), "cap": terms.cap})
        raise plain.no_method("the market", method, *_ROOT)

    def _mint(self, method: str, args: CapData, context: DeviceContext, market: Escalators) -> CapData:
        if method == "credit":
            account, amount = plain.arguments(args, method, "account", "amount")
            name = self._named(account, context)
            return plain.write(market.accounts.credit(name, plain.whole(amount, "amount")).balance)
        raise plain.no_method("the mint of a market", method, *_MINT)

    def _account(
        self, method: str, args: CapData, context: DeviceContext, market: Escalators, name: str
    ) -> CapData:
        if method == "get":
            plain.arguments(args, method)
            account = market.accounts.get(name)
            return plain.write({"name": name, "balance": account.balance, "held": account.held})
        if method == "transfer":
            to, amount = plain.arguments(args, method, "to", "amount")
            market.accounts.transfer(name, self._named(to, context), plain.whole(amount, "amount"))
            return plain.NOTHING
        if method == "escalator":
            parts = plain.arguments(args, method, "base", "slope", "cap", "allowance", "inherits", optional=3)
            base, slope, cap, allowance, inherits = parts
            found = [base, slope, cap, ALLOWANCE if allowance is None else allowance, inherits is not False]
            bidding.checked_bid(market, name, **_as_parts(found))
            kref = context.new_node(plain.write({"escalator": found, "account": name}))
            return plain.write(Ref(kref, "escalator"))
        if method in _ESCALATOR:
            words = f"a message from account {name} wants terms: E.bid(account, base=5, cap=40)(x), or one of"
            raise DeviceError(f"{words} its escalators", name="TypeError")
        raise plain.no_method("an account", method, *_ACCOUNT)

    def _named(self, facet: object, context: DeviceContext) -> str:
        """The name of the account of a facet; raises `DeviceError` for anything else."""
        if not isinstance(facet, Ref):
            raise DeviceError(
                f"account wants an account that was handed over, not its name: got {plain.shown(facet)}",
                name="TypeError",
            )
        kref = plain.reference(facet, "account", "d").kref
        known = plain.kept(context, kref, _is_node) if context.owns(kref) else None
        if not known or set(known) != {"account"}:
            raise DeviceError(
                f"account wants an account of this market, got {plain.shown(facet)}", name="TypeError"
            )
        return str(known["account"])

    def _escalator(
        self,
        method: str,
        args: CapData,
        context: DeviceContext,
        market: Escalators,
        known: dict[str, Any],
    ) -> CapData:
        if method not in _ESCALATOR:
            raise plain.no_method("an escalator", method, *_ESCALATOR)
        target, methargs = _message(args, method)
        bid = bidding.checked_bid(market, str(known["account"]), **_as_parts(known["escalator"]))
        bid = bidding.held_bid(market, bid)
        store = self._store
        store.write_data(methargs)
        result = None if method == "send_only" else store.new_promise(None)
        seq = store.enqueue(Send(target, Message(methargs, result), context.caller, bid))
        if result is None:
            return plain.NOTHING
        if method == "send":
            return plain.write(Ref(result))
        return plain.write([Ref(result), Ref(context.new_node(plain.write({"bid": seq})), "bid")])

    def _bid(self, method: str, args: CapData, market: Escalators, seq: int) -> CapData:
        if method == "raise_to":
            base, slope, cap = plain.arguments(args, method, "base", "slope", "cap", optional=3)
            bidding.raised(market, seq, base=base, slope=slope, cap=cap)
            return plain.NOTHING
        if method == "get":
            plain.arguments(args, method)
            bid = market.bid_of(bidding.waiting(market, seq))
            said = {"base": bid.base, "slope": slope_in_words(bid.slope), "cap": bid.cap}
            return plain.write({**said, "offer": bid.at(market.tick()) // UNIT})
        raise plain.no_method("a bid", method, *_BID)


def _message(args: CapData, method: str) -> tuple[str, CapData]:
    """The target of a message, and its method and arguments as a message has them. Raises `DeviceError`."""
    try:
        target = _target(plain.read(plain.part(args, 0)))
        said = plain.text(plain.read(plain.part(args, 1)), "method")
        methargs = capdata.rest(args, 1)
        fits = capdata.is_call(methargs)
    except (LookupError, TypeError, NotPlain):
        fits = False
    if not fits:
        words = (
            f"{method}(target, method, args, kwargs) wants a list of arguments, and a dict of those by name"
        )
        raise DeviceError(words, name="TypeError")
    if not said or said.startswith("_"):
        raise DeviceError(f"{plain.shown(said)} cannot be sent: no method has such a name", name="TypeError")
    return target, methargs


def _target(value: Any) -> str:
    """The kref of an object or a promise to which messages can go. Raises `DeviceError`."""
    letter = "p" if isinstance(value, Ref) and kref_type(value.kref) == "p" else "o"
    return plain.reference(value, "target", letter).kref


def _facet(context: DeviceContext, what: str, name: str) -> CapData:
    return plain.write(Ref(context.new_node(plain.write({what: name})), what))


def _as_parts(found: list[Any]) -> dict[str, Any]:
    base, slope, cap, allowance, inherits = found
    return {"base": base, "slope": slope, "cap": cap, "allowance": allowance, "inherits": inherits}


def _is_node(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    parts = set(value)
    if parts == {"escalator", "account"}:
        found = value["escalator"]
        return is_account_name(value["account"]) and isinstance(found, list) and len(found) == 5
    if parts == {"account"}:
        return is_account_name(value["account"])
    if parts == {"bid"}:
        return type(value["bid"]) is int and abs(value["bid"]) < MOST
    return parts == {"mint"}
