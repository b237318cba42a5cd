"""What a vat lets go of, and when it says so: only when it is asked to bring out its dead."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.guest.guest_bench import Bench, host_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
import gc
from swingset.vat import durable, remotable, virtual

@durable
class Node:
    name: str = ""
    other: object = None

    def point(self, other): self.other = other
    def get(self): return self.other

@virtual
class Leaf:
    other: object = None

@remotable
class Thing:
    pass

@remotable
class Root:
    def __init__(self, baggage):
        self.baggage = baggage
        self.kept = []
    def nothing(self, *args): pass
    def keep(self, *args): self.kept.extend(args)
    def lose(self): self.kept.clear()
    def first(self): return self.kept[0]
    def ring(self, *args):
        ring = list(args)
        ring.append(ring)
    def store(self, key: str, value): self.baggage[key] = value
    def store_odd(self, which: str): self.baggage[{"long": "x" * 300, "half": "a\\ud800"}[which]] = 1
    def fetch_odd(self, which: str): return {"long": "x" * 300, "half": "a\\ud800"}[which] in self.baggage
    def fetch(self, key: str): return self.baggage[key]
    def delete(self, key: str): del self.baggage[key]
    def node(self, *args): return Node(*args)
    def keep_node(self, *args): self.kept.append(Node(*args))
    def store_node(self, key: str, *args): self.baggage[key] = Node(*args)
    def chain(self, key: str, length: int):
        last = None
        for i in range(length):
            last = Node(str(i), last)
        self.baggage[key] = last
    def thing(self):
        self.kept.append(Thing())
        return self.kept[-1]
    def leaf(self, other=None): return Leaf(other)
    def same(self, one): return one in self.kept
    def collect_now(self): gc.collect()

def build_root_object(baggage):
    return Root(baggage)
"""

BOB = ("o-50",)
ALICE = "o+d10/1"


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def state(bench: Bench) -> list[str]:
    """The keys of records, counts and export status."""
    return [key for key in sorted(bench.store) if key.startswith(("vom.o+", "vom.rc", "vom.es", "vom.ir"))]


def tell(bench: Bench, delivery: str, *vrefs: str) -> None:
    assert bench.vat.deliver([delivery, list(vrefs)]) == {"status": "ok"}


def test_an_import_that_nothing_holds_is_dropped_and_retired(bench: Bench) -> None:
    """An argument that a method did not keep is gone at the next asking, and only told once."""
    bench.send("nothing", "$0.Alleged: Bob", slots=BOB)
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert bench.reap() == {}


def test_nothing_is_told_before_the_asking(bench: Bench) -> None:
    """However the interpreter collects, no syscall about it leaves the vat in another delivery."""
    bench.send("ring", "$0.Alleged: Bob", slots=BOB)
    bench.send("collect_now")
    assert {call[0] for call in bench.take()} == {"resolve"}
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_an_import_in_memory_stays(bench: Bench) -> None:
    """What the heap holds is not dropped, until the heap lets go of it."""
    bench.send("keep", "$0.Alleged: Bob", slots=BOB)
    assert bench.reap() == bench.reap() == {}
    bench.send("lose")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_an_import_in_a_cycle_of_the_heap_is_found(bench: Bench) -> None:
    """The interpreter's own garbage collector is run before the vat looks."""
    bench.send("ring", "$0.Alleged: Bob", slots=BOB)
    assert bench.reap()["dropImports"] == ["o-50"]


def test_what_a_body_does_not_use_is_dropped_too(bench: Bench) -> None:
    """The kernel counts every slot that it delivered, whether or not the vat could read the message."""
    methargs = {"body": "#[nonsense", "slots": ["o-50", "o-51"]}
    bench.vat.deliver(["message", "o+0", {"methargs": methargs, "result": None}])
    assert bench.reap() == {"dropImports": ["o-50", "o-51"], "retireImports": ["o-50", "o-51"]}


def test_names_are_told_in_order(bench: Bench) -> None:
    """The order in which objects died does not show."""
    bench.send("nothing", ["$0", "$1", "$2"], slots=("o-60", "o-51", "o-55"))
    assert bench.reap()["dropImports"] == ["o-51", "o-55", "o-60"]


def test_what_died_is_told_in_one_order(bench: Bench) -> None:
    """Dropped imports come first, then retired ones, then retired exports, each in the order of names."""
    bench.send("store_node", "n", "a", ["$0", "$1"], slots=("o-61", "o-52"))
    bench.send("fetch", "n")
    bench.send("node", "b")
    tell(bench, "dropExports", "o+d10/1", "o+d10/2")
    bench.send("nothing", "$0", slots=("o-60",))
    bench.send("delete", "n")
    bench.take()
    assert bench.vat.deliver(["bringOutYourDead"]) == {"status": "ok"}
    assert bench.take() == [
        ["dropImports", ["o-52", "o-60", "o-61"]],
        ["retireImports", ["o-52", "o-60", "o-61"]],
        ["retireExports", ["o+d10/1", "o+d10/2"]],
    ]


@pytest.mark.parametrize("holder", ["baggage", "record"])
def test_an_import_in_stored_data_is_kept_without_memory(bench: Bench, holder: str) -> None:
    """Stored data keeps an import alive, and dropping it there lets go of it."""
    if holder == "baggage":
        bench.send("store", "bob", "$0.Alleged: Bob", slots=BOB)
    else:
        bench.send("store_node", "node", "n", "$0.Alleged: Bob", slots=BOB)
    assert bench.store["vom.rc.o-50"] == "1"
    assert bench.reap() == {}
    if holder == "baggage":
        bench.send("store", "bob", None)
    else:
        bench.send("point", None, target=ALICE)
    assert "vom.rc.o-50" not in bench.store
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_a_reference_in_one_delivery_only_costs_no_writes(bench: Bench) -> None:
    """Counts are settled at the end of the delivery, by what has changed then."""
    bench.send("store_node", "node")
    bench.everything.clear()
    bench.send("point", "$0.Alleged: Bob", target=ALICE, slots=BOB)
    bench.send("point", "$0.Alleged: Bob", target=ALICE, slots=BOB)
    assert [call[1] for call in bench.everything if call[0] == "vatstoreSet"] == [
        "vom.o+d10/1",
        "vom.rc.o-50",
        "vom.o+d10/1",
    ]


def test_the_alleged_name_does_not_tell_what_was_collected(bench: Bench) -> None:
    """Between two askings a presence that died and came back is called what it was called."""
    bench.send("nothing", "$0.Alleged: Bob", slots=BOB)
    bench.send("store", "x", "$0.Alleged: Ted", slots=BOB)
    assert bench.ask("fetch", "x") == "$0.Alleged: Bob"


def test_a_dropped_heap_object_is_held_weakly_under_its_name(bench: Bench) -> None:
    """An export nobody can reach keeps its name while vat code has it, and is retired when it is gone."""
    bench.send("thing")
    tell(bench, "dropExports", "o+10")
    assert bench.reap() == {}
    bench.send("lose")
    assert bench.reap() == {"retireExports": ["o+10"]}
    assert bench.reap() == {}


def test_a_heap_object_is_held_while_the_kernel_can_reach_it(bench: Bench) -> None:
    """The object of an export nobody here holds is the same when it comes back."""
    bench.send("thing")
    bench.send("lose")
    assert bench.reap() == {}
    bench.send("keep", "$0", slots=("o+10",))
    assert bench.ask("same", "$0", slots=("o+10",)) is True


def test_a_dropped_heap_object_can_be_sent_again(bench: Bench) -> None:
    """Sent again before it was retired, it has its old name, and is held strongly again."""
    bench.send("thing")
    tell(bench, "dropExports", "o+10")
    bench.send("first")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+10"]
    bench.send("lose")
    assert bench.reap() == {}


def test_a_retired_heap_object_gets_a_new_name(bench: Bench) -> None:
    """A name that the kernel has forgotten is not used again."""
    bench.send("thing")
    tell(bench, "dropExports", "o+10")
    tell(bench, "retireExports", "o+10")
    bench.send("thing")
    assert bench.take()[-1][1][0][2]["slots"] == ["o+11"]
    bench.send("lose")
    assert bench.reap() == {}


def test_a_new_object_nobody_holds_is_deleted(bench: Bench) -> None:
    """An instance that was made and forgotten leaves nothing behind."""
    bench.send("keep_node", "a", "$0.Alleged: Bob", slots=BOB)
    assert bench.reap() == {}
    assert state(bench) == ["vom.o+d10/1", "vom.rc.o-50"]
    bench.send("lose")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert state(bench) == []


def test_an_exported_object_is_kept_until_the_kernel_drops_it(bench: Bench) -> None:
    """Dropped, it is deleted at the next asking, and its exporter retires it."""
    bench.send("node", "a")
    assert bench.store["vom.es.o+d10/1"] == "r"
    assert bench.reap() == {}
    tell(bench, "dropExports", ALICE)
    assert bench.store["vom.es.o+d10/1"] == "s"
    assert bench.reap() == {"retireExports": [ALICE]}
    assert state(bench) == []


def test_a_retired_object_is_not_retired_again(bench: Bench) -> None:
    """What the kernel forgot first is deleted without a word."""
    bench.send("node", "a")
    tell(bench, "dropExports", ALICE)
    tell(bench, "retireExports", ALICE)
    assert bench.reap() == {}
    assert state(bench) == []


def test_a_dropped_object_in_stored_data_stays(bench: Bench) -> None:
    """Each pillar is enough."""
    bench.send("store_node", "n", "a")
    bench.send("fetch", "n")
    tell(bench, "dropExports", ALICE)
    assert bench.reap() == {}
    bench.send("delete", "n")
    assert bench.reap() == {"retireExports": [ALICE]}


def test_a_chain_is_deleted_in_one_round(bench: Bench) -> None:
    """Deleting one record takes a count from the next, until none is left."""
    bench.send("chain", "head", 50)
    assert len(state(bench)) == 100
    bench.send("store", "head", 1)
    assert bench.reap() == {}
    assert state(bench) == []


def test_a_long_chain_is_deleted_in_several(tune: Callable[..., None]) -> None:
    """A round has a budget, and the next goes on where it stopped."""
    tune("reaping.reaper", BUDGET=20)
    bench = Bench(SOURCE).up()
    bench.send("chain", "head", 50)
    bench.send("store", "head", 1)
    left = []
    for _ in range(3):
        bench.reap()
        left.append(len([key for key in state(bench) if key.startswith("vom.o+")]))
    assert left == [30, 10, 0]


def test_the_next_incarnation_lets_go_of_what_the_heap_held(bench: Bench) -> None:
    """What memory alone held when the old incarnation was asked last is dropped by the new one."""
    bench.send("keep", "$0.Alleged: Bob", "$1.Alleged: Eve", slots=("o-50", "o-51"))
    bench.send("keep_node", "a", "$0", slots=("o-52",))
    bench.send("store", "eve", "$0.Alleged: Eve", slots=("o-51",))
    bench.send("store_node", "n", "kept")
    assert bench.reap() == {}
    after = bench.upgrade(SOURCE).up()
    assert after.reap() == {"dropImports": ["o-50", "o-52"], "retireImports": ["o-50", "o-52"]}
    assert state(after) == ["vom.o+d10/2", "vom.rc.o+d10/2", "vom.rc.o-51"]
    assert not [key for key in after.store if key.startswith("vom.doubtful")]


@host_only
def test_a_notebook_knows_without_having_been_asked() -> None:
    """A vat whose interpreter may vanish at any time keeps the list of what it holds up to date."""
    bench = Bench()
    assert bench.start("$0.Alleged: Bob", "o-50") == {"status": "ok"}
    after = Bench(store=bench.store, incarnation=1, protocol=bench.protocol.upgraded()).up()
    assert after.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_counts_follow_an_upgrade_and_a_rewrite(bench: Bench) -> None:
    """Old references are counted off when new code overwrites them."""
    bench.send("store_node", "n", "a", ["$0", "$0", "$1"], slots=("o-50", "o-51"))
    assert bench.store["vom.rc.o-50"] == "1"
    after = bench.upgrade(SOURCE).up()
    after.send("point", "$0", target=ALICE, slots=("o-51",))
    assert [after.store.get(f"vom.rc.{name}") for name in (*BOB, "o-51")] == [None, "1"]
    assert after.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_the_root_is_never_let_go(bench: Bench) -> None:
    """Whatever the kernel says of it, the root object stays."""
    tell(bench, "dropExports", "o+0")
    tell(bench, "retireExports", "o+0")
    bench.reap()
    assert bench.ask("nothing") is None


FACETS = """
from swingset.vat import durable, remotable, facet

@durable
class Counter:
    n: int = 0
    @facet("a")
    def up(self): self.n += 1
    @facet("b")
    def read(self): return self.n
    @facet("a", "b")
    def give(self, name: str): return self.facets[name]

@remotable
class Root:
    def make(self, names: list):
        self.made = [Counter().facets[name] for name in names]
        return self.made
    def lose(self): self.made = None
    def hold(self, x): self.held = x

def build_root_object():
    return Root()
"""


def test_export_status_has_a_letter_per_facet() -> None:
    """Each facet is exported, dropped and retired on its own; the cohort lives while one is reachable."""
    bench = Bench(FACETS).up()
    bench.send("make", ["b"])
    bench.send("lose")
    assert bench.store["vom.es.o+d10/1"] == "nr"
    bench.send("hold", "$0", slots=("o+d10/1:0",))
    bench.send("give", "a", target="o+d10/1:1")
    assert bench.store["vom.es.o+d10/1"] == "rr"
    tell(bench, "dropExports", "o+d10/1:0")
    bench.send("hold", None)
    assert bench.store["vom.es.o+d10/1"] == "sr"
    assert bench.reap() == {}
    tell(bench, "dropExports", "o+d10/1:1")
    assert bench.reap() == {"retireExports": ["o+d10/1:0", "o+d10/1:1"]}
    assert state(bench) == []


def test_a_later_facet_gets_a_later_letter() -> None:
    """Facets that new code adds leave the letters of the old ones where they are."""
    bench = Bench(FACETS).up()
    bench.send("make", ["a"])
    assert bench.store["vom.es.o+d10/1"] == "rn"
    more = FACETS.replace('@facet("b")', '@facet("b", "aa", "c")')
    after = bench.upgrade(more).up()
    after.send("give", "c", target="o+d10/1:0")
    assert after.store["vom.es.o+d10/1"] == "rnnr"


def test_virtual_objects_die_like_durable_ones(bench: Bench) -> None:
    """A virtual object and all it referred to is gone when nobody holds it."""
    bench.send("leaf", "$0", slots=BOB)
    vref = bench.take()[-1][1][0][2]["slots"][0]
    assert vref == "o+v11/1"
    assert bench.reap() == {}
    tell(bench, "dropExports", vref)
    assert bench.reap() == {
        "dropImports": ["o-50"],
        "retireImports": ["o-50"],
        "retireExports": [vref],
    }
    assert state(bench) == []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("long", "key too large"),
        ("half", "a key holds half of a surrogate pair, which cannot be stored: use bytes"),
    ],
)
def test_a_key_that_cannot_be_stored_does_not_end_the_vat(bench: Bench, key: str, told: str) -> None:
    """The baggage refuses a key that the kernel would not take."""
    for how in ("store_odd", "fetch_odd"):
        assert bench.ask(how, key)["#error"] == told
    assert bench.ask("nothing") is None


def test_the_list_of_doubts_is_written_in_pieces(tune: Callable[..., None]) -> None:
    """However much memory holds, no stored value grows beyond a bound."""
    tune("reaping.reaper", CHUNK=2)
    bench = Bench(SOURCE).up()
    bench.send("keep", *[f"${i}" for i in range(5)], slots=tuple(f"o-{50 + i}" for i in range(5)))
    bench.reap()
    pieces = {key: json.loads(text) for key, text in bench.store.items() if key.startswith("vom.doubtful")}
    assert pieces == {
        "vom.doubtful.000000": ["o-50", "o-51"],
        "vom.doubtful.000001": ["o-52", "o-53"],
        "vom.doubtful.000002": ["o-54"],
    }
    bench.send("lose")
    assert len(bench.reap()["dropImports"]) == 5
    assert not [key for key in bench.store if key.startswith("vom.doubtful")]


def test_an_import_is_dropped_once_where_the_record_that_held_it_dies_with_it(bench: Bench) -> None:
    """What memory held, and a record that died in the same round, is dropped once and not twice."""
    bench.send("store_node", "n", "x", "$0", slots=("o-50",))
    bench.send("keep", "$0", slots=("o-50",))
    bench.reap()
    bench.send("delete", "n")
    bench.send("lose")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    bench.send("store_node", "n", "x", "$0", slots=("o-51",))
    bench.send("keep", "$0", slots=("o-51",))
    bench.reap()
    after = bench.upgrade(SOURCE).up()
    after.send("delete", "n")
    assert after.reap() == {"dropImports": ["o-51"], "retireImports": ["o-51"]}
