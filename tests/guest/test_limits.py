"""How large things may be: bodies of messages, references in them, and values in the vat's store."""

from __future__ import annotations

from typing import Any

import pytest

from swingset.guest.base.vatstore import VALUE_LIMIT
from swingset.guest.passing.smallcaps import BODY_LIMIT, SLOT_LIMIT
from swingset.model.capdata import MAX_BODY, MAX_SLOTS
from swingset.model.syscalls import MAX_TEXT
from tests.guest.guest_bench import Bench, host_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import BigMap, E, durable, make_promise, provide, remotable, virtual
from swingset.vat.explicit import define_kind

@durable
class Pair:
    one: object = None
    two: object = None
    def fill(self, field: str, size: int): setattr(self, field, "x" * size)
    def sizes(self): return [len(self.one or ""), len(self.two or "")]

@remotable
class Thing: pass

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage
        self.pair = provide(baggage, "pair", Pair)
        self.map = provide(baggage, "map", BigMap)
    def text(self, size: int, letter: str = "x"): return letter * size
    def things(self, count: int): return [Thing() for _ in range(count)]
    def promises(self, count: int): return [make_promise()[0] for _ in range(count)]
    def same(self, count: int): return [self] * count
    def give(self, to, what: str, *args): E.send_only(to).take(getattr(self, what)(*args))
    async def try_to_give(self, to, what: str, *args):
        try:
            await E(to).take(getattr(self, what)(*args))
        except TypeError as exc:
            return str(exc)
    def take(self, value): return len(value)
    def store(self, size: int): self.baggage["x"] = "x" * size
    def stored(self): return len(self.baggage.get("x", ""))
    def quotes(self, count: int): self.baggage["x"] = '"' * count
    def entry(self, size: int): self.map[1] = "x" * size
    def entries(self): return len(self.map)
    def loose(self, size: int):
        if "make" not in globals():
            globals()["make"] = define_kind("Loose", lambda n: {"v": "x" * n}, {"get": lambda context: 1})
        return make(size)

def build_root_object(baggage):
    return Root(baggage)
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


@host_only
def test_limits_agree() -> None:
    """What the guest library lets out of a vat is what the door, the workers and the kernel let in."""
    assert BODY_LIMIT == MAX_BODY == 10_000_000
    assert SLOT_LIMIT == MAX_SLOTS == 10_000
    assert VALUE_LIMIT == MAX_TEXT


@pytest.mark.parametrize(("letter", "width"), [("x", 1), ("é", 2)])
def test_body_has_ten_million_bytes_at_most(bench: Bench, letter: str, width: int) -> None:
    """A body of exactly so many is sent and answered, one with a byte more is neither."""
    most = 10_000_000 - len('#["take",[""]]')
    bench.send("give", "$0.Alleged: X", "text", most // width, letter, slots=("o-50",), result=None)
    (sent,) = bench.take()
    assert len(sent[2]["methargs"]["body"].encode()) == 10_000_000 - most % width
    told = bench.ask("try_to_give", "$0", "text", most // width + 1, letter, slots=("o-50",))
    assert told == (
        f"E(x).take(...) was not sent: the message cannot be passed: {10_000_000 - most % width + width} "
        "bytes is more than the 10000000 a message may have: send it in pieces"
    )
    assert len(bench.ask("text", 9_999_997)) == 9_999_997
    told = bench.ask("text", 9_999_998)["#error"]
    assert told.startswith("the result of Root.text() cannot be passed: 10000001 bytes is more than")


@pytest.mark.parametrize("what", ["things", "promises"])
def test_message_has_ten_thousand_references_at_most(bench: Bench, what: str) -> None:
    """Exactly so many are sent, one more is not, and one that comes twice counts once."""
    bench.send("give", "$0.Alleged: X", what, 10_000, slots=("o-50",), result=None)
    assert len(bench.take()[0][2]["methargs"]["slots"]) == 10_000
    told = bench.ask("try_to_give", "$0", what, 10_001, slots=("o-50",))
    assert told.endswith("more than 10000 references in one message: send it in pieces")
    assert bench.ask(what, 10_001)["#error"] == (
        f"the result of Root.{what}() cannot be passed: more than 10000 references in one message: "
        "send it in pieces"
    )
    assert len(bench.ask("same", 10_001)) == 10_001


def test_largest_message_is_read(bench: Bench) -> None:
    """A vat takes what the largest message has, in bytes and in references."""
    assert bench.ask("take", "x" * (10_000_000 - len('#["take",[""]]'))) == 10_000_000 - 14
    slots = tuple(f"o-{number}" for number in range(50, 10_050))
    assert bench.ask("take", [f"${index}" for index in range(10_000)], slots=slots) == 10_000


def error(answer: Any) -> str:
    assert answer["name"] == "TypeError"
    return str(answer["#error"])


ROOM = VALUE_LIMIT - len('{"body":"#\\"\\"","slots":[]}')


@pytest.mark.parametrize(
    ("put", "look", "where"),
    [("store", "stored", 'baggage["x"]'), ("entry", "entries", "map[1]"), ("loose", "stored", "Loose.v")],
)
def test_stored_value_has_a_greatest_size(bench: Bench, put: str, look: str, where: str) -> None:
    """What fills its room is kept, one character more is refused where it is said and changes nothing."""
    before, known = dict(bench.store), bench.ask(look)
    told = error(bench.ask(put, ROOM + 1))
    assert told == (
        f"value for {where!r} is too large: stored it would take 10000001 characters, and one value has room "
        "for 10000000: keep it in pieces, such as the entries of a BigMap"
    )
    assert bench.ask(look) == known
    if put == "loose":
        return  # the one field of a record has less room than a value by itself
    assert bench.store == before
    assert bench.ask(put, ROOM) is None
    assert bench.ask(look) == {"store": ROOM, "entry": 1}[put]
    assert max(map(len, bench.store.values())) == VALUE_LIMIT


def test_size_is_measured_as_it_is_stored(bench: Bench) -> None:
    """A body within the limit of messages that grows when it is written is refused too."""
    told = error(bench.ask("quotes", 2_600_000))
    assert told.startswith("value for 'baggage[\"x\"]' is too large: stored it would take 10400028 char")
    assert bench.ask("quotes", 2_499_993) is None
    assert max(map(len, bench.store.values())) == VALUE_LIMIT


def test_record_has_a_greatest_size(bench: Bench) -> None:
    """Fields that fit each by itself do not fit together, and the record stays as it was."""
    assert bench.ask("fill", "one", 6_000_000, target="o+d10/1") is None
    told = error(bench.ask("fill", "two", 4_000_000, target="o+d10/1"))
    assert told.startswith("the state of a Pair with this 'two' is too large: stored it would take 100000")
    assert bench.ask("sizes", target="o+d10/1") == [6_000_000, 0]
    assert bench.ask("fill", "two", 3_999_000, target="o+d10/1") is None
    assert bench.ask("sizes", target="o+d10/1") == [6_000_000, 3_999_000]
