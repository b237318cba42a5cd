"""Annotations are evaluated late, whatever the interpreter and the imports of the source."""

from __future__ import annotations

import sys

import pytest

from tests.guest.guest_bench import Bench, host_only

pytestmark = [
    pytest.mark.usefixtures("engine"),
    pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["", "future"]),
]

SOURCE = """
import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, NotRequired, Required, TypedDict
from swingset.vat import durable, register_copy, remotable

@durable
class Purse:
    bank: Bank | None = None
    def put(self, bank: Bank): self.bank = bank

@durable
class Bank:
    name: str = ""

@register_copy("price")
@dataclass(frozen=True)
class Price:
    unit: ClassVar[str] = "cent"
    amount: int
    of: list[Price] = ()

class Terms(TypedDict):
    item: str
    fee: NotRequired[int]

class Loose(TypedDict, total=False):
    item: Annotated[Required[str], "a word"]
    fee: int

@remotable
class Root:
    def make(self): return [Purse(), Bank()]
    def price(self, price: Price): return [field.name for field in dataclasses.fields(price)]
    def start(self, terms: Terms): return "fine"
    def loose(self, terms: Loose): return "fine"
def build_root_object(): return Root()
"""


@pytest.fixture
def bench(engine: str, future: str) -> Bench:
    return Bench(future + SOURCE).up()


def test_class_may_mention_one_that_is_defined_below(bench: Bench) -> None:
    """A field and a parameter can want an instance of a class that comes later."""
    bench.ask("make")
    assert bench.ask("put", "$0", target="o+d10/1", slots=("o+d11/1",)) is None
    answer = bench.ask("put", 5, target="o+d10/1")
    assert answer["#error"] == "Purse.put(bank): wanted Bank, got int 5"


def test_dataclass_knows_its_class_variables(bench: Bench) -> None:
    """A dataclass reads its annotations in the vat's own namespace, text or not."""
    price = {"#tag": "price", "payload": {"amount": 1, "of": []}}
    assert bench.ask("price", price) == ["amount", "of"]


def test_key_of_a_typed_dict_may_be_left_out(bench: Bench) -> None:
    """`NotRequired` and `Required` are seen in an annotation that is text."""
    assert bench.ask("start", {"item": "vase"}) == "fine"
    assert bench.ask("loose", {"item": "vase"}) == "fine"
    assert bench.ask("start", {"fee": 1})["#error"].endswith("wanted Terms (a dict with item), got dict of 1")
    assert bench.ask("loose", {"fee": 1})["#error"].endswith("wanted Loose (a dict with item), got dict of 1")


@host_only
def test_vat_is_no_module_of_its_host(bench: Bench) -> None:
    """The name of a vat stands for its namespace while its parts run, and for nothing afterwards."""
    assert "bank" not in sys.modules
    before = sys.modules["json"]
    Bench(parts=[["json", "import json\nassert json.dumps(1) == '1'\n" + SOURCE]]).up()
    assert sys.modules["json"] is before


LOCAL = """
from swingset.vat import durable, remotable

def build_root_object():
    @durable
    class Purse:
        n: int = 0

    @durable
    class Box:
        purse: Purse | None = None

    @remotable
    class Root:
        def make(self): return Box(Purse())
        def put(self, purse: Purse): return "fine"
    return Root()
"""


def test_annotation_may_mention_what_is_local_to_a_function(future: str) -> None:
    """A class that is made in a function can want another one, unless the source has text for annotations."""
    if future:
        error = Bench(future + LOCAL).start()["error"]
        assert "Box.purse: the annotation 'Purse | None' cannot be evaluated here" in error["message"]
        return
    bench = Bench(LOCAL).up()
    bench.send("make")
    assert bench.ask("put", "$0", slots=("o+d10/1",)) == "fine"
    assert bench.ask("put", 5)["#error"] == "Root.put(purse): wanted Purse, got int 5"
