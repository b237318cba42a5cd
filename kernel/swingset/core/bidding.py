"""Makes, holds for and raises bids, for hosts and for vats alike.

What is given here comes from anybody: each part is checked before anything changes.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from swingset.core.errors import KernelError
from swingset.core.escalators import Escalators
from swingset.model.bids import ALLOWANCE, MOST, MOST_HELD, SLOPE_WANTS, UNIT, Bid, slope_of
from swingset.model.foreign import shown
from swingset.model.messages import Send


def checked_bid(
    escalators: Escalators,
    account: str,
    *,
    base: object = 0,
    slope: object = 1,
    cap: object = None,
    allowance: object = ALLOWANCE,
    inherits: object = True,
) -> Bid:
    """A bid of parts that somebody gave, born now. Raises `KernelError` with the part that is wrong."""
    for name, value, least in (("base", base, -MOST), ("cap", cap, 0), ("allowance", allowance, 1)):
        if not (value is None and name == "cap") and not (type(value) is int and least <= value <= MOST):
            what = "computrons" if name == "allowance" else "units"
            raise KernelError(
                f"{name} of a bid wants {what}, an int from {least:,} to {MOST:,}, got {shown(value)}"
            )
    scaled = slope_of(slope)
    if scaled is None:
        raise KernelError(f"slope of a bid wants units a tick, {SLOPE_WANTS}, got {shown(slope)}")
    if type(inherits) is not bool:
        raise KernelError(f"inherits of a bid wants True or False, got {shown(inherits)}")
    found = escalators.accounts.get(account)
    if cap is None and found.balance is not None:
        raise KernelError(
            f"a bid of account {account} wants a cap: an offer without one outgrows its balance"
        )
    made = Bid(account, _int(base), scaled, _int_or_none(cap), _int(allowance), escalators.tick(), inherits)
    if (most := max(made.hold, made.least)) >= MOST_HELD:
        what = "holds its cap" if cap is not None else "offers its base"
        raise KernelError(
            f"a bid {what} for its allowance, here {most:,}, and 2**62 is too much: lower one of them"
        )
    if (trouble := escalators.terms().trouble(made)) is not None:
        raise KernelError(f"this bid could never run: {trouble}")
    return made


def held_bid(escalators: Escalators, bid: Bid) -> Bid:
    """The bid, once its account holds for it. Raises `KernelError` if the account cannot."""
    assert bid.account is not None
    if not escalators.accounts.hold(bid.account, bid.hold):
        balance = escalators.accounts.get(bid.account).balance or 0
        raise KernelError(
            f"account {bid.account} can spend {balance:,}, and this bid holds {bid.hold:,}, its cap of"
            f" {bid.cap or 0:,} for its allowance of {bid.allowance or 0:,}: lower one of them, or credit the"
            " account"
        )
    return bid


def raised(
    escalators: Escalators, seq: int, *, base: object = None, slope: object = None, cap: object = None
) -> Bid:
    """Raise the bid of a waiting message; returns the new bid. A part that is None stays as it is.

    Raises `KernelError` if no message waits at the position, for a part that would be lower, and if the
    account cannot hold the difference.
    """
    event = waiting(escalators, seq)
    bid = escalators.bid_of(event)
    if bid.account is None:
        raise KernelError("this message rides with the house: nobody can raise its bid, send one with a bid")
    parts = {
        "base": bid.base if base is None else base,
        "cap": bid.cap if cap is None else cap,
        "slope": Fraction(bid.slope, UNIT) if slope is None else slope,
    }
    new = checked_bid(escalators, bid.account, **parts, allowance=bid.allowance, inherits=bid.inherits)
    new = replace(new, born=bid.born)
    capped = bid.cap is None and new.cap is not None
    if new.base < bid.base or new.slope < bid.slope or capped or (new.cap or 0) < (bid.cap or 0):
        raise KernelError("a bid can only be raised, never lowered: give more of each part, or leave it out")
    if not escalators.accounts.hold(bid.account, new.hold - bid.hold):
        more = new.hold - bid.hold
        raise KernelError(f"account {bid.account} cannot hold {more:,} more for this bid: credit it first")
    escalators.replace(seq, replace(event, bid=new))
    return new


def waiting(escalators: Escalators, seq: int) -> Send:
    """The message at a position of the run-queue. Raises `KernelError` if there is none."""
    event = escalators.event_at(seq)
    if not isinstance(event, Send):
        raise KernelError("this message does not wait any more: it was delivered, dropped or parked")
    return event


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _int_or_none(value: object) -> int | None:
    return None if value is None else _int(value)
