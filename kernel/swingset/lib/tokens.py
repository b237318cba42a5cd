"""Tokens: currencies of a bank, whose units cannot be forged, copied or lost.

`Bank.make_issuer(name)` makes a currency with three facets. The mint makes new units. The issuer makes empty
purses, says what a payment is worth, and burns it. The brand only names the currency: who holds it can
compare it, and nothing else. A purse keeps units. A payment carries them to another vat, and is worth
something once: as soon as it is deposited, burned or split, it is empty.

Amounts are whole numbers from 0, and exact. Everything is durable, so an upgrade of the bank loses nothing.
No method trusts a reference that is not its own: a payment is one that this bank made, of the same currency.

A `Teller` turns tokens into units of an account of the world's market. It burns what it is paid, and credits
the account through the mint of the market, which the host gives to the bank.
"""

from __future__ import annotations

from typing import Any

from swingset.vat import D, durable, remotable

MOST = 2**62
"""No purse and no payment holds as much."""


def checked(amount: int) -> int:
    """An amount; raises `ValueError` for anything but an int from 0."""
    if type(amount) is not int or not 0 <= amount < MOST:
        raise ValueError(f"an amount is an int from 0 to 2**62, got {amount!r:.40}")
    return amount


@durable
class Brand:
    """What a currency is called. It identifies the currency, and gives no power over it."""

    name: str

    def get_name(self) -> str:
        """The name of the currency, which its maker chose."""
        return self.name


@durable
class Payment:
    """Units on their way. Only the purse or issuer that takes them can tell what they are worth."""

    brand: Brand
    value: int


@durable
class Purse:
    """Units of one currency, for who holds it."""

    brand: Brand
    value: int = 0

    def get_amount(self) -> int:
        """How many units it has."""
        return self.value

    def get_brand(self) -> Brand:
        """The currency."""
        return self.brand

    def deposit(self, payment: Payment, wanted: int | None = None) -> int:
        """Take the units of a payment, which is empty then; returns how many they were.

        With `wanted` it raises `ValueError`, and takes nothing, if the payment has another amount.
        """
        value = taken(payment, self.brand, wanted)
        checked(self.value + value)
        payment.value = 0
        self.value += value
        return value

    def withdraw(self, amount: int) -> Payment:
        """A payment of so many units; raises `ValueError` if there are fewer."""
        if checked(amount) > self.value:
            raise ValueError(f"the purse has {self.value}, and {amount} were wanted")
        self.value -= amount
        return Payment(self.brand, amount)


@durable
class Issuer:
    """What everybody may do with a currency."""

    brand: Brand

    def get_brand(self) -> Brand:
        """The currency."""
        return self.brand

    def make_empty_purse(self) -> Purse:
        """A purse without units."""
        return Purse(self.brand)

    def get_amount_of(self, payment: Payment) -> int:
        """What a payment is worth: 0 for one that was used."""
        return taken(payment, self.brand, None)

    def burn(self, payment: Payment, wanted: int | None = None) -> int:
        """End the units of a payment; returns how many they were."""
        value = taken(payment, self.brand, wanted)
        payment.value = 0
        return value

    def split(self, payment: Payment, amount: int) -> list[Payment]:
        """Two payments in the place of one, of which the first has this amount."""
        value = taken(payment, self.brand, None)
        if checked(amount) > value:
            raise ValueError(f"the payment has {value}, and {amount} were wanted")
        payment.value = 0
        return [Payment(self.brand, amount), Payment(self.brand, value - amount)]


@durable
class Mint:
    """The right to make new units of a currency."""

    brand: Brand

    def mint_payment(self, amount: int) -> Payment:
        """A payment of new units."""
        return Payment(self.brand, checked(amount))


@durable
class Teller:
    """Takes payments of one currency, and credits accounts of the market with as much."""

    brand: Brand
    market: object

    def pay_in(self, payment: Payment, account: Any, wanted: int | None = None) -> int:
        """Burn a payment, and credit an account, a facet of the market; returns how much.

        If the market refuses, the payment is as it was.
        """
        value = taken(payment, self.brand, wanted)
        D(self.market).credit(account, value)
        payment.value = 0
        return value


def taken(payment: Payment, brand: Brand, wanted: int | None) -> int:
    """What a payment is worth; raises `ValueError` for one of another currency, or of another amount."""
    if payment.brand is not brand:
        raise ValueError("this payment is of another currency")
    if wanted is not None and payment.value != wanted:
        raise ValueError(f"the payment has {payment.value}, and {wanted} were wanted")
    return payment.value


@remotable
class Bank:
    """Makes currencies. Who holds it cannot touch those that others made."""

    def make_issuer(self, name: str) -> dict[str, Any]:
        """A new currency: `{"mint": ..., "issuer": ..., "brand": ...}`."""
        brand = Brand(name)
        return {"mint": Mint(brand), "issuer": Issuer(brand), "brand": brand}

    def make_teller(self, mint: Mint, market: object) -> Teller:
        """A teller for a currency, for who holds its mint and the mint of the world's market."""
        return Teller(mint.brand, market)


def build_root_object() -> Bank:
    """The bank; all that it has made is durable, and held by others."""
    return Bank()
