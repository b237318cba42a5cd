"""Kinds with facets: one state, several faces; and virtual kinds, which last for one incarnation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.guest.base.vrefs import base_of, parse_instance
from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
from typing import Annotated
from swingset.vat import Cohort, E, Remotable, amplify, durable, facet, provide, remotable, virtual
"""

COUNTER = """
@durable
class Counter(Cohort):
    "Counts."
    value: int = 0

    @facet("creator")
    def increment(self, by: int = 1) -> int:
        "One more."
        self.value += by
        return self._note(self.value)

    @facet("creator", "public")
    def read(self) -> int:
        return self.value

    @facet("public")
    def other(self):
        return self.facets.creator

    @facet("creator")
    async def later(self, p):
        self.value += await p
        return self.facets["public"]

    def _note(self, x): return x
    def helper(self): return "not for others"
"""

ROOT = """
made = []
@remotable
class Root:
    def make(self):
        made.append(Counter())
        return [made[-1].facets.creator, made[-1].facets.public]
    def names(self):
        facets = made[-1].facets
        return [list(facets), len(facets), dir(facets), repr(facets), repr(facets.public)]
    def leak(self): return {"c": made[-1]}
    def whole(self, face):
        return [amplify(Counter, face) is made[-1], amplify(Counter, face).facets.public]
    def same(self, face): return face is made[-1].facets.public
    def inside(self): return made[-1].facets.creator.increment(2)
    def deface(self): made[-1].facets.public.value = 5
    def replace(self): made[-1].facets = None
    def wants(self, x: Annotated[Remotable, Counter.facets.public]): return "fine"
    def keep(self, face, baggage=None): bag["face"] = face
    def kept(self): return bag["face"]
def build_root_object(baggage):
    global bag
    bag = baggage
    return Root()
"""

CREATOR, PUBLIC = "o+d10/1:0", "o+d10/1:1"


@pytest.fixture
def bench() -> Bench:
    bench = Bench(HEAD + COUNTER + ROOT).up()
    bench.send("make")
    answer = bench.take()[-1][1][0][2]
    assert answer == {
        "body": '#["$0.Alleged: Counter creator","$1.Alleged: Counter public"]',
        "slots": [CREATOR, PUBLIC],
    }
    return bench


def test_facets_share_one_state(bench: Bench) -> None:
    """What is changed through one facet is seen through the other, and there is one record."""
    assert bench.ask("increment", target=CREATOR) == 1
    assert bench.ask("read", target=PUBLIC) == 1
    assert bench.ask("inside") == 3
    assert [key for key in bench.store if key.startswith("vom.o+")] == ["vom.o+d10/1"]


def test_facet_has_its_own_methods_only(bench: Bench) -> None:
    """A method of another facet, or of none, does not exist for the holder of a facet."""
    told = bench.ask("increment", target=PUBLIC)["#error"]
    assert told == 'target has no method "increment", has [other, read]'
    assert "no method" in bench.ask("helper", target=CREATOR)["#error"]
    told = bench.ask("__describe__", target=CREATOR)
    assert (told["tag"], told["doc"], told["facet"]) == ("Counter creator", "Counts.", "creator")
    assert {name: (method["signature"], method["doc"]) for name, method in told["methods"].items()} == {
        "increment": ("increment(by: int = 1) -> int", "One more."),
        "later": ("later(p)", ""),
        "read": ("read() -> int", ""),
    }


def test_guard_of_a_facet_is_that_of_its_method(bench: Bench) -> None:
    """Arguments are checked at the facet, under its name, and errors keep the user's line."""
    assert bench.ask("increment", "x", target=CREATOR)["#error"] == (
        "Counter creator.increment(by): wanted int, got str 'x'"
    )


def test_facet_is_one_object(bench: Bench) -> None:
    """A facet that comes in is the facet itself, and its name stays when it goes out again."""
    assert bench.ask("same", "$0", slots=(PUBLIC,)) is True
    assert bench.ask("same", "$0", slots=(CREATOR,)) is False
    bench.send("other", target=PUBLIC)
    assert bench.take()[-1][1][0][2]["slots"] == [CREATOR]
    assert bench.ask("names") == [
        ["creator", "public"],
        2,
        ["creator", "public"],
        "<facets of <Counter o+d10/1>: creator, public>",
        "<Counter public o+d10/1:1>",
    ]


def test_cohort_never_leaves(bench: Bench) -> None:
    """What the facets share cannot be passed, stored or named from outside."""
    told = bench.ask("leak")["#error"]
    assert told == (
        'the result of Root.leak()["c"] is a Counter object, which cannot be passed: '
        "pass one of its facets, x.facets.creator"
    )
    for vref in ("o+d10/1", "o+d10/1:2", "o+d10/1:00"):
        assert "#error" in bench.ask("read", target=vref)
    assert bench.ask("read", target="o+d10/1")["#error"] == (
        "the message cannot be read: o+d10/1 in vat bank is no facet of Counter, which has 2"
    )


def test_class_gives_the_right_to_the_whole(bench: Bench) -> None:
    """Code that has the class gets from a facet to its cohort; nothing else is taken for a facet."""
    assert bench.ask("whole", "$0", slots=(PUBLIC,)) == [True, "$0.Alleged: Counter public"]
    told = bench.ask("whole", "$0.Alleged: X", slots=("o-50",))["#error"]
    assert told == "amplify(Counter, x): wanted a facet of Counter, got <Presence o-50 Alleged: X>"


def test_facets_cannot_be_written_to(bench: Bench) -> None:
    """A facet has no attributes of its own, and a cohort's facets cannot be replaced."""
    assert "is a facet and has no state of its own" in bench.ask("deface")["#error"]
    assert "fixed by its class" in bench.ask("replace")["#error"]


def test_guard_can_want_a_facet(bench: Bench) -> None:
    """An annotation can name one facet of a kind."""
    assert bench.ask("wants", "$0", slots=(PUBLIC,)) == "fine"
    told = bench.ask("wants", "$0", slots=(CREATOR,))["#error"]
    assert told == "Root.wants(x): wanted Remotable that is a Counter public, got Counter creator object"


def test_async_method_of_a_facet(bench: Bench) -> None:
    """A method that awaits works through a facet like any other."""
    result = bench.send("later", "&0", target=CREATOR, slots=("p-70",))
    bench.notify(("p-70", False, {"body": "#5", "slots": []}))
    (call,) = [call for call in bench.take() if call[0] == "resolve"]
    assert call[1][0][0] == result
    assert call[1][0][2]["slots"] == [PUBLIC]
    assert bench.ask("read", target=PUBLIC) == 5


def test_facets_survive_an_upgrade(bench: Bench) -> None:
    """A facet in the baggage or in other hands is the same facet under new code."""
    bench.ask("increment", target=CREATOR)
    bench.ask("keep", "$0", slots=(PUBLIC,))
    after = bench.upgrade(
        HEAD + COUNTER.replace("return self.value\n", "return -self.value\n", 2) + ROOT
    ).up()
    assert after.ask("read", target=PUBLIC) == -1
    after.send("kept")
    assert after.take()[-1][1][0][2]["slots"] == [PUBLIC]


def kind(*facets: str) -> str:
    methods = "".join(f"    @facet('{name}')\n    def is_{name}(self): return '{name}'\n" for name in facets)
    single = "    def is_single(self): return 'single'\n"
    return (
        f"{HEAD}\n@durable\nclass Counter:\n    value: int = 0\n{methods or single}"
        "@remotable\nclass Root:\n    def make(self):\n        c = Counter()\n"
        + (f"        return [{', '.join(f'c.facets.{name}' for name in facets)}]\n" if facets else "")
        + "        return [c]\n"
        + "def build_root_object(): return Root()\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ((), (), []),
        (("foo", "bar"), ("foo", "bar"), ["bar", "foo"]),
        (("foo", "bar"), ("bar", "foo"), ["bar", "foo"]),
        (("foo", "bar"), ("foo", "bar", "arf"), ["bar", "foo", "arf"]),
        (("foo", "bar"), ("baz", "foo", "bar", "arf"), ["bar", "foo", "arf", "baz"]),
    ],
)
def test_facets_may_be_added_and_keep_their_numbers(old: Any, new: Any, names: list[str]) -> None:
    """The first definition sorts the facets, later ones append to them; old numbers never move."""
    first = Bench(kind(*old)).up()
    first.send("make")
    after = first.upgrade(kind(*new)).up()
    for index, name in enumerate(names):
        assert after.ask(f"is_{name}", target=f"o+d10/1:{index}") == name
    assert json.loads(after.store["vom.dkind.10.descriptor"]).get("facets", []) == names
    again = after.upgrade(kind(*sorted(new))).up()
    assert json.loads(again.store["vom.dkind.10.descriptor"]).get("facets", []) == names


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            ("foo", "bar"),
            ("foo",),
            "Counter: expected facets bar, foo as stored, found facet foo; others may hold a facet 'bar', so "
            "keep it, even if its only method says that it is closed",
        ),
        (
            (),
            ("foo", "bar"),
            "Counter: expected no facets as stored, found facets bar, foo; a kind has facets from the "
            "beginning or never: keep it as it is, and define another kind",
        ),
        (
            ("foo",),
            (),
            "Counter: expected facet foo as stored, found no facets; a kind has facets from the beginning or "
            "never: keep it as it is, and define another kind",
        ),
    ],
)
def test_lost_facets_refuse_the_upgrade(old: Any, new: Any, told: str) -> None:
    """A facet that is gone, and a change between one face and several, are refused by name."""
    first = Bench(kind(*old)).up()
    first.send("make")
    before = dict(first.store)
    error = first.upgrade(kind(*new)).start()["error"]
    assert (error["name"], error["message"], error["details"]) == ("KindError", told, {"kinds": ["Counter"]})
    assert error["trace"][-1][:2] == ["bank", 5]
    assert first.store == before


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("@facet()\n    def a(self): pass", '@facet wants the names of its facets: @facet("public")'),
        ("@facet('_a')\n    def a(self): pass", 'a facet has a name like "public", which str'),
        ("@facet('a')\n    def _a(self): pass", "Bad._a cannot be on a facet: it is not for others to call"),
        ("@facet('a')\n    def finish(self): pass", "Bad.finish cannot be on a facet"),
        (
            "@facet('a')\n    @property\n    def b(self): pass",
            "@facet('a') goes on a method, not on property",
        ),
        (
            "me: 'Bad | None' = None\n    @facet('a')\n    def b(self): pass",
            "Bad.me: a Bad has facets, and only they are passed and stored: name one, "
            "`Annotated[Remotable, Bad.facets.a]`",
        ),
    ],
)
def test_senseless_facets_are_refused(source: str, told: str) -> None:
    """A mark that cannot make a facet is an error where it is written."""
    error = Bench(f"{HEAD}\n@durable\nclass Bad:\n    {source}\n").start()["error"]
    assert error["message"].startswith(told)


def test_override_stays_on_its_facets() -> None:
    """A method that overrides a marked one, of a mixin or of another kind, stays where that was."""
    source = (
        HEAD
        + COUNTER
        + """
class Loud:
    @facet("loud")
    def shout(self): return "A"
@durable
class Louder(Loud, Counter):
    def read(self): return self.value + 100
    def shout(self): return super().shout() + "!"
"""
        + ROOT.replace("made.append(Counter())", "made.append(Louder())").replace(
            "made[-1].facets.public]", "made[-1].facets.public, made[-1].facets.loud]"
        )
    )
    bench = Bench(source).up()
    bench.send("make")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+d11/1:0", "o+d11/1:2", "o+d11/1:1"]
    assert bench.ask("read", target="o+d11/1:2") == 100
    assert bench.ask("shout", target="o+d11/1:1") == "A!"


def test_failing_finish_leaves_no_facet() -> None:
    """A cohort that cannot be finished is brought out; one that can may hand its facets out in `finish`."""
    source = COUNTER + "    def finish(self):\n        if self.value: raise ValueError('no')\n"
    bench = Bench(HEAD + source + ROOT.replace("Counter()", "Counter(len(made))")).up()
    bench.send("make")
    assert bench.ask("make")["#error"] == "no"
    bench.ask("read", target="o+d10/1:1")
    bench.vat.deliver(["bringOutYourDead"])
    assert "there is no stored Counter" in bench.ask("read", target="o+d10/2:1")["#error"]


VIRTUAL = """
@remotable
class Thing:
    def name(self): return "thing"
@virtual
class Ghost:
    n: int = 0
    thing: object = None
    def more(self):
        self.n += 1
        return self.n
    def hold(self):
        self.thing = Thing()
        return self.thing
    def held(self): return self.thing
    def promise(self, p): self.thing = p
@remotable
class Root:
    def make(self): return Ghost()
    def keep(self, x): bag["x"] = [x]
def build_root_object(baggage):
    global bag
    bag = baggage
    return Root()
"""


def test_virtual_kind_lives_for_one_incarnation() -> None:
    """A virtual instance keeps its state in the store, and is unknown to the next incarnation."""
    bench = Bench(HEAD + VIRTUAL).up()
    bench.send("make")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+v10/1"]
    assert [bench.ask("more", target="o+v10/1") for _ in range(2)] == [1, 2]
    assert json.loads(bench.store["vom.o+v10/1"])["n"]["body"] == "#2"
    after = bench.upgrade(HEAD + VIRTUAL).up()
    assert after.ask("more", target="o+v10/1")["#error"] == (
        "the message cannot be read: o+v10/1 in vat bank is of an unknown kind"
    )
    after.send("make")
    assert after.take()[-1][1][0][2]["slots"] == ["o+v11/1"]


def test_virtual_state_may_hold_what_an_upgrade_ends() -> None:
    """A virtual object can hold a heap object and a promise, and cannot be held by what is durable."""
    bench = Bench(HEAD + VIRTUAL).up()
    bench.send("make")
    bench.take()
    bench.send("hold", target="o+v10/1")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+10"]
    bench.send("held", target="o+v10/1")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+10"]
    bench.send("promise", "&0", target="o+v10/1", slots=("p-70",))
    bench.take()
    bench.send("held", target="o+v10/1")
    assert bench.take()[-1][1][0][2] == {"body": '#"&0"', "slots": ["p-70"]}
    assert bench.ask("keep", "$0", slots=("o+v10/1",))["#error"] == (
        'value for \'baggage["x"]\' is not durable: slot 0 of it, baggage["x"][0], is a @virtual Ghost, '
        "which an upgrade ends: make its class @durable"
    )


@pytest.mark.parametrize(
    ("vref", "base"),
    [
        ("o+d10/1", "o+d10/1"),
        ("o+d10/1:0", "o+d10/1"),
        ("o+v3/22:11", "o+v3/22"),
        ("o+3", "o+3"),
        ("p-60", "p-60"),
    ],
)
def test_names_have_one_spelling(vref: str, base: str) -> None:
    """The name of an instance is taken apart in one way, and no other text is a name."""
    assert base_of(vref) == base
    name = parse_instance(vref)
    assert name is None or name.base == base
    for wrong in ("o+d0/1", "o+d10/01", "o+d10/1:00", "o+d10", "o+d10/1:", "o+d10/1\n", "o-d10/1"):
        assert parse_instance(wrong) is None
