"""Registered dataclasses in real worlds: what an upgrade compares, what a stranger may fill them with."""

from __future__ import annotations

import pytest

from swingset.core.errors import VatFault
from swingset.vat import Tagged
from tests.staging import Stage

SHOP = """
    from dataclasses import dataclass
    from enum import Enum
    from swingset.vat import Tagged, durable, migrate, register_copy, remotable

    @register_copy("price")
    @dataclass(frozen=True)
    class Price:
        amount: int

    @register_copy("size")
    class Size(Enum):
        SMALL = 1
        LARGE = 2

    @durable
    class Item:
        price: Price
        size: Size = Size.LARGE
        def cost(self): return self.price.amount
        def shown(self): return [repr(self.price), self.size.name]

    @remotable
    class Shop:
        def sell(self, price: Price): return Item(price)

    def build_root_object():
        return Shop()
"""

IN_EUROS = """
        @migrate(1, 2)
        @staticmethod
        def in_euros(old):
            return {**old, "price": Price(old["price"].payload["amount"], "EUR")}

        def cost(self)"""


def test_stranger_cannot_fill_a_dataclass_with_anything(stage: Stage) -> None:
    """What comes under the tag of a dataclass is checked field by field before the method runs."""
    shop = stage.define("shop", SHOP)
    for amount, told in (("5", "str '5'"), (shop, "Shop object"), (None, "None")):
        with pytest.raises(TypeError) as refused:
            stage.ask(shop, "sell", Tagged("price", {"amount": amount}))
        assert str(refused.value) == f"Shop.sell(price.amount): wanted int, got {told}"
    item = stage.ask(shop, "sell", Tagged("price", {"amount": 5}))
    assert stage.ask(item, "cost") == 5


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "amount: int",
            "amount: int\n        currency: str",
            "Item.price: expected price{amount: int} as stored, found price{amount: int, currency: str}; ",
        ),
        ("amount: int", "amount: str", "expected price{amount: int} as stored, found price{amount: str}; "),
        ("LARGE", "HUGE", "Item.size: expected size{SMALL, LARGE} as stored, found size{SMALL, HUGE}; "),
    ],
)
def test_upgrade_that_could_not_read_its_copies_is_refused(
    stage: Stage, old: str, new: str, told: str
) -> None:
    """Other fields of a dataclass, or a lost member of an enum, refuse the upgrade and change nothing."""
    item = stage.ask(stage.define("shop", SHOP), "sell", Tagged("price", {"amount": 5}))
    with pytest.raises(VatFault) as refused:
        stage.upgrade("shop", SHOP.replace(old, new))
    assert told in str(refused.value)
    assert stage.ask(item, "shown") == ["Price(amount=5)", "LARGE"]


def test_migration_makes_new_copies_of_old_data(stage: Stage) -> None:
    """A new version whose dataclass wants more is given the old one's data, and makes its own of it."""
    item = stage.ask(stage.define("shop", SHOP), "sell", Tagged("price", {"amount": 5}))
    new = SHOP.replace("amount: int", "amount: int\n        currency: str")
    new = new.replace("@durable", "@durable(version=2)").replace("def cost(self)", IN_EUROS.lstrip(), 1)
    stage.upgrade("shop", new)
    assert stage.ask(item, "shown") == ["Price(amount=5, currency='EUR')", "LARGE"]
