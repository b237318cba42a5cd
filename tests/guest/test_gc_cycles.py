"""Cycles of stored objects: found and deleted, never too early, with all counts exact."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.guest.guest_bench import Bench, close_vats, tuned

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import BigMap, BigSet, WeakBigMap, durable, facet, remotable, virtual

@durable
class Node:
    links: list = []
    def tie(self, other): self.links = [*self.links, other]

@virtual
class Leaf:
    other: object = None

@durable
class Pair:
    other: object = None
    @facet("a")
    def left(self): pass
    @facet("b")
    def right(self): pass

@remotable
class Root:
    def __init__(self, baggage, powers):
        self.baggage = baggage
        self.powers = powers
        self.kept = {}
    def run(self, code: str, *args):
        names = {"baggage": self.baggage, "args": args, "root": self, "kept": self.kept, **globals()}
        exec(code, names)
        return names.get("answer")

def build_root_object(baggage, powers):
    return Root(baggage, powers)
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def run(bench: Bench, code: str, *slots: str) -> None:
    bench.send("run", code, *[f"${i}" for i in range(len(slots))], slots=slots)
    for call in bench.take():
        if call[0] == "resolve":
            assert "#error" not in call[1][0][2]["body"], call


def search(bench: Bench) -> dict[str, list[str]]:
    """Have all dead cycles found."""
    run(bench, "root.powers.collect_cycles()")
    return bench.reap()


def recount(bench: Bench) -> dict[str, int]:
    """How often stored data refers to each object, counted anew."""
    counts: Counter[str] = Counter()
    for key, text in bench.store.items():
        if key.startswith(("vom.o+", "vc.")):
            if "|" in key.partition(".")[2]:
                continue
            value = json.loads(text)
            found = [value] if key.startswith("vc.") else [v for v in value.values() if isinstance(v, dict)]
            for capdata in found:
                counts.update(slot.partition(":")[0] for slot in capdata["slots"])
            held = re.match(r"vc\.\d+\.r\d{10}:(.*)", key)
            if held:
                counts[held.group(1).partition(":")[0]] += 1
    return dict(counts)


def check_counts(bench: Bench) -> None:
    stored = {
        key.removeprefix("vom.rc."): int(text)
        for key, text in bench.store.items()
        if key.startswith("vom.rc.")
    }
    assert stored == recount(bench)


def nodes(bench: Bench) -> list[str]:
    return [key.removeprefix("vom.") for key in sorted(bench.store) if key.startswith("vom.o+")]


def test_two_objects_that_hold_each_other_are_found(bench: Bench) -> None:
    """Counting alone leaves them, the search deletes them and lets go of what they held."""
    run(bench, "a, b = Node(), Node()\na.tie(b)\nb.tie([a, args[0]])\nb.tie(b)", "o-50")
    assert bench.reap() == {}
    assert nodes(bench) == ["o+d10/1", "o+d10/2"]
    check_counts(bench)
    assert search(bench) == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert nodes(bench) == []
    check_counts(bench)


@pytest.mark.parametrize("holder", ["memory", "baggage", "kernel", "collection", "weak"])
def test_a_cycle_that_is_held_stays(bench: Bench, holder: str) -> None:
    """Any one of the pillars that stands under any member keeps all of them, until it falls."""
    make = "a, b = Node(), Node()\na.tie(b)\nb.tie(a)\n"
    hold = {
        "memory": "kept['x'] = b",
        "baggage": "baggage['x'] = {'deep': [b]}",
        "kernel": "answer = b",
        "collection": "m = baggage['m'] = BigMap()\nm[b] = 1",
        "weak": "w = baggage['w'] = WeakBigMap()\nn = baggage['n'] = Node()\nw[n] = b",
    }[holder]
    run(bench, make + hold)
    before = nodes(bench)
    assert search(bench) == {}
    assert nodes(bench) == before
    lose = {
        "memory": "kept.clear()",
        "baggage": "del baggage['x']",
        "collection": "baggage['m'].clear()",
        "weak": "del baggage['n']",
    }
    if holder == "kernel":
        bench.vat.deliver(["dropExports", ["o+d10/2"]])
        assert search(bench) == {"retireExports": ["o+d10/2"]}
    else:
        run(bench, lose[holder])
        assert search(bench) == {}
    assert [name for name in nodes(bench) if name.startswith("o+d10/")] == []
    check_counts(bench)


def test_cycles_go_through_everything_that_stores(bench: Bench) -> None:
    """Facets, maps, sets, keys and virtual objects can be members."""
    run(
        bench,
        "p = Pair()\nm = BigMap()\nm['p'] = p.facets.a\nm[p.facets.b] = 1\ns = BigSet()\ns.add(m)\n"
        "p.other = s\nl = Leaf(p.facets.a)\nq = Leaf(l)\nl.other = [l, q]",
    )
    bench.reap()
    assert len(nodes(bench)) == 5
    check_counts(bench)
    search(bench)
    assert nodes(bench) == []
    assert not [key for key in bench.store if key.startswith(("vc.", "vom.rc", "vom.condemned"))]


def test_a_weak_value_does_not_hold_its_key(bench: Bench) -> None:
    """A value that refers to the key of its own entry does not keep the entry alive."""
    run(bench, "w = baggage['w'] = WeakBigMap()\na, b = Node(), Node()\nw[a] = b\nw[b] = a\nw[Node()] = a")
    bench.reap()
    assert len([name for name in nodes(bench) if name.startswith("o+d10/")]) == 2
    search(bench)
    assert nodes(bench) == ["o+d3/10"]
    assert not [key for key in bench.store if key.startswith(("vc.10", "vom.ir"))]
    check_counts(bench)


def test_a_chain_of_weak_values_is_kept_by_its_first_key(bench: Bench) -> None:
    """An entry whose key is held keeps its value, which may be the key of the next entry, and so on."""
    run(
        bench,
        "w = baggage['w'] = WeakBigMap()\nall = [Node() for i in range(6)]\n"
        "for i in (4, 3, 2, 1, 0): w[all[i]] = all[i + 1]\nbaggage['first'] = all[0]\nall[5].tie(all[5])",
    )
    search(bench)
    assert len([name for name in nodes(bench) if name.startswith("o+d10/")]) == 6
    run(bench, "del baggage['first']")
    search(bench)
    assert nodes(bench) == ["o+d3/10"]


def test_the_search_goes_on_from_round_to_round(tune: Callable[..., None]) -> None:
    """With a small budget it takes many rounds, and new links made meanwhile are seen."""
    tune("reaping.cycles", BUDGET=3, CHANGES=1)
    bench = Bench(SOURCE).up()
    run(bench, "ring = [Node() for i in range(20)]\nfor i in range(20): ring[i].tie(ring[i - 1])")
    run(
        bench,
        "ring = [Node() for i in range(20)]\nfor i in range(20): ring[i].tie(ring[i - 1])\n"
        "baggage['ring'] = ring[7]",
    )
    rounds = 0
    while len(nodes(bench)) > 20:
        bench.reap()
        rounds += 1
        assert rounds < 200
        if rounds == 5:
            run(bench, "n = baggage['ring'].links[0]\nkept['n'] = n\nbaggage['ring'] = n")
    assert rounds > 10
    assert nodes(bench) == [name for name in nodes(bench) if 21 <= int(name.partition("/")[2]) <= 40]
    check_counts(bench)


def test_a_new_incarnation_searches_by_itself(bench: Bench) -> None:
    """A cycle that the old heap held is found without being asked for."""
    run(bench, "a, b = Node(), Node()\na.tie(b)\nb.tie(a)\nkept['a'] = a\nbaggage['c'] = Node()")
    bench.reap()
    after = bench.upgrade(SOURCE).up()
    after.reap()
    assert nodes(after) == ["o+d10/3"]


def test_many_changes_begin_a_search(tune: Callable[..., None]) -> None:
    """Nobody has to ask: what has changed much is searched."""
    tune("reaping.cycles", CHANGES=6)
    bench = Bench(SOURCE).up()
    run(bench, "a, b = Node(), Node()\na.tie(b)\nb.tie(a)")
    bench.reap()
    assert len(nodes(bench)) == 2
    run(bench, "a, b = Node(), Node()\na.tie(b)\nb.tie(a)")
    run(bench, "a, b = Node(), Node()\na.tie(b)\nb.tie(a)")
    bench.reap()
    assert nodes(bench) == []


def test_old_virtual_rings_are_deleted_once(bench: Bench) -> None:
    """The search and the deletion of what an incarnation left do not get in each other's way."""
    run(
        bench,
        "l = kept['l'] = Leaf()\nl.other = [l, Node()]\nm = BigMap(durable=False)\nm['m'] = m\nanswer = m",
    )
    bench.reap()
    after = bench.upgrade(SOURCE).up()
    assert after.reap() == {}
    after.reap()
    assert nodes(after) == []
    assert not [key for key in after.store if key.startswith(("vc.", "vom.rc", "vom.condemned", "vom.es"))]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["make", "make", "make", "tie", "tie", "tie", "tie", "untie", "store", "unstore", "keep", "lose",
             "export", "drop", "map", "weak", "reap", "reap", "move"]
        ),
        st.integers(0, 11),
        st.integers(0, 11),
    ),
    min_size=10,
    max_size=70,
)  # fmt: skip


class Model:
    """What there is, and who holds it, said without any store."""

    def __init__(self) -> None:
        self.links: dict[int, list[int]] = {}
        self.made = 0
        self.stored: dict[str, int] = {}
        self.kept: dict[str, int] = {}
        self.exported: set[int] = set()
        self.mapped: dict[int, int] = {}
        self.weak: dict[int, int] = {}

    def reached(self) -> set[int]:
        found = {
            *self.stored.values(),
            *self.kept.values(),
            *self.exported,
            *self.mapped,
            *self.mapped.values(),
        }
        while True:
            more = found | {n for f in found for n in self.links[f]}
            more |= {v for k, v in self.weak.items() if k in found}
            if more == found:
                return found
            found = more


@given(STEPS, st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_exactly_what_is_reached_is_there(steps: list[tuple[str, int, int]], budget: int) -> None:
    """In any history nothing is deleted that can be reached, and a search leaves nothing that cannot."""
    with tuned("reaping.cycles", BUDGET=budget, CHANGES=1):
        play(steps)
    close_vats()


def play(steps: list[tuple[str, int, int]]) -> None:
    bench, model = Bench(SOURCE).up(), Model()
    run(bench, "baggage['map'] = BigMap()\nbaggage['weak'] = WeakBigMap()")

    def pick(number: int) -> int | None:
        """A node that vat code can get at."""
        there = sorted({*model.stored.values(), *model.kept.values(), *model.mapped.values()})
        return there[number % len(there)] if there else None

    def get(node: int) -> str:
        for name, holder in (("baggage", model.stored), ("kept", model.kept)):
            for key, value in holder.items():
                if value == node:
                    return f"{name}[{key!r}]"
        key = next(k for k, v in model.mapped.items() if v == node)
        return f"[v for k, v in baggage['map'].items() if v.links[0] == {node}][0]" if key else "None"

    for step, x, y in steps:
        a, b = pick(x), pick(y)
        if step == "make":
            model.made += 1
            model.links[model.made] = []
            model.kept[f"k{x}"] = model.made
            run(bench, f"kept['k{x}'] = Node([{model.made}])")
        elif step == "reap":
            for call in [bench.reap()]:
                for name in call.get("retireExports", []):
                    assert int(name.partition("/")[2]) not in model.exported
        elif a is None or b is None:
            continue
        elif step == "tie":
            model.links[a].append(b)
            run(bench, f"{get(a)}.tie({get(b)})")
        elif step == "untie":
            model.links[a] = []
            run(bench, f"n = {get(a)}\nn.links = n.links[:1]")
        elif step == "move" and model.links[a]:
            target = model.links[a].pop()
            model.links[b].append(target)
            run(bench, f"n, m = {get(a)}, {get(b)}\nt = n.links[-1]\nn.links = n.links[:-1]\nm.tie(t)")
        elif step == "store":
            code = f"baggage['s{y}'] = {get(a)}"
            model.stored[f"s{y}"] = a
            run(bench, code)
        elif step == "unstore" and model.stored:
            key = sorted(model.stored)[x % len(model.stored)]
            del model.stored[key]
            run(bench, f"del baggage[{key!r}]")
        elif step == "keep":
            code = f"kept['k{y}'] = {get(a)}"
            model.kept[f"k{y}"] = a
            run(bench, code)
        elif step == "lose" and model.kept:
            key = sorted(model.kept)[x % len(model.kept)]
            del model.kept[key]
            run(bench, f"del kept[{key!r}]")
        elif step == "export":
            model.exported.add(a)
            run(bench, f"answer = {get(a)}")
        elif step == "drop" and model.exported:
            node = sorted(model.exported)[x % len(model.exported)]
            model.exported.remove(node)
            bench.vat.deliver(["dropExports", [f"o+d10/{node}"]])
        elif step == "map":
            run(bench, f"baggage['map'][{get(a)}] = {get(b)}")
            model.mapped[a] = b
        elif step == "weak":
            run(bench, f"baggage['weak'][{get(a)}] = {get(b)}")
            model.weak[a] = b
        there = {int(name.partition("/")[2]) for name in nodes(bench) if name.startswith("o+d10/")}
        assert model.reached() <= there, step
        model.weak = {k: v for k, v in model.weak.items() if k in there}
        check_counts(bench)
    search(bench)
    there = {int(name.partition("/")[2]) for name in nodes(bench) if name.startswith("o+d10/")}
    assert there == model.reached()
    check_counts(bench)
