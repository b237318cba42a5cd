"""Annotations of methods as guards, and what an object says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from __future__ import annotations
from typing import Annotated, Any, Literal, NamedTuple, Optional, Protocol, TypedDict, Union
from collections.abc import Mapping, Sequence
from swingset.vat import E, Promise, Remotable, durable, remotable

@remotable
class Other:
    pass

class Greeter(Protocol):
    def hello(self) -> str: ...

class Point(TypedDict):
    x: int
    y: float

class Mixin:
    def shared(self, n: int) -> int:
        return n + 1

@remotable
class Root(Mixin):
    "What the root does."
    attribute = 5

    def other(self): return Other()
    def purse(self): return Purse("a")
    def i(self, v: int): return v
    def f(self, v: float): return v
    def b(self, v: bool): return v
    def s(self, v: str): return v
    def none(self, v: None): return v
    def opt(self, v: Optional[int]): return v
    def union(self, v: int | str): return v
    def old_union(self, v: Union[str, int]): return v
    def ints(self, v: list[int]): return v
    def table(self, v: dict[str, list[int]]): return v
    def pair(self, v: tuple[int, str]): return v
    def many(self, v: tuple[int, ...]): return v
    def lit(self, v: Literal["a", 1]): return v
    def seq(self, v: Sequence[int]): return v
    def mapping(self, v: Mapping[str, int]): return v
    def any(self, v: Any): return v
    def obj(self, v: object): return v
    def ref(self, v: Remotable): return v
    def greeter(self, v: Greeter): return v
    def mine(self, v: Other): return v
    def durable(self, v: Purse): return v
    def point(self, v: Point): return v
    def promise(self, v: Promise[int]): return None
    def noted(self, v: Annotated[int, "small"]): return v
    def unknown(self, v: NoSuchClass): return v
    def a_set(self, v: set[int]): return v
    def starred(self, *v: int, **kw: str): return [list(v), kw]
    def only(self, a: int, /, b: int = 2, *, c: str = "x") -> list: return [a, b, c]
    def liar(self) -> int: return "five"
    async def late_liar(self) -> int: return "five"
    def promised(self) -> Promise[int]: return E.when("five")
    def _hidden(self): return "secret"
    @staticmethod
    def static(v): return v
    @property
    def prop(self): return 1

    def documented(self, amount: int, note: str | None = None) -> int:
        '''Say what this does.

        In two parts.
        '''
        return amount

    async def to_self(self, v):
        try:
            return await E(self).i(v)
        except TypeError as exc:
            return str(exc)

    async def same_list(self):
        items = [1]
        return await E(self).keeps(items) is items

    def keeps(self, items): return items

@durable
class Purse:
    owner: str
    def peer(self, other: Purse) -> str: return other.owner

def build_root_object():
    return Root()
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


GOOD: list[tuple[str, Any]] = [
    ("i", 5),
    ("i", "+99999999999999999999"),
    ("f", 5),
    ("f", 5.5),
    ("b", True),
    ("s", "x"),
    ("none", None),
    ("opt", None),
    ("opt", 5),
    ("union", "x"),
    ("old_union", 5),
    ("ints", [1, 2]),
    ("table", {"a": [1]}),
    ("pair", {"#tag": "tuple", "payload": [1, "a"]}),
    ("many", {"#tag": "tuple", "payload": [1, 2, 3]}),
    ("lit", "a"),
    ("lit", 1),
    ("seq", [1]),
    ("mapping", {"a": 1}),
    ("any", [None]),
    ("obj", "x"),
    ("point", {"x": 1, "y": 2}),
    ("noted", 5),
    ("shared", 5),
]


@pytest.mark.parametrize(("method", "value"), GOOD)
def test_fitting_argument_is_accepted(bench: Bench, method: str, value: Any) -> None:
    """A value that fits the annotation reaches the method."""
    answer = bench.ask(method, value)
    assert not (isinstance(answer, dict) and "#error" in answer), answer


BAD = [
    ("i", "five", "Root.i(v): wanted int, got str 'five'"),
    ("i", True, "Root.i(v): wanted int, got bool True"),
    ("i", 5.0, "Root.i(v): wanted int, got float 5.0"),
    ("i", None, "Root.i(v): wanted int, got None"),
    ("i", [1], "Root.i(v): wanted int, got list of 1"),
    ("f", True, "Root.f(v): wanted float, got bool True"),
    ("f", "x", "Root.f(v): wanted float, got str 'x'"),
    ("b", 1, "Root.b(v): wanted bool, got int 1"),
    ("s", 1, "Root.s(v): wanted str, got int 1"),
    ("none", 0, "Root.none(v): wanted None, got int 0"),
    ("opt", "x", "Root.opt(v): wanted int | None, got str 'x'"),
    ("union", 5.5, "Root.union(v): wanted int | str, got float 5.5"),
    ("old_union", None, "Root.old_union(v): wanted int | str, got None"),
    ("ints", [1, "a"], "Root.ints(v[1]): wanted int, got str 'a'"),
    ("ints", 5, "Root.ints(v): wanted list[int], got int 5"),
    ("table", {"a": [1, None]}, "Root.table(v['a'][1]): wanted int, got None"),
    ("pair", [1, "a"], "Root.pair(v): wanted tuple[int, str], got list of 2"),
    ("many", {"#tag": "tuple", "payload": ["a"]}, "Root.many(v[0]): wanted int, got str 'a'"),
    ("lit", "b", "Root.lit(v): wanted Literal['a', 1], got str 'b'"),
    ("lit", True, "Root.lit(v): wanted Literal['a', 1], got bool True"),
    ("mapping", {"a": "b"}, "Root.mapping(v['a']): wanted int, got str 'b'"),
    ("ref", "x", "Root.ref(v): wanted Remotable, got str 'x'"),
    ("mine", "x", "Root.mine(v): wanted Other, got str 'x'"),
    ("point", {"x": 1}, "Root.point(v): wanted Point (a dict with x, y), got dict of 1"),
    ("point", {"x": 1, "y": "a"}, "Root.point(v['y']): wanted float, got str 'a'"),
    ("promise", 5, "Root.promise(v): wanted Promise, got int 5"),
    ("shared", "x", "Root.shared(n): wanted int, got str 'x'"),
    (
        "unknown",
        5,
        "Root.unknown, annotation of 'v' at <bank:bank>:53: the annotation 'NoSuchClass' cannot be "
        "evaluated here: name 'NoSuchClass' is not defined; for an object of another vat write `object` or "
        "`Remotable`",
    ),
    (
        "a_set",
        5,
        "Root.a_set, annotation of 'v' at <bank:bank>:54: set cannot be a guard, because its instances "
        "cannot pass between vats: write `list`",
    ),
]


@pytest.mark.parametrize(("method", "value", "message"), BAD)
def test_misfit_is_refused_by_name(bench: Bench, method: str, value: Any, message: str) -> None:
    """A value that does not fit rejects with the method, the place, what was wanted and what came."""
    answer = bench.ask(method, value)
    assert (answer["name"], answer["#error"]) == ("TypeError", message)


def test_references_fit_their_annotations(bench: Bench) -> None:
    """Presences are remotable; a class of this vat wants an instance of it."""
    for method in ("ref", "greeter", "obj"):
        assert bench.ask(method, "$0.Alleged: X", slots=("o-50",)) == "$0.Alleged: X"
    bench.ask("other")
    bench.ask("purse")
    assert bench.ask("mine", "$0", slots=("o+10",)) == "$0.Alleged: Other"
    assert bench.ask("durable", "$0", slots=("o+d10/1",)) == "$0.Alleged: Purse"
    assert bench.ask("peer", "$0", target="o+d10/1", slots=("o+d10/1",)) == "a"
    answer = bench.ask("mine", "$0.Alleged: Other", slots=("o-51",))
    assert answer["#error"] == "Root.mine(v): wanted Other, got <Presence o-51 Alleged: Other>"


def test_promise_is_no_value(bench: Bench) -> None:
    """A guard looks at what came, so a promise for an int is not an int, and the error says what helps."""
    answer = bench.ask("i", "&0", slots=("p-70",))
    assert answer["#error"] == "Root.i(v): wanted int, got Promise: await it first"
    assert bench.ask("promise", "&0", slots=("p-70",)) is None


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((), None, "missing 'a'"),
        ((1, 2, 3), None, "takes 2 positional arguments, got 3"),
        ((1,), {"d": 1}, "has no parameter 'd'"),
        ((1, 2), {"b": 1}, "'b' is given twice"),
        ((), {"a": 1}, "has no parameter 'a'"),
    ],
)
def test_arguments_must_bind(bench: Bench, args: Any, kwargs: Any, problem: str) -> None:
    """Missing, surplus and unknown arguments reject with the signature."""
    answer = bench.ask("only", *args, kwargs=kwargs)
    signature = "only(a: int, /, b: int = 2, *, c: str = 'x') -> list"
    assert answer["#error"] == f"Root.only: {problem}; it is {signature}"


def test_keywords_and_stars_are_checked(bench: Bench) -> None:
    """Every value that a star collects is checked, by position and by keyword."""
    assert bench.ask("only", 1, kwargs={"c": "z", "b": 3}) == [1, 3, "z"]
    assert bench.ask("starred", 1, 2, kwargs={"k": "v"}) == [[1, 2], {"k": "v"}]
    assert bench.ask("starred", 1, "x")["#error"] == "Root.starred(v): wanted int, got str 'x'"
    assert bench.ask("starred", kwargs={"k": 5})["#error"] == "Root.starred(kw): wanted str, got int 5"


@pytest.mark.parametrize("method", ["liar", "late_liar", "promised"])
def test_answer_is_checked(bench: Bench, method: str) -> None:
    """A result that does not fit its annotation rejects, whether it is there at once or later."""
    assert bench.ask(method)["#error"] == f"Root.{method}() returned: wanted int, got str 'five'"


@pytest.mark.parametrize(
    "name", ["_hidden", "__init__", "__class__", "attribute", "static", "prop", "nope", ""]
)
def test_only_methods_are_reachable(bench: Bench, name: str) -> None:
    """Private names, attributes, properties and static functions do not exist for a sender."""
    answer = bench.ask(name)
    assert answer["name"] == "TypeError"
    assert answer["#error"].startswith(f'target has no method "{name}", has [a_set, any, b, documented, ')


def test_describe_lists_methods_with_signatures(bench: Bench) -> None:
    """An object describes its methods to whoever may send to it."""
    told = bench.ask("__describe__")
    assert (told["tag"], told["doc"]) == ("Root", "What the root does.")
    assert told["methods"]["documented"] == {
        "signature": "documented(amount: int, note: str | None = None) -> int",
        "doc": "Say what this does.\n\nIn two parts.",
        "async": False,
        "parameters": [
            {"name": "amount", "type": "int", "required": True, "keyword_only": False},
            {"name": "note", "type": "str | None", "required": False, "keyword_only": False},
        ],
        "returns": "int",
    }
    assert told["methods"]["late_liar"]["async"] is True
    assert told["methods"]["unknown"]["signature"].startswith("unknown(v)  # Root.unknown, annotation of 'v'")
    assert "_hidden" not in told["methods"]


def test_guard_holds_inside_the_vat_too(bench: Bench) -> None:
    """`E(x)` on an object of the same vat goes through the guard, in a turn of its own."""
    assert bench.ask("to_self", "five") == "Root.i(v): wanted int, got str 'five'"
    assert bench.ask("to_self", 5) == 5


def test_data_is_copied_inside_the_vat_too(bench: Bench) -> None:
    """Sender and receiver in one vat do not share the containers of a message."""
    assert bench.ask("same_list") is False
