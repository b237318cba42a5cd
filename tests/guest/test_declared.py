"""Interfaces declared apart from classes: tables of signatures and protocols, checked and enforced."""

from __future__ import annotations

import pytest

from .guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from typing import Protocol
from swingset.vat import FarRef, Interface, Promise, durable, implements, provide, remotable

Savings = Interface("Savings", {"deposit": "(amount: int) -> int", "close": "(*, force: bool = False)"})

class Readable(Protocol):
    def read(self, unit: str) -> Promise[int]: ...
    async def later(self, n: int) -> int: ...

@durable
@implements(Savings, Readable)
class Purse:
    balance: int = 0

    def deposit(self, amount):
        self.balance += amount
        return "oops" if amount == 13 else self.balance

    def close(self, *, force=False, why: str = ""):
        return why

    def read(self, unit, scale: int = 1):
        return self.balance * scale

    async def later(self, n: int):
        return n

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage

    def purse(self):
        return provide(self.baggage, "purse", Purse)

    def save(self, purse: FarRef[Readable]):
        return "saved"

def build_root_object(baggage):
    return Root(baggage)
"""

PURSE = "o+d10/1"


@pytest.fixture
def bench() -> Bench:
    made = Bench(SOURCE).up()
    made.ask("purse")
    return made


@pytest.mark.parametrize(
    ("method", "argument", "words"),
    [
        ("deposit", "x", "Purse.deposit(amount): wanted int, got str 'x'"),
        ("deposit", 13, "Purse.deposit() returned: wanted int, got str 'oops'"),
        ("read", 5, "Purse.read(unit): wanted str, got int 5"),
        ("later", "x", "Purse.later(n): wanted int, got str 'x'"),
    ],
)
def test_declared_signatures_are_guards(bench: Bench, method: str, argument: object, words: str) -> None:
    """A method without annotations is guarded by those of the interfaces that its class declares."""
    assert bench.ask(method, argument, target=PURSE)["#error"] == words


def test_fitting_calls_go_through(bench: Bench) -> None:
    """What fits the interface is served, and the method may take more than is declared."""
    assert bench.ask("deposit", 5, target=PURSE) == 5
    assert bench.ask("read", "EUR", 3, target=PURSE) == 15
    assert bench.ask("later", 2, target=PURSE) == 2
    assert bench.ask("close", kwargs={"force": True, "why": "w"}, target=PURSE) == "w"


def test_description_shows_what_is_declared(bench: Bench) -> None:
    """The signature of a method is told with the types of its interface."""
    methods = bench.ask("__describe__", target=PURSE)["methods"]
    assert methods["deposit"]["signature"] == "deposit(amount: int) -> int"
    assert methods["later"]["signature"] == "later(n: int) -> int"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def deposit(self, amount)", "def deposited(self, amount)", "it has no method deposit(amount: int)"),
        ("def deposit(self, amount)", "def deposit(self, sum)", "it takes (sum); declared is deposit(amount"),
        ("def deposit(self, amount)", "def deposit(self, amount, to)", "it also wants to"),
        ("*, force=False, why", "*, why", "it does not take force"),
        ('"(amount: int) -> int"', '"amount: int"', "a signature reads `(amount: int) -> int`"),
        ('"(amount: int) -> int"', '"(amount: int -> int"', "is no signature"),
        ("@implements(Savings, Readable)", "@implements(Root)", "name 'Root' is not defined"),
        ("@implements(Savings, Readable)", "@implements(5)", "wants an Interface or a Protocol, got int 5"),
    ],
)
def test_class_that_does_not_fit_is_refused(old: str, new: str, words: str) -> None:
    """A class that claims an interface it does not have stops the vat from starting, with the difference."""
    assert old in SOURCE
    answer = Bench(SOURCE.replace(old, new)).start()
    assert words in answer["error"]["message"]
