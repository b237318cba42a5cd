"""What promises and collections hold for a type checker; each `reveal_type` says what it should know."""

from __future__ import annotations

from typing import Protocol, reveal_type

from swingset.vat import E, FarRef, Promise, Remotable, durable, remotable, resumable


class Api(Protocol):
    """An oracle as its senders see it."""

    def ask(self, question: str) -> Promise[int]: ...


@durable
class Purse:
    owner: str = ""


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
