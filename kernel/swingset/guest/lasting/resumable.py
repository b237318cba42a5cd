"""Async functions that an upgrade does not end: `@resumable`.

A coroutine cannot be stored, but a log of its steps can. Such a function communicates only by messages, and
each step is logged: what it sent, what it awaited, and the outcome. The next incarnation calls the function
again with the same arguments and answers from the log: a logged send is not repeated, and an await with a
logged outcome continues at once. After the end of the log, the function continues normally. So new code may
differ after the await at which a call waits, and must do the same as before up to it. If it does not, the
promise of the call is rejected with the line.

Two runs may not differ in anything that is not in the log. So the vat's store is closed while a step runs:
the function reads state by messages, `await E(purse).balance()`, whose answers are logged. Random numbers and
ids are the same when the call is resumed (`randomness`).

A call that ends in the delivery in which it began is never stored.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ..base.context import current
from ..base.promises import Promise
from ..passing.passable import brief, copy_passable
from ..stores.baggage import StoredMap
from .adoption import CallPromise
from .call_log import CALL, STEP, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .vat import Vat

P = ParamSpec("P")
T = TypeVar("T")

CALLS = 5  # the number of the collection in which calls and their logs are stored


class Calls:
    """The calls of `@resumable` functions of one vat that have not ended."""

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.stored = StoredMap(vat, CALLS, "resumable calls")
        self.alive: dict[int, Call] = {}
        self._functions: dict[str, FunctionType] = {}
        self.touched: dict[int, None] = {}
        vat.watches.on_step = self._told

    def register(self, function: FunctionType) -> str:
        """Register a function and return its qualified name; raises TypeError for a nested function."""
        tag = function.__qualname__
        if "<locals>" in tag:
            raise TypeError(
                f"@resumable {function.__name__} is defined inside another function, where the next "
                "incarnation cannot find it: define it at the top of a cell, or in a class that is"
            )
        self._functions[tag] = function
        self.vat.definitions += 1
        return tag

    def begin(self, tag: str, args: list[Any], kwargs: dict[str, Any]) -> Promise[Any]:
        """Call a function and return the promise for its result; raises TypeError for fleeting arguments."""
        if self.vat.running is not None:
            return self.vat.running.nested(tag, args, kwargs)
        self.vat.slots.encode_durable([args, kwargs], f"{tag}(*args, **kwargs)")
        number = self.vat.counters.take("callID")
        call = self.alive[number] = Call(
            self, number, tag, CallPromise(self.vat.turns), [], self.vat.new_seed(number)
        )
        call.given = copy_passable([args, kwargs])
        call.run(self._functions[tag])
        return call.promise

    def touch(self, call: Call) -> None:
        """Note that a call has to be stored at the end of this delivery."""
        self.touched[call.number] = None

    def settle(self) -> None:
        """Store the calls that have changed, and forget those that have ended."""
        touched, self.touched = self.touched, {}
        for number in touched:
            call = self.alive.get(number)
            if call is not None:
                call.save()

    def resume(self) -> None:
        """Resume the calls of earlier incarnations, at the end of `startVat`, when everything is defined."""
        found = [(heir[1], promise) for promise, heir in self.vat.adoptions.found() if heir[0] == CALL]
        if found:
            expected = self.vat.watches.expected(STEP)
            for number, promise in sorted(found, key=lambda item: item[0]):
                self._resume(number, promise, expected.get(number, {}))

    def take_up(self, number: int, promise: Promise[Any]) -> bool:
        """Resume a call of an earlier interpreter; returns False if its function or a kind is not defined."""
        try:
            tag = self.stored[f"{number}"][0]
            if tag in self._functions:
                self._resume(number, promise, self.vat.watches.expected(STEP).get(number, {}))
        except LookupError:
            return False
        return tag in self._functions

    def waits(self, number: int) -> bool:
        """Whether a call of an earlier interpreter has not been resumed yet."""
        return number not in self.alive and f"{number}" in self.stored

    def unknown(self, number: int) -> str | None:
        """The function that a call waits for; None if it is defined, or if something else is missing."""
        try:
            tag = str(self.stored[f"{number}"][0]) if self.waits(number) else ""
        except LookupError:  # a kind of its arguments is not defined
            return None
        return tag if tag and tag not in self._functions else None

    def _resume(self, number: int, promise: Promise[Any], expected: dict[int, Promise[Any]]) -> None:
        tag, given, length, *seed = self.stored[f"{number}"]
        log = [list(self.stored[f"{number}.{index:06}"]) for index in range(length)]
        call = self.alive[number] = Call(
            self, number, tag, promise, log, seed[0] if seed else self.vat.new_seed(number)
        )
        call.given = copy_passable(given)
        call.saved = length
        call.expected = expected
        function = self._functions.get(tag)
        if function is None:
            call.diverge(f"the code of incarnation {self.vat.incarnation} has no @resumable {tag}")
        else:
            call.run(function)

    def _told(self, entry: list[Any], rejected: bool, value: Any) -> None:
        call = self.alive.get(entry[1])
        if call is not None:
            call.heard(entry[2], rejected, value)


def resumable(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Promise[T]]:
    """Let the calls of an async function continue after an upgrade where they were.

    Its arguments and the values that it awaits must be durable, and it reads the state of its vat by messages
    only. New code must be the same up to the `await` at which a call waits, and may differ after it. Raises
    TypeError for a function that is not async, or that is defined inside another.

        @resumable
        async def pay(purse, order):
            await E(purse).withdraw(5)
            await E(order).paid()

    Source:
        Ours; `asyncFlow` of Agoric replays in the same way, in a library.
    """
    if not isinstance(function, FunctionType) or not function.__code__.co_flags & 0x80:
        raise TypeError(f"@resumable goes on an async function, not on {brief(function)}")
    vat: Vat = current()
    calls = vat.calls
    tag = calls.register(function)  # the name by which the next incarnation finds it

    @functools.wraps(function)
    def begin(*args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        return calls.begin(tag, list(args), dict(kwargs))

    return begin
