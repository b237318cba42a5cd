"""Predicates with several names that mean several objects: what is chosen, and how much is tried for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

import swingset
from swingset.time.predicates import choosing
from swingset.time.predicates.meanings import CUT, Happened, Walk
from swingset.time.predicates.predicate import Predicate
from tests.staging import Stage

SHOP = """
from swingset.vat import durable, remotable

@durable
class Order:
    number: int
    price: object
    of: object = None

@durable
class Account:
    number: int
    limit: object
    owner: object = None

@durable
class Truck:
    load: object
    number: int = 0

@remotable
class Shop:
    def __init__(self, baggage):
        self.baggage = baggage

    def orders(self, prices, of=None):
        made = [Order(number=number, price=price, of=of) for number, price in enumerate(prices)]
        self.baggage["orders"] = [*self.baggage.get("orders", []), *made]
        return made

    def accounts(self, limits, owner=None):
        made = [Account(number=number, limit=limit, owner=owner) for number, limit in enumerate(limits)]
        self.baggage["accounts"] = [*self.baggage.get("accounts", []), *made]
        return made

    def trucks(self, loads):
        self.baggage["trucks"] = [Truck(load=load, number=number) for number, load in enumerate(loads)]

def build_root_object(baggage):
    return Shop(baggage)
"""

ODD = [3, "three", None, 2.5, [1], [1, 2], True, {"a": 1}, -4, "x", float("nan"), 3]
"""Values of which some are equal, some have an order, and some cannot be looked up."""


@pytest.fixture(scope="module")
def odd() -> Iterator[Stage]:
    """A shop with orders, accounts and trucks that have values of every sort, in two vats."""
    stage = Stage("local")
    shop, other = stage.define("shop", SHOP), stage.define("other", SHOP)
    made = stage.ask(shop, "orders", ODD[:8])
    stage.ask(shop, "orders", [7], made[2])
    stage.ask(shop, "accounts", ODD[4:], made[1])
    stage.ask(other, "accounts", [7], made[2])
    stage.ask(shop, "trucks", ODD[::3])
    yield stage
    stage.close()


def by_trying(stage: Stage, text: str) -> bool:
    """Whether a predicate holds for any choice of objects, by trying every one."""
    walk, tree = Walk(stage.controller.kernel.store, Happened()), Predicate(text)._tree
    paths = walk.several(tree)
    for choice in product(*(list(walk.choice(path) or ()) for path in paths)):
        with walk.having(dict(zip(paths, choice, strict=True))):
            if walk.test(tree).holds:
                return True
    return False


SIGNS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not")
COMPARED = [
    *(f"order.price {sign} account.limit" for sign in SIGNS),
    *(f"not order.price {sign} account.limit" for sign in SIGNS),
    *(f"order.price {sign} account.limit and order.number == account.number" for sign in SIGNS),
    *(f"order.price {sign} account.limit and account.limit {sign} truck.load" for sign in SIGNS),
    *(f"order.price {sign} account.limit {sign} truck.load" for sign in SIGNS),
    *(f"order.number > 6 and order.price {sign} account.limit or truck.load == 99" for sign in SIGNS),
    "order.price == 3 and account.limit == 'x' and truck.load == 3",
    "order.price == 3 and account.limit == 'x' and truck.load == 77",
    "not (order.price == 3 or account.limit == 'x')",
    "not (order.number >= 0 and account.number >= 0)",
    "(order.price < account.limit) == (truck.load == 3)",
    "account.owner == order",
    "account.owner == order and order.price == 'three'",
    "account.owner == order and order.price == 3",
    "order.of == account.owner",
    "order.of == account.owner and account.limit == 7 and order.price == 7",
    "account.owner == order.of and account.limit == 3",
    "order in shop.orders and account in shop.accounts",
    "other.account in shop.accounts",
    "other.account.owner in shop.orders",
    "other.account.owner not in shop.orders",
    "other.account.owner == shop.orders[2]",
    "shop.account.owner == other.account.owner",
    "order.price < account.limit and order.number > account.number and truck.number == order.number",
    "nothing.x == order.price",
    "not nothing.x == order.price",
]


@pytest.mark.parametrize("text", COMPARED)
def test_what_is_left_out_does_not_matter(odd: Stage, text: str) -> None:
    """A predicate holds exactly if it does for one of all choices, and what decided it is true."""
    found = Predicate(text).holds(odd.controller.kernel.store)
    assert found.holds is by_trying(odd, text)
    assert not found.cut


REFERENCES = {
    "account.owner == order and order.price == 'three'": True,
    "account.owner == order and order.price == 2.5": False,
    "other.account.owner == shop.orders[2]": True,
    "other.account.owner == shop.orders[1]": False,
    "order.of == other.account.owner": True,
    "shop.account.owner == other.account.owner": False,
    "other.account.owner in shop.orders": True,
    "other.account in shop.accounts": False,
}


@pytest.mark.parametrize("text", REFERENCES)
def test_references_to_the_same_object_are_equal(odd: Stage, text: str) -> None:
    """It does not matter which vat has a reference, and by which name."""
    assert Predicate(text).holds(odd.controller.kernel.store).holds is REFERENCES[text]


@pytest.fixture(scope="module")
def many() -> Iterator[Stage]:
    """A shop with 400 orders, accounts and trucks each."""
    stage = Stage("local")
    shop = stage.define("shop", SHOP)
    for method, first in (("orders", 0), ("accounts", 1_000), ("trucks", 2_000)):
        stage.send(shop, method, list(range(first, first + 400)))
    stage.session.settle()
    yield stage
    stage.close()


MANY = {
    "order.price == 399 and account.limit == 1399 and truck.load == 2399": True,
    "order.number == account.number == truck.number == 399": True,
    "order.number == account.number and account.number == truck.number and truck.load == 2399": True,
    "order.number == account.number and order.price == account.limit": False,
    "order.price > account.limit": False,
    "order.price < account.limit < truck.load": True,
    "order.price > account.limit > truck.load": False,
    "order.price > account.limit or truck.load < order.price": False,
    "order.price == account.limit and account.limit == truck.load": False,
    "order.number != account.number and order.price == 0": True,
    "account.limit >= 1399 and order.price >= 399 and truck.load != 2000": True,
}


@pytest.mark.parametrize("text", MANY)
def test_many_objects_of_several_kinds_are_decided(many: Stage, text: str) -> None:
    """Of 64,000,000 choices so few are tried that each of these is decided."""
    found = Predicate(text).holds(many.controller.kernel.store)
    assert (found.holds, found.cut) == (MANY[text], False)
    assert len(found.because) == len(set(found.because))


def test_what_was_not_tried_is_said(many: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many choices are left, a run and a search say that not all were tried."""
    monkeypatch.setattr(choosing, "MOST_COMBINED", 500)
    text = "order.number < account.number and order.price > account.limit"
    found = Predicate(text).holds(many.controller.kernel.store)
    assert (found.holds, found.cut) == (False, True)
    with many.controller.fork() as fork:
        fork.create_vat("more", (("more", SHOP),))
        reached = swingset.until(fork, text)
        assert reached.cut
        assert CUT in reached.lines()
        assert CUT in swingset.when(fork, text).notes
    assert not swingset.until(many.controller, "order.price == 399").cut
