"""The terms of a market: which offers run, what they pay, and what messages without a bid ride on.

They are chosen when a market is opened, and stay: who bids must know them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from swingset.core.accounts import is_amount
from swingset.core.errors import KernelError
from swingset.model.bids import MENU, MOST, SLOPE_WANTS, UNIT, Bid, slope_in_words, slope_of
from swingset.model.foreign import shown

PRICES = ("first", "second")
REFUSALS = ("charge", "refund")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a market: which offers run, what they pay, and what messages without a bid ride on.

    `reserve` is the least offer that runs. `price` is `first` (the own offer) or `second` (the best other).
    `refusal` says whether a message whose delivery fails is charged. `base`, `slope` and `cap` are those of
    the house.

    Source:
        Ours.
    """

    reserve: int = 0
    price: str = "first"
    refusal: str = "charge"
    base: int = 0
    slope: int = UNIT
    cap: int | None = None
    opened: int = 0


def are_terms(value: object) -> bool:
    """Whether stored data are the terms of a market."""
    if not isinstance(value, list) or len(value) != 7:
        return False
    reserve, price, refusal, base, slope, cap, opened = value
    whole = all(type(number) is int and -MOST <= number <= MOST for number in (reserve, base))
    sorts = price in PRICES and refusal in REFUSALS and type(slope) is int and slope in MENU
    return whole and sorts and (cap is None or is_amount(cap)) and is_amount(opened)


def terms_of(given: dict[str, Any], opened: int) -> Terms:
    """Terms of parts that a host gave. Raises `KernelError` with the part that is wrong."""
    known = {"reserve": 0, "price": "first", "refusal": "charge", "base": 0, "slope": 1, "cap": None}
    if unknown := sorted(set(given) - set(known)):
        raise KernelError(f"a market has no term {shown(unknown[0])}; there are: {', '.join(known)}")
    parts = {**known, **given}
    if (slope := slope_of(parts["slope"])) is None:
        raise KernelError(f"slope of a market wants {SLOPE_WANTS}, got {shown(parts['slope'])}")
    found = Terms(**{**parts, "slope": slope}, opened=opened)
    if not are_terms(terms_as_data(found)):
        wanted = f"ints, a price of {' or '.join(PRICES)}, and a refusal of {' or '.join(REFUSALS)}"
        raise KernelError(f"the terms of a market want {wanted}, got {shown(given)}")
    house = Bid(None, found.base, found.slope, found.cap, None, 0)
    if house.at(1 << 61) < found.reserve * UNIT:
        words = f"base {found.base:,}, slope {slope_in_words(slope)} and cap {found.cap}"
        raise KernelError(f"messages without a bid ({words}) would never reach the reserve {found.reserve:,}")
    return found


def terms_as_data(terms: Terms) -> list[Any]:
    """Terms as they are stored."""
    found = [terms.reserve, terms.price, terms.refusal, terms.base, terms.slope, terms.cap, terms.opened]
    return list(found)
