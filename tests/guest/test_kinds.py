"""Durable kinds: state, identity, upgrade."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swingset.guest.base.context import activate
from swingset.vat.explicit import define_durable_kind, make_kind_handle
from tests.guest.guest_bench import Bench, capdata, host_only

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
from swingset.vat import E, Tagged, durable, make_promise, provide, remotable
"""

PURSE = """
@durable
class Purse:
    owner: str
    balance: int = 0
    friends: list[object] = []
    note: object = None

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance
    def set(self, name: str, value): setattr(self, name, value)
    def get(self, name: str): return getattr(self, name)
    def grow(self, x):
        self.friends = [*self.friends, x]
        return self.friends
    def break_in(self, how: str):
        self.note = {"a": [1]}
        return eval(how, {"self": self, "E": E})
    def is_me(self, other): return other is self
    def put_remotable(self): self.note = ["x", Thing()]
    def put_promise(self): self.note = {"p": make_promise()[0]}
"""

ROOT = """
@remotable
class Thing: pass

@remotable
class Root:
    def open(self, *args, **kwargs): return Purse(*args, **kwargs)
    def kinds(self): return Purse.__doc__
def build_root_object(baggage, parameters):
    return Root()
"""

ALICE = "o+d10/1"


def code(purse: str = PURSE, root: str = ROOT) -> str:
    return HEAD + purse + root


@pytest.fixture
def bench() -> Bench:
    bench = Bench(code()).up()
    bench.ask("open", "alice")
    return bench


def stored(bench: Bench, vref: str = ALICE) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(bench.store[f"vom.{vref}"])
    return {name: data["body"] for name, data in record.items()}


def test_state_is_stored_field_by_field(bench: Bench) -> None:
    """Each field is stored on its own, in the order of the declaration."""
    bench.ask("deposit", 5, target=ALICE)
    assert stored(bench) == {"owner": '#"alice"', "balance": "#5", "friends": "#[]", "note": "#null"}
    assert list(stored(bench)) == ["owner", "balance", "friends", "note"]


def test_a_record_is_read_once_and_written_once_a_delivery(bench: Bench) -> None:
    """However often a method touches its state, a delivery reads and writes each record once."""
    bench.everything.clear()
    bench.ask("deposit", 5, target=ALICE)
    assert [call[:2] for call in bench.everything if call[0].startswith("vatstore")] == [
        ["vatstoreGet", "vom.o+d10/1"],
        ["vatstoreSet", "vom.o+d10/1"],
    ]


def test_reading_writes_nothing(bench: Bench) -> None:
    """A delivery that only reads leaves the store alone."""
    bench.everything.clear()
    assert bench.ask("get", "owner", target=ALICE) == "alice"
    assert not [call for call in bench.everything if call[0] == "vatstoreSet"]


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((), None, "missing 'owner'"),
        (("a",), {"owner": "b"}, "'owner' is given twice"),
        (("a",), {"size": 1}, "has no field 'size'; declare it as `size: <type>`"),
        (("a", 1, [], None, 2), None, "takes 4 values, got 5"),
    ],
)
def test_constructor_wants_its_fields(bench: Bench, args: Any, kwargs: Any, problem: str) -> None:
    """The constructor refuses missing and unknown fields by name."""
    answer = bench.ask("open", *args, kwargs=kwargs)
    assert answer["#error"] == f"Purse(owner, balance=0, friends=[], note=None): {problem}"


def test_constructor_checks_types_and_uses_up_no_number(bench: Bench) -> None:
    """A refused construction leaves no trace: the next instance gets the next number."""
    assert bench.ask("open", 5)["#error"] == "Purse.owner: wanted str, got int 5"
    bench.send("open", "bob")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+d10/2"]


def test_write_is_checked_on_the_users_line(bench: Bench) -> None:
    """A misfit is refused where it is assigned, and the old value stays."""
    answer = bench.ask("set", "balance", "x", target=ALICE)
    assert answer["#error"] == "Purse.balance: wanted int, got str 'x'"
    assert answer["trace"][-1][2] == "Purse.set"
    assert bench.ask("get", "balance", target=ALICE) == 0


def test_undeclared_attribute_is_refused(bench: Bench) -> None:
    """Assigning an attribute that is not declared says how to declare it."""
    answer = bench.ask("set", "size", 1, target=ALICE)
    assert answer["name"] == "AttributeError"
    assert "Purse has no field 'size': declare it in the class as `size: <type>`" in answer["#error"]


def test_containers_are_frozen_copies(bench: Bench) -> None:
    """Changing a container read from state raises and shows the assignment that works."""
    for how in (
        "self.friends.append(1)",
        "self.friends.__iadd__([1])",
        "self.note.update(b=1)",
        "self.note['a'].append(1)",
        "self.note.__setitem__('a', 1)",
    ):
        answer = bench.ask("break_in", how, target=ALICE)
        assert "was read from durable state and is a frozen copy" in answer["#error"], how
    assert bench.ask("grow", 1, target=ALICE) == [1]
    assert stored(bench)["friends"] == "#[1]"


def test_references_to_other_vats_are_durable(bench: Bench) -> None:
    """A presence can be kept in state, with its name."""
    bench.ask("grow", "$0.Alleged: Bob", target=ALICE, slots=("o-50",))
    assert json.loads(bench.store["vom.o+d10/1"])["friends"] == capdata(["$0.Alleged: Bob"], "o-50")
    bench.send("get", "friends", target=ALICE)
    assert bench.take()[-1][1][0][2] == capdata(["$0.Alleged: Bob"], "o-50")


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (
            "put_remotable",
            "value for 'Purse.note' is not durable: slot 0 of it, Purse.note[1], is a @remotable Thing, "
            "which an upgrade ends: make its class @durable",
        ),
        (
            "put_promise",
            "value for 'Purse.note' is not durable: slot 0 of it, Purse.note[\"p\"], is a promise: await it "
            "and keep its value",
        ),
    ],
)
def test_what_cannot_survive_is_refused(bench: Bench, method: str, told: str) -> None:
    """Promises and heap objects are refused as state, with their place in the value."""
    assert bench.ask(method, target=ALICE)["#error"] == told


def test_state_must_be_passable(bench: Bench) -> None:
    """What could not be sent cannot be state either."""
    answer = bench.ask("break_in", "setattr(self, 'note', {'a': [{1}]})", target=ALICE)
    assert answer["#error"] == (
        'Purse.note["a"][0] is a set of 1, which cannot be passed: a set has no order, pass sorted(...) of it'
    )


def test_identity_is_kept(bench: Bench) -> None:
    """An instance that comes in is the instance itself."""
    assert bench.ask("is_me", "$0", target=ALICE, slots=(ALICE,)) is True


def test_upgrade_keeps_state_under_new_behaviour(bench: Bench) -> None:
    """New code of a kind works on the old state, and new instances get new numbers."""
    bench.ask("deposit", 5, target=ALICE)
    after = bench.upgrade(code(PURSE.replace("+= amount", "+= 2 * amount"))).up()
    assert after.ask("deposit", 5, target=ALICE) == 15
    after.send("open", "bob")
    assert after.take()[-1][1][0][2]["slots"] == ["o+d10/2"]


def test_ephemeral_exports_get_new_names_after_an_upgrade(bench: Bench) -> None:
    """A name of a lost heap object is never given to another one."""
    bench.ask("put_remotable", target=ALICE)
    root = ROOT.replace("def kinds", "def thing(self): return Thing()\n    def kinds")
    first = bench.upgrade(code(root=root)).up()
    first.send("thing")
    second = first.upgrade(code(root=root)).up()
    second.send("thing")
    names = [b.take()[-1][1][0][2]["slots"][0] for b in (first, second)]
    assert names == ["o+10", "o+11"]


def test_lost_kind_stops_the_upgrade(bench: Bench) -> None:
    """Code that does not define a stored kind cannot start."""
    error = bench.upgrade(code("Purse = None")).start()["error"]
    assert error["message"].startswith("vat bank: durable kinds Purse are in the store but not")
    assert error["details"] == {"lostKinds": ["Purse"]}


FIELDS = "    note: object = None\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("balance: int = 0", "balance: float = 0", "Purse.balance: expected int as stored, found float"),
        (FIELDS, "", "Purse.note: expected `note: object` as stored, found no such field"),
        (
            FIELDS,
            "    note: object = None\n    size: int\n",
            "Purse.size: expected a default, found `size: int`; stored instances have no such field, so give "
            "it one: `size: int = ...`",
        ),
    ],
)
def test_incompatible_redefinition_stops_the_upgrade(bench: Bench, old: str, new: str, told: str) -> None:
    """A field that changed, is gone, or is new without a default is refused by kind and field."""
    error = bench.upgrade(code(PURSE.replace(old, new))).start()["error"]
    assert error["message"].startswith(told)
    assert (error["name"], error["details"]) == ("KindError", {"kinds": ["Purse"]})
    assert error["trace"][-1][:2] == ["bank", 4]


def test_compatible_redefinition_reads_old_records(bench: Bench) -> None:
    """New fields with a default or an optional type are accepted, and so is a new order."""
    purse = PURSE.replace("    owner: str\n", "    nick: str | None\n    owner: str\n    size: int = 7\n")
    after = bench.upgrade(code(purse)).up()
    assert [after.ask("get", name, target=ALICE) for name in ("owner", "size", "nick")] == ["alice", 7, None]
    after.ask("set", "size", 8, target=ALICE)
    assert list(stored(after)) == ["owner", "size", "balance", "friends", "note"]
    assert after.upgrade(code(purse)).start() == {"status": "ok"}
    assert "nick" in after.upgrade(code()).start()["error"]["message"]


def test_spelling_of_a_type_does_not_matter(bench: Bench) -> None:
    """The same type spelled in another way is the same field."""
    purse = PURSE.replace("owner: str", "owner: 'str'").replace("note: object", "note: 'object'")
    assert bench.upgrade(code(purse)).start() == {"status": "ok"}


def test_tag_outlives_the_class_name(bench: Bench) -> None:
    """A class may be renamed if it keeps the tag."""
    purse = PURSE.replace("@durable\nclass Purse", "@durable(tag='Purse')\nclass Wallet")
    after = bench.upgrade(code(purse + "\nPurse = Wallet\n")).up()
    assert after.ask("get", "owner", target=ALICE) == "alice"


def test_kind_is_defined_once() -> None:
    """Two kinds of one tag in one incarnation are an error that names both places."""
    error = Bench(code(PURSE + PURSE)).start()["error"]
    assert error["message"].startswith(
        "durable kind 'Purse' is defined twice in vat bank, at <bank:bank>:4 and at <bank:bank>:"
    )


def test_forward_references_and_cycles() -> None:
    """Kinds may refer to themselves and to kinds defined below them."""
    source = """
from __future__ import annotations
from swingset.vat import durable, remotable

@durable
class Node:
    leaf: Leaf | None = None
    parent: Node | None = None
    def set_parent(self, node: Node) -> None: self.parent = node
    def same(self) -> bool: return self.parent.parent is self

@durable
class Leaf:
    n: int = 1

@remotable
class Root:
    def make(self):
        a, b = Node(Leaf()), Node()
        a.parent, b.parent = b, a
        return a

def build_root_object():
    return Root()
"""
    bench = Bench(source).up()
    bench.ask("make")
    assert bench.ask("same", target="o+d10/1") is True
    assert bench.ask("set_parent", 5, target="o+d10/1")["#error"] == (
        "Node.set_parent(node): wanted Node, got int 5"
    )
    fields = json.loads(bench.store["vom.dkind.10.descriptor"])["fields"]
    assert fields == [["leaf", "Leaf | None"], ["parent", "Node | None"]]


def test_finish_runs_once_and_is_not_reachable() -> None:
    """`finish` completes a new instance; one that fails leaves an instance to be collected."""
    purse = """
made = []
@durable
class Purse:
    owner: str
    size: int = 0
    def finish(self):
        if self.owner == "nobody":
            raise ValueError("no")
        self.size = len(self.owner)
    def get(self): return self.size
"""
    bench = Bench(code(purse)).up()
    bench.ask("open", "alice")
    assert bench.ask("get", target=ALICE) == 5
    assert bench.ask("finish", target=ALICE)["#error"] == 'target has no method "finish", has [get]'
    assert bench.ask("open", "nobody")["#error"] == "no"
    bench.ask("get", target=ALICE)
    bench.vat.deliver(["bringOutYourDead"])
    assert sorted(key for key in bench.store if key.startswith("vom.o+")) == ["vom.o+d10/1"]


@pytest.mark.parametrize(
    ("purse", "told"),
    [
        (
            "@durable\nclass Purse:\n    def __init__(self): pass",
            "durable class Purse cannot define __init__",
        ),
        ("@durable\nclass Purse:\n    __slots__ = ()", "durable class Purse cannot define __slots__"),
        ("@durable\nclass Purse:\n    async def finish(self): pass", "Purse.finish cannot be async"),
        ("@durable\nclass Purse:\n    finish: int", "Purse.finish: a field of a durable class cannot have"),
        ("@durable\n@durable\nclass Purse: pass", "Purse is @durable already"),
        ("@remotable\n@durable\nclass Purse: pass", "Purse is @durable already"),
        ("@durable\nclass Purse:\n    a: set[int] = 1", "Purse.a: set cannot be a guard"),
        (
            "@durable\nclass Purse:\n    a: 'Nope' = 1",
            "Purse.a: the annotation 'Nope' cannot be evaluated here",
        ),
    ],
)
def test_classes_that_cannot_be_kinds(purse: str, told: str) -> None:
    """A class that cannot be a durable kind is refused when the vat starts, with the reason."""
    error = Bench(code(purse)).start()["error"]
    assert error["message"].startswith(told)


def test_mixins_and_subclasses() -> None:
    """Mixins bring methods and fields; a kind may extend a kind; a bare subclass has no kind."""
    purse = """
from typing import ClassVar
class Named:
    name: str = "nobody"
    def hello(self): return "I am " + self.name
@durable
class Account(Named):
    limit: ClassVar[int] = 5
    size: int = 1
    def get(self): return [self.name, self.size, self.limit]
@durable
class Purse(Account):
    size: int = 2
    extra: int = 3
    def get(self): return super().get() + [self.extra]
class Bare(Purse): pass
"""
    bench = Bench(code(purse, ROOT.replace("def kinds", "def bare(self): return Bare()\n    def kinds"))).up()
    bench.ask("open", kwargs={"name": "bob"})
    assert bench.ask("hello", target="o+d11/1") == "I am bob"
    assert bench.ask("get", target="o+d11/1") == ["bob", 2, 5, 3]
    assert bench.ask("bare")["#error"] == "Bare is a subclass of durable Purse: decorate it with @durable too"


def test_user_properties_work() -> None:
    """A property with a setter is the class's own business."""
    purse = """
@durable
class Purse:
    cents: int = 0
    @property
    def euros(self): return self.cents // 100
    @euros.setter
    def euros(self, value): self.cents = value * 100
    def spend(self):
        self.euros = 5
        return [self.euros, self.cents, repr(self)]
"""
    bench = Bench(code(purse)).up()
    bench.ask("open")
    assert bench.ask("spend", target=ALICE) == [5, 500, "<Purse o+d10/1>"]


def test_missing_record_is_an_error(bench: Bench) -> None:
    """A name that no instance ever had reads as an error, not as an empty instance."""
    assert bench.ask("get", "owner", target="o+d10/99")["#error"] == (
        "o+d10/99: there is no stored Purse of that number"
    )


def test_dirty_records_are_written_in_order(bench: Bench) -> None:
    """The order of writes is that of the keys."""
    bench.ask("open", "bob")
    bench.everything.clear()
    bench.ask("open", "carol")
    keys = [call[1] for call in bench.everything if call[0] == "vatstoreSet"]
    assert keys == ["vom.dkind.10.nextID", "vom.es.o+d10/3", "vom.o+d10/3"]


@host_only
def test_notebook_may_run_a_cell_again() -> None:
    """In a notebook live instances take the new behaviour, and a misfit changes nothing."""
    bench = Bench().up()
    cell: dict[str, Any] = {"__name__": "__main__"}
    with activate(bench.vat):
        exec(HEAD + PURSE, cell)
        purse = cell["Purse"]("alice")
        purse.deposit(5)
        exec(HEAD + PURSE.replace("+= amount", "+= 10 * amount"), cell)
        assert purse.deposit(5) == 55
        assert isinstance(purse, cell["Purse"])
        bench.vat.settle()
        with pytest.raises(TypeError, match=r"Purse\.balance: expected int as stored, found str"):
            exec(HEAD + PURSE.replace("balance: int = 0", "balance: str = ''"), cell)
        assert purse.deposit(5) == 105
        bench.vat.settle()
    assert stored(bench)["balance"] == "#105"


CELLS = """
from dataclasses import dataclass
from typing import Annotated
from swingset.vat import Cohort, Remotable, amplify, durable, facet, register_copy

@register_copy("spot")
@dataclass(frozen=True)
class Spot:
    x: int

@durable
class Coin:
    size: int = 1

@durable
class Door(Cohort):
    @facet("front")
    def knock(self):
        return 'who?'
"""

HOLDER = """
@durable
class Holder:
    coin: Coin | None = None
    spot: Spot | None = None
    door: Annotated[Remotable, Door.facets.front] | None = None
"""


EXPLICIT_CELL = """
methods = {"grow": lambda context: context.state.size + 1}
make = define_durable_kind(handle, lambda size: {"size": size}, methods)
"""


@host_only
def test_a_kind_that_is_known_by_a_handle_may_be_defined_again() -> None:
    """What was made before, and what the maker of before makes, behaves as was defined last."""
    bench = Bench().up()
    with activate(bench.vat):
        cell: dict[str, Any] = {
            "handle": make_kind_handle("Coin"),
            "define_durable_kind": define_durable_kind,
        }
        exec(EXPLICIT_CELL, cell)
        old_make, coin = cell["make"], cell["make"](1)
        exec(EXPLICIT_CELL.replace("+ 1", "+ 10"), cell)
        assert [one.grow() for one in (coin, old_make(2), cell["make"](3))] == [11, 12, 13]


@host_only
def test_what_was_defined_before_takes_what_a_cell_makes_that_is_run_again() -> None:
    """Guards of other cells, and those who still have the old class, get instances of the one kind."""
    bench = Bench().up()
    cell: dict[str, Any] = {"__name__": "__main__"}
    with activate(bench.vat):
        exec(CELLS + HOLDER, cell)
        old_coin, old_door = cell["Coin"], cell["Door"]
        holder = cell["Holder"](old_coin(1), cell["Spot"](1), old_door().facets.front)
        exec(CELLS, cell)
        for coin in (cell["Coin"](2), old_coin(3), holder.coin):
            assert type(coin) is cell["Coin"]
            holder.coin = coin
        assert holder.coin.size == 1
        for front in (cell["Door"]().facets.front, holder.door):
            holder.door = front
            assert front.knock() == "who?"
            assert type(cell["amplify"](old_door, front)) is cell["Door"]
        holder.spot = cell["Spot"](2)
        assert holder.spot == cell["Spot"](2)
        with pytest.raises(TypeError, match=r"Holder\.coin: wanted Coin \| None"):
            holder.coin = holder
        with pytest.raises(TypeError, match=r"'Coin' was @durable at .* cannot become @virtual at"):
            exec("from swingset.vat import virtual\n@virtual\nclass Coin:\n    size: int = 1\n", cell)
        bench.vat.settle()
