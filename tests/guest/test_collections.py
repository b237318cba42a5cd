"""Big collections in a vat: what outlives an upgrade, what they hold, weak keys, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from swingset.vat import BigMap, provide
from tests.guest.guest_bench import Bench, host_only

pytestmark = pytest.mark.usefixtures("engine")

BASE = """
from swingset.vat import BigMap, BigSet, WeakBigMap, WeakBigSet, durable, remotable, virtual

@durable
class Node:
    other: object = None

@virtual
class Leaf:
    other: object = None

@remotable
class Root:
    def __init__(self, baggage): self.baggage = baggage
    def run(self, code: str, *args):
        names = {"baggage": self.baggage, "args": args, "root": self, **globals()}
        exec(code, names)
        return names.get("answer")

def build_root_object(baggage):
    return Root(baggage)
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(BASE).up()


def entries(bench: Bench) -> list[str]:
    return [key for key in sorted(bench.store) if key.startswith(("vc.", "vom.o+", "vom.rc", "vom.ir"))]


def test_a_collection_is_an_object(bench: Bench) -> None:
    """It can be sent, stored and called from outside, where its methods are guarded as any."""
    made = "baggage['m'] = answer = BigMap('accounts', keys=str)"
    bench.send("run", made)
    assert bench.take()[-1][1][0][2] == {"body": '#"$0.Alleged: BigMap"', "slots": ["o+d2/10"]}
    bench.ask("init", "a", 1, target="o+d2/10")
    assert bench.ask("get", "a", target="o+d2/10") == 1
    told = bench.ask("get", "b", target="o+d2/10")
    assert (told["name"], told["#error"]) == ("KeyError", 'key "b" not found in collection "accounts"')
    assert 'has no method "keys"' in bench.ask("keys", target="o+d2/10")["#error"]


def test_a_durable_collection_outlives_an_upgrade(bench: Bench) -> None:
    """Its entries, its order and what its keys must be are as they were."""
    bench.send(
        "run",
        "m = baggage['m'] = BigMap('m', keys=object, values=Node | int)\nm[1] = 2\nm[args[0]] = 3",
        "$0.Alleged: Bob",
        slots=("o-50",),
    )
    after = bench.upgrade(BASE).up()
    look = "m = baggage['m']\nanswer = [list(m.items()), len(m), isinstance(m, BigMap)]"
    after.send("run", look)
    answer = after.take()[-1][1][0][2]
    assert answer["slots"] == ["o-50"]
    assert json.loads(answer["body"][1:]) == [
        [{"#tag": "tuple", "payload": [1, 2]}, {"#tag": "tuple", "payload": ["$0.Alleged: Bob", 3]}],
        2,
        True,
    ]
    told = after.ask("run", "baggage['m'][2] = 'x'")
    assert told["#error"] == "invalid value type for collection \"m\": str 'x' - Must be Node | int"
    after.send("run", "answer = BigMap()")
    assert after.take()[-1][1][0][2]["slots"] == ["o+d2/11"]


def test_a_collection_holds_its_keys_and_values(bench: Bench) -> None:
    """What is in a strong collection is counted once for each place, and let go with the entry."""
    bench.send(
        "run",
        "m = baggage['m'] = BigMap()\nm[args[0]] = [args[0], args[1]]\nm['x'] = args[1]",
        "$0",
        "$1",
        slots=("o-50", "o-51"),
    )
    assert [bench.store[f"vom.rc.{name}"] for name in ("o-50", "o-51", "o+d2/10")] == ["2", "2", "1"]
    assert bench.reap() == {}
    bench.send("run", "m = baggage['m']\ndel m['x']\nm[next(m.keys())] = None")
    assert bench.reap() == {"dropImports": ["o-51"], "retireImports": ["o-51"]}
    bench.send("run", "baggage['m'].clear()")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_a_dead_collection_is_deleted_with_all_it_held(bench: Bench) -> None:
    """Nothing is left of it, and of what only it held."""
    bench.send(
        "run",
        "m = baggage['m'] = BigMap()\nm['n'] = Node(args[0])\nm[args[0]] = BigSet()",
        "$0",
        slots=("o-50",),
    )
    assert bench.reap() == {}
    bench.send("run", "del baggage['m']")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert entries(bench) == []


def test_a_large_collection_is_deleted_over_time(tune: Callable[..., None]) -> None:
    """Each round deletes so many entries, over an upgrade too, and all counts come off."""
    tune("reaping.deferred_deletions", BUDGET=10)
    bench = Bench(BASE).up()
    bench.send(
        "run", "m = baggage['m'] = BigMap()\nfor i in range(25): m[i] = args[0]", "$0", slots=("o-50",)
    )
    bench.send("run", "del baggage['m']")
    bench.reap()
    assert int(bench.store["vom.rc.o-50"]) == 15
    after = bench.upgrade(BASE).up()
    told: dict[str, list[str]] = {}
    for _ in range(4):
        told.update(after.reap())
    assert told == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert entries(after) == []


def test_a_weak_entry_goes_with_its_key(bench: Bench) -> None:
    """An import that nothing holds is dropped, its entry deleted, and what the entry held let go."""
    bench.send(
        "run", "w = baggage['w'] = WeakBigMap()\nw[args[0]] = args[1]", "$0", "$1", slots=("o-50", "o-51")
    )
    assert bench.reap() == {"dropImports": ["o-50"]}
    assert "vom.ir.o-50|10" in bench.store
    assert bench.vat.deliver(["retireImports", ["o-50"]]) == {"status": "ok"}
    assert bench.reap() == {"dropImports": ["o-51"], "retireImports": ["o-51"]}
    assert entries(bench) == ["vc.1.sw", "vom.o+d3/10", "vom.rc.o+d3/10"]


def test_a_weak_key_that_comes_back_finds_its_entry(bench: Bench) -> None:
    """Until its owner retires it, a dropped key is known; losing the last entry retires it."""
    bench.send("run", "w = baggage['w'] = WeakBigMap()\nw[args[0]] = 5", "$0", slots=("o-50",))
    assert bench.reap() == {"dropImports": ["o-50"]}
    assert bench.ask("run", "answer = baggage['w'][args[0]]", "$0", slots=("o-50",)) == 5
    assert bench.reap() == {"dropImports": ["o-50"]}
    bench.send("run", "del baggage['w']")
    assert bench.reap() == {"retireImports": ["o-50"]}
    assert entries(bench) == []


def test_deleting_a_weak_entry_retires_a_dropped_key(bench: Bench) -> None:
    """The kernel is told as soon as nothing here could recognize the key."""
    bench.send("run", "w = baggage['w'] = WeakBigSet()\nw.add(args[0])", "$0", slots=("o-50",))
    assert bench.reap() == {"dropImports": ["o-50"]}
    bench.send("run", "baggage['w'].delete(args[0])", "$0", slots=("o-50",))
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_own_objects_are_weak_keys(bench: Bench) -> None:
    """A durable object in a weak collection only is deleted, and its entry with it."""
    bench.send(
        "run", "w = baggage['w'] = WeakBigMap()\nn = baggage['n'] = Node()\nw[n] = Node()\nw[Node()] = 1"
    )
    bench.reap()
    assert len([key for key in entries(bench) if key.startswith("vom.o+d10/")]) == 2
    bench.send("run", "baggage['n'] = None")
    bench.reap()
    assert entries(bench) == ["vc.1.sn", "vc.1.sw", "vom.o+d3/10", "vom.rc.o+d3/10"]


def test_heap_objects_are_weak_keys_of_virtual_collections(bench: Bench) -> None:
    """The entry of a heap object is deleted when its memory is."""
    bench.send(
        "run",
        "root.w = WeakBigMap(durable=False)\nroot.x = Root(None)\nroot.w[root.x] = args[0]",
        "$0",
        slots=("o-50",),
    )
    assert bench.reap() == {}
    assert bench.ask("run", "answer = [root.x in root.w, Root(None) in root.w]") == [True, False]
    bench.send("run", "root.x = None")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_virtual_data_of_an_old_incarnation_is_deleted(tune: Callable[..., None]) -> None:
    """All virtual objects and collections end with an upgrade, a few at a time, and all counts come off."""
    tune("reaping.deferred_deletions", BUDGET=4)
    bench = Bench(BASE).up()
    bench.send(
        "run",
        "n = baggage['n'] = Node()\n"
        "root.kept = [Leaf([n, args[0]]) for i in range(6)]\n"
        "m = root.map = BigMap(durable=False)\n"
        "for i in range(6): m[i] = root.kept[i]\n"
        "m[n] = BigSet(durable=False)\n"
        "root.w = WeakBigMap(durable=False)\n"
        "root.w[n] = args[0]\n"
        "answer = [root.kept[0], m]",
        "$0",
        slots=("o-50",),
    )
    bench.reap()
    assert bench.store["vom.rc.o+d10/1"] == "8"
    after = bench.upgrade(BASE).up()
    told: dict[str, list[str]] = {}
    for _ in range(12):
        told.update(after.reap())
    assert told == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert entries(after) == ["vc.1.sn", "vom.o+d10/1", "vom.rc.o+d10/1"]
    assert after.store["vom.rc.o+d10/1"] == "1"
    assert not [key for key in after.store if key.startswith(("vom.es", "vom.condemned"))]
    assert len([key for key in after.store if key.startswith("vom.vkind")]) == 1  # that of the new code
    after.send("run", "answer = Leaf()")
    assert after.take()[-1][1][0][2]["slots"] == ["o+v12/1"]


@host_only
def test_collections_work_in_a_plain_module() -> None:
    """Without any vat, a collection is one of the stand-alone world."""
    things = BigMap("map")
    things["a"] = 1
    assert provide(things, "a", lambda: 2) == 1
    assert list(things.items()) == [("a", 1)]
