"""Registered dataclasses and enums in durable state and in guards: what is in them is a part of the shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

PRICE, SIZE = "amount: int", "SMALL = 1; LARGE = 2"

ITEM = """
    price: Price
    sizes: list[Size] = []
    next: Node | None = None
"""

VERSION = """
from dataclasses import dataclass
from enum import Enum, IntFlag
from typing import Any
from swingset.vat import Tagged, durable, migrate, register_copy, remotable

@register_copy("price")
@dataclass(frozen=True)
class Price:
    {price}

@register_copy("node")
@dataclass(frozen=True)
class Node:
    price: Price
    then: "Node | None" = None

@register_copy("size")
class Size(Enum):
    {size}

@durable(version={version})
class Item:
    {fields}
    def show(self): return [repr(self.price), [repr(size) for size in self.sizes]]
    def put(self, price: Price): self.price = price
    {more}

@remotable
class Root:
    def make(self): return Item(Price(5), [Size.LARGE], Node(Price(1), Node(Price(2))))
    def node(self, node: Node | None): return "fine"
def build_root_object(): return Root()
"""

KIND = "vom.dkind.10.descriptor"
MADE = "o+d10/1"


def version(
    *, price: str = PRICE, size: str = SIZE, fields: str = ITEM, more: str = "", number: int = 1
) -> str:
    return VERSION.format(price=price, size=size, fields=fields, more=more, version=number)


@pytest.fixture
def stored(engine: str) -> Bench:
    """A vat that has stored an item."""
    bench = Bench(version()).up()
    bench.ask("make")
    return bench


def test_text_of_a_copy_has_what_is_in_it(stored: Bench) -> None:
    """A dataclass is stored with its fields, an enum with its members, and one in itself by its tag."""
    price = "price{amount: int}"
    assert json.loads(stored.store[KIND])["fields"] == [
        ["price", price],
        ["sizes", "list[size{SMALL, LARGE}]"],
        ["next", f"node{{price: {price}, then: node | None}} | None"],
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"price": "amount: int; currency: str"},
            "Item.price: expected price{amount: int} as stored, found price{amount: int, currency: str}; "
            "keep the classes in it and add a new field, or make it version 2, and say in @migrate(1, 2) "
            "what becomes of old values",
        ),
        ({"price": "amount: str"}, "expected price{amount: int} as stored, found price{amount: str}"),
        (
            {"size": "SMALL = 1"},
            "Item.sizes: expected list[size{SMALL, LARGE}] as stored, found list[size{SMALL}]",
        ),
        ({"size": "SMALL = 1; BIG = 2"}, "found list[size{SMALL, BIG}]"),
    ],
)
def test_changed_copy_is_refused(stored: Bench, change: dict[str, str], told: str) -> None:
    """A dataclass with other fields, or an enum that lost a member, cannot take over what is stored."""
    error = stored.upgrade(version(**change)).start()["error"]  # type: ignore[arg-type]
    assert told in error["message"]
    again = stored.upgrade(version()).up()
    assert again.ask("show", target=MADE) == ["Price(amount=5)", ["<Size.LARGE: 2>"]]


@pytest.mark.parametrize("size", ["SMALL = 1; LARGE = 2; HUGE = 3", "LARGE = 7; SMALL = 6"])
def test_enum_may_grow(stored: Bench, size: str) -> None:
    """New members, another order and other values of an enum concern no stored value."""
    after = stored.upgrade(version(size=size)).up()
    value = size.split("LARGE = ")[1][0]
    assert after.ask("show", target=MADE) == ["Price(amount=5)", [f"<Size.LARGE: {value}>"]]
    names = ", ".join(part.split()[0] for part in size.split("; "))
    assert json.loads(after.store[KIND])["fields"][1][1] == f"list[size{{{names}}}]"
    lost = after.upgrade(version(size="LARGE = 1")).start()
    assert "found list[size{LARGE}]" in lost["error"]["message"]


def test_world_that_was_stored_before_copies_had_texts_goes_on(stored: Bench) -> None:
    """A descriptor that names the classes alone is taken up, and tells of their fields from then on."""
    descriptor = json.loads(stored.store[KIND])
    whole = descriptor["fields"]
    descriptor["fields"] = [["price", "Price"], ["sizes", "list[Size]"], ["next", "Node | None"]]
    stored.store[KIND] = json.dumps(descriptor)
    after = stored.upgrade(version()).up()
    assert after.ask("show", target=MADE) == ["Price(amount=5)", ["<Size.LARGE: 2>"]]
    assert json.loads(after.store[KIND])["fields"] == whole


def test_tag_of_a_copy_is_part_of_the_shape(stored: Bench) -> None:
    """Data is stored under the tag: the class may be renamed, another tag is refused."""
    renamed = version().replace("Price", "Cost")
    assert stored.upgrade(renamed).up().ask("show", target=MADE)[0] == "Cost(amount=5)"
    retagged = version().replace('"price"', '"cost"')
    error = stored.upgrade(retagged).start()["error"]
    assert "Item.price: expected price{amount: int} as stored, found cost{amount: int}" in error["message"]


MIGRATE = """
    @migrate(1, 2)
    def up(old):
        price = old["price"]
        if isinstance(price, Tagged):
            price = Price(price.payload["amount"], "EUR")
        sizes = [Size.SMALL if isinstance(size, Tagged) else size for size in old["sizes"]]
        return {"price": price, "sizes": sizes, "next": None}
"""


def test_migration_is_given_what_cannot_be_made_as_data(stored: Bench) -> None:
    """A copy whose class wants more today, or has lost the member, comes into a migration as `Tagged`."""
    change = {"price": "amount: int; currency: str", "size": "SMALL = 1"}
    after = stored.upgrade(version(number=2, more=MIGRATE, **change)).up()  # type: ignore[arg-type]
    assert after.ask("show", target=MADE) == ["Price(amount=5, currency='EUR')", ["<Size.SMALL: 1>"]]


def test_migration_cannot_leave_the_wrong_type_in_a_copy(stored: Bench) -> None:
    """What a migration returns is looked into like any other value."""
    more = "\n    @migrate(1, 2)\n    def up(old): return old"
    error = stored.upgrade(version(number=2, more=more, price="amount: str")).start()["error"]
    assert "it returned price.amount: wanted str, got int 5" in error["message"]


def tagged(tag: str, **fields: Any) -> dict[str, Any]:
    return {"#tag": tag, "payload": fields}


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (tagged("price", amount="5"), ".amount): wanted int, got str '5'"),
        (
            tagged("price", amount="$0.Alleged: Thing"),
            ".amount): wanted int, got <Presence o-50 Alleged: Thing>",
        ),
        (tagged("cost", amount=5), "): wanted Price, got Tagged object"),
    ],
)
def test_guard_looks_into_a_dataclass(stored: Bench, price: Any, told: str) -> None:
    """A guard that wants a dataclass checks its fields, and says which of them does not fit."""
    answer = stored.ask("put", price, target=MADE, slots=("o-50",))
    assert answer["#error"] == f"Item.put(price{told}"
    assert stored.ask("show", target=MADE)[0] == "Price(amount=5)"


def test_guard_looks_into_a_dataclass_that_holds_itself(stored: Bench) -> None:
    """However deep a field lies, its place is told; what is a dataclass or None is looked into too."""
    price = tagged("price", amount=1)
    deep = tagged("node", price=price, then=tagged("node", price=tagged("price", amount=None), then=None))
    assert stored.ask("node", deep)["#error"] == "Root.node(node.then.price.amount): wanted int, got None"
    assert stored.ask("node", tagged("node", price=price, then=None)) == "fine"
    assert stored.ask("node", None) == "fine"
    assert stored.ask("node", 5)["#error"] == "Root.node(node): wanted Node | None, got int 5"


def test_copy_of_a_field_that_ends_is_not_durable() -> None:
    """A dataclass with a promise in it cannot be in durable state, which is said of the class."""
    error = Bench(version(price="amount: Promise").replace("Tagged,", "Promise, Tagged,")).start()["error"]
    assert error["message"].startswith("Item.price: price{amount: Promise} is not durable: an upgrade ends")


def test_field_of_a_copy_that_cannot_be_checked_is_named() -> None:
    """An annotation in a dataclass that is no guard is an error that says where it stands."""
    error = Bench(version(price="amount: Prize")).start()["error"]
    assert "Item.price: Price.amount: the annotation 'Prize' cannot be evaluated here" in error["message"]


def test_flags_are_known_by_their_values() -> None:
    """Members of a flag are stored as numbers, so no member may come to mean another one."""
    source = version(fields="price: Price\n    sizes: list[Size] = []\n    next: Any = None")
    source = source.replace("class Size(Enum)", "class Size(IntFlag)")
    bench = Bench(source).up()
    assert json.loads(bench.store[KIND])["fields"][1][1] == "list[size{SMALL=1, LARGE=2}]"
    bench.ask("make")
    bench.upgrade(source.replace("LARGE = 2", "LARGE = 2; HUGE = 4")).up()
    error = bench.upgrade(source.replace("LARGE = 2", "LARGE = 4")).start()["error"]
    assert "found list[size{SMALL=1, LARGE=4}]" in error["message"]


def test_collection_is_made_for_copies_and_dicts_with_keys() -> None:
    """A collection whose values are a dataclass or a TypedDict looks into them, after an upgrade too."""
    source = version().replace("    def make(self)", SHELVES).replace("import Any", "import Any, TypedDict")
    source = source.replace("Tagged, durable", "BigMap, Tagged, durable, provide")
    source = source.replace(
        "def build_root_object(): return Root()", "def build_root_object(baggage):\n    return Root(baggage)"
    )
    source = source.replace("@remotable", "class Row(TypedDict):\n    price: Price\n\n@remotable")
    bench = Bench(source).up()
    price = tagged("price", amount=5)
    for after in (bench, bench.upgrade(source).up()):
        assert after.ask("keep", "a", price, [{"price": price}]) is None
        answer = after.ask("keep", "b", tagged("price", amount=None), [])
        assert answer["#error"] == (
            'invalid value type for collection "prices": None at .amount - Must be int'
        )
        answer = after.ask("keep", "b", price, [{"price": 5}])
        assert answer["#error"] == (
            "invalid value type for collection \"rows\": int 5 at [0]['price'] - Must be Price"
        )


SHELVES = """    def __init__(self, baggage):
        self.prices = provide(baggage, "prices", lambda: BigMap("prices", values=Price))
        self.rows = provide(baggage, "rows", lambda: BigMap("rows", values=list[Row]))
    def keep(self, key, price, rows):
        self.prices[key] = price
        self.rows[key] = rows
    def make(self)"""
