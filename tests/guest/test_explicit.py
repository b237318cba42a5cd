"""Kinds said step by step: handles, tables of functions, contexts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.guest.guest_bench import Bench, capdata

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
from typing import Annotated, Any
from swingset.vat import remotable
from swingset.vat.explicit import (
    define_durable_kind, define_durable_kind_multi, define_kind, define_kind_multi, make_kind_handle,
    prepare_kind, prepare_kind_multi, prepare_singleton, provide_kind_handle
)
from swingset.vat.patterns import gt
def increment(context, by: int = 1) -> int:
    "One more."
    context.state.value += by
    return context.state.value
def read(context): return context.state.value
def me(context): return context.self
def all_facets(context): return [context.facets.up, context.facets["down"]]
def poke(context, name, value): setattr(context.state, name, value)
def start(value=0): return {"value": value}
BEHAVIOR = {"increment": increment, "read": read, "me": me, "poke": poke, "facets": all_facets}
def decrement(context): return increment(context, -1)
KIT = {"up": {"go": increment, "read": read, "me": me}, "down": {"go": decrement, "all": all_facets}}
"""

ROOT = """
@remotable
class Root:
    def make(self, *args): return make(*args)
    def both(self):
        global made
        made = make()
        return [made.up, made.down]
    def handle(self): return make_kind_handle("unhandled")
    def shown(self): return repr(handle)
    def singleton(self): return the_one
"""


def code(definition: str) -> str:
    body = "".join(f"    {line}\n" for line in definition.strip().splitlines())
    build = f"def build_root_object(baggage):\n    global make, handle, the_one\n{body}    return Root()\n"
    return HEAD + ROOT + build


SINGLE = """
handle = provide_kind_handle(baggage, "Counter")
make = define_durable_kind(handle, start, BEHAVIOR)
"""
MULTI = 'make = prepare_kind_multi(baggage, "Counter", start, KIT)'
SHAPED = (
    'make = prepare_kind(baggage, "Counter", start, BEHAVIOR, state_shape={"value": Annotated[int, gt(-5)]})'
)


def test_single_kind() -> None:
    """An object of an explicit kind has methods of its table, on the state that `init` made."""
    bench = Bench(code(SINGLE)).up()
    bench.send("make", 7)
    assert bench.take()[-1][1][0][2] == capdata("$0.Alleged: Counter", "o+d10/1")
    assert bench.ask("increment", target="o+d10/1") == 8
    assert bench.ask("increment", "x", target="o+d10/1")["#error"] == (
        "Counter.increment(by): wanted int, got str 'x'"
    )
    bench.send("me", target="o+d10/1")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+d10/1"]
    told = bench.ask("__describe__", target="o+d10/1")["methods"]["increment"]
    assert (told["signature"], told["doc"]) == ("increment(by: int = 1) -> int", "One more.")
    told = bench.ask("facets", target="o+d10/1")["#error"]
    assert told == "a Counter has no facets: use context.self"


def test_handle_is_durable() -> None:
    """A handle is an object that the baggage keeps, and its kind goes on under it."""
    bench = Bench(code(SINGLE)).up()
    bench.ask("make", 7)
    assert json.loads(bench.store["vc.1.sCounter_kindHandle"]) == capdata("$0.Alleged: KindHandle", "o+d1/10")
    assert json.loads(bench.store["vom.dkind.10.descriptor"]) == {
        "tag": "Counter",
        "handle": True,
        "fields": None,
    }
    assert bench.ask("shown") == "<KindHandle o+d1/10>"
    after = bench.upgrade(code(SINGLE)).up()
    assert after.ask("read", target="o+d10/1") == 7
    after.send("make")
    assert after.take()[-1][1][0][2]["slots"] == ["o+d10/2"]


def test_kind_with_facets() -> None:
    """Facets may have methods of one name and different behaviour, and share their state."""
    bench = Bench(code(MULTI)).up()
    bench.send("both")
    assert bench.take()[-1][1][0][2] == capdata(
        ["$0.Alleged: Counter up", "$1.Alleged: Counter down"], "o+d10/1:1", "o+d10/1:0"
    )
    assert [bench.ask("go", target=f"o+d10/1:{n}") for n in (1, 1, 0)] == [1, 2, 1]
    bench.send("all", target="o+d10/1:0")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+d10/1:1", "o+d10/1:0"]
    assert bench.ask("me", target="o+d10/1:1")["#error"] == "a Counter has facets: use context.facets.down"
    assert bench.upgrade(code(MULTI)).up().ask("go", target="o+d10/1:1") == 2


def test_state_without_a_shape_has_the_fields_it_was_made_with() -> None:
    """Without a shape a field may hold anything durable, and no field can be added."""
    bench = Bench(code(SINGLE)).up()
    bench.ask("make")
    assert bench.ask("poke", "value", "text", target="o+d10/1") is None
    assert bench.ask("read", target="o+d10/1") == "text"
    told = bench.ask("poke", "size", 1, target="o+d10/1")
    assert (told["name"], told["#error"]) == (
        "AttributeError",
        "the state of Counter has no field 'size', has value",
    )


def test_state_shape_is_enforced() -> None:
    """A shape is checked when an object is made and at each write."""
    bench = Bench(code(SHAPED)).up()
    assert bench.ask("make", -5)["#error"] == "Counter.value: wanted int > -5, got int -5"
    bench.ask("make", 1)
    assert bench.ask("poke", "value", "x", target="o+d10/1")["#error"] == (
        "Counter.value: wanted int, got str 'x'"
    )
    assert json.loads(bench.store["vom.dkind.10.descriptor"])["fields"] == [
        ["value", "Annotated[int, gt(-5)]"]
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            SHAPED,
            SHAPED.replace("gt(-5)", "gt(0)"),
            "Counter.value: expected Annotated[int, gt(-5)] as stored",
        ),
        (
            SHAPED,
            SHAPED.replace("}", ', "size": int}'),
            "Counter.size: expected a default, found `size: int`",
        ),
        (
            SHAPED,
            SINGLE,
            "Counter: expected a shape of the state as stored, found no shape; keep it as it is",
        ),
        (
            SINGLE,
            SHAPED,
            "Counter: expected no shape of the state as stored, found a shape; keep it as it is",
        ),
        (SINGLE, MULTI, "Counter: expected no facets as stored, found facets down, up"),
        (MULTI, SINGLE, "Counter: expected facets down, up as stored, found no facets"),
        (
            MULTI,
            MULTI.replace("KIT", '{"up": {}}'),
            "Counter: expected facets down, up as stored, found facet up",
        ),
        (SINGLE, "make = None", "vat bank: durable kinds Counter are in the store but not in"),
    ],
)
def test_changed_definition_refuses_the_upgrade(old: str, new: str, told: str) -> None:
    """Explicit kinds are compared with what is stored like those of classes."""
    bench = Bench(code(old)).up()
    assert bench.upgrade(code(new)).start()["error"]["message"].startswith(told)


def test_optional_field_may_be_added() -> None:
    """A new field that may be None is None in old objects and where `init` leaves it out."""
    bench = Bench(code(SHAPED)).up()
    bench.ask("make", 1)
    after = bench.upgrade(code(SHAPED.replace("}", ', "more": int | None}'))).up()
    assert after.ask("poke", "more", 5, target="o+d10/1") is None
    assert "#error" not in (after.ask("make", 2) or {})


def test_migration_of_an_explicit_kind() -> None:
    """A new version takes migrations by their pair of versions."""
    bench = Bench(code(SHAPED)).up()
    bench.ask("make", 3)
    twin = Bench(code(SHAPED), store=dict(bench.store), incarnation=1).up()
    new = (
        'make = prepare_kind(baggage, "Counter", start, BEHAVIOR, version=2, '
        'state_shape={"value": str}, migrations={(1, 2): lambda old: {"value": str(old["value"])}})'
    )
    assert bench.upgrade(code(new)).up().ask("read", target="o+d10/1") == "3"
    loose = new.replace('state_shape={"value": str}, ', "")
    assert twin.upgrade(code(loose)).up().ask("read", target="o+d10/1") == "3"


def test_unused_handle_must_be_defined_later() -> None:
    """A handle that was made obliges every later incarnation to define its kind."""
    bench = Bench(code(SINGLE)).up()
    bench.send("handle")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+d1/11"]
    error = bench.upgrade(code(SINGLE)).start()["error"]
    assert error["details"] == {"lostKinds": ["unhandled"]}


def test_virtual_kinds() -> None:
    """Explicit virtual kinds get a new number in each incarnation, and tags may come twice."""
    source = 'make = define_kind("Ghost", start, BEHAVIOR)\ndefine_kind_multi("Ghost", start, KIT)'
    bench = Bench(code(source)).up()
    bench.send("make")
    assert bench.take()[-1][1][0][2] == capdata("$0.Alleged: Ghost", "o+v10/1")
    assert bench.ask("increment", target="o+v10/1") == 1
    after = bench.upgrade(code(source)).up()
    after.send("make")
    assert after.take()[-1][1][0][2]["slots"] == ["o+v12/1"]


def test_singleton() -> None:
    """A singleton is the same object in every incarnation."""
    source = 'the_one = prepare_singleton(baggage, "Zoo", {"me": me})'
    bench = Bench(code(source)).up()
    after = bench.upgrade(code(source)).up()
    for each in (bench, after):
        each.send("singleton")
        assert each.take()[-1][1][0][2] == capdata("$0.Alleged: Zoo", "o+d10/1")


def test_finish_is_given_the_context() -> None:
    """`finish` runs once for a new object, and is not reachable."""
    source = SINGLE.replace("BEHAVIOR", "BEHAVIOR, finish=lambda context: increment(context, 5)")
    bench = Bench(code(source)).up()
    bench.ask("make", 1)
    assert bench.ask("read", target="o+d10/1") == 6
    assert "has no method" in bench.ask("finish", target="o+d10/1")["#error"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("make_kind_handle(5)", "make_kind_handle(5): wants the tag of the kind, a str"),
        (
            "define_durable_kind('Counter', start, BEHAVIOR)",
            "define_durable_kind(str 'Counter', ...): wants a",
        ),
        ("define_kind('K', start, {'_a': read})", "K: a method cannot be called '_a'"),
        ("define_kind('K', start, {'finish': read})", "K: a method cannot be called 'finish'"),
        ("define_kind('K', start, {'a': len})", "K.a: wants a function of a context and arguments"),
        ("define_kind('K', start, {'a': lambda: 1})", "K.a: wants a function of a context and arguments"),
        ("define_kind_multi('K', start, {})", "K: a kind with facets has at least one"),
        (
            "define_kind('K', lambda: 5, BEHAVIOR)()",
            "K: init must return the first state as a dict, not int 5",
        ),
        (SINGLE + "define_durable_kind(handle, start, BEHAVIOR)", "durable kind 'Counter' is defined twice"),
        (
            "prepare_kind(baggage, 'K', start, BEHAVIOR, state_shape={'value': Root})",
            "K.value: Root is not durable: an upgrade ends every Root: make the class @durable",
        ),
    ],
)
def test_senseless_definitions_are_refused(source: str, told: str) -> None:
    """A definition that cannot work is an error where it is written."""
    source = source if source.startswith("\n") else "make = None\n" + source
    answer: Any = Bench(code(source)).start()
    assert answer["error"]["message"].startswith(told)
