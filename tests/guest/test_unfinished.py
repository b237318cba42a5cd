"""Instances whose `finish` raised: whoever was given one before has one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import BigMap, E, durable, provide, remotable

@durable
class Item:
    n: int = 0
    def finish(self):
        if self.n == 1: held["baggage"]["last"] = self
        if self.n == 2: held["map"]["last"] = self
        if self.n == 3: held["items"].append(self)
        if self.n == 4: E.send_only(held["other"]).take(self)
        self.n += 10
        raise ValueError("no")
    def get(self): return self.n

held = {"items": []}

@remotable
class Root:
    def make(self, n, other=None):
        held["other"] = other
        Item(n)
    def last(self, n):
        if n == 1: return held["baggage"]["last"].get()
        if n == 2: return held["map"]["last"].get()
        return held["items"][0].get()

def build_root_object(baggage):
    held["baggage"] = baggage
    held["map"] = provide(baggage, "map", lambda: BigMap("map"))
    return Root()
"""


@pytest.mark.parametrize("n", [1, 2, 3])
def test_instance_that_finish_has_kept_is_whole(n: int) -> None:
    """It is in the baggage, in a collection or in a list, and has its state for as long as it is there."""
    bench = Bench(SOURCE).up()
    assert bench.ask("make", n)["#error"] == "no"
    assert bench.ask("last", n) == n + 10
    bench.vat.deliver(["bringOutYourDead"])
    assert bench.ask("last", n) == n + 10
    if n < 3:
        assert bench.upgrade(SOURCE).up().ask("last", n) == n + 10


def test_instance_that_finish_has_sent_is_whole() -> None:
    """Another vat that was sent one can call it until it drops it."""
    bench = Bench(SOURCE).up()
    bench.send("make", 4, "$0.Alleged: Other", slots=("o-50",))
    (sent,) = [call for call in bench.take() if call[0] == "send"]
    item = sent[2]["methargs"]["slots"][0]
    bench.vat.deliver(["bringOutYourDead"])
    assert bench.ask("get", target=item) == 14
    bench.vat.deliver(["dropExports", [item]])
    bench.vat.deliver(["bringOutYourDead"])
    assert items(bench) == []


def test_instance_that_finish_has_given_nobody_is_collected() -> None:
    """What nothing holds is brought out with the dead."""
    bench = Bench(SOURCE).up()
    assert bench.ask("make", 5)["#error"] == "no"
    bench.ask("make", 6)
    bench.vat.deliver(["bringOutYourDead"])
    assert items(bench) == []


def items(bench: Bench) -> list[Any]:
    return [key for key in bench.store if key.startswith("vom.o+d10/")]
