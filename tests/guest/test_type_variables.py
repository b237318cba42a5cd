"""Type variables in the annotations of methods: each stands for one type in a call, and guards."""

from __future__ import annotations

import pytest

from tests.guest.guest_bench import Bench, wasm_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from typing import Annotated, AnyStr, Generic, NewType, TypeVar
from swingset.vat import E, Remotable, durable, implements, Interface, make_promise, remotable
from swingset.vat.patterns import gt

Amount = TypeVar("Amount", int, str)
Some = TypeVar("Some", bound="Purse")
Small = TypeVar("Small", bound=Annotated[int, gt(0)])
Pairs = TypeVar("Pairs", list[int], list[str])
Free = TypeVar("Free")

@durable
class Purse:
    owner: str = ""

@durable
class Gold(Purse):
    weight: int = 1

@durable
class Box(Generic[Amount]):
    held: Amount

PlusI = Interface("PlusI", {"declared": "(a: Amount, b: Amount) -> Amount"})

@remotable
@implements(PlusI)
class Root:
    def one(self, a: Amount): return "ok"
    def two(self, a: Amount, b: Amount): return "ok"
    def listed(self, a: Amount, b: list[Amount]): return "ok"
    def mapped(self, a: dict[str, Amount], *more: Amount, **named: Amount): return "ok"
    def maybe(self, a: Amount | None, b: Amount): return "ok"
    def either(self, a: list[Amount] | Amount, b: Amount): return "ok"
    def apart(self, a: Amount, b: AnyStr): return "ok"
    def same_kind(self, a: Pairs, b: Pairs): return "ok"
    def echo(self, a: Amount, answer: object) -> Amount: return answer
    async def later(self, a: Amount, answer: object) -> Amount: return answer
    def promised(self, a: Amount, answer: object) -> Amount:
        promise, resolver = make_promise()
        resolver.resolve(answer)
        return promise
    def declared(self, a, b): return b
    def small(self, a: Small): return "ok"
    def free(self, a: Free, b: Free) -> Free: return a
    def purse(self, kind: str):
        async def check():
            return await E(self).bounded({"purse": Purse, "gold": Gold, "box": lambda: Box(1)}[kind]())
        return check()
    def bounded(self, a: Some): return "ok"
    def box(self, first: object, then: object):
        box = Box(first)
        box.held = then
        return box.held

def build_root_object():
    return Root()
"""

INTS, WORDS = [1, 2], ["a", "b"]

CALLS = {
    "one of the constraints": ("one", (1,), "ok"),
    "the other": ("one", ("a",), "ok"),
    "none of them": ("one", (1.5,), "Root.one(a): wanted int | str, got float 1.5"),
    "the same twice": ("two", (1, 2), "ok"),
    "the other twice": ("two", ("a", "b"), "ok"),
    "two of them": ("two", (1, "b"), "Root.two(b): wanted int (as Amount), got str 'b'"),
    "two, the other way": (
        "two", ("b", 1), "Root.two(b): wanted str (as Amount), got int 1"
    ),
    "inside a list": (
        "listed", (1, [1, "x"]), "Root.listed(b[1]): wanted int (as Amount), got str 'x'"
    ),
    "an empty list leaves it open": ("listed", ("x", []), "ok"),
    "in a dict": ("mapped", ({"a": 1, "b": 2}, 3), "ok"),
    "in a dict, mixed": (
        "mapped",
        ({"a": 1, "b": "x"},),
        "Root.mapped(a['b']): wanted int (as Amount), got str 'x'",
    ),
    "a mixed rest": (
        "mapped", ({}, 1, "x"), "Root.mapped(more): wanted int (as Amount), got str 'x'"
    ),
    "None chooses nothing": ("maybe", (None, "x"), "ok"),
    "not None chooses": (
        "maybe", (1, "x"), "Root.maybe(b): wanted int (as Amount), got str 'x'"
    ),
    "a member of a union that does not fit chooses nothing": ("either", ("x", "y"), "ok"),
    "one that does chooses": (
        "either", ([1], "y"), "Root.either(b): wanted int (as Amount), got str 'y'"
    ),
    "two variables": ("apart", (1, "x"), "ok"),
    "lists of one type": ("same_kind", (INTS, INTS), "ok"),
    "lists of two types": (
        "same_kind",
        (INTS, WORDS),
        "Root.same_kind(b[0]): wanted int (as Pairs), got str 'a'",
    ),
    "the answer too": ("echo", (1, 2), 2),
    "another answer": (
        "echo", (1, "x"), "Root.echo() returned: wanted int (as Amount), got str 'x'"
    ),
    "an answer that comes later": ("later", ("a", "b"), "b"),
    "another that comes later": (
        "later", ("a", 5), "Root.later() returned: wanted str (as Amount), got int 5"
    ),
    "a promised answer": (
        "promised",
        ("a", 5),
        "Root.promised() returned: wanted str (as Amount), got int 5",
    ),
    "what an interface declares": (
        "declared", (1, "x"), "Root.declared(b): wanted int (as Amount), got str 'x'"
    ),
    "a bound": ("small", (1,), "ok"),
    "below a bound": ("small", (0,), "Root.small(a): wanted int > 0, got int 0"),
    "a bound by name": ("purse", ("purse",), "ok"),
    "a subclass of the bound": ("purse", ("gold",), "ok"),
    "not of the bound": ("purse", ("box",), "Root.bounded(a): wanted Purse, got Box object"),
    "neither bound nor constraints": ("free", (1, "x"), 1),
    "each use in state by itself": ("box", (1, "x"), "x"),
    "state is guarded": ("box", (1.5, 1), "Box.held: wanted int | str, got float 1.5"),
}  # fmt: skip


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def test_a_variable_stands_for_one_type_in_a_call(bench: Bench) -> None:
    """Each row of the table: what is sent, and the answer or the words that refuse it."""
    for what, (method, args, expected) in CALLS.items():
        answer = bench.ask(method, *args)
        told = answer.get("#error") if isinstance(answer, dict) else answer
        if isinstance(told, str):
            told = told.replace(" elsewhere in this call)", ")")
        assert told == expected, what


def test_calls_that_are_answered_later_do_not_choose_for_each_other(bench: Bench) -> None:
    """Two calls are under way, one for ints and one for words, and each has its own choice."""
    first, second = bench.send("later", 1, 2), bench.send("later", "a", "b")
    settled = {entry[0]: entry for call in bench.take() if call[0] == "resolve" for entry in call[1]}
    assert [settled[name][1] for name in (first, second)] == [False, False]


NEW_STYLE = """
from __future__ import annotations
from swingset.vat import remotable

@remotable
class Root:
    def two[T: (int, str)](self, a: T, b: T) -> T: return b
    def bounded[S: int](self, a: S) -> S: return a

def build_root_object():
    return Root()
"""


@wasm_only
def test_variables_in_the_head_of_a_method(bench: Bench) -> None:
    """What Python spells since 3.12, with annotations that are text or not."""
    for source in (NEW_STYLE, NEW_STYLE.replace("from __future__ import annotations\n", "")):
        bench = Bench(source).up()
        assert bench.ask("two", 1, 2) == 2
        told = "Root.two(b): wanted int (as T elsewhere in this call), got str 'x'"
        assert bench.ask("two", 1, "x")["#error"] == told
        assert bench.ask("bounded", "x")["#error"] == "Root.bounded(a): wanted int, got str 'x'"
