"""Promises, which the turns of a vat settle, and the coroutines that await them.

Settling a promise puts its reactions at the end of the queue of `turns`. The same queue drives coroutines.
A method that awaits is suspended in the heap until the promise settles, in this delivery or in a later one.
Outside of a vat's coroutine (in a notebook cell, whose `await` belongs to IPython's loop) `__await__` calls
the hook that the embedder installed, which must return the answer itself.

A promise that was resolved to another follows it. Followers form a tree: when a promise comes to follow
another, its own followers stay with it, and settle when it settles, in the same turn. So a long chain of
promises costs no more than its length. Only those that must know the end of the chain at once are passed on
to it: messages, and promises that the kernel knows.

An unhandled rejection is reported once, at the end of the delivery in which it happened.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from .context import DeliveryAbandonedError, current, found
from .ended import refuse_ended
from .errors import RemoteRejection
from .misuse import Unsettled, refused
from .no_event_loop import not_awaitable

T = TypeVar("T")
U = TypeVar("U")
W = TypeVar("W")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable

    from typing_extensions import TypeVar as TypeVarWithDefault

    from .turns import TurnQueue

    # For type checkers only: with a default, the type may be left out.
    Any_ = TypeVarWithDefault("Any_", default=Any)
    Failed = Callable[[BaseException], W]


PENDING, FULFILLED, REJECTED = "pending", "fulfilled", "rejected"


_DATA = frozenset((type(None), bool, int, float, str, list, dict))
"""What is surely neither a promise nor a coroutine."""


Reaction = tuple[
    "Callable[[Any], None]", "Callable[[BaseException], None]", "Callable[[Promise[Any]], None] | None"
]


Cause = tuple[str, str, int, str] | str | None
"""Of a send of this vat: method, file, line and (for an embedder) the target's name; else a description."""


class Promise(Unsettled, Generic[T]):
    """The result of something that has not happened yet: `await promise`, or `promise.then(on_ok)`.

    Source:
        A promise of JavaScript; `status` and `result` are ours.
    """

    __slots__ = (
        "__weakref__",
        "_border",
        "_cause",
        "_handled",
        "_next",
        "_reactions",
        "_state",
        "_traceback",
        "_turns",
        "_value",
        "_vpid",
    )

    def __init__(self, turns: TurnQueue | None = None) -> None:
        if turns is None or not hasattr(turns, "deaf"):
            text = "a promise comes with the right to settle it: promise, resolver = make_promise()"
            raise refused(found(), TypeError(text))
        self._turns = turns
        self._state = PENDING
        self._value: Any = None
        self._traceback: Any = None
        self._next: Promise[Any] | None = (
            None  # the promise that decides this one, once it was resolved to one
        )
        # Also the promises that follow this one, and the vpid under which the kernel has to be told.
        self._reactions: list[Reaction | Promise[Any] | str] = []
        self._handled = False
        self._cause: Cause = None
        self._border: str | None = None  # the method that it answers, if sender and receiver are this vat
        self._vpid: str | None = None  # its name in the kernel, while it has one

    @property
    def status(self) -> str:
        """`pending`, `fulfilled` or `rejected`."""
        return REJECTED if self._turns.vat.ended is not None else self._state

    def result(self) -> T:
        """The value if fulfilled; raises the reason if rejected, RuntimeError while pending."""
        refuse_ended(self._turns.vat, self)
        if self._state is PENDING:
            raise RuntimeError("the promise is still pending: await it")
        self._handled = True
        if self._state is REJECTED:
            raise self._value.with_traceback(self._traceback)
        value: T = self._value
        return value

    @overload
    def then(self, on_ok: None = None, on_err: None = None) -> Promise[T]: ...
    @overload
    def then(self, on_ok: Callable[[T], Awaitable[U]], on_err: None = None) -> Promise[U]: ...
    @overload
    def then(self, on_ok: Callable[[T], U], on_err: None = None) -> Promise[U]: ...
    @overload
    def then(self, on_ok: None = None, on_err: Failed[Awaitable[W]] = ...) -> Promise[T | W]: ...
    @overload
    def then(self, on_ok: None = None, on_err: Failed[W] = ...) -> Promise[T | W]: ...
    @overload
    def then(self, on_ok: Callable[[T], Awaitable[U]], on_err: Failed[Awaitable[W]]) -> Promise[U | W]: ...
    @overload
    def then(self, on_ok: Callable[[T], Awaitable[U]], on_err: Failed[W]) -> Promise[U | W]: ...
    @overload
    def then(self, on_ok: Callable[[T], U], on_err: Failed[Awaitable[W]]) -> Promise[U | W]: ...
    @overload
    def then(self, on_ok: Callable[[T], U], on_err: Failed[W]) -> Promise[U | W]: ...
    def then(
        self,
        on_ok: Callable[[T], Any] | None = None,
        on_err: Callable[[BaseException], Any] | None = None,
    ) -> Promise[Any]:
        """A promise for the result of `on_ok(value)` or `on_err(exception)`, called in a turn of its own."""
        if self._turns.vat.running is not None:
            raise RuntimeError(
                "a @resumable function gives no callbacks, which no log would call again: await the promise"
            )
        derived: Promise[Any] = Promise(self._turns)
        derived._cause = self._cause

        def ok(value: Any) -> None:
            if on_ok is None:
                derived._resolve(value)
            else:
                derived._run(on_ok, value)

        def err(reason: BaseException) -> None:
            if on_err is None:
                derived._reject(reason)
            else:
                derived._run(on_err, reason)

        self._react(ok, err)
        return derived

    @overload
    def catch(self, on_err: Failed[Awaitable[W]]) -> Promise[T | W]: ...
    @overload
    def catch(self, on_err: Failed[W]) -> Promise[T | W]: ...
    def catch(self, on_err: Callable[[BaseException], Any]) -> Promise[Any]:
        """A promise for this promise's value, or for the result of `on_err(exception)`."""
        return self.then(None, on_err)

    @overload
    @staticmethod
    def all(items: Iterable[Awaitable[Any_]]) -> Promise[list[Any_]]: ...
    @overload
    @staticmethod
    def all(items: Iterable[Any]) -> Promise[list[Any]]: ...
    @staticmethod
    def all(items: Iterable[Any]) -> Promise[list[Any]]:
        """A promise for the results of all `items`, a list in their order; a rejection rejects it."""
        listed = list(items)
        turns = next((item._turns for item in listed if isinstance(item, Promise)), None) or current().turns
        gathered: Promise[list[Any]] = Promise(turns)
        results: list[Any] = [None] * len(listed)
        missing = len(listed)

        def collect(index: int, item: Any) -> None:
            def ok(value: Any) -> None:
                nonlocal missing
                results[index] = value
                missing -= 1
                if missing == 0:
                    gathered._resolve(results)

            promise = settled(turns, item)

            def err(reason: BaseException) -> None:
                gathered._cause = gathered._cause or promise._cause
                gathered._reject(reason)

            promise._react(ok, err)

        for index, item in enumerate(listed):
            collect(index, item)
        if not listed:
            gathered._resolve(results)
        return gathered

    def __await__(self) -> Generator[Promise[T], Any, T]:
        if not self._turns.driving:
            hook = self._turns.await_hook
            if hook is None:
                raise RuntimeError(
                    "await of a promise outside a vat: only an async method can wait here; use .then(...)"
                )
            self._handled = True
            value: T = hook(self)
            return value
        value = yield self
        return value

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._turns.vat.updates(self)

    # What follows is for this library.

    def _react(
        self,
        ok: Callable[[Any], None],
        err: Callable[[BaseException], None],
        forward: Callable[[Promise[Any]], None] | None = None,
    ) -> None:
        """Put one of two turns in the queue when this settles; neither may raise.

        `forward` is given for a message that waits for its target. If this promise is resolved to another,
        the message is passed on to that at once, so that it stays ahead of later ones.
        """
        self._handled = True
        if self._turns.deaf:
            refuse_ended(self._turns.vat, self)
            return
        if self._state is PENDING:
            self._reactions.append((ok, err, forward))
        else:
            self._turns.put(ok if self._state is FULFILLED else err, self._value)

    def _tell_kernel(self, vpid: str) -> None:
        """When this settles, queue a turn in which it is resolved in the kernel under that name."""
        self._handled = True
        turns = self._turns
        if turns.deaf:
            refuse_ended(turns.vat, self)
        elif self._state is PENDING:
            self._reactions.append(vpid)
        else:
            turns.put(turns.vat.promises.resolved, vpid)

    def _run(self, function: Callable[..., Any], *args: Any) -> None:
        """Resolve this to what a call returns, or reject it with what the call raises."""
        try:
            value = function(*args)
        except DeliveryAbandonedError:
            raise
        except BaseException as exc:
            self._reject(exc)
        else:
            self._resolve(value)

    def _resolve(self, value: Any) -> None:
        if self._state is not PENDING or self._next is not None or self._turns.deaf:
            return
        if type(value) in _DATA:
            self._settle(FULFILLED, value)
            return
        if type(value) is CoroutineType:
            value = drive(self._turns, value)
        if not isinstance(value, Promise):
            self._settle(FULFILLED, value)
            return
        if value._turns.deaf and value._turns.vat.ended is not None:
            self._reject(value._turns.vat.ended.error(value))
            return
        decider = value._last()
        if decider is self:
            cycle = TypeError("a promise cannot be resolved to itself, directly or through other promises")
            cycle.code = "promise-cycle"  # type: ignore[attr-defined]
            self._reject(cycle)
            return
        self._follow(decider)

    def _follow(self, decider: Promise[Any]) -> None:
        """Follow another promise, and pass on the reactions that must know of that at once."""
        if self._state is not PENDING:
            return
        promises = self._turns.vat.promises
        self._next = decider
        decider._handled = True
        if decider._state is PENDING:
            decider._reactions.append(self)
        else:
            decider._tell(self)
        if self._vpid is not None:
            promises.forward(self._vpid, decider)
        waits = decider._state is PENDING and promises.known(decider) is None
        reactions, self._reactions = self._reactions, []
        for reaction in reactions:
            if isinstance(reaction, Promise):
                if reaction._vpid is None:
                    self._reactions.append(reaction)
                else:
                    reaction._follow(decider)
            elif isinstance(reaction, str) or reaction[2] is None:
                self._reactions.append(reaction)
            elif waits:
                decider._reactions.append(reaction)
            else:
                reaction[2](decider)

    def _follow_ok(self, value: Any) -> None:
        self._settle_tree(FULFILLED, value)

    def _follow_err(self, reason: BaseException) -> None:
        self._settle_tree(REJECTED, reason)

    def _settle_tree(self, state: str, value: Any) -> None:
        """Settle this promise and all its direct and indirect followers."""
        tree: list[tuple[Promise[Any], str, Any]] = [(self, state, value)]
        for promise, told, what in tree:
            followers = promise._followers()
            promise._settle(told, what, followed=True)
            tree += [(follower, promise._state, promise._value) for follower in followers]

    def _reject(self, reason: Any) -> None:
        if self._state is PENDING and self._next is None and not self._turns.deaf:
            self._settle(REJECTED, reason)

    def _settle(self, state: str, value: Any, *, followed: bool = False) -> None:
        if self._border is not None:
            state, value = self._turns.vat.sends.cross(self._border, state, value)
        if state is REJECTED:
            if not isinstance(value, BaseException):
                value = RemoteRejection(value)
            self._traceback = value.__traceback__
            if not self._handled:
                self._turns.rejected.append(self)
        self._state = state
        self._value = value
        self._next = None
        reactions, self._reactions = self._reactions, []
        for reaction in reactions:
            if type(reaction) is tuple:
                self._turns.put(reaction[1] if state is REJECTED else reaction[0], value)
            elif isinstance(reaction, str):
                self._turns.put(self._turns.vat.promises.resolved, reaction)
            elif not followed:
                self._tell(reaction)

    def _tell(self, reaction: Reaction | Promise[Any]) -> None:
        """Put the turn for one reaction to this outcome in the queue."""
        if isinstance(reaction, Promise):
            reaction = (reaction._follow_ok, reaction._follow_err, None)
        self._turns.put(reaction[0] if self._state is FULFILLED else reaction[1], self._value)

    def _followers(self) -> list[Promise[Any]]:
        """The promises that were resolved to this one and wait for it."""
        return [reaction for reaction in self._reactions if isinstance(reaction, Promise)]

    def _last(self) -> Promise[Any]:
        """The promise at the end of the chain that this one was resolved along."""
        last: Promise[Any] = self
        while last._next is not None:
            last = last._next
        promise: Promise[Any] = self
        while promise._next is not None and promise is not last:
            promise._next, promise = last, promise._next  # shortens the way for the next call
        return last


def settled(turns: TurnQueue, value: Any) -> Promise[Any]:
    """The value itself if it is a promise, otherwise a promise for it."""
    if isinstance(value, Promise):
        return value
    promise: Promise[Any] = Promise(turns)
    promise._resolve(value)
    return promise


def drive(turns: TurnQueue, coroutine: CoroutineType[Any, Any, Any]) -> Promise[Any]:
    """Run a coroutine to its first await, and the rest in later turns; returns a promise for its result."""
    result: Promise[Any] = Promise(turns)
    suspended = turns.vat.collector.suspended
    number = id(coroutine)

    def step(value: Any, error: BaseException | None) -> None:
        turns.driving += 1
        suspended.pop(number, None)
        try:
            awaited = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as stop:
            result._resolve(stop.value)
        except DeliveryAbandonedError:
            raise
        except BaseException as exc:
            result._reject(exc)
        else:
            suspended[number] = coroutine
            if isinstance(awaited, Promise):
                awaited._react(resume, partial_raise(awaited))
            else:
                turns.put(fail, awaited)
        finally:
            turns.driving -= 1

    def resume(value: Any) -> None:
        step(value, None)

    def partial_raise(awaited: Promise[Any]) -> Callable[[BaseException], None]:
        # Each waiter sees the traceback as it was at the rejection, not what other waiters added to it.
        return lambda reason: step(None, reason.with_traceback(awaited._traceback))

    def fail(awaited: Any) -> None:
        step(None, not_awaitable(awaited))

    step(None, None)
    return result
