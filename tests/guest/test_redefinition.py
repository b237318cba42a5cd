"""What a later incarnation may change in a kind, table by table: fields, facets, and who counts what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.guest.guest_bench import Bench, capdata
from tests.guest.test_gc import state

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
from typing import Annotated, Any, Literal
from swingset.vat import Remotable, durable, facet, provide, remotable
from swingset.vat.explicit import (
    define_durable_kind, make_kind_handle, prepare_kind, prepare_kind_multi
)
from swingset.vat.patterns import alleged, gt
"""

CLASS = """
@durable
class Pair:
{fields}
    def get(self, name: str): return getattr(self, name)
    def put(self, name: str, value): setattr(self, name, value)

@remotable
class Root:
    def make(self, x, y): return Pair(x=x, y=y)

def build_root_object(baggage):
    return Root()
"""

EXPLICIT = """
def get(context, name: str): return getattr(context.state, name)
def put(context, name: str, value): setattr(context.state, name, value)

@remotable
class Root:
    def make(self, x, y): return make(x, y)

def build_root_object(baggage):
    global make
    make = prepare_kind(
        baggage, "Pair", lambda x, y: {{"x": x, "y": y}}, {{"get": get, "put": put}}, state_shape={{{fields}}}
    )
    return Root()
"""

Fields = dict[str, str]


def by_class(fields: Fields) -> str:
    return HEAD + CLASS.format(fields="\n".join(f"    {name}: {note}" for name, note in fields.items()))


def by_table(fields: Fields) -> str:
    return HEAD + EXPLICIT.format(fields=", ".join(f'"{name}": {note}' for name, note in fields.items()))


STORED = {"x": "int", "y": "str"}

REDEFINED: list[tuple[Fields, str | None]] = [
    ({"x": "int", "y": "str"}, None),
    ({"y": "str", "x": "int"}, None),
    ({"x": "int", "x2": "int | None", "y": "str"}, None),
    ({"x": "int", "y": "str", "x2": "None | int", "more": "Any"}, None),
    ({"x": "int", "y": "Any"}, "Pair.y: expected str as stored, found Any"),
    ({"x": "int"}, "Pair.y: expected `y: str` as stored, found no such field"),
    ({"x": "int", "y": "str", "z": "str"}, "Pair.z: expected a default, found `z: str`"),
    ({"x": "int | str", "y": "str"}, "Pair.x: expected int as stored, found int | str"),
    (
        {"x": "Annotated[int, gt(0)]", "y": "str"},
        "Pair.x: expected int as stored, found Annotated[",
    ),
    ({"x": "str", "y": "int"}, "Pair.x: expected int as stored, found str"),
    ({"x": "int", "x2": "int", "y": "str"}, "Pair.x2: expected a default, found `x2: int`"),
    ({"x": "int | None", "y": "str"}, "Pair.x: expected int as stored, found int | None"),
]


def ids(case: Any) -> str | None:
    return "-".join(f"{name} {note}" for name, note in case.items()) if isinstance(case, dict) else ""


@pytest.mark.parametrize("spell", [by_class, by_table])
@pytest.mark.parametrize(("fields", "refused"), REDEFINED, ids=ids)
def test_fields_of_a_kind(spell: Any, fields: Fields, refused: str | None) -> None:
    """Only an identical shape, and one with new fields that may be None, take up what is stored."""
    first = Bench(spell(STORED)).up()
    first.ask("make", 1, "one")
    kind = json.loads(first.store["vom.dkind.10.descriptor"])
    before = dict(first.store)
    after = first.upgrade(spell(fields))
    result = after.start()
    if refused is not None:
        assert result["error"]["message"].startswith(refused)
        assert (result["error"]["name"], result["error"]["details"]) == ("KindError", {"kinds": ["Pair"]})
        assert first.store == before
        assert first.ask("get", "x", target="o+d10/1") == 1
        return
    assert result == {"status": "ok"}
    assert [after.ask("get", name, target="o+d10/1") for name in "xy"] == [1, "one"]
    new = [name for name in fields if name not in STORED]
    assert [after.ask("get", name, target="o+d10/1") for name in new] == [None] * len(new)
    for name in new:
        after.ask("put", name, 5, target="o+d10/1")
        assert after.ask("get", name, target="o+d10/1") == 5
    found = json.loads(after.store["vom.dkind.10.descriptor"])
    assert dict(kind["fields"]).items() <= dict(found["fields"]).items()
    assert after.upgrade(spell(fields)).start() == {"status": "ok"}
    assert (after.upgrade(spell(STORED)).start() == {"status": "ok"}) is (not new)


KIT = """
@remotable
class Root:
    def make(self):
        made = make()
        return {made}

def build_root_object(baggage):
    global make
    make = {prepare}
    return Root()
"""


def facets_by_class(*facets: str) -> str:
    """A kind with these facets, or with none."""
    methods = "".join(f"    @facet('{name}')\n    def is_{name}(self): return '{name}'\n" for name in facets)
    single = "    def is_single(self): return 'single'\n"
    made = f"[{', '.join(f'made.facets.{name}' for name in facets)}]" if facets else "[made]"
    kind = f"@durable\nclass Kit:\n    value: int = 0\n{methods or single}"
    return HEAD + kind + KIT.format(made=made, prepare="Kit")


def facets_by_table(*facets: str) -> str:
    """The same, step by step."""
    if facets:
        kit = ", ".join(f"'{n}': {{'is_{n}': lambda context: '{n}'}}" for n in facets)
        prepare = f"prepare_kind_multi(baggage, 'Kit', lambda: {{'value': 0}}, {{{kit}}})"
        made = f"[{', '.join(f'made.{name}' for name in facets)}]"
    else:
        prepare = "prepare_kind(baggage, 'Kit', lambda: {'value': 0}, {'is_single': is_single})"
        made = "[made]"
    return HEAD + "def is_single(context): return 'single'\n" + KIT.format(made=made, prepare=prepare)


FOO, FOOBAR = ("foo",), ("foo", "bar")

FACETS: list[tuple[tuple[str, ...], tuple[str, ...], list[str] | None]] = [
    ((), (), []),
    (FOOBAR, ("foo", "bar"), ["bar", "foo"]),
    (FOOBAR, ("bar", "foo"), ["bar", "foo"]),
    (FOOBAR, ("foo", "bar", "arf"), ["bar", "foo", "arf"]),
    (FOOBAR, ("foo", "bar", "baz"), ["bar", "foo", "baz"]),
    (FOOBAR, ("foo",), None),
    (FOOBAR, ("foo", "baz"), None),
    ((), FOOBAR, None),
    ((), FOO, None),
    (FOOBAR, (), None),
    (FOO, (), None),
]


@pytest.mark.parametrize("spell", [facets_by_class, facets_by_table])
@pytest.mark.parametrize(("old", "new", "order"), FACETS)
def test_facets_of_a_kind(spell: Any, old: Any, new: Any, order: list[str] | None) -> None:
    """Facets may be added and named in any order, none may go, and one face never becomes several."""
    first = Bench(spell(*old)).up()
    first.send("make")
    after = first.upgrade(spell(*new))
    result = after.start()
    if order is None:
        assert result["error"]["name"] == "KindError"
        assert result["error"]["message"].startswith("Kit: expected ")
        return
    assert result == {"status": "ok"}
    assert json.loads(after.store["vom.dkind.10.descriptor"]).get("facets", []) == order
    for number, name in enumerate(order):
        assert after.ask(f"is_{name}", target=f"o+d10/1:{number}") == name


SHAPES = [
    "object",
    "Annotated[Remotable, alleged('Bob')]",
    "'Holder | None'",
    "Annotated[Remotable, Both.facets.one] | None",
]

NAMED = """
@durable
class Both:
    n: int = 0
    @facet("one")
    def hi(self): return "hi"

@durable
class Holder:
    v: {note}

@remotable
class Root:
    def make(self, *args): return Holder(*args)

def build_root_object(baggage):
    baggage["kept"] = provide(baggage, "kept", lambda: Both().facets.one)
    return Root()
"""


@pytest.mark.parametrize("note", SHAPES)
def test_shape_holds_no_reference(note: str) -> None:
    """A shape names what it wants in words, so that defining a kind, and defining it anew, counts nothing."""
    source = HEAD + NAMED.format(note=note)
    counts = {"vom.rc.o+d10/1": "1"}  # what the baggage holds
    bench = Bench(source).up()
    for _ in range(2):
        assert {key: value for key, value in bench.store.items() if key.startswith("vom.rc")} == counts
        assert "slots" not in json.loads(bench.store["vom.dkind.11.descriptor"])
        bench = bench.upgrade(source).up()
    if note != "object":
        return
    bench.send("make", "$0.Alleged: Bob", slots=("o-50",))
    assert bench.store["vom.rc.o-50"] == "1"
    bench.vat.deliver(["dropExports", ["o+d11/1"]])
    assert bench.reap()["dropImports"] == ["o-50"]
    assert state(bench) == ["vom.o+d10/1", "vom.rc.o+d10/1"]


@pytest.mark.parametrize(
    ("note", "told"),
    [
        (
            "Literal[object()]",
            "Holder.v: Literal of object: a literal is None, a bool, an int, a fl",
        ),
        ("Literal['a', len]", "Holder.v: Literal of builtin_function_or_method: a literal is None, a bool"),
    ],
)
def test_literal_is_of_values_with_a_spelling(note: str, told: str) -> None:
    """What could not be compared with itself after an upgrade is no literal."""
    error = Bench(HEAD + NAMED.format(note=note)).start()["error"]
    assert error["message"].startswith(told)


def test_literal_of_a_member_of_an_enum() -> None:
    """An enum's member is stored by its name, also where its value is another one later."""
    colour = """
from enum import Enum
from swingset.vat import register_copy
@register_copy("colour")
class Colour(Enum):
    RED = 1
    BLUE = 2
"""
    source = HEAD + colour + NAMED.format(note="Literal[Colour.RED, 'none']")
    bench = Bench(source).up()
    red, blue = ({"#tag": "colour", "payload": name} for name in ("RED", "BLUE"))
    bench.send("make", red)
    assert json.loads(bench.store["vom.o+d11/1"])["v"] == capdata(red)
    assert bench.ask("make", blue)["#error"] == (
        "Holder.v: wanted Literal[Colour.RED, 'none'], got Colour object"
    )
    fields = json.loads(bench.store["vom.dkind.11.descriptor"])["fields"]
    assert fields == [["v", "Literal['none', Colour.RED]"]]  # stored in one order, whatever was written
    assert bench.upgrade(source.replace("RED = 1", "RED = 7")).start() == {"status": "ok"}
