"""The names of a session: what is kept of a program's variables, what comes back, and what is told."""

from __future__ import annotations

import enum
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from swingset.guest.base.resolvers import make_promise
from swingset.guest.sending.eventual import E
from swingset.host.sessions.session import Session
from swingset.host.variables.looking import PORTION, Search
from swingset.host.worlds.opening import open_world
from swingset.vat import durable, remotable
from tests.host import odd
from tests.host.test_lives import bank_stage
from tests.staging import Stage


@dataclass
class Holder:
    """An ordinary dataclass."""

    p: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class Slotted:
    """One without a dict."""

    p: Any


class Plain:
    """An ordinary class, whose code must not run."""

    def __init__(self, p: Any) -> None:
        self.p = p

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)

    def __eq__(self, other: object) -> bool:
        raise AssertionError("==")

    __hash__ = None  # type: ignore[assignment]


class Pair(NamedTuple):
    """A tuple with names."""

    left: Any
    right: Any


Old = namedtuple("Old", "a b")


class Color(enum.Enum):
    """Colours."""

    RED = 1


CLASSES = {cls.__name__: cls for cls in (Holder, Slotted, Plain, Pair, Old, Color)}


def nested(value: Any, times: int) -> Any:
    """A value in many lists."""
    for _ in range(times):
        value = [value]
    return value


def shown(value: Any) -> Any:
    """A value as text in which kinds and order count, for comparison without the code of classes."""
    if type(value) is Plain or type(value) is types.SimpleNamespace:
        return type(value).__name__, sorted((key, shown(item)) for key, item in vars(value).items())
    if type(value) in (Holder, Slotted):
        return type(value).__name__, shown(value.p)
    if isinstance(value, dict):
        extra = repr(getattr(value, "default_factory", None))
        return type(value).__name__, extra, [(shown(key), shown(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return type(value).__name__, sorted(map(repr, map(shown, value)))
    if isinstance(value, list | tuple | deque):
        return type(value).__name__, getattr(value, "maxlen", None), [shown(item) for item in value]
    return repr(value)


KEPT: dict[str, Callable[[Any], Any]] = {
    "presence": lambda p: p,
    "list": lambda p: [p, 1, "x", None, 2.5, b"y"],
    "tuple": lambda p: (p, (p,), ()),
    "dict": lambda p: {"a": p, 5: [p], None: {}, (1, p): p},
    "set": lambda p: {p, 1},
    "frozenset": lambda p: frozenset([p, (p, 2)]),
    "deque": lambda p: deque([p, [p]], 7),
    "deque without end": lambda p: deque([p]),
    "defaultdict": lambda p: defaultdict(list, {"a": [p]}),
    "defaultdict without a factory": lambda p: defaultdict(None, {"a": p}),
    "OrderedDict": lambda p: OrderedDict(b=p, a=1),
    "Counter": lambda p: Counter({p: 2, "a": 1}),
    "SimpleNamespace": lambda p: types.SimpleNamespace(p=p, q=[p]),
    "dataclass": lambda p: Holder(p),
    "dataclass with slots": lambda p: Slotted([p]),
    "class": lambda p: Plain({"a": [p]}),
    "NamedTuple": lambda p: Pair(p, [p]),
    "namedtuple": lambda p: Old(p, Old(p, 1)),
    "enum inside": lambda p: {Color.RED: p, "c": [Color.RED]},
    "UUID": lambda p: {"purse": p, "id": UUID(int=5)},
    "date": lambda p: [p, date(2024, 2, 29)],
    "set inside": lambda p: [p, {1, 2}],
    "complex, range, bytearray": lambda p: [p, 1j, range(3), bytearray(b"z")],
    "long list": lambda p: [p, *range(9_000), p],
    "many references": lambda p: [p] * 11_000,
    "deep": lambda p: nested(p, 3_000),
    "long texts": lambda p: [p, *("x" * 1_000_000 for _ in range(12))],
    "float keys": lambda p: {1.5: p, float("inf"): p},
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A world with a bank in it, on disk."""
    stage = bank_stage(tmp_path / "a.world")
    stage.session.names.classes = CLASSES
    yield stage
    stage.close()


def purse_of(stage: Stage, owner: str = "alice") -> Any:
    """A new purse."""
    return stage.ask(stage.session.root("bank"), "open_purse", owner)


def again(stage: Stage, classes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The interpreter is killed, and another one opens the world; the names that come back."""
    path = stage.controller.world.path
    stage.controller.close()
    stage.controller = open_world(path, worker="local")
    stage.session = Session(stage.controller)
    stage.session.names.classes = CLASSES if classes is None else classes
    return stage.session.names.recall()


@pytest.mark.parametrize("sort", KEPT)
def test_what_comes_back_is_what_was_there(stage: Stage, sort: str) -> None:
    """Every common container and object comes back as its own kind, as it was, and its references work."""
    value = KEPT[sort](purse_of(stage))
    assert stage.session.names.remember({"value": value, "plain": [1, 2]}) == []
    before = shown(value) if sort != "deep" else None
    found = again(stage)
    assert sorted(found) == ["bank", "value"]
    if before is not None:
        assert shown(found["value"]) == before
    stage.session.liveslots.slots.imports.recent.let_go()
    stage.controller.gc.reap_all()
    stage.session.settle()
    while not hasattr(type(found["value"]), "_vref"):
        value = found["value"]
        if isinstance(value, dict):
            inner: Any = [*value.values(), *value]
        else:
            inner = list(value) if _holds(value) or isinstance(value, deque) else [value.p]
        found["value"] = next(item for item in inner if hasattr(type(item), "_vref") or _holds(item))
    assert stage.ask(found["value"], "read") == ["alice", 0]


def _holds(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | set | frozenset | Pair | Old)


def test_what_comes_back_can_be_changed(stage: Stage) -> None:
    """A list is a list again, and so on: not the store's frozen copies."""
    purse = purse_of(stage)
    stage.session.names.remember({"a": [purse], "b": {"a": purse}, "c": [[purse]]})
    found = again(stage)
    found["a"].append(1)
    found["b"].setdefault("c", 1)
    found["c"][0].sort()
    assert stage.session.names.remember(found) == []
    assert len(again(stage)["a"]) == 2


def test_two_names_for_one_thing_and_circles_come_back(stage: Stage) -> None:
    """Two names for one list are two names for one list again, and a list in itself lies in itself."""
    purse = purse_of(stage)
    one: list[Any] = [purse]
    one.append(one)
    loop: dict[str, Any] = {"purse": purse}
    loop["holder"] = Holder((loop, purse))
    stage.session.names.remember({"one": one, "two": one, "other": [purse], "loop": loop})
    found = again(stage)
    assert found["one"] is found["two"]
    assert found["one"][1] is found["one"]
    assert found["other"] is not found["one"]
    assert found["loop"]["holder"].p[0] is found["loop"]
    assert found["loop"]["purse"] is found["one"][0]
    stage.session.names.remember({"two": found["two"], "one": 5})
    assert again(stage)["two"][1][1][0] is not None


def test_name_waits_for_the_class_of_what_it_holds(stage: Stage) -> None:
    """An object comes back once its class is there; until then its name is kept, and says so."""
    purse = purse_of(stage)
    stage.session.names.remember({"holder": Holder(purse), "both": [Holder(purse), Pair(1, purse)]})
    assert sorted(again(stage, {})) == ["bank"]
    assert stage.session.names.unread == {
        "both": "it waits for its class Holder",
        "holder": "it waits for its class Holder",
    }
    stage.session.names.remember({})
    stage.session.names.classes = {"Holder": Holder}
    assert list(stage.session.names.recall_more()) == ["holder"]
    stage.session.names.classes = {"Holder": Holder, "Pair": Pair}
    assert list(stage.session.names.recall_more()) == ["both"]


def test_a_name_follows_what_it_stands_for(stage: Stage) -> None:
    """However deep and in whatever kind something changes, the next look stores it; long lists grow on."""
    purse = purse_of(stage)
    held: dict[str, Any] = {
        "list": [purse] * 999,
        "deep": {"a": [Holder(deque([purse]))]},
        "set": {purse},
        "default": defaultdict(list, {"a": [purse]}),
        "raw": [purse, bytearray(b"a")],
        "place": [purse, 1],
        "member": {purse, 1},
    }
    changes: dict[str, Callable[[], object]] = {
        "list": lambda: held["list"].extend([purse] * 5_000),
        "deep": lambda: held["deep"]["a"][0].p.append(purse),
        "set": lambda: held["set"].add(5),
        "default": lambda: setattr(held["default"], "default_factory", dict),
        "raw": lambda: held["raw"][1].extend(b"b"),
        "place": lambda: held["place"].__setitem__(1, 2),
        "member": lambda: held["member"].symmetric_difference_update({1, 2}),
    }
    assert stage.session.names.remember(held, budget=50_000) == []
    for change in changes.values():
        change()
    assert stage.session.names.remember(held, budget=50_000) == []
    # A reference says more of itself while its world is open.
    now = {name: shown(value) for name, value in held.items()}
    found = again(stage)
    assert {name: shown(found[name]) for name in held} == now


def test_an_unchanged_name_is_not_written_again(stage: Stage) -> None:
    """A look at what is part for part what it was writes nothing."""
    purse = purse_of(stage)
    held = {"many": [purse] * 2_000, "one": purse, "same": [purse]}
    held["again"] = held["same"]
    stage.session.names.remember(held)
    writes: list[str] = []
    stage.controller.world.faults = writes.append
    stage.session.names.remember(held, budget=50_000)
    stage.controller.world.faults = None
    assert writes == []


@remotable
class Ear:
    """Lives in the heap."""


FLEETING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "promise": (lambda p: E(p).read(), "is a promise: await it"),
    "promise inside": (lambda p: {"a": [E(p).read()]}, "['a'][0] is a promise: await it"),
    "own promise": (lambda p: make_promise()[0], "is a promise: await it"),
    "resolver": (lambda p: make_promise()[1], "is a resolver"),
    "proxy": (lambda p: E(p), "is E(...) of something: keep the object itself"),
    "method": (lambda p: [E(p).read], "[0] is E(...) of something"),
    "remotable": (
        lambda p: Ear(),
        "is a @remotable Ear, which ends with the session: make its class @durable",
    ),
    "function": (lambda p: (p, print), "[1] is a builtin_function_or_method, which cannot be kept"),
    "partial": (lambda p: Holder([p, partial(print)]), ".p[1] is a partial, which cannot be kept"),
    "class": (lambda p: [p, int], "[1] is the class int, which cannot be kept"),
    "list of another class": (
        lambda p: type("MyList", (list,), {})([p]),
        "is a MyList, which cannot be kept",
    ),
    "unknown class": (
        lambda p: [p, type("Unknown", (), {})()],
        "[1] is an Unknown, and the name Unknown does not stand for its class here: import the class by that"
        " name, or keep plain data of it",
    ),
    "factory": (lambda p: defaultdict(lambda: 5, a=p), "whose default_factory is none of the usual types"),
    "object as a key": (lambda p: {Slotted(1): p}, "has a key or member that is a Slotted"),
    "generator": (lambda p: [p, (n for n in [])], "[1] is a generator"),
    "half a letter": (lambda p: [p, "\ud800"], "holds what cannot be kept"),
    "too much": (lambda p: [p, *range(1_000_001)], "has more than 1,000,000 items"),
    "one long text": (lambda p: [p, "x" * 11_000_000], "holds what cannot be kept"),
}


@pytest.mark.parametrize("sort", FLEETING)
def test_what_cannot_be_kept_is_told_with_the_reason(stage: Stage, sort: str) -> None:
    """A name that will not come back is told, with the part that cannot be kept and why."""
    make, reason = FLEETING[sort]
    purse = purse_of(stage)
    assert stage.session.names.remember({"good": [purse], "bad": make(purse)}) == ["bad"]
    assert reason in stage.session.names.fleeting["bad"]
    assert sorted(again(stage)) == ["bank", "good"]


def test_name_that_can_no_longer_be_kept_is_forgotten_and_can_be_mended(stage: Stage) -> None:
    """What was stored of a name goes when it comes to hold what cannot be kept, and comes with the mend."""
    purse = purse_of(stage)
    held = {"a": [purse]}
    stage.session.names.remember(held)
    held["a"].append(print)
    assert stage.session.names.remember(held, budget=1_000) == ["a"]
    assert "a" not in stage.session.names.recall()
    held["a"].pop()
    assert stage.session.names.remember(held, budget=1_000) == []
    assert stage.session.names.recall()["a"] == [purse]


def test_dead_handles_in_a_name_are_told(stage: Stage) -> None:
    """A list with a handle of a state that was left is not stored, and says so."""
    stage.controller.checkpoint("one")
    held = {"later": [purse_of(stage)]}
    stage.controller.history.go_back("one")
    assert stage.session.names.remember(held) == ["later"]
    assert stage.session.names.fleeting["later"] == "[0] belongs to what was left or undone"


# Looking without running anything, and within bounds.


@pytest.mark.parametrize("sort", odd.ODD)
def test_odd_variable_harms_nothing_and_runs_nothing(stage: Stage, sort: str) -> None:
    """A variable that would run code when it is asked anything is passed over, alone or in containers."""
    thing, purse = odd.ODD[sort](), purse_of(stage)
    stage.session.names.classes = {**CLASSES, **odd.CLASSES}
    names = {"odd": thing, "listed": [thing, thing], "held": Holder(thing)}
    names |= {"good": [purse], "mixed": [thing, purse]}
    for budget in (None, 1_000, 1_000):
        fleeting = stage.session.names.remember(names, budget=budget)
        assert "good" not in fleeting
        assert {"odd", "listed", "held"}.isdisjoint(fleeting)
    stage.session.names.classes = CLASSES
    assert "good" in again(stage)


class Listed(list[Any]):
    """A list with a class of its own."""


def knot(count: int) -> Any:
    """Dicts that all know each other."""
    nodes: list[Any] = [{"id": number} for number in range(count)]
    for node in nodes:
        node["peers"] = nodes
    return nodes


LARGE: dict[str, Callable[[], Any]] = {
    "knot": lambda: knot(500),
    "matrix": lambda: [[0.0] * 1_000 for _ in range(1_000)],
    "nested": lambda: {a: {b: [0] * 50 for b in range(100)} for a in range(100)},
    "objects": lambda: [Holder(Holder(number)) for number in range(20_000)],
    "itself": lambda: nested([], 100_000),
    "numbers": lambda: [*range(1_000_000)],
    "table": lambda: {number: [number] for number in range(20_000)},
    "set": lambda: {(number, str(number)) for number in range(20_000)},
    "queue": lambda: deque([number] for number in range(20_000)),
    "its own list": lambda: Listed([number] for number in range(20_000)),
}


@pytest.mark.parametrize("sort", LARGE)
def test_a_look_is_bounded_whatever_the_variables_are(sort: str) -> None:
    """One look at a large variable ends within its budget and one portion of it; many looks see all."""
    search = Search(LARGE[sort](), lambda cls: cls is Holder)
    looks, least = 0, 0
    while not search.done:
        least = min(least, search.go_on(10_000))
        looks += 1
    assert not search.found
    assert looks <= 60
    assert least >= -2 * PORTION


def test_large_data_that_changes_between_two_looks_is_searched_to_the_end(stage: Stage) -> None:
    """A dict that grew is read anew, so a reference that is behind the change is found."""
    purse = purse_of(stage)
    data: dict[Any, Any] = {number: [number] for number in range(5_000)}
    search = Search(data, lambda cls: False)
    search.go_on(1_500)
    data["purse"] = [purse]
    while not search.done:
        search.go_on(1_500)
    assert search.found


def test_reference_deep_in_large_data_is_found_after_some_cells(stage: Stage) -> None:
    """What one budget does not reach the next cells do, and a checkpoint reaches all; small ones first."""
    purse = purse_of(stage)
    large: Any = [[[number] for number in range(500)] for _ in range(20)]
    large[0][0].append(purse)
    names = {"large": large, "z": [purse]}
    stage.session.names.remember(names, budget=2_000)
    assert sorted(stage.session.names.recall()) == ["bank", "z"]
    for _ in range(12):
        stage.session.names.remember(names, budget=2_000)
    assert sorted(stage.session.names.recall()) == ["bank", "large", "z"]
    other = {"large": [[[number] for number in range(500)] for _ in range(20)], "z": names["z"]}
    stage.session.names.remember(other, budget=10)
    other["large"][7][7].append(purse)
    stage.session.names.remember(other)
    assert sorted(stage.session.names.recall()) == ["bank", "large", "z"]


def test_reference_that_comes_into_known_data_is_found(stage: Stage) -> None:
    """Data in which nothing was found is looked at again, a part after each cell."""
    purse = purse_of(stage)
    names: dict[str, Any] = {"data": [[number] for number in range(1_000)]}
    stage.session.names.remember(names, budget=5_000)
    names["data"][500].append(purse)
    for _ in range(4):
        stage.session.names.remember(names, budget=5_000)
    assert "data" in stage.session.names.recall()


# What a stranger has written in the place of names.

FORGED: dict[str, Any] = {
    "no header": ["x"],
    "header of another sort": ["kept", "1", []],
    "portions that are not there": ["kept", 1_000_000, [["list", None, [], []]]],
    "no pieces": ["kept", 0, []],
    "piece": ["kept", 0, [5]],
    "kind": ["kept", 0, [["eval", None, [], []]]],
    "continuation of nothing": ["kept", 0, [["+", None, [], []]]],
    "link out of bounds": ["kept", 0, [["list", None, [0], [[0, 9]]]]],
    "negative link": ["kept", 0, [["list", None, [0], [[-1, 0]]]]],
    "link of another sort": ["kept", 0, [["list", None, [0], [["0", 0]]]]],
    "circle of tuples": ["kept", 0, [["tuple", None, [0], [[0, 0]]]]],
    "pairs": ["kept", 0, [["dict", None, [1], []]]],
    "list as a key": ["kept", 0, [["dict", None, [0, 1], [[0, 1]]], ["list", None, [], []]]],
    "factory": ["kept", 0, [["defaultdict", "eval", [], []]]],
    "length": ["kept", 0, [["deque", -1, [], []]]],
    "UUID": ["kept", 0, [["UUID", None, [-1], []]]],
    "range": ["kept", 0, [["range", None, [0, 1, 0], []]]],
    "member": ["kept", 0, [["enum", "Color", ["mro"], []]]],
    "class that is none": ["kept", 0, [["object", "list", [], []]]],
    "tuple of others": ["kept", 0, [["namedtuple", "Pair", [1], []]]],
    "attribute": ["kept", 0, [["object", "Slotted", ["__class__", 5], []]]],
    "keys of one hash": ["kept", 0, [["dict", None, [n * (2**61 - 1) for n in range(400)], []]]],
    "same as nobody": ["same", "nobody"],
    "same as itself": ["same", "forged"],
}


@pytest.mark.parametrize("sort", FORGED)
def test_forged_names_are_refused_and_harm_nothing(stage: Stage, sort: str) -> None:
    """What does not fit the grammar of names is left out with a reason; the other names come back."""
    purse = purse_of(stage)
    stage.session.names.remember({"good": [purse]})
    names = stage.session.names._names()
    names._map["forged"] = FORGED[sort]
    stage.session.settle()
    found = again(stage, {**CLASSES, "list": list})
    assert sorted(found) == ["bank", "good"]
    assert "forged" in stage.session.names.unread


def test_own_durable_objects_are_kept_in_containers(stage: Stage) -> None:
    """Durable objects of the session itself are references like others, also as keys."""

    @durable
    class Note:
        text: str

    note = Note("a")
    assert stage.session.names.remember({"notes": {note: [note]}, "held": Holder(note)}) == []
    found = stage.session.names.recall()
    assert found["notes"] == {note: [note]}
    assert found["held"].p is note
