"""The terms of a market: which offers run, what they pay, and what messages without a bid ride on.

They are chosen when a market is opened, and stay: who bids must know them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swingset.core.accounts import is_amount
from swingset.core.errors import KernelError
from swingset.model.bids import MENU, MOST, MOST_DELAY, SLOPE_WANTS, UNIT, Bid, slope_as_given, slope_of
from swingset.model.foreign import shown
from swingset.model.visible import visible

PRICES = ("first", "second")
REFUSALS = ("charge", "refund")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a market: which offers run, what they pay, and what messages without a bid ride on.

    `reserve` is the least offer that runs. `price` is `first` (the own offer) or `second` (the best other).
    `refusal` says whether a message whose delivery fails is charged. `base`, `slope` and `cap` are those of
    the house, and `opened` is the crank after which the market was opened. `rent` is what a MiB of a vat's
    store costs for 1,024 ticks, and `fee` what a MiB of its transcript costs once.

    Source:
        Ours.
    """

    reserve: int = 0
    price: str = "first"
    refusal: str = "charge"
    base: int = 0
    slope: int | str = 1
    cap: int | None = None
    opened: int = 0
    rent: int = 0
    fee: int = 0

    def house(self, tick: int) -> Bid:
        """The bid of a message that has none, born at a tick."""
        return Bid(None, self.base, slope_of(self.slope) or 0, self.cap, None, tick)

    def trouble(self, bid: Bid) -> str | None:
        """Why a bid can never run in this market, or None."""
        reserve = self.reserve
        if bid.at(bid.born + MOST_DELAY) >= reserve * UNIT:
            return None
        if bid.cap is not None and bid.cap < reserve:
            return f"its cap of {bid.cap:,} is below the reserve of {reserve:,}: no such offer ever runs"
        if not bid.slope:
            return f"its base of {bid.base:,} is below the reserve of {reserve:,} and does not rise"
        return (
            f"with its base of {bid.base:,} and its slope of {slope_as_given(bid.slope)} it waits more than"
            f" 2**32 ticks for the reserve of {reserve:,}: give it a higher base or a steeper slope"
        )


def are_terms(value: object) -> bool:
    """Whether stored data are the terms of a market."""
    if not isinstance(value, list) or len(value) != 9:
        return False
    slope, opened = value[4], value[6]
    parts = dict(zip(_KNOWN, [*value[:6], *value[7:]], strict=True), slope=1)
    sound = type(slope) is int and slope in MENU and is_amount(opened)
    return sound and all(fits(parts[name]) for name, (_, fits) in _WANTS.items())


def terms_of(given: dict[str, Any], opened: int) -> Terms:
    """Terms of parts that a host gave. Raises `KernelError` with the part that is wrong."""
    if unknown := sorted(set(map(str, given)) - set(_KNOWN)):
        raise KernelError(f"a market has no term {visible(unknown[0])}; there are: {', '.join(_KNOWN)}")
    parts = {**_KNOWN, **given}
    for name, (wanted, fits) in _WANTS.items():
        if not fits(parts[name]):
            raise KernelError(f"{name} of a market wants {wanted}, got {shown(parts[name])}")
    slope = slope_of(parts["slope"]) or 0
    found = Terms(**{**parts, "slope": slope_as_given(slope)}, opened=opened)
    if found.cap is not None and found.cap < found.base:
        raise KernelError(
            f"messages without a bid begin at base {found.base:,}, and cap {found.cap:,} is below it:"
            f" give a cap of {max(found.base, 0):,} or more, or a lower base"
        )
    if (trouble := found.trouble(found.house(0))) is not None:
        raise KernelError(f"messages without a bid would never run: {trouble}")
    return found


def terms_as_data(terms: Terms) -> list[Any]:
    """Terms as they are stored, with the slope in 1/1,024."""
    slope = slope_of(terms.slope)
    house = [terms.base, slope, terms.cap]
    return [terms.reserve, terms.price, terms.refusal, *house, terms.opened, terms.rent, terms.fee]


def terms_from_data(data: list[Any]) -> Terms:
    """The terms that `terms_as_data` wrote."""
    reserve, price, refusal, base, slope, *rest = data
    return Terms(reserve, price, refusal, base, slope_as_given(slope), *rest)


def _is_whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= MOST


_KNOWN: dict[str, Any] = {
    "reserve": 0,
    "price": "first",
    "refusal": "charge",
    "base": 0,
    "slope": 1,
    "cap": None,
    "rent": 0,
    "fee": 0,
}
"""The terms that there are, with what they are if nobody says."""

_WANTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "reserve": (f"units, an int from 0 to {MOST:,}", _is_whole(0)),
    "price": (" or ".join(PRICES), lambda value: value in PRICES),
    "refusal": (" or ".join(REFUSALS), lambda value: value in REFUSALS),
    "base": (f"units, an int from {-MOST:,} to {MOST:,}", _is_whole(-MOST)),
    "slope": (f"units a tick, {SLOPE_WANTS}", lambda value: slope_of(value) is not None),
    "cap": (f"units, an int from 0 to {MOST:,}, or None", lambda value: value is None or _is_whole(0)(value)),
    "rent": (f"units, an int from 0 to {MOST:,}", _is_whole(0)),
    "fee": (f"units, an int from 0 to {MOST:,}", _is_whole(0)),
}
