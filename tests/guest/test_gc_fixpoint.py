"""One bringing out of the dead reaches everything, through whatever kinds of holders the chain goes."""

from __future__ import annotations

import json

import pytest

from tests.guest.guest_bench import Bench
from tests.guest.test_gc import state

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import BigMap, durable, remotable, virtual

@virtual
class Leaf:
    held: object = None

@durable
class Node:
    held: object = None

@remotable
class Thing:
    def __init__(self, held, ring=False):
        self.held = held
        if ring:
            self.myself = [self]

def in_map(held, durable=False):
    made = BigMap("m", durable=durable)
    made[1] = held
    return made

WRAP = {
    "virtual object": Leaf,
    "virtual map": in_map,
    "durable object": Node,
    "durable map": lambda held: in_map(held, True),
    "heap object": Thing,
    "ring of the heap": lambda held: Thing(held, True),
}

@remotable
class Root:
    def __init__(self): self.top = BigMap("top", durable=False)
    def wrap(self, held, around: list):
        for what in around:
            held = WRAP[what](held)
        self.top["k"] = held
    def lose(self): del self.top["k"]

def build_root_object():
    return Root()
"""

CHAINS = (
    ("heap object", "virtual map"),
    ("virtual object",),
    ("virtual map", "virtual map", "virtual map"),
    ("heap object", "virtual object", "heap object", "virtual map", "heap object"),
    ("durable object", "heap object", "virtual map"),
    ("durable map", "durable object", "heap object"),
    ("ring of the heap", "virtual map"),
    ("ring of the heap", "virtual map", "ring of the heap", "virtual object"),
    ("heap object", "virtual object") * 40,
)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: f"{len(chain)} from {chain[0]}")
def test_one_round_drops_the_import_at_the_end_of_a_chain(chain: tuple[str, ...]) -> None:
    """The entry at the top is deleted, and one round tells the kernel and leaves no record behind."""
    bench = Bench(SOURCE).up()
    before = state(bench)
    bench.send("wrap", "$0.Alleged: Bob", list(chain), slots=("o-50",))
    assert bench.reap() == {}
    bench.send("lose")
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}
    assert state(bench) == before


def test_one_round_lets_go_of_no_more_than_its_budget(tune) -> None:  # type: ignore[no-untyped-def]
    """What a long chain leaves is let go of by the rounds that follow, and each does some of it."""
    tune("reaping.reaper", BUDGET=10)
    bench = Bench(SOURCE).up()
    bench.send("wrap", "$0.Alleged: Bob", ["heap object", "virtual object"] * 20, slots=("o-50",))
    bench.send("lose")
    left = []
    while not bench.reap():
        left.append(len([key for key in bench.store if key.startswith("vom.o+v10/")]))
        assert len(left) < 12, json.dumps(left)
    assert left == sorted(left, reverse=True)
    assert len(left) >= 3


def test_rings_beyond_the_looks_of_one_round_wait_for_the_next(tune) -> None:  # type: ignore[no-untyped-def]
    """The interpreter looks through its heap so often in one round, and a longer chain takes another."""
    tune("reaping.reaper", COLLECTIONS=2)
    bench = Bench(SOURCE).up()
    bench.send("wrap", "$0.Alleged: Bob", ["ring of the heap", "virtual object"] * 3, slots=("o-50",))
    bench.send("lose")
    rounds = 1
    while not bench.reap():
        rounds += 1
        assert rounds < 5
    assert rounds == 2
