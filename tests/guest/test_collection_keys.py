"""Keys of big collections: their order, what they may be, walks and queries, and what misuse is told."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import pytest

from swingset.vat import BigMap, BigSet, Remotable, WeakBigMap, WeakBigSet, make_promise, remotable
from swingset.vat.explicit import (
    make_scalar_big_map_store,
    make_scalar_big_set_store,
    make_scalar_big_weak_map_store,
    make_scalar_big_weak_set_store,
)
from swingset.vat.patterns import between, gt, gte, lt, lte, matching, prefix
from tests.guest.guest_bench import Bench
from tests.guest.inside import imports, inside
from tests.guest.test_collections import BASE

pytestmark = pytest.mark.usefixtures("engine")

PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]

SPECIMENS = f"""
PRIMES = {PRIMES}

@remotable
class Thing:
    pass
"""


@remotable
class Thing:
    pass


@inside(SPECIMENS)
def test_keys_come_in_their_order() -> None:
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


@inside()
def test_ints_and_floats_of_one_value_are_two_keys() -> None:
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


@inside()
def test_strings_come_in_the_order_of_their_code_points() -> None:
    """Whatever letters mean, and however many bytes they take."""
    words = ["Z", "a", "aa", "b", "ä", "\u0416", "\ue000", "\uffff", "\U0001f600", ""]
    assert list(BigSet("set")) == []
    found = BigSet("set")
    found.update(words)
    assert list(found) == sorted(words)


@inside()
def test_sets_take_a_key_twice_and_maps_do_not() -> None:
    """`add` of what is there does nothing, `init` of it is an error that changes nothing."""
    primes = BigSet("set")
    primes.update([2, 3, 3, 2])
    assert list(primes) == [2, 3]
    objects = BigSet("objects")
    objects.update([imports[1], imports[0], imports[1]])
    assert list(objects) == [imports[1], imports[0]]
    things = BigMap("map")
    things.init(47, "x")
    with pytest.raises(KeyError, match=r'key 47 already registered in collection "map"') as found:
        things.init(47, "y")
    assert found.value.args == ('key 47 already registered in collection "map"',)
    assert things[47] == "x"
    assert len(things) == 1
    for weak in (WeakBigMap("weak"), WeakBigMap("weak", durable=False)):
        weak.init(imports[0], 1)
        with pytest.raises(KeyError, match="already registered") as found:
            weak.init(imports[0], 2)
        assert found.value.args == (
            'key <Presence o-50 Alleged: Thing> already registered in collection "weak"',
        )
        assert weak[imports[0]] == 1


@pytest.mark.parametrize("how", ["get", "set", "delete", "__getitem__", "__delitem__"])
@inside()
def test_a_missing_key_is_an_error(how: str) -> None:
    """Whatever is done with a key that is not there names key and collection."""
    value = ["x"] if how == "set" else []
    shown = {
        43: "43",
        "a": '"a"',
        'say "a"': r'"say \"a\""',
        4.5: "4.5",
        True: "True",
        None: "None",
        b"a": "b'a'",
        imports[0]: "<Presence o-50 Alleged: Thing>",
    }
    things = BigMap("map")
    for key, text in shown.items():
        with pytest.raises(KeyError) as found:
            getattr(things, how)(key, *value)
        assert found.value.args == (f'key {text} not found in collection "map"',), key
    with pytest.raises(KeyError) as found:
        getattr(WeakBigMap("weak"), how)(imports[0], *value)
    assert found.value.args == ('key <Presence o-50 Alleged: Thing> not found in collection "weak"',)
    if how == "delete":
        for members in (BigSet("members"), WeakBigSet("members")):
            with pytest.raises(KeyError) as found:
                members.delete(imports[0])
            assert 'not found in collection "members"' in str(found.value)
            members.discard(imports[0])


@inside()
def test_a_map_reads_like_a_dict() -> None:
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


@inside()
def test_patterns_narrow_a_walk() -> None:
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


@inside(SPECIMENS)
def test_objects_are_chosen_by_pattern_too() -> None:
    """All objects, those that say they are something, or one of them."""
    things = BigMap("map", durable=False)
    mine = Thing()
    for key in (imports[3], 5, mine, imports[1]):
        things[key] = None
    assert list(things.keys(Remotable)) == [imports[3], mine, imports[1]]
    assert list(things.keys(Thing)) == [mine]
    assert list(things.keys(imports[1])) == [imports[1]]
    assert list(things.keys(imports[2])) == []
    assert list(things.keys(Annotated[Remotable, alleged("Thing")])) == [imports[3], mine, imports[1]]  # noqa: F821


@inside(SPECIMENS)
def test_ranges_of_primes() -> None:
    """Each bound includes or leaves out its own value, whether that is a key or not."""
    primes = BigSet("primes")
    for prime in reversed(PRIMES):
        primes.add(prime)
    assert list(primes.keys(gt(53))) == [59, 61, 67, 71, 73, 79, 83, 89, 97]
    assert next(iter(primes.keys(gte(53)))) == 53
    assert list(primes.keys(lt(7.5))) == [2, 3, 5, 7]
    assert list(primes.keys(lte(7))) == [2, 3, 5, 7]
    assert list(primes.keys(between(10, 20.0))) == [11, 13, 17, 19]
    assert list(primes.keys(between(88, 90))) == [89]
    primes.clear(gt(10))
    assert list(primes) == [2, 3, 5, 7]
    primes.clear()
    assert len(primes) == 0


def test_query_reads_little_more_than_it_returns() -> None:
    """The stretch of keys that is walked is cut as narrow as the order of keys allows."""
    bench = Bench(BASE).up()
    bench.send("run", f"s = baggage['s'] = BigSet('primes')\nfor p in {PRIMES}: s.add(p)")
    bench.everything.clear()
    look = "from swingset.vat.patterns import between\nanswer = list(baggage['s'].keys(between(88, 90)))"
    assert bench.ask("run", look) == [89]
    assert len([call for call in bench.everything if call[0] == "vatstoreGetNextKey"]) == 2


@inside()
def test_shapes_are_checked() -> None:
    """A key or a value of the wrong type is refused, with what came and what was wanted."""
    things = BigMap("map", keys=str, values=Annotated[int, gt(0)])
    with pytest.raises(TypeError) as found:
        things.init(29, 1)
    assert str(found.value) == 'invalid key type for collection "map": int 29 - Must be a str'
    for how in ("init", "set", "__setitem__"):
        things["a"] = 1
        with pytest.raises(TypeError) as found:
            getattr(things, how)("b" if how == "init" else "a", 0)
        assert str(found.value) == 'invalid value type for collection "map": int 0 - Must be int > 0'
    assert list(things.items()) == [("a", 1)]
    with pytest.raises(TypeError, match="Promise - Must be int: await it and keep its value"):
        things.set("a", make_promise()[0])
    with pytest.raises(TypeError, match="Must be int"):
        things.set("a", "x")
    for members in (BigSet("set", keys=prefix("a")), BigSet("set", keys=prefix("a"), durable=False)):
        with pytest.raises(TypeError) as found:
            members.add("b")
        assert str(found.value) == (
            "invalid key type for collection \"set\": str 'b' - Must be object starting with 'a'"
        )
    numbers = WeakBigMap("weak", values=list[int])
    with pytest.raises(TypeError) as found:
        numbers[imports[0]] = [1, "x"]
    assert str(found.value) == "invalid value type for collection \"weak\": str 'x' at [1] - Must be int"


@inside()
def test_objects_keep_the_order_of_their_addition() -> None:
    """Deleting and adding again moves an object to the end, giving it another value does not."""
    a, b, c = imports[:3]
    for things in (BigMap("map", keys=Remotable), BigMap("map", keys=Remotable, durable=False)):
        for key in (c, a, b):
            things.init(key, 0)
        things.set(c, 1)
        things[c] = 2
        assert list(things) == [c, a, b]
        del things[c]
        things[c] = 2
        assert list(things) == [a, b, c]
        assert things[c] == 2
    members = BigSet("set")
    members.update([c, a, b, c])
    assert list(members) == [c, a, b]
    members.delete(c)
    members.add(c)
    assert list(members) == [a, b, c]


def test_order_of_objects_outlives_an_upgrade() -> None:
    """What a later incarnation adds comes after what was there, and no place is used again."""
    bench = Bench(BASE).up()
    slots = ("o-59", "o-51", "o-55")
    bench.send("run", "m = baggage['m'] = BigSet()\nm.update(args)", "$0", "$1", "$2", slots=slots)
    after = bench.upgrade(BASE).up()
    change = "m = baggage['m']\nm.delete(args[0])\nm.add(args[1])\nm.add(args[0])"
    after.send("run", change, "$0", "$1", slots=("o-55", "o-50"))
    after.send("run", "answer = list(baggage['m'])")
    assert after.take()[-1][1][0][2]["slots"] == ["o-59", "o-51", "o-50", "o-55"]


@pytest.mark.parametrize("walk", ["__iter__", "keys", "values", "items"])
@pytest.mark.parametrize("new", [1, 3, 9, None])
@inside()
def test_adding_while_walking_is_refused(walk: str, new: object) -> None:
    """Whether the new key lies behind, under or ahead, the next step of the walk is an error."""
    for things in (BigMap("map"), BigMap("map", durable=False), BigSet("set")):
        members = isinstance(things, BigSet)
        if walk == "items" and members:
            continue
        for key in (2, 4, 5):
            things.add(key) if members else things.init(key, "x")
        walking = iter(getattr(things, walk)())
        next(walking)
        things.add(new) if members else things.init(new, "x")
        with pytest.raises(RuntimeError, match=r"^keys in store cannot be added to during iteration$"):
            next(walking)
        assert len(list(getattr(things, walk)())) == 4


@inside()
def test_walk_narrowed_by_a_pattern_refuses_additions_too() -> None:
    """Also of keys that it would never meet, and of a key that was deleted meanwhile."""
    things = BigMap("map")
    things.update({2: "b", 3: "c", "x": "d"})
    walk = things.items(int)
    assert next(walk) == (2, "b")
    things["y"] = 1
    with pytest.raises(RuntimeError, match="cannot be added to"):
        next(walk)
    walk = things.keys(gt(1))
    assert next(walk) == 2
    things.delete(3)
    things.init(3, "again")
    with pytest.raises(RuntimeError, match="cannot be added to"):
        next(walk)


def test_walk_may_last_for_several_deliveries() -> None:
    """What later messages delete is not met, and the first addition by one of them ends the walk."""
    bench = Bench(BASE).up()
    bench.send("run", "root.m = m = baggage['m'] = BigMap()\nm.update({1: 1, 2: 2, 3: 3, 4: 4})")
    assert bench.ask("run", "root.walk = root.m.items()\nanswer = next(root.walk)[0]") == 1
    bench.send("run", "m = baggage['m']\ndel m[1], m[2]\nm[3] = 'new'")
    assert bench.ask("run", "answer = list(next(root.walk))") == [3, "new"]
    assert bench.ask("init", 2, 2, target="o+d2/10") is None
    assert bench.ask("run", "next(root.walk)")["#error"] == (
        "keys in store cannot be added to during iteration"
    )
    assert bench.ask("run", "answer = list(baggage['m'])") == [2, 3, 4]


@inside()
def test_walk_of_another_collection_goes_on() -> None:
    """An addition ends the walks of its own collection, as does one that fails end none."""
    things, others = BigMap("map", keys=int), BigMap("map")
    things.update({1: "a", 2: "b"})
    walk = iter(things)
    next(walk)
    others[1] = 1
    for key in (1, "x"):
        with pytest.raises((KeyError, TypeError)):
            things.init(key, 1)
    assert next(walk) == 2


@inside()
def test_deleting_while_walking_is_fine() -> None:
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
    walk = things.keys()
    assert next(walk) == 0
    things.clear()
    assert list(walk) == []
    members = BigSet("set")
    members.update([*imports[:4]])
    met = []
    for key in members:
        met.append(key)
        members.discard(imports[2])
    assert met == [imports[0], imports[1], imports[3]]


@pytest.mark.parametrize(
    "how",
    ["init", "set", "__setitem__", "get", "has", "delete", "__getitem__", "__delitem__", "__contains__"],
)
@inside()
def test_a_key_has_a_greatest_length(how: str) -> None:
    """218 characters are a key, 219 are too many for every operation, and so it is with other keys."""
    fitting = ["x" * 218, "é" * 218, b"x" * 109, 3**400]
    things = BigMap("map")
    for key in fitting:
        things[key] = 1
        assert things[key] == 1
    assert list(things) == [3**400, "x" * 218, "é" * 218, b"x" * 109]
    value = ["v"] if how in ("init", "set", "__setitem__") else []
    for key in ("x" * 219, "é" * 219, b"x" * 110, 3**2000, -(3**2000)):
        with pytest.raises(ValueError, match=r"^key too large$"):
            getattr(things, how)(key, *value)
    assert len(things) == 4
    assert list(things.keys(prefix("x" * 900))) == []
    assert list(things.keys(gt(3**2000))) == []
    assert list(things.keys(gt(-(3**2000)))) == [3**400]


@pytest.mark.parametrize("how", ["add", "has", "delete", "discard", "__contains__"])
@inside()
def test_member_of_a_set_has_a_greatest_length(how: str) -> None:
    """A set measures its members as a map does its keys."""
    members = BigSet("set")
    members.add("x" * 218)
    with pytest.raises(ValueError, match=r"^key too large$"):
        getattr(members, how)("x" * 219)
    assert list(members) == ["x" * 218]


@inside()
def test_greatest_length_of_an_int_is_that_of_its_digits() -> None:
    """An int is as long as its digits without the zeros at its end, so that a round one may be far larger."""
    numbers = BigSet("numbers")
    most = 2**844 + 1  # 211 digits of four bits, and eight letters around them
    for key in (most, -most, 2**32767, -(2**32767)):
        numbers.add(key)
        assert key in numbers
    assert list(numbers) == [-(2**32767), -most, most, 2**32767]
    with pytest.raises(KeyError, match=r"key int \(very large\) not found"):
        numbers.delete(2**32766)
    for key in (2**845 + 1, -(2**845) - 1, 2**32768, -(2**32768)):
        with pytest.raises(ValueError, match=r"^key too large$"):
            numbers.add(key)


@inside(
    """
@remotable
class Shy:
    def __repr__(self): raise ValueError("not today")
"""
)
def test_key_that_cannot_be_shown_is_a_key_all_the_same() -> None:
    """A class whose instances cannot be shown costs no more than the words in an error."""
    things = BigMap("map", durable=False)
    key = Shy()  # noqa: F821
    things[key] = 1
    assert things[key] == 1
    with pytest.raises(KeyError, match=r'^.key Shy object already registered in collection "map".$'):
        things.init(key, 2)


@inside()
def test_text_that_cannot_be_stored_is_no_key() -> None:
    """Half of a surrogate pair is refused here, since the kernel would end the vat for it."""
    things = BigMap("map")
    with pytest.raises(TypeError, match="surrogate"):
        things["a\ud800"] = 1
    things["\ue000a"] = things["\U0010ffff"] = things["\x00"] = 1
    assert list(things.keys(prefix("\ue000"))) == ["\ue000a"]
    assert list(things.keys(prefix("\U0010ffff"))) == ["\U0010ffff"]
    assert list(things.keys(prefix("\ud800"))) == []
    assert list(things.keys(prefix("\x00"))) == ["\x00"]


@pytest.mark.parametrize("key", [(1, 2), [1], {"a": 1}, {1}])
@inside()
def test_only_scalars_and_objects_are_keys(key: object) -> None:
    """A key that is made of others is refused."""
    with pytest.raises(TypeError, match="wanted a scalar or an object"):
        BigMap("map", durable=False)[key] = 1


@inside(SPECIMENS)
def test_a_durable_collection_takes_what_outlives_an_upgrade() -> None:
    """Heap objects and promises are refused as keys and as values, wherever in these they are."""
    things = BigMap("map")
    for value in (Thing(), make_promise()[0], BigMap("other", durable=False)):
        with pytest.raises(TypeError, match=r"is not durable: slot 0 of"):
            things["a"] = [value]
        with pytest.raises(TypeError, match=r"is not durable: slot 2 of"):
            things["a"] = [*imports[:2], {"deep": value}]
        with pytest.raises(TypeError, match="is not durable: slot 0 of"):
            things[value] = 1
    assert len(things) == 0
    things["a"] = BigMap("inner")
    things["a"]["b"] = 1
    assert things["a"]["b"] == 1


@inside()
def test_weak_collections_tell_nothing_of_what_they_have() -> None:
    """They cannot be walked, counted or cleared, and take objects only."""
    bob = imports[0]
    for durable in (True, False):
        weak = WeakBigMap("weak", durable=durable)
        weak.init(bob, 1)
        weak[bob] = 2
        assert weak[bob] == weak.get(bob) == 2
        assert weak.get(imports[1], None) is None
        assert bob in weak
        with pytest.raises(TypeError, match='key of weak collection "weak": wanted an object, got int 1'):
            weak[1] = 1
        assert 1 not in weak
        del weak[bob]
        assert bob not in weak
        members = WeakBigSet("members", durable=durable)
        members.add(bob)
        members.add(bob)
        assert bob in members
        members.discard(bob)
        members.discard(bob)
        assert not members.has(bob)
        for name in ("keys", "values", "items", "size", "clear", "__len__"):
            assert not hasattr(weak, name), name
            assert not hasattr(members, name), name
        for each in (weak, members):
            with pytest.raises(TypeError, match=r"^a Weak\w+ cannot be walked, for it"):
                list(each)


MAKERS = {
    "BigMap": (make_scalar_big_map_store, 2, 6),
    "WeakBigMap": (make_scalar_big_weak_map_store, 3, 7),
    "BigSet": (make_scalar_big_set_store, 4, 8),
    "WeakBigSet": (make_scalar_big_weak_set_store, 5, 9),
}


@pytest.mark.parametrize("name", MAKERS)
def test_standard_names_make_the_same(name: str) -> None:
    """What other implementations call the makers is here too, ending with the incarnation unless durable."""
    maker, durable, virtual = MAKERS[name]
    bench = Bench(BASE).up()
    for made, vref in (
        (f"{name}()", f"o+d{durable}/10"),
        (f"{name}(durable=False)", f"o+v{virtual}/11"),
        (f"{maker.__name__}('m', durable=True)", f"o+d{durable}/12"),
        (f"{maker.__name__}()", f"o+v{virtual}/13"),
    ):
        bench.send("run", f"from swingset.vat.explicit import {maker.__name__}\nanswer = {made}")
        assert bench.take()[-1][1][0][2] == {"body": f'#"$0.Alleged: {name}"', "slots": [vref]}
    shaped = (
        f"from swingset.vat.explicit import {maker.__name__}\n"
        f"m = {maker.__name__}('m', key_shape=int, durable=True)\n"
        f"m.{'add' if name.endswith('Set') else 'init'}('a'{'' if name.endswith('Set') else ', 1'})"
    )
    assert bench.ask("run", shaped)["#error"] == (
        "invalid key type for collection \"m\": str 'a' - Must be int"
    )


def test_baggage_measures_its_keys_like_any_collection() -> None:
    """218 characters are a key of the baggage, 219 are too many, and it is stored as a map of strings."""
    bench = Bench(BASE).up()
    assert bench.ask("run", "baggage['x' * 218] = 1\nanswer = baggage['x' * 218]") == 1
    assert json.loads(bench.store[f"vc.1.s{'x' * 218}"])["body"] == "#1"
    for how in ("baggage[k] = 1", "baggage[k]", "del baggage[k]", "k in baggage"):
        assert bench.ask("run", f"k = 'x' * 219\n{how}")["#error"] == "key too large", how
