"""What an auction finds: who runs, for which offer, and what that costs whom."""

from __future__ import annotations

from typing import NamedTuple

from swingset.core.report import CrankReport
from swingset.model.bids import UNIT, Bid


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


def extra_of(bid: Bid, offer: int, own: int) -> int:
    """What is held of the account of a message for the difference to the first one's offer."""
    return max(offer // UNIT - max(own, 0) // UNIT, 0) * (bid.allowance or 0)


def used_of(report: CrankReport, allowance: int) -> int:
    """What a crank counts for an account: its computrons, or the allowance in a vat that counts none."""
    return allowance if report.computrons is None else min(report.computrons, allowance)
