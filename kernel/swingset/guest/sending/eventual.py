"""E: sends a message to an object in any vat.

`E(x).method(...)` returns a promise at once, and runs no code of x before the current turn is over, even if x
is in the same vat. The way of the message depends on x. To a presence, or to a promise that another vat
decides, it goes through the kernel, pipelined and without waiting. For any other promise it waits until that
is settled. An object of this vat is called in a later turn, with the same guards as a message from outside.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from ..base.context import current, found
from ..base.ended import renewed
from ..base.misuse import refused
from ..base.promises import Promise, settled
from ..passing.far_refs import FarRef
from ..passing.remotables import Presence
from .bids import Bidding, bidding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..base.vat import Vat
    from .sends import Sends

I = TypeVar("I")  # noqa: E741
T = TypeVar("T")
U = TypeVar("U")


def _vat_of(target: Any) -> Vat:
    owner = _owner_of(target)
    if owner.ended is not None:
        renewed(owner)
        return _owner_of(target)
    return owner


def _owner_of(target: Any) -> Vat:
    if type(target) is Presence or isinstance(target, Presence):
        return target._vat
    if isinstance(target, Promise):
        return target._turns.vat
    kind = getattr(type(target), "__kind__", None)
    vat: Vat = current() if kind is None else kind.vat
    return vat


def _people_of(target: Any) -> Vat | None:
    """The vat whose people read the errors about a target; None if there is none."""
    if isinstance(target, Presence):
        return target._vat
    return target._turns.vat if isinstance(target, Promise) else None


def _name_of(target: Any) -> str:
    """The name that the kernel knows a target by; empty if it knows none."""
    if isinstance(target, Presence):
        return target._vref
    return (target._vpid or target._last()._vpid or "") if isinstance(target, Promise) else ""


class EMethod:
    """One method of `E(x)`; calling it sends the message."""

    __slots__ = ("_name", "_target", "_wanted")

    def __init__(self, target: Any, name: str, wanted: bool) -> None:
        self._target = target
        self._name = name
        self._wanted = wanted

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Send the message; returns the promise for its answer, or None with `send_only`."""
        vat = _vat_of(self._target)
        sender = sys._getframe(1)
        cause = (self._name, sender.f_code.co_filename, sender.f_lineno, "")
        sends: Sends = vat.sends
        if vat.guard is None:
            return sends.send(self._target, self._name, list(args), kwargs, wanted=self._wanted, cause=cause)
        with vat.guard:
            cause = (*cause[:3], _name_of(self._target))
            return sends.send(self._target, self._name, list(args), kwargs, wanted=self._wanted, cause=cause)

    def __await__(self) -> NoReturn:
        sender = "E" if self._wanted else "E.send_only"
        text = f"{sender}(x).{self._name} was not called: await E(x).{self._name}(...)"
        raise refused(_people_of(self._target), TypeError(text), self._target)


class EProxy:
    """What `E(x)` returns: calling any attribute sends a message with that method."""

    __slots__ = ("_target", "_wanted")

    def __init__(self, target: Any, wanted: bool) -> None:
        self._target = target
        self._wanted = wanted

    def __getattr__(self, name: str) -> Callable[..., Promise[Any]]:
        if name.startswith("_") and name != "__describe__":
            text = f"{name} cannot be sent: names that start with _ are not reachable from outside"
            if not name.startswith("__"):  # Python itself asks for those, and is content with the text
                raise refused(_people_of(self._target), AttributeError(text))
            raise AttributeError(text)
        return EMethod(self._target, name, self._wanted)

    if not TYPE_CHECKING:  # for a type checker it has neither

        def __await__(self) -> NoReturn:
            text = "E(x) sends nothing by itself: await E(x).method(...)"
            raise refused(_people_of(self._target), TypeError(text), self._target)

        def __call__(self, *_args: Any, **_kwargs: Any) -> NoReturn:  # noqa: D102 - it only refuses
            text = "E(x) is not called, a method of it is: await E(x).method(...)"
            raise refused(_people_of(self._target), TypeError(text), self._target)

    def __repr__(self) -> str:
        return f"E({type(self._target).__name__})"


class Eventual:
    """The class of `E`: `E(x).method(...)`, `E.send_only(x).method(...)`, `E.when(x, ...)`, `E.bid(...)(x)`.

    Source:
        `E`, `E.sendOnly` and `E.when` of `@endo/eventual-send`.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                text = f"E.{name} sends to nobody: use `await E(x).{name}(...)`, with the target for x"
                raise refused(found(), AttributeError(text))
            raise AttributeError(text)

    @overload
    def __call__(self, target: FarRef[I] | Promise[FarRef[I]]) -> I: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, target: object) -> EProxy: ...
    def __call__(self, target: Any) -> Any:
        """Return a proxy that sends to `target` and returns promises: `total = await E(purse).balance()`.

        A message that cannot be sent, for its arguments say, rejects its promise with a TypeError.
        """
        return EProxy(target, True)

    @overload
    def send_only(self, target: FarRef[I] | Promise[FarRef[I]]) -> I: ...  # type: ignore[overload-overlap]
    @overload
    def send_only(self, target: object) -> EProxy: ...
    def send_only(self, target: Any) -> Any:
        """Return a proxy that sends to `target` and returns None: `E.send_only(log).add("done")`.

        Neither an answer nor an error comes back, which costs less than a promise that nobody uses.
        """
        return EProxy(target, False)

    def bid(
        self,
        payer: object,
        base: int | None = None,
        slope: int | str | None = None,
        cap: int | None = None,
        allowance: int | None = None,
        inherits: bool = True,
    ) -> Bidding:
        """Return what is used like E, whose messages bid for their turn: `E.bid(fast)(shop).sell("tea")`.

        `payer` is an escalator of a market, or with terms an account: `E.bid(account, base=5, cap=40)`.
        The offer begins at `base`, rises by `slope` with each tick and stops at `cap`; at most `allowance`
        computrons are paid for. If it `inherits`, what the receiver sends bids with the same slope and cap.
        `.send_only(x)` wants no answer. `.offer(x)` returns the promise and the bid, which can be raised.
        """
        return bidding(payer, base, slope, cap, allowance, inherits)

    @overload
    def when(self, value: Awaitable[T], on_ok: None = None, on_err: None = None) -> Promise[T]: ...
    @overload
    def when(self, value: T, on_ok: None = None, on_err: None = None) -> Promise[T]: ...
    @overload
    def when(self, value: Awaitable[T], on_ok: Callable[[T], Awaitable[U]]) -> Promise[U]: ...
    @overload
    def when(self, value: Awaitable[T], on_ok: Callable[[T], U]) -> Promise[U]: ...
    @overload
    def when(
        self,
        value: Any,
        on_ok: Callable[[Any], Any] | None = None,
        on_err: Callable[[BaseException], Any] | None = None,
    ) -> Promise[Any]: ...
    def when(
        self,
        value: Any,
        on_ok: Callable[[Any], Any] | None = None,
        on_err: Callable[[BaseException], Any] | None = None,
    ) -> Promise[Any]:
        """Return a promise for `value`, or for what a callback returns: `E.when(x, lambda v: v + 1)`.

        `on_ok` gets the value once it is known, and `on_err` gets the exception if it is rejected. Both run
        in a later turn.
        """
        promise = settled(_vat_of(value).turns, value)
        return promise if on_ok is None and on_err is None else promise.then(on_ok, on_err)


E = Eventual()
