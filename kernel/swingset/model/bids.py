"""Bids: what a message in the run-queue offers for its turn, and for how long it climbs.

An offer begins at `base` and rises by `slope` with each tick of the market's clock, up to `cap`. Everything
is a whole number. A slope is counted in 1/1,024 of a unit per tick, and offers are compared in the same
measure, so that slow slopes need no fractions: nothing here is ever rounded by a machine.

Slopes come from a short menu, zero and powers of two. Bids of equal slope never change their order, so the
scheduler keeps one heap per slope, and a short menu keeps the number of heaps small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

UNIT = 1_024
"""The measure of slopes and offers: 1,024 of it are one unit of an account."""

MENU = (0, *(1 << power for power in range(31)))
"""The slopes that there are: 0, and powers of two from 1/1,024 to 1,048,576 a tick."""

MOST = 1 << 40
"""The most that a base or a cap can be, the least is the same below zero; the most of an allowance."""

MOST_HELD = 1 << 62
"""An account holds less than this, and so does a single hold."""

MOST_TIME = 1 << 62
"""The last tick that a clock shows; it stands still there."""

MOST_DELAY = 1 << 32
"""An offer reaches the reserve after at most so many ticks, so no few bids bring the clock to its end."""

ALLOWANCE = 10_000_000
"""The allowance of a bid that names none, in computrons: a plain message needs up to a million."""

SLOPE_WANTS = "0 or a power of two from 1/1024 to 1,048,576, such as 4 or '1/8'"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\Z", re.ASCII)
_FRACTION = re.compile(r"1/([1-9][0-9]{0,3})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bid:
    """What one message offers.

    `account` pays; None is the house, whose messages ride for nothing. `slope` is in 1/1,024 of a unit per
    tick. `cap` is None for a bid without a limit. `allowance` is how many computrons the account pays for at
    most, and the delivery gets no more. `born` is the tick at which the bid began to climb. `inherits` says
    whether messages that the delivery sends carry on with the same account, slope and cap.

    Source:
        Ours, after the offers of agoric-sdk #23.
    """

    account: str | None
    base: int
    slope: int
    cap: int | None
    allowance: int | None
    born: int
    inherits: bool = True

    @property
    def least(self) -> int:
        """What a delivery that takes the whole allowance costs at least: its offer as it begins."""
        return max(self.base, 0) * (self.allowance or 0)

    @property
    def hold(self) -> int:
        """What is held of the account while the message waits: its cap for its whole allowance."""
        return (self.cap or 0) * (self.allowance or 0)

    def at(self, tick: int) -> int:
        """The offer at a tick, in 1/1,024 of a unit."""
        climbed = self.base * UNIT + self.slope * (tick - self.born)
        return climbed if self.cap is None else min(self.cap * UNIT, climbed)

    def to_json(self) -> list[Any]:
        """The stored form."""
        said = [self.account, self.base, self.slope, self.cap, self.allowance, self.born, self.inherits]
        return list(said)


def bid_from_json(raw: object) -> Bid | None:
    """The bid that `to_json` wrote, or None for anything else."""
    if not isinstance(raw, list) or len(raw) != 7:
        return None
    account, base, slope, cap, allowance, born, inherits = raw
    if not (account is None or is_account_name(account)) or type(inherits) is not bool:
        return None
    if not _within(base, -MOST, MOST) or type(slope) is not int or slope not in MENU:
        return None
    if not _within(born, 0, MOST_TIME) or not (cap is None or _within(cap, 0, MOST)):
        return None
    if not (allowance is None or _within(allowance, 1, MOST)):
        return None
    bid = Bid(account, base, slope, cap, allowance, born, inherits)
    return bid if bid.hold < MOST_HELD and (account is None) == (allowance is None) else None


def is_account_name(value: object) -> bool:
    """Whether something can be the name of an account."""
    return isinstance(value, str) and _NAME.match(value) is not None


def slope_of(given: object) -> int | None:
    """A slope as it is stored, of an int, a `Fraction` or text such as `1/8`; None for anything else."""
    if isinstance(given, str) and (found := _FRACTION.match(given)) is not None:
        given = Fraction(1, int(found[1]))
    if type(given) is int or isinstance(given, Fraction):
        scaled = given * UNIT
        if scaled == int(scaled) and int(scaled) in MENU:
            return int(scaled)
    return None


def slope_in_words(slope: int) -> str:
    """A stored slope as people write it."""
    return str(Fraction(slope, UNIT))


def slope_as_given(slope: int) -> int | str:
    """A stored slope as `slope_of` takes it."""
    return slope_in_words(slope) if slope % UNIT else slope // UNIT


def _within(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
