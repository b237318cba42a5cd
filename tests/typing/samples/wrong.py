"""Vat code that a type checker refuses; each wrong line names the kind of its error."""

from __future__ import annotations

from typing import Protocol

from swingset.vat import BigMap, E, FarRef, Promise, durable


class PurseApi(Protocol):
    """A purse as its senders see it."""

    def deposit(self, amount: int) -> Promise[int]: ...


@durable
class Purse:
    owner: str
    balance: int = 0


async def use(purse: FarRef[PurseApi]) -> None:
    E(purse).deposit("five")  # arg-type
    E(purse).withdraw(5)  # attr-defined
    purse.deposit(5)  # attr-defined
    text: str = await E(purse).deposit(5)  # assignment
    print(text)
    Purse()  # call-arg
    Purse(5)  # arg-type
    Purse("alice").balance = "x"  # assignment
    numbers = BigMap("numbers", keys=str, values=int)
    numbers["a"] = "b"  # assignment
    length: Promise[int] = E(purse).deposit(5).then(str)  # arg-type
    print(length)
