"""What hosts asked of a market, as acts: opening it, accounts, facets, and what messages bid.

A bid is part of the message that it was sent with. Raising it is an act of its own, which names the message
by its result, because positions are others in another world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from swingset.model.bids import Bid, slope_as_given
from swingset.model.messages import Send
from swingset.time.bugs.acts import Act, Made, Unwritable
from swingset.world.records import CrankRecord, RequestRecord

OF_BIDS = ("escalator", "offer", "raise_to", "send", "send_only")
"""The calls of a market's device that only give a message its bid."""


class AskedOfMarket:
    """The bids of messages that hosts have sent, and those that they have raised."""

    def __init__(self) -> None:
        self._offers: dict[int, Mapping[str, Any]] = {}  # by the record of the request
        self._raised: dict[int, list[RequestRecord]] = {}  # by the position of the message

    def acts(
        self, record: RequestRecord, made: str | None, roots: list[str]
    ) -> list[tuple[Act, str | None]] | None:
        """The acts that a request was, each with the kref that it returned; None for one of no market.

        `made` is the node that the request made, and `roots` are those of devices that it made.
        """
        given = record.arguments
        match record.verb:
            case "open-market":
                opened: list[tuple[Act, str | None]] = [(_ask("market.open", **given["terms"]), None)]
                return opened + [(_ask("market.facet", "market"), root) for root in roots]
            case "open-account":
                return [(_ask("market.open_account", given["account"], given["balance"]), None)]
            case "credit-account":
                return [(_ask("market.credit", given["account"], given["amount"]), None)]
            case "market-node":
                return [(_ask("market.facet", given["what"], given["account"]), made)]
            case "offer":
                self._offers[record.number] = dict(given["bid"])
                return []
            case "raise-bid":
                self._raised.setdefault(int(given["position"]), []).append(record)
                return []
        return None

    def bid(self, record: CrankRecord, event: Send) -> Mapping[str, Any] | None:
        """What the message of a crank was sent with as a bid, None for nothing."""
        offered = self._offers.get(record.sender or 0)
        if offered is not None:
            return offered
        return _parts(event.bid) if event.bid is not None and event.bid.account is not None else None

    def raises(self, record: CrankRecord, number: int) -> Iterator[tuple[RequestRecord, Act]]:
        """The acts that have raised the bid of a message, which is act `number`.

        Raises `Unwritable` for a message without a result, by which nothing can name it.
        """
        for asked in self._raised.pop(record.position or 0, ()):
            if not isinstance(record.event, Send) or record.event.message.result is None:
                raise Unwritable("the bid of a message without a result was raised: send it with one")
            yield asked, _ask("market.raise_bid", Made(number), **asked.arguments["bid"])


def _ask(method: str, *args: Any, **kwargs: Any) -> Act:
    return Act(0, "ask", method=method, args=args, kwargs=kwargs)


def _parts(bid: Bid) -> dict[str, Any]:
    return {
        "account": bid.account,
        "base": bid.base,
        "slope": slope_as_given(bid.slope),
        "cap": bid.cap,
        "allowance": bid.allowance,
        "inherits": bid.inherits,
    }
