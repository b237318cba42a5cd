"""Decimals of thousands of digits: the same limit for all vats, whatever their decimal is written in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from decimal import Decimal
from swingset.vat import remotable

@remotable
class Root:
    def digits(self, value: Decimal): return len(value.as_tuple().digits)
    def make(self, zeros: int):
        # By parts, for where decimal is written in Python a text of so many digits makes none at all.
        return Decimal((0, (1,) + (0,) * zeros, -zeros))
def build_root_object(): return Root()
"""

FIX = "a Decimal may have up to 4300 digits: round it, or pass it as a str"


def decimal(text: str) -> dict[str, Any]:
    return {"#tag": "decimal", "payload": "!" + text if text[0] == "-" else text}


def test_decimal_has_as_many_digits_as_an_int() -> None:
    """Up to 4300 digits pass in both directions, however long the exponent."""
    bench = Bench(SOURCE).up()
    assert bench.ask("digits", decimal("1" * 4300)) == 4300
    assert bench.ask("digits", decimal("-" + "1." + "0" * 4299)) == 4300
    assert bench.ask("digits", decimal("1E+123456789")) == 1
    assert bench.ask("make", 4299) == decimal("1." + "0" * 4299)


@pytest.mark.parametrize("text", ["1" * 4301, "1." + "0" * 4300, "-" + "9" * 5000])
def test_longer_decimal_that_arrives_is_refused(text: str) -> None:
    """A message with more digits cannot be read, which is told in the same words everywhere."""
    answer = Bench(SOURCE).up().ask("digits", decimal(text))
    assert answer["#error"] == f"the message cannot be read: a decimal that cannot be made: {FIX}"


def test_longer_decimal_is_not_sent() -> None:
    """An answer with more digits becomes a rejection that says what to do."""
    answer = Bench(SOURCE).up().ask("make", 4300)
    assert answer["name"] == "TypeError"
    assert answer["#error"].endswith(FIX)
