"""Interfaces and protocols as annotations: which objects they stand for."""

from __future__ import annotations

import json

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from typing import Protocol
from swingset.vat import Cohort, Interface, durable, facet, implements, remotable

PurseI = Interface("PurseI", {"deposit": "(amount: int) -> int"})

class PurseP(Protocol):
    def deposit(self, amount: int) -> int: ...

@durable
@implements(PurseI)
class Purse:
    def deposit(self, amount): return amount

@durable
class Two(Cohort):
    @facet("giver")
    def deposit(self, amount: int): return amount
    @facet("taker")
    def withdraw(self): return 0

@durable
class Holder:
    purse: PurseI | None = None
    purses: list[PurseI] = []
    def put(self, purse): self.purse = purse

@remotable
class Root:
    def make(self): return [Purse(), Two().facets.giver, Two().facets.taker, Holder()]
    def by_interface(self, p: PurseI): return "fine"
    def by_protocol(self, p: PurseP): return "fine"
    def maybe(self, p: None | PurseI): return "fine"
def build_root_object(): return Root()
"""


@pytest.fixture
def bench(engine: str) -> Bench:
    made = Bench(SOURCE).up()
    made.ask("make")
    return made


PURSE, GIVER, TAKER, HOLDER = "o+d10/1", "o+d11/1:0", "o+d11/2:1", "o+d12/1"


@pytest.mark.parametrize("method", ["by_interface", "by_protocol", "maybe"])
def test_interface_stands_for_the_objects_that_have_it(bench: Bench, method: str) -> None:
    """An object or facet of this vat with the methods passes, and so does any object of another vat."""
    for slot in (PURSE, GIVER, "o-50"):
        assert bench.ask(method, "$0.Alleged: X", slots=(slot,)) == "fine"
    name = {"by_interface": "PurseI", "by_protocol": "PurseP", "maybe": "PurseI | None"}[method]
    for slot, shown in ((TAKER, "Two taker object"), ("o+0", "Root object")):
        told = bench.ask(method, "$0", slots=(slot,))["#error"]
        assert told == f"Root.{method}(p): wanted {name}, got {shown}"
    assert bench.ask(method, 5)["#error"] == f"Root.{method}(p): wanted {name}, got int 5"


def test_interface_can_be_the_type_of_state(bench: Bench) -> None:
    """A field may want what has an interface, and is stored under the interface's name."""
    fields = json.loads(bench.store["vom.dkind.12.descriptor"])["fields"]
    assert fields == [["purse", "PurseI | None"], ["purses", "list[PurseI]"]]
    assert bench.ask("put", "$0", target=HOLDER, slots=(PURSE,)) is None
    told = bench.ask("put", "$0", target=HOLDER, slots=(TAKER,))["#error"]
    assert told == "Holder.purse: wanted PurseI | None, got Two taker object"
    bench.upgrade(SOURCE).up()
