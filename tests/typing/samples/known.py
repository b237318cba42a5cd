"""Vat code as a type checker sees it; each `reveal_type` says what it should know."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, reveal_type

from swingset.vat import (
    Cohort,
    E,
    FarRef,
    Promise,
    Remotable,
    amplify,
    durable,
    facet,
    migrate,
    remotable,
    virtual,
)
from swingset.vat.patterns import gt


class PurseApi(Protocol):
    """A purse as its senders see it."""

    def deposit(self, amount: int) -> Promise[int]: ...
    def owner(self) -> Promise[str]: ...


class BankApi(Protocol):
    """A bank as its senders see it."""

    def open_purse(self, owner: str) -> Promise[FarRef[PurseApi]]: ...


@durable(version=2)
class Purse:
    """A purse as its vat sees it."""

    name: str
    balance: Annotated[int, gt(-1)] = 0
    bank: FarRef[BankApi] | None = None

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @migrate(1, 2)
    @staticmethod
    def renamed(old: dict[str, Any]) -> dict[str, Any]:
        return {"name": old["owner"], "balance": old["balance"]}


@durable
class Counter(Cohort):
    value: int = 0

    @facet("creator")
    def increment(self) -> int:
        self.value += 1
        return self.value

    @facet("public")
    def read(self) -> int:
        return self.value

    def finish(self) -> None:
        self.value = 1


@virtual
class Note:
    text: str


@remotable
class Bank:
    def open_purse(self, owner: str) -> Purse:
        return Purse(owner, bank=None)

    def counter(self) -> Remotable:
        creator: Remotable = Counter().facets.creator
        reveal_type(amplify(Counter, creator))  # Counter
        return creator

    def note(self) -> Note:
        return Note(text="hello")


async def use(bank: FarRef[BankApi], anything: Remotable) -> None:
    reveal_type(E(bank).open_purse("alice"))  # Promise[FarRef[PurseApi]]
    purse = await E(bank).open_purse("alice")
    reveal_type(purse)  # FarRef[PurseApi]
    reveal_type(await E(purse).deposit(5))  # int
    reveal_type(await E(E(bank).open_purse("bob")).owner())  # str
    E.send_only(purse).deposit(5)
    reveal_type(E(anything).whatever(1))  # Promise[Any]
    reveal_type(E(FarRef[PurseApi].of(Purse("carol"))).deposit)  # def (amount: int) -> Promise[int]
    reveal_type(Purse("dora").deposit(1))  # int
    reveal_type(Purse.renamed({}))  # dict[str, Any]


def build_root_object() -> Bank:
    return Bank()
