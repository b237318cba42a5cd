"""The kit of tokens: exact amounts that cannot be forged, on both workers and over an upgrade."""

from __future__ import annotations

from typing import Any

import pytest

import swingset
from swingset import lib
from tests.staging import Stage

REFUSED: dict[str, tuple[str, str, list[Any]]] = {
    "below zero": ("purse", "withdraw", [-1]),
    "more than there is": ("purse", "withdraw", [31]),
    "a fraction": ("purse", "withdraw", [1.5]),
    "true": ("purse", "withdraw", [True]),
    "minting below zero": ("mint", "mint_payment", [-5]),
    "minting without end": ("mint", "mint_payment", [2**62]),
    "another amount than wanted": ("purse", "deposit", ["payment", 6]),
    "another currency": ("purse", "deposit", ["foreign"]),
    "a purse for a payment": ("purse", "deposit", ["purse"]),
    "a number for a payment": ("issuer", "burn", [5]),
    "burning another currency": ("issuer", "burn", ["foreign"]),
    "splitting more than there is": ("issuer", "split", ["payment", 8]),
}


def banked(stage: Stage) -> dict[str, Any]:
    """A bank with a currency, a purse of 30, a payment of 7, and a payment of another currency."""
    bank = stage.define("bank", lib.source("tokens"))
    made = stage.ask(bank, "make_issuer", "moola")
    purse = stage.ask(made["issuer"], "make_empty_purse")
    stage.ask(purse, "deposit", stage.ask(made["mint"], "mint_payment", 30))
    foreign = stage.ask(stage.ask(bank, "make_issuer", "lira")["mint"], "mint_payment", 7)
    payment = stage.ask(made["mint"], "mint_payment", 7)
    return {**made, "bank": bank, "purse": purse, "payment": payment, "foreign": foreign}


@pytest.fixture(scope="module")
def counted() -> Any:
    """A bank whose refusals are tried one after the other."""
    stage = Stage("local")
    yield stage, banked(stage)
    stage.close()


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_exact_or_not_of_the_currency_is_refused(counted: Any, case: str) -> None:
    """The call is rejected, and every purse and payment has what it had."""
    stage, known = counted
    target, method, args = REFUSED[case]
    given = [known[arg] if isinstance(arg, str) else arg for arg in args]
    with pytest.raises((swingset.RemoteError, ValueError, TypeError)):
        stage.ask(known[target], method, *given)
    assert stage.ask(known["purse"], "get_amount") == 30
    assert stage.ask(known["issuer"], "get_amount_of", known["payment"]) == 7


def test_a_payment_is_worth_something_once(stage: Stage) -> None:
    """Deposited, split or burned it is empty, over an upgrade of the bank too, and nothing is lost."""
    known = banked(stage)
    issuer, purse, payment = known["issuer"], known["purse"], known["payment"]
    part, rest = stage.ask(issuer, "split", payment, 2)
    assert stage.ask(purse, "deposit", payment) == 0
    stage.upgrade("bank", lib.source("tokens") + "\n# again\n")
    assert stage.ask(purse, "deposit", part, 2) == 2
    assert stage.ask(issuer, "burn", rest) == 5
    assert stage.ask(issuer, "burn", rest) == 0
    assert stage.ask(purse, "get_amount") == 32
    taken = stage.ask(purse, "withdraw", 12)
    assert stage.ask(issuer, "get_amount_of", taken) == 12
    assert stage.ask(purse, "get_amount") == 20


def test_tokens_pay_for_bids(local: Stage) -> None:
    """A teller burns a payment and credits an account; what the market refuses leaves the payment."""
    known = banked(local)
    market = local.controller.market
    market.open()
    market.open_account("ann")
    market.open_account("free", None)
    teller = local.ask(known["bank"], "make_teller", known["mint"], local.session.devices.market("mint"))
    free = local.session.devices.market("account", "free")
    with pytest.raises(swingset.RemoteError, match="without limit"):
        local.ask(teller, "pay_in", known["payment"], free)
    ann = local.session.devices.market("account", "ann")
    assert local.ask(teller, "pay_in", known["payment"], ann) == 7
    assert local.ask(teller, "pay_in", known["payment"], ann) == 0
    assert (market.account("ann").balance, market.totals().issued) == (7, 7)
    with pytest.raises(swingset.RemoteError, match="another currency"):
        local.ask(teller, "pay_in", known["foreign"], ann)


def test_an_unknown_kit_is_named_with_those_there_are() -> None:
    """The text of a kit is found by its name only."""
    with pytest.raises(LookupError, match="there are: tokens"):
        lib.source("../host/__init__")
