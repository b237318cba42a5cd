"""Big collections: keys and their order, queries, walks, weak keys, and what becomes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swingset.guest.context import activate
from swingset.guest.keys import LIMIT, KeyTooLargeError, decode_scalar, encode_scalar
from swingset.guest.remotables import Presence
from swingset.vat import (
    BigMap,
    BigSet,
    Remotable,
    WeakBigMap,
    WeakBigSet,
    between,
    gt,
    gte,
    lt,
    lte,
    make_promise,
    make_scalar_big_map_store,
    make_scalar_big_weak_set_store,
    matching,
    prefix,
    provide,
    remotable,
)
from tests.guest.guest_bench import Bench
from tests.guest.test_gc import reap

PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]

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
def bench() -> Iterator[Bench]:
    """A vat that is the current one, as if its code were running."""
    made = Bench(BASE).up()
    with activate(made.vat):
        yield made


def presence(bench: Bench, vref: str, iface: str = "Bob") -> Any:
    found = bench.vat.slots.decode({"body": f'#"$0.Alleged: {iface}"', "slots": [vref]})
    assert isinstance(found, Presence)
    return found


def entries(bench: Bench) -> list[str]:
    return [key for key in sorted(bench.store) if key.startswith(("vc.", "vom.o+", "vom.rc", "vom.ir"))]


@remotable
class Thing:
    pass


def test_keys_come_in_their_order(bench: Bench) -> None:
    """Bools, numbers by value, objects as they were added, strings, bytes, None."""
    r1, r2 = Thing(), Thing()
    keys = [47, -29, 3, 1000, -77, "hello", "@#$@#$@#$@", None, False, True, r1, r2, b"z", b"a", 2.5, ""]
    things = BigMap("map", durable=False)
    for key in keys:
        things.init(key, [key])
    order = [False, True, -77, -29, 2.5, 3, 47, 1000, r1, r2, "", "@#$@#$@#$@", "hello", b"a", b"z", None]
    assert list(things) == list(things.keys()) == order
    assert [value[0] for value in things.values()] == order
    assert [(key, [key]) for key in order] == list(things.items())
    assert len(things) == things.size() == len(order)
    others = BigSet("set", durable=False)
    for key in keys:
        others.add(key)
    assert list(others) == list(others.values()) == order


def test_ints_and_floats_of_one_value_are_two_keys(bench: Bench) -> None:
    """The int comes first, zero has no sign, and bools are not numbers."""
    numbers = BigMap("numbers")
    for key in (1.0, 1, True, -0.0, 0, 10**30, 1e30, math.inf, -math.inf, math.nan, -1, -1.0, 2**-1074):
        numbers[key] = repr(key)
    assert [repr(key) for key in numbers] == [
        "True", "-inf", "-1", "-1.0", "0", "0.0", "5e-324", "1", "1.0",
        "1000000000000000000000000000000", "1e+30", "inf", "nan",
    ]  # fmt: skip
    assert numbers[0.0] == "-0.0"
    assert math.nan in numbers


def test_sets_take_a_key_twice_and_maps_do_not(bench: Bench) -> None:
    """`add` of what is there does nothing, `init` of it is an error."""
    primes = BigSet("set")
    primes.update([2, 3, 3, 2])
    assert list(primes) == [2, 3]
    things = BigMap("map")
    things.init(47, "x")
    with pytest.raises(KeyError, match=r'key 47 already registered in collection "map"'):
        things.init(47, "y")
    assert things[47] == "x"


@pytest.mark.parametrize("how", ["get", "set", "delete"])
def test_a_missing_key_is_an_error(bench: Bench, how: str) -> None:
    """Whatever is done with a key that is not there names key and collection."""
    things, weak = BigMap("map"), WeakBigMap("weak")
    args = [43] + (["x"] if how == "set" else [])
    with pytest.raises(KeyError) as found:
        getattr(things, how)(*args)
    assert found.value.args == ('key 43 not found in collection "map"',)
    with pytest.raises(KeyError) as found:
        getattr(things, how)("a", *args[1:])
    assert found.value.args == ('key "a" not found in collection "map"',)
    with pytest.raises(KeyError) as found:
        getattr(weak, how)(presence(bench, "o-50"), *args[1:])
    assert found.value.args == ('key <Presence o-50 Alleged: Bob> not found in collection "weak"',)


def test_a_map_reads_like_a_dict(bench: Bench) -> None:
    """Items are assigned, deleted and looked up as those of a dict are."""
    things = BigMap("map")
    things.update({"a": 1, "b": [2]})
    things["a"] = 3
    things.set("b", {"c": 4})
    assert (things["a"], things["b"], things.get("x", 5)) == (3, {"c": 4}, 5)
    assert "a" in things
    assert things.has("a")
    assert "x" not in things
    del things["a"]
    assert dict(things.items()) == {"b": {"c": 4}}
    things.delete("b")
    assert not things
    with pytest.raises(TypeError, match="frozen copy"):
        things.update({"a": []}) or things["a"].append(1)


def test_patterns_narrow_a_walk(bench: Bench) -> None:
    """Keys are chosen by value, by type, and by the patterns that annotations know."""
    things = BigMap("map")
    for key in [47, -29, 3, 1000.5, "hello", "help", "held", "", "a", None, False, b"ab", b"b"]:
        things[key] = None

    def found(pattern: Any) -> list[Any]:
        return list(things.keys(pattern))

    assert found(47) == [47]
    assert found(48) == []
    assert found(None) == [None]
    assert found(float) == [-29, 3, 47, 1000.5]
    assert found(int) == [-29, 3, 47]
    assert found(str) == ["", "a", "held", "hello", "help"]
    assert found(prefix("hel")) == ["held", "hello", "help"]
    assert found(Annotated[str, prefix("hell")]) == ["hello"]
    assert found(matching("h.*p")) == ["help"]
    assert found(gte("held")) == ["held", "hello", "help"]
    assert found(lt("held")) == ["", "a"]
    assert found(bytes) == [b"ab", b"b"]
    assert found(gt(b"a")) == [b"ab", b"b"]
    assert found(bool) == [False]
    assert found(str | None) == ["", "a", "held", "hello", "help", None]
    assert found(Any) == list(things)
    with pytest.raises(TypeError, match="is no pattern of keys"):
        found([1])


def test_ranges_of_primes(bench: Bench) -> None:
    """Each bound includes or leaves out its own value, whether that is a key or not."""
    primes = BigSet("primes")
    for prime in reversed(PRIMES):
        primes.add(prime)
    assert list(primes.keys(gt(53))) == [59, 61, 67, 71, 73, 79, 83, 89, 97]
    assert next(iter(primes.keys(gte(53)))) == 53
    assert list(primes.keys(lt(7.5))) == [2, 3, 5, 7]
    assert list(primes.keys(lte(7))) == [2, 3, 5, 7]
    assert list(primes.keys(between(10, 20.0))) == [11, 13, 17, 19]
    bench.everything.clear()
    assert list(primes.keys(between(88, 90))) == [89]
    assert len([call for call in bench.everything if call[0] == "vatstoreGetNextKey"]) == 2
    primes.clear(gt(10))
    assert list(primes) == [2, 3, 5, 7]
    primes.clear()
    assert len(primes) == 0


def test_shapes_are_checked(bench: Bench) -> None:
    """A key or a value of the wrong type is refused, with what came and what was wanted."""
    things = BigMap("map", keys=str, values=Annotated[int, gt(0)])
    with pytest.raises(TypeError) as found:
        things.init(29, 1)
    assert str(found.value) == 'invalid key type for collection "map": int 29 - Must be a str'
    with pytest.raises(TypeError) as found:
        things["a"] = 0
    assert str(found.value) == 'invalid value type for collection "map": int 0 - Must be int > 0'
    things["a"] = 1
    with pytest.raises(TypeError, match="Must be int"):
        things.set("a", "x")
    with pytest.raises(TypeError, match="invalid key type"):
        BigSet("set", keys=prefix("a")).add("b")


def test_objects_keep_the_order_of_their_addition(bench: Bench) -> None:
    """Deleting and adding again moves an object to the end, giving it another value does not."""
    a, b, c = (presence(bench, f"o-5{i}") for i in range(3))
    things = BigMap("map", keys=Remotable)
    for key in (c, a, b):
        things.init(key, 0)
    things.set(c, 1)
    assert list(things) == [c, a, b]
    del things[c]
    things[c] = 2
    assert list(things) == [a, b, c]
    assert things[c] == 2


def test_adding_while_walking_is_refused(bench: Bench) -> None:
    """Whether the new key lies behind or ahead, the walk ends with an error; other walks go on."""
    for new in (1, 9):
        things = BigMap("map")
        things.update({2: "b", 3: "c", 4: "d"})
        walk = iter(things)
        assert next(walk) == 2
        things.init(new, "x")
        with pytest.raises(RuntimeError, match=r"^keys in store cannot be added to during iteration$"):
            next(walk)
        assert len(list(things)) == 4


def test_deleting_while_walking_is_fine(bench: Bench) -> None:
    """A key that is deleted before the walk comes to it is not met, and changed values are as they are."""
    things = BigMap("map")
    things.update({i: i for i in range(6)})
    met = []
    for key, value in things.items():
        met.append((key, value))
        if key == 1:
            del things[1]
            del things[2]
            things[3] = "new"
    assert met == [(0, 0), (1, 1), (3, "new"), (4, 4), (5, 5)]
    assert len(things) == 4


@pytest.mark.parametrize("how", ["init", "set", "get", "has", "delete", "__setitem__"])
def test_a_key_has_a_greatest_length(bench: Bench, how: str) -> None:
    """218 characters are a key, 219 are too many for every operation."""
    things = BigMap("map")
    things["x" * 218] = 1
    assert things["x" * 218] == 1
    with pytest.raises(KeyTooLargeError, match=r"^key too large$"):
        getattr(things, how)("x" * 219, *(["v"] if how in ("init", "set", "__setitem__") else []))
    with pytest.raises(KeyTooLargeError, match=r"^key too large$"):
        things[3**2000] = 1
    assert list(things.keys(prefix("x" * 900))) == []
    assert list(things.keys(gt(3**2000))) == []


def test_text_that_cannot_be_stored_is_no_key(bench: Bench) -> None:
    """Half of a surrogate pair is refused here, since the kernel would end the vat for it."""
    things = BigMap("map")
    with pytest.raises(TypeError, match="surrogate"):
        things["a\ud800"] = 1
    things["\ue000a"] = things["\U0010ffff"] = things["\x00"] = 1
    assert list(things.keys(prefix("\ue000"))) == ["\ue000a"]
    assert list(things.keys(prefix("\U0010ffff"))) == ["\U0010ffff"]
    assert list(things.keys(prefix("\ud800"))) == []
    assert list(things.keys(prefix("\x00"))) == ["\x00"]
    assert all(
        text.encode("utf-8", "surrogatepass") == text.encode("utf-8", "replace")
        for call in bench.everything
        for text in call[1:2]
        if isinstance(text, str)
    )


@pytest.mark.parametrize("key", [(1, 2), [1], {"a": 1}, {1}])
def test_only_scalars_and_objects_are_keys(bench: Bench, key: Any) -> None:
    """A key that is made of others is refused."""
    with pytest.raises(TypeError, match="wanted a scalar or an object"):
        BigMap("map", durable=False)[key] = 1


def test_a_durable_collection_takes_what_outlives_an_upgrade(bench: Bench) -> None:
    """Heap objects and promises are refused as keys and as values."""
    things = BigMap("map")
    for value in (Thing(), make_promise()[0], BigMap("other", durable=False)):
        with pytest.raises(TypeError, match="is not durable: slot 0 of"):
            things["a"] = [value]
        with pytest.raises(TypeError, match="is not durable: slot 0 of"):
            things[value] = 1
    assert len(things) == 0
    things["a"] = BigMap("inner")
    things["a"]["b"] = 1
    assert things["a"]["b"] == 1


def test_weak_collections_tell_nothing_of_what_they_have(bench: Bench) -> None:
    """They cannot be walked, counted or cleared, and take objects only."""
    weak = WeakBigMap("weak")
    bob = presence(bench, "o-50")
    weak.init(bob, 1)
    weak[bob] = 2
    with pytest.raises(KeyError, match="already registered"):
        weak.init(bob, 3)
    assert weak[bob] == weak.get(bob) == 2
    assert bob in weak
    for name in ("keys", "values", "items", "size", "clear", "__len__", "__iter__"):
        assert not hasattr(weak, name)
    with pytest.raises(TypeError, match='key of weak collection "weak": wanted an object, got int 1'):
        weak[1] = 1
    assert 1 not in weak
    del weak[bob]
    assert bob not in weak
    members = WeakBigSet("members")
    members.add(bob)
    members.add(bob)
    assert bob in members
    members.discard(bob)
    members.discard(bob)
    assert not members.has(bob)


def test_standard_names_make_the_same(bench: Bench) -> None:
    """What other implementations call the makers is here too, ending with the incarnation unless durable."""
    made = make_scalar_big_map_store("m", key_shape=int, durable=True)
    assert isinstance(made, BigMap)
    assert bench.vat.slots.known_name(made) == "o+d2/10"
    assert bench.vat.slots.known_name(make_scalar_big_weak_set_store()) == "o+v9/11"
    with pytest.raises(TypeError, match="Must be int"):
        made["a"] = 1


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
    assert reap(bench) == {}
    bench.send("run", "m = baggage['m']\ndel m['x']\nm[next(m.keys())] = None")
    assert reap(bench) == {"dropImports": ["o-51"], "retireImports": ["o-51"]}
    bench.send("run", "baggage['m'].clear()")
    assert reap(bench) == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_a_dead_collection_is_deleted_with_all_it_held(bench: Bench) -> None:
    """Nothing is left of it, and of what only it held."""
    bench.send(
        "run",
        "m = baggage['m'] = BigMap()\nm['n'] = Node(args[0])\nm[args[0]] = BigSet()",
        "$0",
        slots=("o-50",),
    )
    assert reap(bench) == {}
    bench.send("run", "del baggage['m']")
    assert reap(bench) == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert entries(bench) == []


def test_a_large_collection_is_deleted_over_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round deletes so many entries, over an upgrade too, and all counts come off."""
    monkeypatch.setattr("swingset.guest.leftovers.BUDGET", 10)
    bench.send(
        "run", "m = baggage['m'] = BigMap()\nfor i in range(25): m[i] = args[0]", "$0", slots=("o-50",)
    )
    bench.send("run", "del baggage['m']")
    reap(bench)
    assert int(bench.store["vom.rc.o-50"]) == 15
    after = bench.upgrade(BASE).up()
    told: dict[str, list[str]] = {}
    for _ in range(4):
        told.update(reap(after))
    assert told == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert entries(after) == []


def test_a_weak_entry_goes_with_its_key(bench: Bench) -> None:
    """An import that nothing holds is dropped, its entry deleted, and what the entry held let go."""
    bench.send(
        "run", "w = baggage['w'] = WeakBigMap()\nw[args[0]] = args[1]", "$0", "$1", slots=("o-50", "o-51")
    )
    assert reap(bench) == {"dropImports": ["o-50"]}
    assert "vom.ir.o-50|10" in bench.store
    assert bench.vat.deliver(["retireImports", ["o-50"]]) == {"status": "ok"}
    assert reap(bench) == {"dropImports": ["o-51"], "retireImports": ["o-51"]}
    assert entries(bench) == ["vc.1.sw", "vom.o+d3/10", "vom.rc.o+d3/10"]


def test_a_weak_key_that_comes_back_finds_its_entry(bench: Bench) -> None:
    """Until its owner retires it, a dropped key is known; losing the last entry retires it."""
    bench.send("run", "w = baggage['w'] = WeakBigMap()\nw[args[0]] = 5", "$0", slots=("o-50",))
    assert reap(bench) == {"dropImports": ["o-50"]}
    assert bench.ask("run", "answer = baggage['w'][args[0]]", "$0", slots=("o-50",)) == 5
    assert reap(bench) == {"dropImports": ["o-50"]}
    bench.send("run", "del baggage['w']")
    assert reap(bench) == {"retireImports": ["o-50"]}
    assert entries(bench) == []


def test_deleting_a_weak_entry_retires_a_dropped_key(bench: Bench) -> None:
    """The kernel is told as soon as nothing here could recognize the key."""
    bench.send("run", "w = baggage['w'] = WeakBigSet()\nw.add(args[0])", "$0", slots=("o-50",))
    assert reap(bench) == {"dropImports": ["o-50"]}
    bench.send("run", "baggage['w'].delete(args[0])", "$0", slots=("o-50",))
    assert reap(bench) == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_own_objects_are_weak_keys(bench: Bench) -> None:
    """A durable object in a weak collection only is deleted, and its entry with it."""
    bench.send(
        "run", "w = baggage['w'] = WeakBigMap()\nn = baggage['n'] = Node()\nw[n] = Node()\nw[Node()] = 1"
    )
    reap(bench)
    assert len([key for key in entries(bench) if key.startswith("vom.o+d10/")]) == 2
    bench.send("run", "baggage['n'] = None")
    reap(bench)
    assert entries(bench) == ["vc.1.sn", "vc.1.sw", "vom.o+d3/10", "vom.rc.o+d3/10"]


def test_heap_objects_are_weak_keys_of_virtual_collections(bench: Bench) -> None:
    """The entry of a heap object is deleted when its memory is."""
    bench.send(
        "run",
        "root.w = WeakBigMap(durable=False)\nroot.x = Root(None)\nroot.w[root.x] = args[0]",
        "$0",
        slots=("o-50",),
    )
    assert reap(bench) == {}
    assert bench.ask("run", "answer = [root.x in root.w, Root(None) in root.w]") == [True, False]
    bench.send("run", "root.x = None")
    assert reap(bench) == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_virtual_data_of_an_old_incarnation_is_deleted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """All virtual objects and collections end with an upgrade, a few at a time, and all counts come off."""
    monkeypatch.setattr("swingset.guest.leftovers.BUDGET", 4)
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
    reap(bench)
    assert bench.store["vom.rc.o+d10/1"] == "8"
    after = bench.upgrade(BASE).up()
    told: dict[str, list[str]] = {}
    for _ in range(12):
        told.update(reap(after))
    assert told == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert entries(after) == ["vc.1.sn", "vom.o+d10/1", "vom.rc.o+d10/1"]
    assert after.store["vom.rc.o+d10/1"] == "1"
    assert not [key for key in after.store if key.startswith(("vom.es", "vom.condemned"))]
    assert len([key for key in after.store if key.startswith("vom.vkind")]) == 1  # that of the new code
    after.send("run", "answer = Leaf()")
    assert after.take()[-1][1][0][2]["slots"] == ["o+v12/1"]


def test_collections_work_in_a_plain_module() -> None:
    """Without any vat, a collection is one of the stand-alone world."""
    things = BigMap("map")
    things["a"] = 1
    assert provide(things, "a", lambda: 2) == 1
    assert list(things.items()) == [("a", 1)]


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**600), 2**600),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)


def rank(key: Any) -> tuple[Any, ...]:
    """The order of keys, said in another way than the store does."""
    if isinstance(key, bool):
        return (0, key)
    if isinstance(key, (int, float)):
        return (1, key, isinstance(key, float))
    return (2 if isinstance(key, str) else 3 if isinstance(key, bytes) else 4, key if key is not None else 0)


def same(key: Any) -> Any:
    """What tells keys apart where a dict would not."""
    return (type(key).__name__, 0.0 if key == 0 and isinstance(key, float) else key)


@given(SCALARS, SCALARS)
@settings(max_examples=600)
def test_texts_of_keys_are_in_the_order_of_keys(a: Any, b: Any) -> None:
    """The text of a key leads back to it, and sorts as it does."""
    first, second = encode_scalar(a), encode_scalar(b)
    assert first is not None
    assert second is not None
    assert same(decode_scalar(first)) == same(a)
    assert (first < second) == (rank(a) < rank(b))
    assert (first == second) == (same(a) == same(b))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "init", "set", "delete", "get", "clear", "walk", "walk"]),
        st.one_of(SCALARS, st.sampled_from([1, 1.0, True, "1", 0, -0.0, "a", "ab", 2**53, 2.0**53])),
        SCALARS,
    ),
    max_size=40,
)


def choose(low: Any, how: int) -> Any:
    number = isinstance(low, (int, float)) and not isinstance(low, bool)
    if number or isinstance(low, (str, bytes)):
        pattern = (gt, gte, lt, lte)[how % 4](low)
        return prefix(low) if isinstance(low, str) and how % 5 == 0 else pattern
    return (int, float, str, bool)[how % 4]


def fits(pattern: Any, key: Any) -> bool:
    if pattern is float:
        return isinstance(key, (int, float)) and not isinstance(key, bool)
    if isinstance(pattern, type):
        return type(key) is pattern
    return bool(pattern.fits(key))


@given(STEPS, st.integers(0, 19))
@settings(max_examples=150, deadline=None)
def test_a_map_is_a_sorted_dict(steps: list[tuple[str, Any, Any]], how: int) -> None:
    """Whatever is done to it, a collection has what a dict has, in the order of keys."""
    bench = Bench(BASE).up()
    with activate(bench.vat):
        things = BigMap("map")
        model: dict[Any, tuple[Any, Any]] = {}
        for step, key, value in steps:
            there = same(key) in model
            if step == "put":
                things[key] = value
                model[same(key)] = (key, value)
            elif step == "init":
                if there:
                    with pytest.raises(KeyError):
                        things.init(key, value)
                else:
                    things.init(key, value)
                    model[same(key)] = (key, value)
            elif step in ("set", "delete", "get") and not there:
                with pytest.raises(KeyError):
                    getattr(things, step)(key, *([value] if step == "set" else []))
            elif step == "set":
                things.set(key, value)
                model[same(key)] = (key, value)
            elif step == "delete":
                things.delete(key)
                del model[same(key)]
            elif step == "get":
                assert things[key] == model[same(key)][1]
            else:
                pattern = choose(key, how)
                chosen = sorted((k for k, _ in model.values() if fits(pattern, k)), key=rank)
                assert [same(k) for k in things.keys(pattern)] == [same(k) for k in chosen]
                if step == "clear":
                    things.clear(pattern)
                    for gone in chosen:
                        del model[same(gone)]
            bench.vat.settle()
        wanted = sorted(model.values(), key=lambda pair: rank(pair[0]))
        assert [(same(k), v) for k, v in things.items()] == [(same(k), v) for k, v in wanted]
        assert len(things) == len(model)
        assert LIMIT == 220
