"""What an auction finds: who runs, for which offer, and what that costs whom."""

from __future__ import annotations

from typing import NamedTuple

from swingset.core.report import CrankReport
from swingset.model.bids import MOST, UNIT, Bid


class Chosen(NamedTuple):
    """Who runs next, and for what.

    `offer` is the offer that won, and `own` that of the message itself, both in 1/1,024 of a unit. `booster`
    is the bid of a message behind it, if the offer is that one's. `tick` is the time after a jump.
    """

    seq: int
    offer: int
    own: int
    booster: Bid | None
    tick: int


class Due(NamedTuple):
    """What the crank under way costs: prices in whole units, and what is held of the booster's account."""

    chosen: Chosen
    bid: Bid
    price: int
    extra: int
    held: int


def over_allowance(due: Due, refusal: str, most: int | None) -> str:
    """Why a delivery was stopped by the allowance of its bid, who paid, and what to bid instead.

    `refusal` is the market's, and `most` the limit of the vat. The words are those of the crank's record, so
    they follow from the bid alone.
    """
    allowance, account = due.bid.allowance or 0, due.bid.account
    better = min(4 * allowance, most or MOST, MOST)
    charged = due.price * allowance if refusal == "charge" else 0
    return (
        f"the delivery used up its computrons ({allowance:,}), the allowance of its bid: bid with more, such"
        f" as allowance={better:_}; account {account} was charged {f'{charged:,}' if charged else 'nothing'}"
    )


def extra_of(bid: Bid, offer: int, own: int) -> int:
    """What is held of the account of a message for the difference to the first one's offer."""
    return max(offer // UNIT - max(own, 0) // UNIT, 0) * (bid.allowance or 0)


def used_of(report: CrankReport, allowance: int) -> int:
    """What a crank counts for an account: its computrons, or the allowance in a vat that counts none."""
    return allowance if report.computrons is None else min(report.computrons, allowance)
