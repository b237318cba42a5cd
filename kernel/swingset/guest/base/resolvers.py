"""Resolvers: each settles one promise, for whoever made the two with `make_promise`.

A resolver is apart from its promise, so that a vat can give one away and keep the other. It never settles
what belongs to a life that has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .context import current
from .ended import refuse_ended
from .promises import Promise

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    from .vat import Vat

    # For type checkers only: with a default, the type may be left out.
    Any_ = TypeVarWithDefault("Any_", default=Any)


class Resolver(Generic[T]):
    """Settles one promise, once: `promise, resolver = make_promise()`. A second outcome is ignored.

    Its methods raise `LifeEndedError` if the promise belongs to a life that has ended.

    Source:
        `resolve` and `reject` of `makePromiseKit`.
    """

    __slots__ = ("_promise",)

    def __init__(self, promise: Promise[T]) -> None:
        self._promise = promise

    def resolve(self, value: T | Promise[T] | None = None) -> None:
        """Fulfil the promise with a value, or let another promise decide it."""
        refuse_ended(self._promise._turns.vat, self._promise)
        self._promise._resolve(value)

    def reject(self, reason: Any) -> None:
        """Reject the promise with a `reason`: an exception, or plain data."""
        refuse_ended(self._promise._turns.vat, self._promise)
        self._promise._reject(reason)


def make_promise() -> tuple[Promise[Any_], Resolver[Any_]]:
    """Return a new promise of the current vat and its resolver: `answer, resolver = make_promise()`.

    Source:
        `makePromiseKit`.
    """
    vat: Vat = current()
    promise: Promise[Any_] = Promise(vat.turns)
    return promise, Resolver(promise)
