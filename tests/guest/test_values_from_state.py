"""What vat code may do with values from its state, and with maps and sets that it walks: on both workers."""

from __future__ import annotations

import pytest

from tests.staging import Stage

HOLDER = """
    import copy
    from swingset.vat import BigMap, BigSet, Tagged, WeakBigMap, WeakBigSet, durable, provide
    from swingset.vat import register_copy, remotable

    class Point:
        def __init__(self, x):
            self.x = x

    register_copy("point", Point, lambda point: point.x, Point)

    def told(act):
        try:
            return act()
        except Exception as problem:
            return f"{type(problem).__name__}: {problem}"

    @durable
    class Holder:
        items: list = [[1], {"a": [2]}]
        tagged: Tagged | None = None
        point: Point | None = None

        def copies(self):
            deep, flat, table = copy.deepcopy(self.items), copy.copy(self.items), copy.copy(self.items[1])
            deep[0].append(2)
            deep[1]["a"].append(3)
            flat.append(3)
            table["b"] = 1
            return [deep, flat, table, told(lambda: flat[0].append(1)), self.items]

        def fill(self):
            self.tagged, self.point = Tagged("usd", [5]), Point(5)

        def change(self):
            def change_tag():
                self.tagged.payload = 6

            self.point.x = 6
            same = copy.copy(self.tagged) == copy.deepcopy(self.tagged) == self.tagged
            return [told(change_tag), told(lambda: self.tagged.payload.append(1)), self.point.x, same]

    @remotable
    class Root:
        def __init__(self, baggage):
            self.baggage = baggage

        def make(self):
            return Holder()

        def grow(self, count):
            for number in range(count):
                self.baggage[f"k{number}"] = number
            for key in self.baggage:
                self.baggage[key] = "changed"
                self.baggage.pop("k1", None)
                if count == 0:
                    self.baggage[key + "!"] = 0
            return dict(self.baggage)

        def reads_like_a_dict(self, key):
            strong, weak, keys, objects = BigMap("m"), WeakBigMap("w"), BigSet("s"), WeakBigSet("o")
            found = []
            for table in (strong, weak):
                found += [table.setdefault(key, 1), table.setdefault(key, 2), table.pop(key, 3), key in table]
                found += [table.pop(key, 4), told(lambda: table.pop(key)).partition(" ")[0]]
            for some in (keys, objects):
                some.add(key)
                some.remove(key)
                found += [key in some, told(lambda: some.remove(key)).partition(" ")[0]]
            return found

        def walks(self):
            made = [BigMap("m"), BigSet("s"), WeakBigMap("w"), WeakBigSet("o")]
            back = [told(lambda: list(reversed(x))) for x in made]
            return [*back, *(told(lambda: list(x)) for x in made[2:])]

    def build_root_object(baggage):
        return Root(baggage)
"""


def test_copies_of_frozen_containers_can_be_changed(stage: Stage) -> None:
    """`copy` makes a list or dict that can be changed, `deepcopy` all of them; the state stays as it is."""
    holder = stage.ask(stage.define("v", HOLDER), "make")
    deep, flat, table, told, kept = stage.ask(holder, "copies")
    assert deep == [[1, 2], {"a": [2, 3]}]
    assert (flat, table) == ([[1], {"a": [2]}, 3], {"a": [2], "b": 1})
    assert told.startswith("TypeError: this list was read from durable state")
    assert kept == [[1], {"a": [2]}]


def test_no_change_of_a_value_in_place_is_believed(stage: Stage) -> None:
    """A Tagged cannot be changed, and a registered object is made anew for each who reads it."""
    holder = stage.ask(stage.define("v", HOLDER), "make")
    stage.ask(holder, "fill")
    tag, payload, x, same = stage.ask(holder, "change")
    assert tag == "AttributeError: a Tagged does not change: make another, Tagged('usd', ...)"
    assert "frozen copy" in payload
    assert (x, same) == (5, True)


def test_nothing_is_added_to_the_baggage_while_it_is_walked(stage: Stage) -> None:
    """Entries may be changed and deleted meanwhile; after one was added the next step is an error."""
    root = stage.define("v", HOLDER)
    assert stage.ask(root, "grow", 3) == {"k0": "changed", "k2": "changed"}
    with pytest.raises(RuntimeError, match="keys in store cannot be added to during iteration"):
        stage.ask(root, "grow", 0)


def test_collections_have_the_methods_of_a_dict_and_a_set(stage: Stage) -> None:
    """`pop`, `setdefault` and `remove` do what they do elsewhere, for strong and weak collections."""
    root = stage.define("v", HOLDER)
    of_a_map, of_a_set = [1, 1, 1, False, 4, "KeyError:"], [False, "KeyError:"]
    found = stage.ask(root, "reads_like_a_dict", stage.ask(root, "make"))
    assert found == [*of_a_map, *of_a_map, *of_a_set, *of_a_set]


def test_what_cannot_be_walked_says_so(stage: Stage) -> None:
    """No collection is walked backwards, no weak one at all."""
    told = stage.ask(stage.define("v", HOLDER), "walks")
    assert told[:4] == [
        f"TypeError: '{name}' object is not reversible"
        for name in ("BigMap", "BigSet", "WeakBigMap", "WeakBigSet")
    ]
    words = "cannot be walked, for it does not keep its keys alive: use a"
    assert told[4].startswith(f"TypeError: a WeakBigMap {words} BigMap")
    assert told[5].startswith(f"TypeError: a WeakBigSet {words} BigSet")


ORACLE = """
    from swingset.vat import make_promise, remotable

    @remotable
    class Oracle:
        def ask(self):
            promise, self.resolver = make_promise()
            return promise

        def answer(self, value):
            self.resolver.resolve(value)

    def build_root_object():
        return Oracle()
"""

COLLECTOR = """
    from swingset.vat import E, remotable, resumable

    @resumable
    async def collect(oracle, items, *, table):
        items.append("first")
        table["x"] = [*table.get("x", []), "first"]
        items.append(await E(oracle).ask())
        return [items, table]

    @remotable
    class Root:
        def collect(self, oracle, items):
            return collect(oracle, items, table={})

    def build_root_object():
        return Root()
"""


def test_a_resumable_function_is_called_again_with_what_it_was_given(stage: Stage) -> None:
    """What it does to its arguments is done anew in each incarnation, and not twice."""
    oracle, root = stage.define("oracle", ORACLE), stage.define("v", COLLECTOR)
    answer = stage.send(root, "collect", oracle, ["start"])
    stage.session.settle()
    for number in range(2):
        stage.upgrade("v", f"{COLLECTOR}    # {number}")
    stage.ask(oracle, "answer", "second")
    stage.session.settle()
    assert answer.result() == [["start", "first", "second"], {"x": ["first"]}]
