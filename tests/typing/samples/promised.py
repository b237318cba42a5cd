"""What promises and collections hold for a type checker; each `reveal_type` says what it should know."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Protocol, reveal_type

from swingset.vat import (
    BigMap,
    BigSet,
    E,
    FarRef,
    Promise,
    Remotable,
    WeakBigMap,
    durable,
    make_promise,
    provide,
    remotable,
    resumable,
)


class Api(Protocol):
    """An oracle as its senders see it."""

    def ask(self, question: str) -> Promise[int]: ...


@durable
class Purse:
    owner: str = ""


@durable
class Bank:
    purses: BigMap[str, Purse]
    notes: WeakBigMap[Purse, str]


@resumable
async def trial(oracle: FarRef[Api], question: str) -> int:
    return await E(oracle).ask(question)


@remotable
class Court:
    def trial(self, oracle: FarRef[Api]) -> Promise[int]:
        return trial(oracle, "guilty?")

    def fire(self, oracle: FarRef[Api]) -> None:
        reveal_type(trial)  # def (oracle: FarRef[Api], question: str) -> Promise[int]
        trial(oracle, "sure?").catch(print)

    def purse(self) -> Remotable:
        return Purse()

    def parties(self) -> dict[str, Remotable]:
        return {"creator": Purse(), "public": self}


async def later(number: int) -> bytes:
    return str(number).encode()


async def told(problem: BaseException) -> str:
    return str(problem)


async def then(number: Promise[int], anything: Any) -> None:
    reveal_type(number.then(str))  # Promise[str]
    reveal_type(number.then(lambda x: [x]))  # Promise[list[int]]
    reveal_type(number.then(later))  # Promise[bytes]
    reveal_type(number.then(str, lambda problem: 1.5))  # Promise[str | float]
    reveal_type(number.catch(told))  # Promise[int | str]
    reveal_type(number.then(None, print))  # Promise[int | None]
    reveal_type(await Promise.all([number, number]))  # list[int]
    reveal_type(await Promise.all([number, 5]))  # list[Any]
    reveal_type(E.when(number, later))  # Promise[bytes]
    reveal_type(E.when(number))  # Promise[int]
    reveal_type(E.when(anything, print, print))  # Promise[Any]
    whatever, settle = make_promise()
    settle.resolve(5)
    reveal_type(whatever)  # Promise[Any]
    nothing = Promise.all([])
    reveal_type(nothing)  # Promise[list[Any]]


def collect(baggage: MutableMapping[str, Any], bank: Bank) -> None:
    purses = BigMap("purses", keys=str, values=Purse)
    reveal_type(purses)  # BigMap[str, Purse]
    reveal_type(purses["alice"].owner)  # str
    reveal_type(list(purses.items()))  # list[tuple[str, Purse]]
    reveal_type(purses.get("alice", None))  # Purse | None
    reveal_type(BigSet("names", keys=str))  # BigSet[str]
    reveal_type(BigMap("any", values=int | None))  # BigMap[Any, Any]
    reveal_type(BigMap[str, int | None]("told"))  # BigMap[str, int | None]
    reveal_type(bank.notes[purses["bob"]])  # str
    kept: BigMap[str, int] = provide(baggage, "kept", lambda: BigMap("kept"))
    kept["a"] = 5
    for name in kept:
        reveal_type(name)  # str
    bank.purses = purses
