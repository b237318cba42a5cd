"""What may be kept for the next incarnation, in every place that keeps things."""

from __future__ import annotations

import json

import pytest

from tests.guest.guest_bench import Bench, capdata

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from decimal import Decimal
from swingset.vat import (
    BigMap, BigSet, Cohort, Tagged, WeakBigMap, WeakBigSet, adopt_promise, can_be_durable, durable,
    facet, make_promise, provide, remotable, virtual, watch_promise
)
from swingset.vat.explicit import define_kind, make_kind_handle

@durable
class Node:
    value: object = None
    def on_fulfilled(self, value, *args): pass
    def on_adopted(self, resolver, *args): pass

@durable
class Both(Cohort):
    n: int = 0
    @facet("one")
    def hi(self): return "hi"

@virtual
class Leaf:
    value: object = None

@remotable
class Thing: pass

make_ghost = define_kind("Ghost", lambda: {"value": None}, {"put": lambda c, v: setattr(c.state, "value", v)})

MAKE = {
    "data": lambda args: {"a": [1, 2.5, None, True, b"b", ("c",), Tagged("t", [Decimal("1.5")])]},
    "presence": lambda args: args[0],
    "device": lambda args: args[1],
    "durable": lambda args: Node(),
    "facet": lambda args: Both().facets.one,
    "map": lambda args: BigMap(),
    "weak set": lambda args: WeakBigSet(),
    "handle": lambda args: make_kind_handle("Spare"),
    "error": lambda args: ValueError("no"),
    "promise": lambda args: make_promise()[0],
    "remotable": lambda args: Thing(),
    "root": lambda args: root,
    "virtual": lambda args: Leaf(),
    "ghost": lambda args: make_ghost(),
    "virtual map": lambda args: BigMap(durable=False),
    "virtual weak set": lambda args: WeakBigSet(durable=False),
}

def put(place, value, baggage):
    if place == "record":
        baggage["x"] = Node(value)
    elif place == "assignment":
        baggage["x"] = node = Node()
        node.value = value
    elif place == "baggage":
        baggage["x"] = value
    elif place == "entry":
        baggage["x"] = m = BigMap("m")
        m[1] = value
    elif place == "key":
        baggage["x"] = m = BigMap("m")
        m[value] = 1
    elif place == "member":
        baggage["x"] = m = BigSet("m")
        m.add(value)
    elif place == "weak entry":
        baggage["x"] = [Node(), m := WeakBigMap("m")]
        m[baggage["x"][0]] = value
    elif place == "weak key":
        baggage["x"] = m = WeakBigMap("m")
        m[value] = 1
    elif place == "weak member":
        baggage["x"] = m = WeakBigSet("m")
        m.add(value)
    elif place == "watch":
        watch_promise(make_promise()[0], Node(), value)
    elif place == "adopt":
        adopt_promise(make_promise()[0], Node(), value)
    elif place == "virtual record":
        kept.append(Leaf(value))
    elif place == "virtual state":
        kept.append(make_ghost())
        kept[-1].put(value)
    elif place == "virtual entry":
        kept.append(BigMap("m", durable=False))
        kept[-1][1] = value
    elif place == "virtual key":
        kept.append(BigMap("m", durable=False))
        kept[-1][value] = 1
    elif place == "virtual weak key":
        kept.append(WeakBigSet("m", durable=False))
        kept[-1].add(value)

kept = []

@remotable
class Root:
    def __init__(self, baggage): self.baggage = baggage
    def keep(self, place: str, what: str, deep: bool, *args):
        value = MAKE[what](args)
        put(place, [args[0], {"here": value}] if deep else value, self.baggage)
    def can(self, what: str, *args):
        value = MAKE[what](args)
        return [can_be_durable(value), can_be_durable([args[0], {"here": value}])]
    def fetch(self): return self.baggage["x"]

def build_root_object(baggage):
    global root
    root = Root(baggage)
    return root
"""

BY_VALUE = {
    "record": "Node.value",
    "assignment": "Node.value",
    "baggage": 'baggage["x"]',
    "entry": "m[1]",
    "weak entry": "m[<Node",
    "watch": "watch_promise(..., watcher, *args)",
    "adopt": "adopt_promise(promise, adopter, *args)",
}
BY_KEY = ("key", "member", "weak key", "weak member")
VIRTUAL_VALUE = {"virtual record": "Leaf.value", "virtual state": "Ghost.value", "virtual entry": "m[1]"}
VIRTUAL_KEY = ("virtual key", "virtual weak key")

DURABLE = ("presence", "device", "durable", "facet", "map", "weak set", "handle")
DATA = ("data", "error")
FLEETING = {
    "promise": "is a promise: await it and keep its value",
    "remotable": "is a @remotable Thing, which an upgrade ends: make its class @durable",
    "root": "is a @remotable Root, which an upgrade ends: make its class @durable",
    "virtual": "is a @virtual Leaf, which an upgrade ends: make its class @durable",
    "ghost": "is a @virtual Ghost, which an upgrade ends: make its class @durable",
    "virtual map": "is a @virtual BigMap, which an upgrade ends: make its class @durable",
    "virtual weak set": "is a @virtual WeakBigSet, which an upgrade ends: make its class @durable",
}


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def keep(bench: Bench, place: str, what: str, deep: bool) -> str | None:
    """Have a value kept in a place; what is said against it."""
    args = ("$0.Alleged: Bob", "$1.Alleged: Timer")
    answer = bench.ask("keep", place, what, deep, *args, slots=("o-50", "d-70"))
    assert answer is None or answer["name"] == "TypeError", answer
    return None if answer is None else str(answer["#error"])


@pytest.mark.parametrize("place", [*BY_VALUE, *VIRTUAL_VALUE])
def test_imports_durable_objects_and_data_are_values(bench: Bench, place: str) -> None:
    """References to others, to devices, to durable objects and facets, and data may be kept anywhere."""
    for what in (*DURABLE, *DATA):
        for deep in (False, True):
            assert keep(bench, place, what, deep) is None, what


@pytest.mark.parametrize("place", [*BY_KEY, *VIRTUAL_KEY])
def test_imports_and_durable_objects_are_keys(bench: Bench, place: str) -> None:
    """The same objects may be keys, and data that is no scalar may not."""
    for what in DURABLE:
        assert keep(bench, place, what, False) is None, what
    for what in DATA:
        assert "wanted a scalar or an object, got " in str(keep(bench, place, what, False)), what


@pytest.mark.parametrize("what", FLEETING)
def test_what_an_upgrade_ends_is_no_durable_value(bench: Bench, what: str) -> None:
    """It is refused by the number of its slot and by its place, and nothing is kept of it."""
    for place, name in BY_VALUE.items():
        told = str(keep(bench, place, what, False))
        assert told.startswith(f"value for '{name}"), (place, told)
        assert "is not durable: slot 0 of it, " in told or place in ("watch", "adopt"), (place, told)
        assert told.endswith(FLEETING[what]), (place, told)
        told = str(keep(bench, place, what, True))
        slot = 2 if place in ("watch", "adopt") else 1  # the watcher comes before its arguments
        assert f" is not durable: slot {slot} of it, " in told, (place, told)
        assert '[1]["here"], ' + FLEETING[what] in told, (place, told)
    for place in BY_KEY:
        told = str(keep(bench, place, what, False))
        assert told == f"value for 'key of m' is not durable: slot 0 of it, key of m, {FLEETING[what]}"
    assert bench.upgrade(SOURCE).start() == {"status": "ok"}


@pytest.mark.parametrize("what", FLEETING)
def test_virtual_state_may_end_with_what_it_holds(bench: Bench, what: str) -> None:
    """What lasts for this incarnation may hold what does; only as a key a promise is refused."""
    for place in (*VIRTUAL_VALUE, *VIRTUAL_KEY):
        told = keep(bench, place, what, False)
        assert (told is None) is (what != "promise" or place in VIRTUAL_VALUE), (place, told)
        assert told is None or told.endswith(FLEETING["promise"])


@pytest.mark.parametrize("what", [*DURABLE, *DATA, *FLEETING])
def test_it_can_be_asked_what_is_durable(bench: Bench, what: str) -> None:
    """Asking says what keeping would, and keeps nothing."""
    slots = ("o-50", "d-70")
    durable = what not in FLEETING
    assert bench.ask("can", what, "$0.Alleged: Bob", "$1.Alleged: Timer", slots=slots) == [durable] * 2
    assert not [key for key in bench.store if key.startswith(("vom.rc", "vom.es"))]


@pytest.mark.parametrize("what", [*DURABLE, *DATA])
def test_what_is_kept_is_the_same_after_an_upgrade(bench: Bench, what: str) -> None:
    """The next incarnation finds each under its name, and data as it was."""
    assert keep(bench, "baggage", what, True) is None
    stored = json.loads(bench.store["vc.1.sx"])
    source = SOURCE + "\nif True: pass\n"
    if what == "handle":  # which obliges every later incarnation
        source = source.replace("global root\n", "global root\n    made(baggage)\n") + (
            "def made(baggage):\n    from swingset.vat.explicit import define_durable_kind\n"
            "    handle = baggage['x'][1]['here']\n    define_durable_kind(handle, dict, {})\n"
        )
    after = bench.upgrade(source).up()
    after.send("fetch")
    assert after.take()[-1][1][0][2] == capdata(json.loads(stored["body"][1:]), *stored["slots"])
