"""What collections were made for: classes that later code renames, changes or loses."""

from __future__ import annotations

import json

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from enum import Enum
from swingset.vat import BigMap, BigSet, durable, provide, register_copy, remotable

@register_copy("size")
class Size(Enum):
    SMALL = 1
    LARGE = 2

@durable
class Purse:
    x: int = 5
    other: Purse | None = None

@remotable
class Root:
    def __init__(self, baggage): self.baggage = baggage
    def fill(self):
        self.baggage["purses"] = BigMap("purses", keys=str, values=Purse)
        self.baggage["sizes"] = BigMap("sizes", values=list[Size | None])
        self.baggage["plain"] = BigMap("plain", keys=str, values=list[int])
        self.baggage["purses"]["a"] = Purse()
        self.baggage["sizes"]["a"] = [Size.LARGE]
    def drop(self, name): del self.baggage[name]
    def look(self): return [self.baggage["purses"]["a"].x, repr(self.baggage["sizes"]["a"][0])]
    def add(self):
        self.baggage["purses"]["b"] = Purse(6, self.baggage["purses"]["a"])
        return len(self.baggage["purses"])
def build_root_object(baggage): return Root(baggage)
"""


@pytest.fixture
def stored(engine: str) -> Bench:
    bench = Bench(SOURCE).up()
    bench.ask("fill")
    return bench


def without_sizes() -> str:
    head, _, rest = SOURCE.partition('@register_copy("size")')
    return (head + rest[rest.index("@durable") :]).replace("Size | None", "int")


def test_durable_class_may_be_renamed_under_its_tag(stored: Bench) -> None:
    """A field and a collection know a kind by its tag, so another name of the class changes nothing."""
    renamed = SOURCE.replace("Purse", "Wallet").replace("@durable", '@durable(tag="Purse")')
    after = stored.upgrade(renamed).up()
    assert after.ask("look")[0] == 5
    assert after.ask("add") == 2
    back = after.upgrade(SOURCE).up()
    assert back.ask("look")[0] == 5


def test_only_classes_are_noted(stored: Bench) -> None:
    """What builtin types say needs no class, and is not looked at by an upgrade."""
    assert json.loads(stored.store["vom.schemas"]) == {
        "Purse": "Purse",
        "list[Size | None]": "list[size{SMALL, LARGE} | None]",
    }


def test_class_that_a_collection_was_made_for_cannot_be_left_out(stored: Bench) -> None:
    """An upgrade without the class is refused, and names the collection."""
    error = stored.upgrade(without_sizes()).start()["error"]
    assert error["message"] == (
        'vat bank: collection "sizes" was made for list[Size | None]: the code has no such '
        "class any more; keep it, and its name"
    )
    assert stored.upgrade(SOURCE).up().ask("look") == [5, "<Size.LARGE: 2>"]


def test_class_that_a_collection_was_made_for_cannot_change(stored: Bench) -> None:
    """An upgrade with a class of that name whose old data cannot be read is refused; an enum may grow."""
    error = stored.upgrade(SOURCE.replace("LARGE", "HUGE")).start()["error"]
    assert (
        "expected list[size{SMALL, LARGE} | None] as stored, found list[size{SMALL, HUGE} | None]; keep "
        in error["message"]
    )
    after = stored.upgrade(SOURCE.replace("LARGE = 2", "LARGE = 2; HUGE = 3")).up()
    assert after.ask("look") == [5, "<Size.LARGE: 2>"]
    lost = after.upgrade(SOURCE).start()["error"]
    assert "expected list[size{SMALL, LARGE, HUGE} | None] as stored" in lost["message"]


def test_class_of_a_collection_that_is_gone_is_forgotten(stored: Bench) -> None:
    """Once the last collection for it is deleted, a class may be left out."""
    stored.ask("drop", "sizes")
    stored.vat.deliver(["bringOutYourDead"])
    after = stored.upgrade(without_sizes()).up()
    assert json.loads(after.store["vom.schemas"]) == {"Purse": "Purse"}
