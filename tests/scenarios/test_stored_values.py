"""What may be stored, and in which order it is read: the reference's tables of collections and state shapes.

The same tables as in `tests/guest`, here between real vats and on both workers, where a key or a value has
been through the engine, the kernel's store and an upgrade. Python has one kind of whole number, no symbols
and no `undefined`: what the reference tells apart as numbers and bigints is here in one order, by value.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.core.errors import VatFault
from tests.scenarios.test_gc import records
from tests.staging import Stage

SHELVES = """
    from swingset.vat import BigMap, BigSet, WeakBigMap, WeakBigSet, remotable
    from swingset.vat.patterns import gt

    SORTS = {"map": BigMap, "set": BigSet, "weak map": WeakBigMap, "weak set": WeakBigSet}
    PATTERNS = {"number": float, "gt53": gt(53), "str": str}

    def outcome(act, *args):
        try:
            return act(*args)
        except Exception as problem:
            return f"{type(problem).__name__}: {problem.args[0]}"

    @remotable
    class Shelves:
        def __init__(self, baggage):
            self.baggage, self.passing = baggage, {}

        def _shelf(self, name):
            return self.passing[name] if name in self.passing else self.baggage[name]

        def make(self, sort, durable, keys=None):
            shape = {"keys": PATTERNS[keys]} if keys else {}
            (self.baggage if durable else self.passing)[sort] = SORTS[sort](sort, durable=durable, **shape)

        def fill(self, name, keys):
            shelf = self._shelf(name)
            for key in keys:
                shelf.init(key, [key]) if isinstance(shelf, BigMap) else shelf.add(key)

        def keys(self, name, *pattern):
            return list(self._shelf(name).keys(*[PATTERNS.get(item, item) for item in pattern]))

        def values(self, name):
            return list(self._shelf(name).values())

        def do(self, name, method, *args):
            return outcome(getattr(self._shelf(name), method), *args)

        def has(self, name, *methods):
            return [hasattr(self._shelf(name), method) for method in methods]

        def walk_and(self, name, steps, method, *args):
            shelf = self._shelf(name)
            walk = iter(shelf.keys())
            met = [next(walk) for _ in range(steps)]
            getattr(shelf, method)(*args)
            return [*met, outcome(list, walk)]

    def build_root_object(baggage):
        return Shelves(baggage)
"""

MAKER = """
    from swingset.vat import durable, remotable

    @durable
    class R:
        pass

    @remotable
    class Maker:
        def make(self):
            return R()

    def build_root_object():
        return Maker()
"""

PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]
HELLO, SIGNS = "hello", "@#$@#$@#$@"

strong = pytest.mark.parametrize(
    ("sort", "durable"), [(sort, durable) for sort in ("map", "set") for durable in (False, True)]
)


@pytest.fixture
def shelves(stage: Stage) -> Any:
    """A vat that keeps collections, durable and virtual ones."""
    return stage.define("shelves", SHELVES)


# S26


@strong
def test_keys_are_read_in_their_order(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """Bools, numbers, objects as they were added, text, None, whatever order they came in."""
    maker = stage.define("maker", MAKER)
    r1, r2 = stage.ask(maker, "make"), stage.ask(maker, "make")
    keys = [47, -29, 3, 1000, -77, HELLO, SIGNS, None, False, True, r1, r2]
    stage.ask(shelves, "make", sort, durable)
    stage.ask(shelves, "fill", sort, keys)
    order = [False, True, -77, -29, 3, 47, 1000, r1, r2, SIGNS, HELLO, None]
    assert stage.ask(shelves, "keys", sort) == order
    assert stage.ask(shelves, "values", sort) == (order if sort == "set" else [[key] for key in order])
    assert stage.ask(shelves, "keys", sort, "number") == [-77, -29, 3, 47, 1000]
    assert stage.ask(shelves, "keys", sort, 47) == [47]
    if durable:
        stage.upgrade("shelves", SHELVES)
        assert stage.ask(shelves, "keys", sort) == order


@strong
def test_primes_above_53(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """Of the primes up to 97 those greater than 53 are 59 to 97."""
    stage.ask(shelves, "make", sort, durable)
    stage.ask(shelves, "fill", sort, PRIMES[::-1])
    assert stage.ask(shelves, "keys", sort) == PRIMES
    assert stage.ask(shelves, "keys", sort, "gt53") == [59, 61, 67, 71, 73, 79, 83, 89, 97]


@strong
def test_objects_are_read_as_they_were_added(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """One that is deleted and added again goes to the end; one that gets another value stays."""
    maker = stage.define("maker", MAKER)
    a, b, c = (stage.ask(maker, "make") for _ in range(3))
    stage.ask(shelves, "make", sort, durable)
    stage.ask(shelves, "fill", sort, [b, a, c])
    again = ("set", b, "other") if sort == "map" else ("add", b)
    stage.ask(shelves, "do", sort, *again)
    assert stage.ask(shelves, "keys", sort) == [b, a, c]
    stage.ask(shelves, "do", sort, "delete", b)
    stage.ask(shelves, "fill", sort, [b])
    assert stage.ask(shelves, "keys", sort) == [a, c, b]


@pytest.mark.parametrize("durable", [False, True])
def test_missing_and_present_keys(stage: Stage, shelves: Any, durable: bool) -> None:
    """A key that is missing, or there already, is named with its collection; a set takes one twice."""
    stage.ask(shelves, "make", "map", durable)
    stage.ask(shelves, "fill", "map", [47])
    missing = 'KeyError: key 43 not found in collection "map"'
    assert stage.ask(shelves, "do", "map", "get", 43) == missing
    assert stage.ask(shelves, "do", "map", "set", 43, "x") == missing
    assert stage.ask(shelves, "do", "map", "delete", 43) == missing
    twice = 'KeyError: key 47 already registered in collection "map"'
    assert stage.ask(shelves, "do", "map", "init", 47, "x") == twice
    stage.ask(shelves, "make", "set", durable)
    assert [stage.ask(shelves, "do", "set", "add", 47) for _ in range(2)] == [None, None]
    assert stage.ask(shelves, "keys", "set") == [47]


@strong
def test_shape_of_keys(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """A key that is no str is refused where keys are str, after an upgrade too."""
    stage.ask(shelves, "make", sort, durable, "str")
    add = ("init", 29, "x") if sort == "map" else ("add", 29)
    words = f'TypeError: invalid key type for collection "{sort}": int 29 - Must be a str'
    assert stage.ask(shelves, "do", sort, *add) == words
    if durable:
        stage.upgrade("shelves", SHELVES)
        assert stage.ask(shelves, "do", sort, *add) == words


@strong
@pytest.mark.parametrize("new", [1, 9])
def test_adding_while_walking(stage: Stage, shelves: Any, sort: str, durable: bool, new: int) -> None:
    """Whether the new key lies behind the walk or ahead of it, its next step is an error."""
    stage.ask(shelves, "make", sort, durable)
    stage.ask(shelves, "fill", sort, [2, 3, 4])
    add = ("init", new, "x") if sort == "map" else ("add", new)
    words = "RuntimeError: keys in store cannot be added to during iteration"
    assert stage.ask(shelves, "walk_and", sort, 2, *add) == [2, 3, words]


@strong
def test_deleting_while_walking(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """A key that is deleted before the walk comes to it is skipped."""
    stage.ask(shelves, "make", sort, durable)
    stage.ask(shelves, "fill", sort, [2, 3, 4, 5])
    assert stage.ask(shelves, "walk_and", sort, 2, "delete", 4) == [2, 3, [5]]


@strong
def test_the_greatest_length_of_a_key(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """A str of 218 characters is a key, one of 219 is too large for every operation."""
    stage.ask(shelves, "make", sort, durable)
    stage.ask(shelves, "fill", sort, ["x" * 218])
    assert stage.ask(shelves, "keys", sort) == ["x" * 218]
    methods: list[tuple[str, ...]] = [("has",), ("delete",)]
    methods += [("init", "v"), ("get",), ("set", "v")] if sort == "map" else [("add",)]
    for method, *value in methods:
        told = stage.ask(shelves, "do", sort, method, "x" * 219, *value)
        assert told == "KeyTooLargeError: key too large", method


@pytest.mark.parametrize("sort", ["weak map", "weak set"])
@pytest.mark.parametrize("durable", [False, True])
def test_weak_collections_are_closed(stage: Stage, shelves: Any, sort: str, durable: bool) -> None:
    """They say whether they know an object, and cannot be walked, counted or cleared."""
    thing = stage.ask(stage.define("maker", MAKER), "make")
    stage.ask(shelves, "make", sort, durable)
    add = ("init", thing, "x") if sort == "weak map" else ("add", thing)
    assert stage.ask(shelves, "do", sort, "has", thing) is False
    stage.ask(shelves, "do", sort, *add)
    assert stage.ask(shelves, "do", sort, "has", thing) is True
    closed = ("keys", "values", "items", "size", "clear", "__len__")
    assert stage.ask(shelves, "has", sort, *closed) == [False] * len(closed)
    assert "cannot be walked" in stage.ask(shelves, "do", sort, "__iter__")
    stage.ask(shelves, "do", sort, "delete", thing)
    assert stage.ask(shelves, "do", sort, "has", thing) is False


# S27

HOLDER = """
    from typing import Annotated, Any
    from swingset.vat import Remotable, durable, provide, remotable, virtual
    from swingset.vat.patterns import gt

    @remotable
    class Fleeting:
        pass

    @durable
    class Other:
        pass

    @SORT
    class Holder:
        FIELDS

        def put(self, name, value):
            setattr(self, name, value)

        def read(self):
            names = ("x", "y", "x2", "z")
            return {name: getattr(self, name) for name in names if hasattr(self, name)}

    @remotable
    class Root:
        def __init__(self, baggage):
            self.baggage = baggage

        def make(self, *values):
            return Holder(*values)

        def other(self):
            return provide(self.baggage, "other", Other)

    def build_root_object(baggage):
        return Root(baggage)
"""


def holder(*fields: str, sort: str = "durable") -> str:
    """A kind whose state has these fields."""
    return HOLDER.replace("FIELDS", "\n        ".join(fields)).replace("SORT", sort)


def refusal(stage: Stage, target: Any, method: str, *args: Any) -> str:
    with pytest.raises(Exception, match="wanted") as caught:
        stage.ask(target, method, *args)
    return str(caught.value)


@pytest.mark.parametrize("sort", ["durable", "virtual"])
def test_state_has_to_fit_its_shape(stage: Stage, sort: str) -> None:
    """A str in place of a number is refused when the object is made and when it is written."""
    root = stage.define("vat", holder("x: float", sort=sort))
    assert refusal(stage, root, "make", "string") == "Holder.x: wanted float, got str 'string'"
    thing = stage.ask(root, "make", 5)
    assert refusal(stage, thing, "put", "x", "string") == "Holder.x: wanted float, got str 'string'"
    assert stage.ask(thing, "read") == {"x": 5}


@pytest.mark.parametrize("field", ["x: Fleeting", "x: list[Fleeting | None]"])
def test_a_durable_shape_names_nothing_fleeting(stage: Stage, field: str) -> None:
    """A kind whose state could only hold what an upgrade ends is refused when the vat starts.

    The reference finds the object in the shape, `is not durable: slot 0 of`. Here a shape names classes.
    """
    with pytest.raises(VatFault, match="is not durable: an upgrade ends every Fleeting"):
        stage.define("vat", holder(field))
    stage.define("vat", holder(field, sort="virtual"))


X, Y = "x: int", "y: str"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((X, "y: Any"), "Holder.y: expected str as stored, found Any"),
        ((X,), "Holder.y: expected `y: str` as stored, found no such field"),
        ((X, Y, "z: str"), "Holder.z: expected a default, found `z: str`"),
        (("x: int | str", Y), "Holder.x: expected int as stored, found int | str"),
        (("x: str", "y: int"), "Holder.x: expected int as stored, found str"),
        ((X, "x2: int", Y), "Holder.x2: expected a default, found `x2: int`"),
    ],
)
def test_another_shape_fails_the_upgrade(stage: Stage, fields: tuple[str, ...], words: str) -> None:
    """A field that is wider, gone, new, of two types or swapped is named, and the old state is as it was."""
    root = stage.define("vat", holder(X, Y))
    thing = stage.ask(root, "make", 1, "one")
    with pytest.raises(VatFault) as caught:
        stage.upgrade("vat", holder(*fields))
    assert caught.value.fault.message.startswith(words)
    assert stage.ask(thing, "read") == {"x": 1, "y": "one"}


@pytest.mark.parametrize(
    ("fields", "more"),
    [((X, Y), {}), ((Y, X), {}), ((X, Y, "x2: int | None"), {"x2": None}), ((X, Y, "z: int = 7"), {"z": 7})],
)
def test_the_same_shape_and_what_may_be_absent(
    stage: Stage, fields: tuple[str, ...], more: dict[str, Any]
) -> None:
    """An identical shape, and one with a field that may be absent, keep the state of old objects."""
    root = stage.define("vat", holder(X, Y))
    thing = stage.ask(root, "make", 1, "one")
    stage.upgrade("vat", holder(*fields))
    assert stage.ask(thing, "read") == {"x": 1, "y": "one", **more}
    for name in more:
        stage.ask(thing, "put", name, 8)
        assert stage.ask(thing, "read")[name] == 8


def test_a_shape_holds_no_object(stage: Stage) -> None:
    """Other than in the reference nothing is counted for a shape: it is text, and names classes.

    There a shape may hold an object, which is counted once it is defined and until another shape takes over.
    """
    root = stage.define("vat", holder("x: Other | None"))
    assert stage.ask(root, "other") is stage.ask(root, "other")
    store, vat = stage.controller.kernel.store.vatstore, stage.controller.kernel.vat("vat").id
    held = "vom.rc.o+d10/1"  # by the baggage alone
    assert (records(stage, "vat", "vom.rc."), store.get(vat, held)) == ([held], "1")
    stage.upgrade("vat", holder("x: Other | None", "y: list[Other] | None"))
    assert (records(stage, "vat", "vom.rc."), store.get(vat, held)) == ([held], "1")
    shape = json.loads(store.get(vat, "vom.dkind.11.descriptor") or "")["fields"]
    assert [field[:2] for field in shape] == [["x", "Other | None"], ["y", "list[Other] | None"]]
