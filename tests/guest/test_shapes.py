"""What a field or a parameter may hold, said more closely than by a type; and when a shape may change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union
from swingset.vat import Promise, Remotable, durable, remotable
from swingset.vat.patterns import alleged, between, gt, gte, length, lt, lte, matching, prefix

@remotable
class Thing: pass

class Point(TypedDict):
    x: int
    y: NotRequired[int]

@durable
class Other:
    n: int = 0
"""

KIND = """
@durable
class Holder:
    v: {note}
    def put(self, v): self.v = v
    def get(self): return self.v
"""

ROOT = """
@remotable
class Root:
    def make(self, v): return Holder(v)
    def other(self): return Other()
    def guarded(self, v: {note}): return "fine"
def build_root_object(): return Root()
"""

OTHER, HOLDER = "o+d10/1", "o+d11/1"


def started(note: str) -> Bench:
    bench = Bench(HEAD + KIND.format(note=note) + ROOT.format(note=note)).up()
    bench.ask("other")
    return bench


TUPLE = {"#tag": "tuple", "payload": [1, "a"]}

RULES: list[tuple[str, Any, Any, str]] = [
    ("Annotated[int, gt(0)]", 1, 0, "int > 0, got int 0"),
    ("Annotated[int, gt(0)]", 1, "x", "int, got str 'x'"),
    ("Annotated[int, gte(0), lt(10)]", 0, 10, "int >= 0 and < 10, got int 10"),
    ("Annotated[float, lte(0.5)]", 0.5, 0.75, "float <= 0.5, got float 0.75"),
    ("Annotated[float, lte(0.5)]", -1, "#NaN", "float <= 0.5, got float nan"),
    ("Annotated[int, between(1, 6)]", 6, 7, "int from 1 to 6, got int 7"),
    ("Annotated[str, between('a', 'f')]", "cat", "zebra", "str from 'a' to 'f', got str 'zebra'"),
    ("Annotated[object, gt(0)]", 1, "a", "object > 0, got str 'a'"),
    ("Annotated[object, gt(0)]", 1, True, "object > 0, got bool True"),
    ("Annotated[str, prefix('ab')]", "abc", "bac", "str starting with 'ab', got str 'bac'"),
    ("Annotated[str, matching('[a-z]+')]", "abc", "ab1", "str matching '[a-z]+', got str 'ab1'"),
    ("Annotated[str, length(3)]", "abc", "abcd", "str of length 3 at most, got str 'abcd'"),
    ("Annotated[list[int], length(2, 1)]", [1], [], "list[int] of length 1 to 2, got list of 0"),
    ("Annotated[int, gt(0)] | None", None, 0, "Annotated[int, gt(0)] | None, got int 0"),
    ("list[Annotated[int, gt(0)]]", [1], [1, 0], "int > 0, got int 0"),
    ("dict[str, list[tuple[int, str]]]", {"k": [TUPLE]}, {"k": [[1]]}, "tuple[int, str], got list of 1"),
    ("Optional[int]", None, "x", "int | None, got str 'x'"),
    ("Union[int, str]", "x", None, "int | str, got None"),
    ("Literal['red', 'green']", "red", "blue", "Literal['red', 'green'], got str 'blue'"),
    ("Point", {"x": 1}, {"y": 1}, "Point (a dict with x), got dict of 1"),
    ("Point", {"x": 1, "y": 2}, {"x": 1, "y": "a"}, "int, got str 'a'"),
]


@pytest.mark.parametrize(("note", "good", "bad", "told"), RULES)
def test_shape_is_enforced_when_made_and_at_every_write(note: str, good: Any, bad: Any, told: str) -> None:
    """A value outside its shape is refused by the constructor, by an assignment and by a guard."""
    bench = started(note)
    assert "#error" not in (bench.ask("make", good) or {})
    assert bench.ask("put", good, target=HOLDER) is None
    assert bench.ask("guarded", good) == "fine"
    for answer in (bench.ask("make", bad), bench.ask("put", bad, target=HOLDER)):
        assert answer["#error"].startswith("Holder.v"), answer
        assert answer["#error"].endswith(f": wanted {told}")
    assert bench.ask("guarded", bad)["#error"].endswith(f"): wanted {told}")
    assert bench.ask("get", target=HOLDER) == good


def test_remotable_of_an_interface() -> None:
    """A field can want an object that says it has an interface, here or in another vat."""
    bench = started("Annotated[Remotable, alleged('Other')]")
    for slot in ("o-50", OTHER):
        assert bench.ask("guarded", "$0.Alleged: Other", slots=(slot,)) == "fine"
    bench.ask("make", "$0.Alleged: Other", slots=("o-50",))
    answer = bench.ask("put", "$0.Alleged: Else", target=HOLDER, slots=("o-51",))
    assert answer["#error"] == (
        "Holder.v: wanted Remotable alleged to be Other, got <Presence o-51 Alleged: Else>"
    )


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("Thing", "Holder.v: Thing is not durable: an upgrade ends every Thing: make the class @durable"),
        ("list[Thing | None]", "Holder.v: list[Thing | None] is not durable: an upgrade ends every Thing"),
        ("dict[str, tuple[int, Thing]]", "Holder.v: dict[str, tuple[int, Thing]] is not durable: "),
        ("Promise", "Holder.v: Promise is not durable: an upgrade ends every promise: keep the value"),
    ],
)
def test_durable_shape_names_nothing_ephemeral(note: str, told: str) -> None:
    """A kind whose shape names what no upgrade leaves alive is refused when the vat starts."""
    error = Bench(HEAD + KIND.format(note=note) + ROOT.format(note="object")).start()["error"]
    assert error["message"].startswith(told)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("gt(None)", "gt(None): a bound is a number, str or bytes, not NoneType"),
        ("gt([1])", "gt([1]): a bound is a number, str or bytes, not list"),
        ("between(1, 'a')", "between(1, 'a'): both bounds are numbers, or both are strings"),
        ("prefix(5)", "prefix(5): wants a str"),
    ],
)
def test_senseless_patterns_are_refused(pattern: str, told: str) -> None:
    """A pattern that could never fit anything is an error where it is written."""
    error = Bench(HEAD + KIND.format(note=f"Annotated[int, {pattern}]") + ROOT.format(note="int")).start()
    assert error["status"] == "error"
    assert told in error["error"]["message"]
    assert "for an object of another vat" not in error["error"]["message"]


PAIR = """
@durable
class Pair:
    x: int
    y: str = "y"
{more}
    def get(self, name: str): return getattr(self, name)

@remotable
class Root:
    def make(self, x, y): return Pair(x, y)
def build_root_object(): return Root()
"""


def pair(old: str = "", new: str = "", more: str = "") -> str:
    return HEAD + (PAIR.format(more=more).replace(old, new) if old else PAIR.format(more=more))


@pytest.fixture
def stored() -> Bench:
    bench = Bench(pair()).up()
    bench.ask("make", 1, "one")
    return bench


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (pair("y: str", "y: Any"), "Pair.y: expected str as stored, found Any"),
        (pair('    y: str = "y"\n', ""), "Pair.y: expected `y: str` as stored, found no such field"),
        (pair(more="    z: str"), "Pair.z: expected a default, found `z: str`"),
        (pair("x: int", "x: int | str"), "Pair.x: expected int as stored, found int | str"),
        (pair("x: int", "x: Annotated[int, gt(0)]"), "Pair.x: expected int as stored, found Annotated[int, "),
        (
            pair("x: int", "x: str").replace('y: str = "y"', "y: int = 0"),
            "Pair.x: expected int as stored, found str",
        ),
        (pair(more="    z: int = 'a'"), "Pair.z: the default does not fit: wanted int, got str 'a'"),
    ],
)
def test_changed_shape_refuses_the_upgrade(stored: Bench, source: str, told: str) -> None:
    """A field that is other, gone, wider, narrower, swapped, or new without a default is refused."""
    error = stored.upgrade(source).start()["error"]
    assert error["message"].startswith(told)


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ("    z: int | None", None),
        ("    z: Annotated[int, gt(0)] = 7", 7),
        ("    z: object", None),
        ("", None),
    ],
)
def test_new_optional_field_is_accepted(stored: Bench, more: str, value: Any) -> None:
    """An identical shape, or one with a field that old records can do without, is accepted."""
    after = stored.upgrade(pair(more=more)).up()
    assert [after.ask("get", name, target="o+d11/1") for name in "xy"] == [1, "one"]
    if more:
        assert after.ask("get", "z", target="o+d11/1") == value


def test_shape_of_a_typed_dict_is_stored_whole() -> None:
    """A TypedDict is compared by its fields, not by its name."""
    bench = started("Point")
    fields = json.loads(bench.store["vom.dkind.11.descriptor"])["fields"]
    assert fields == [["v", "Point{x: int, y?: int}"]]
    source = HEAD.replace("x: int", "x: str") + KIND.format(note="Point") + ROOT.format(note="Point")
    assert (
        "Holder.v: expected Point{x: int, y?: int} as stored, found Point{x: str"
        in (bench.upgrade(source).start()["error"]["message"])
    )


def test_far_reference_is_anything_that_can_be_sent_to() -> None:
    """A `FarRef` field takes any reference, since what it answers to is for its owner to say."""
    head = "from swingset.vat import FarRef\nclass Api: pass\n"
    bench = Bench(head + HEAD + KIND.format(note="FarRef[Api] | None") + ROOT.format(note="FarRef")).up()
    bench.ask("other")
    assert "#error" not in (bench.ask("make", "$0.Alleged: X", slots=("o-50",)) or {})
    assert bench.ask("put", "$0", target=HOLDER, slots=(OTHER,)) is None
    assert bench.ask("put", 5, target=HOLDER)["#error"] == "Holder.v: wanted FarRef[Api] | None, got int 5"
    assert bench.ask("guarded", "$0", slots=(OTHER,)) == "fine"
