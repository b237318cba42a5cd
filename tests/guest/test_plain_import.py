"""Vat code in a unit test: what works in a vat works where the same file is a plain module."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from swingset.guest.standalone import DictStore
from swingset.vat import BigMap, E, durable, provide, register_copy, remotable
from swingset.vat.contract import contract, provide_map
from swingset.vat.testing import Baggage, drain, start
from tests.staging import Stage


@register_copy("plain point")
@dataclass(frozen=True)
class Point:
    """A place."""

    x: int


@register_copy("plain size")
class Size(Enum):
    """A size."""

    SMALL = 1


@remotable
class Counter:
    """Counts in its baggage."""

    def __init__(self, baggage: Baggage, first: int) -> None:
        self.baggage = baggage
        baggage["count"] = baggage.get("count", first)

    async def add(self, other: Counter) -> int:
        """Count, and have the other tell."""
        self.baggage["count"] += 1
        told: int = await E(other).read()
        return told

    def read(self) -> int:
        """How many there were."""
        count: int = self.baggage["count"]
        return count


def build_counter(baggage: Baggage, parameters: int) -> Counter:
    """The root object."""
    return Counter(baggage, parameters)


@durable
class Auction:
    """What is sold."""

    item: str


def begin(terms: dict[str, Any], baggage: Baggage) -> dict[str, Any]:
    """Start the contract."""
    starts = provide_map(baggage, "starts")
    starts[str(len(starts))] = terms["item"]
    return {"public": provide(baggage, "auction", lambda: Auction(terms["item"]))}


build_auction = contract(begin, upgradable="can_upgrade")


def test_collections_find_the_classes_of_a_plain_module() -> None:
    """Registered dataclasses and enums, and remotable classes, may say what a collection holds."""
    for values, good, durable_one in (
        (Point, Point(1), True),
        (Size, Size.SMALL, True),
        (Counter, None, False),
    ):
        made = BigMap("m", keys=str, values=values, durable=durable_one)
        if good is not None:
            made["a"] = good
            assert made["a"] == good
        with pytest.raises(TypeError, match="invalid value type"):
            made["a"] = "text"


@durable
class Book:
    """Who has what."""

    accounts: BigMap[str, int]

    def swap(self, accounts: BigMap[str, int]) -> BigMap[str, int]:
        """Take another map."""
        before, self.accounts = self.accounts, accounts
        return before


def test_a_collection_with_parameters_is_the_collection() -> None:
    """What is told a type checker in brackets changes nothing when the code runs, as annotation or call."""
    assert BigMap[str, int] is BigMap
    first, second = BigMap[str, int]("first", keys=str), BigMap("second")
    answer = E(Book(first)).swap(second)
    refused = E(Book(first)).swap({})
    drain()
    assert answer.result() is first
    with pytest.raises(TypeError, match="wanted BigMap, got dict of 0"):
        refused.result()


def test_collections_of_a_session_find_its_classes(local: Stage) -> None:
    """A collection made in a notebook's cell knows the classes of the cells, when it is read again too."""
    names: dict[str, Any] = {"__name__": "__main__", "session": local.session}
    code = (
        "from dataclasses import dataclass\n"
        "from swingset.guest.base import context\n"
        "from swingset.vat import BigMap, register_copy\n"
        "with context.activate(session.liveslots):\n"
        "    @register_copy('spot')\n"
        "    @dataclass(frozen=True)\n"
        "    class Spot:\n"
        "        x: int\n"
        "    spots = BigMap('spots', values=Spot)\n"
        "    session.liveslots.collections.tidy()\n"
        "    spots['a'] = Spot(1)\n"
    )
    exec(code, names)
    assert names["spots"]["a"].x == 1


def test_a_vat_is_tried_with_a_baggage_of_its_own() -> None:
    """`start` makes a root object, `drain` runs its turns, and another start finds the baggage."""
    baggage = Baggage()
    root = start(build_counter, 5, baggage)
    answer = E(root).add(root)
    drain()
    assert answer.result() == 6
    assert start(build_counter, 0, baggage).read() == 6
    assert start(build_counter, 0).read() == 0


def test_a_contract_is_tried_in_a_unit_test() -> None:
    """It is started and started again, and keeps what an upgrade would keep."""
    baggage = Baggage()
    public = E(start(build_auction, None, baggage)).start({"item": "vase"})
    drain()
    again = start(build_auction, {}, baggage)
    assert again.public_facet() is public.result()["public"]
    assert again.terms() == {"item": "vase"}


def test_what_is_no_baggage_is_named() -> None:
    """A dict in the place of a baggage is refused, and so is a new baggage inside a vat."""
    with pytest.raises(
        TypeError, match=r"provide_map wants a baggage, got dict of 0: .* Baggage\(\) makes one"
    ):
        provide_map({}, "orders")
    with pytest.raises(TypeError, match=r"a contract wants a baggage, got dict of 0"):
        start(build_auction, None, {})  # type: ignore[arg-type]


def test_a_vat_has_one_baggage_and_its_own_turns(stage: Stage) -> None:
    """In a vat there is nothing to make a baggage of, and nothing to drain."""
    source = """
        from swingset.vat import Baggage, remotable
        from swingset.vat.testing import drain

        @remotable
        class Root:
            def make(self):
                Baggage()

            def drain(self):
                drain()

        def build_root_object():
            return Root()
    """
    root = stage.define("v", source)
    with pytest.raises(TypeError, match="a vat is handed its baggage"):
        stage.ask(root, "make")
    with pytest.raises(RuntimeError, match="this is vat v, whose turns its deliveries run"):
        stage.ask(root, "drain")


def test_keys_are_found_in_their_order() -> None:
    """The store of a plain module gives the next key, whatever was added and deleted."""
    store, kept = DictStore(), set()
    for number in range(300):
        key = f"k{number * 7919 % 100:02}"
        store([["vatstoreSet", key, "x"], ["vatstoreDelete", key]][number % 3 == 2])
        (kept.discard if number % 3 == 2 else kept.add)(key)
        store(["vatstoreDelete", "never there"])
    walked, key = [], store(["vatstoreGetNextKey", ""])
    while key is not None:
        walked.append(key)
        key = store(["vatstoreGetNextKey", key])
    assert walked == sorted(kept)
