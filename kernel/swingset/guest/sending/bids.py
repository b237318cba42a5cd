"""E.bid: sends a message that bids for its turn, in a world with a market.

`E.bid(escalator)(x).method(...)` is like `E(x).method(...)`. The message rides the escalator, a device node
that an account makes, and the account pays for its turn. The vat asks the escalator to send, so it needs no
more authority than that node, and the call is in its transcript like any other call of a device. A message
that the account cannot pay for is not sent, and its promise is rejected; without a promise, it raises.

Only what goes through the kernel bids. A message to an object of this same vat is called in a later turn and
costs nothing, and one to a promise of this vat bids once that is settled: the sender cannot tell which, as
with E.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from ..base import context
from ..base.ended import LifeEndedError, refuse_ended, renewed
from ..base.misuse import refused
from ..base.promises import Promise
from ..passing.far_refs import FarRef
from ..passing.passable import UnpassableError, brief
from ..passing.remotables import DISAVOWED, Presence
from ..passing.smallcaps import DecodeError
from .device_calls import DevicePresence, call_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..base.promises import Cause
    from ..base.vat import Vat

I = TypeVar("I")  # noqa: E741

SEND, SEND_ONLY, OFFER = "send", "send_only", "offer"
"""The methods of an escalator: with a promise for the answer, with none, and with that and the bid."""

_ALONE = "a bid cannot be held over an upgrade, so a @resumable function makes none: use E.bid(...)(x)"


def _vat_of(escalator: DevicePresence) -> Vat:
    """The vat that holds an escalator, in its next life if that one has ended."""
    owner: Vat = escalator._vat
    if owner.ended is not None:
        renewed(owner)
        owner = escalator._vat
    return owner


class BidMethod:
    """One method of `E.bid(escalator)(x)`; calling it sends the message."""

    __slots__ = ("_escalator", "_how", "_name", "_target")

    def __init__(self, escalator: DevicePresence, target: Any, name: str, how: str) -> None:
        self._escalator = escalator
        self._target = target
        self._name = name
        self._how = how

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Send the message; returns the promise, None, or the promise and the bid, as the proxy says."""
        vat = _vat_of(self._escalator)
        sender = sys._getframe(1)
        cause = (self._name, sender.f_code.co_filename, sender.f_lineno, "")
        if vat.guard is None:
            return send(self._escalator, self._target, self._name, list(args), kwargs, self._how, cause)
        with vat.guard:
            return send(self._escalator, self._target, self._name, list(args), kwargs, self._how, cause)

    def __await__(self) -> NoReturn:
        text = f"E.bid(...)(x).{self._name} was not called: await E.bid(...)(x).{self._name}(...)"
        raise refused(self._escalator._vat, TypeError(text), self._target)


class BidProxy:
    """What `E.bid(escalator)(x)` returns: calling any attribute sends a message with that method."""

    __slots__ = ("_escalator", "_how", "_target")

    def __init__(self, escalator: DevicePresence, target: Any, how: str) -> None:
        self._escalator = escalator
        self._target = target
        self._how = how

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            text = f"{name} cannot be sent: names that start with _ are not reachable from outside"
            raise AttributeError(text)
        return BidMethod(self._escalator, self._target, name, self._how)

    def __repr__(self) -> str:
        return f"E.bid({self._escalator!r})({type(self._target).__name__})"


class Bidding:
    """What `E.bid(escalator)` returns; it is used like E."""

    __slots__ = ("_escalator",)

    def __init__(self, escalator: DevicePresence) -> None:
        self._escalator = escalator

    @overload
    def __call__(self, target: FarRef[I] | Promise[FarRef[I]]) -> I: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, target: object) -> BidProxy: ...
    def __call__(self, target: Any) -> Any:
        """Return a proxy that sends to `target` with the bid, and returns promises."""
        return BidProxy(self._escalator, target, SEND)

    @overload
    def send_only(self, target: FarRef[I] | Promise[FarRef[I]]) -> I: ...  # type: ignore[overload-overlap]
    @overload
    def send_only(self, target: object) -> BidProxy: ...
    def send_only(self, target: Any) -> Any:
        """Return a proxy that sends to `target` with the bid, and returns None.

        What cannot be sent raises an error at once, for no promise can be rejected.
        """
        return BidProxy(self._escalator, target, SEND_ONLY)

    def offer(self, target: object) -> BidProxy:
        """Return a proxy whose sends return the promise and the bid: `D(bid).raise_to(base=9)`.

        Who holds the bid can raise it while the message waits. What cannot be sent raises an error at once.
        """
        return BidProxy(self._escalator, target, OFFER)

    def __getattr__(self, name: str) -> NoReturn:
        text = f"{type(self).__name__!r} object has no attribute {name!r}"
        if not name.startswith("_"):
            text = f"E.bid(...).{name} sends to nobody: use E.bid(...)(x).{name}(...), with the target for x"
        raise refused(self._escalator._vat, AttributeError(text))

    def __repr__(self) -> str:
        return f"E.bid({self._escalator!r})"


def bidding(
    payer: Any,
    base: int | None,
    slope: int | str | None,
    cap: int | None,
    allowance: int | None,
    inherits: bool,
) -> Bidding:
    """Return the `Bidding` of an escalator; with terms, of one that the account `payer` makes for them.

    Raises TypeError for anything but a device node, and what the account says of terms that are wrong.
    """
    if not isinstance(payer, DevicePresence):
        vat: Vat | None = payer._vat if isinstance(payer, Presence) else context.found()
        text = (
            f"E.bid(x) wants an escalator, D(account).escalator(base, slope, cap), or an account with"
            f" base=, slope= or cap=, got {brief(payer)}: a name pays for nothing;"
            ' in a notebook `session.devices.market("account", NAME)` is the account of a name'
        )
        raise refused(vat, TypeError(text))
    if (base, slope, cap, allowance, inherits) == (None, None, None, None, True):
        return Bidding(payer)
    terms = [0 if base is None else base, 1 if slope is None else slope, cap, allowance, inherits]
    made = call_now(payer, "escalator", terms)
    if not isinstance(made, DevicePresence):
        raise TypeError(f"{brief(payer)} made no escalator, but {brief(made)}")
    return Bidding(made)


def send(
    escalator: DevicePresence,
    target: Any,
    method: str,
    args: list[Any],
    kwargs: dict[str, Any],
    how: str,
    cause: Cause = None,
) -> Any:
    """Send a message with a bid, or without one if it stays in this vat.

    Returns the promise for the answer, None with `SEND_ONLY`, and with `OFFER` the promise and the bid.
    """
    vat: Vat = escalator._vat
    wanted = how != SEND_ONLY
    if vat.turns.deaf:
        refuse_ended(vat, target)
        return Promise(vat.turns) if wanted else None
    if vat.running is not None:
        if how == OFFER:
            raise TypeError(_ALONE)
        logged = vat.running.bid(escalator, target, method, args, kwargs, wanted)
        if logged is not None:
            logged._cause = cause
        return logged
    last = target._last() if isinstance(target, Promise) else target
    named = isinstance(last, Promise) and vat.promises.known(last) is not None
    far = isinstance(last, Presence) and not isinstance(last, DevicePresence) and last._vref != DISAVOWED
    if vat.kinds.migrating or not (named or far):
        return _near(escalator, last, method, args, kwargs, how, cause)
    asked = [last, method, args, kwargs] if kwargs else [last, method, args]
    try:
        written = vat.slots.encode(asked)
    except UnpassableError as exc:
        text = vat.sends.told(method, args, kwargs, exc)
        if exc.ended:
            raise LifeEndedError(text) from None
        return _rejected(vat, TypeError(text), how, cause)
    failed, answer = vat.syscall(["callNow", escalator._vref, how, written])
    found = vat.slots.decode(answer)
    vat.promises.subscribe_new()
    if failed:
        refusal = found if isinstance(found, Exception) else RuntimeError(f"the escalator said {found!r}")
        return _rejected(vat, refusal, how, cause)
    answer = found[0] if how == OFFER else found
    if isinstance(answer, Promise):
        answer._cause, answer._handled = cause, False
    return found


def _near(
    escalator: DevicePresence,
    target: Any,
    method: str,
    args: list[Any],
    kwargs: dict[str, Any],
    how: str,
    cause: Cause,
) -> Any:
    """Send what does not go through the kernel now: to this vat itself, or when a promise is settled."""
    vat: Vat = escalator._vat
    if how == OFFER:
        raise TypeError(
            f"E.bid(...).offer(x).{method}(...) wants an object of another vat: no bid waits here"
        )
    if not isinstance(target, Promise):
        return vat.sends.send(target, method, args, kwargs, wanted=how == SEND, cause=cause)
    answer: Promise[Any] = Promise(vat.turns)
    answer._cause = cause
    try:
        across = vat.slots.across
        call = [across(item) for item in args], {name: across(item) for name, item in kwargs.items()}
    except (UnpassableError, DecodeError):
        return vat.sends.send(target, method, args, kwargs, wanted=how == SEND, cause=cause)  # it says why
    target._react(
        lambda value: answer._run(send, escalator, value, method, *call, how),
        answer._reject,
        lambda decider: answer._run(send, escalator, decider, method, *call, how),
    )
    return answer if how == SEND else None


def _rejected(vat: Vat, refusal: Exception, how: str, cause: Cause) -> Promise[Any]:
    """What a message that was not sent returns; raises the refusal if no promise can be rejected."""
    if how != SEND:
        raise refusal from None
    answer: Promise[Any] = Promise(vat.turns)
    answer._cause = cause
    answer._reject(refusal)
    return answer
