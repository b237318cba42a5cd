"""Promises that follow promises that follow promises: what they cost, and what they hear."""

from __future__ import annotations

import pytest

from swingset.model.limits import Limits
from tests.guest.guest_bench import Bench, WasmVat, capdata, wasm_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import E, Promise, make_promise, remotable

@remotable
class Root:
    def __init__(self):
        self.log = []
        self.made = [make_promise() for _ in range(40)]
    def down(self, n: int):
        return E(self).down(n - 1) if n else "done"
    def raises(self, n: int):
        if not n: raise ValueError("at the bottom")
        return E(self).raises(n - 1)
    def loop(self, n: int):
        promise, resolver = make_promise()
        self.go(n, resolver)
        return promise
    def go(self, n, resolver):
        if n == 0:
            resolver.resolve("done")
            return
        promise, next = make_promise()
        resolver.resolve(promise)
        E.when(None, lambda _: self.go(n - 1, next))
    def follow(self, i: int, j: int): self.made[i][1].resolve(self.made[j][0])
    def settle(self, i: int, value): self.made[i][1].resolve(value)
    def listen(self, i: int): self.made[i][0].then(lambda value: self.log.append(f"{i}: {value}"))
    def call(self, i: int, word): E.send_only(self.made[i][0]).note(word)
    def note(self, word): self.log.append(word)
    def give(self, i: int): return self.made[i][0]
    def give_inside(self, i: int): return [self.made[i][0]]
    def status(self): return [promise.status for promise, _ in self.made]
    def read(self): return self.log
    def me(self): return self

def build_root_object():
    return Root()
"""

CHAIN = 40


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def outcome(bench: Bench, result: str | None) -> list[str]:
    """What a result was resolved to, if it was."""
    told = [entry for call in bench.take() if call[0] == "resolve" for entry in call[1]]
    return [data["body"] for vpid, _, data in told if vpid == result]


@wasm_only
@pytest.mark.parametrize("method", ["down", "raises", "loop"])
def test_a_chain_costs_its_length(bench: Bench, method: str) -> None:
    """Twice as many rounds take twice the computrons, whichever end of the chain is made first."""
    spent = []
    for rounds in (200, 400):
        assert isinstance(bench.vat, WasmVat)
        methargs = capdata([method, [rounds]])
        delivery = ["message", "o+0", {"methargs": methargs, "result": None}]
        spent.append(bench.vat.worker.deliver(delivery, bench.vat._serve, Limits()).computrons or 0)
    assert 1.8 < spent[1] / spent[0] < 2.2


@pytest.mark.parametrize(("method", "told"), [("down", '#"done"'), ("loop", '#"done"')])
def test_a_long_chain_brings_its_answer(bench: Bench, method: str, told: str) -> None:
    """However long the chain, its first promise hears what the last one is told."""
    assert outcome(bench, bench.send(method, 3000)) == [told]


def test_a_long_chain_brings_its_rejection(bench: Bench) -> None:
    """A rejection comes all the way too, and nothing between is reported as unhandled."""
    (told,) = outcome(bench, bench.send("raises", 1000))
    assert "at the bottom" in told
    assert bench.unhandled == []


@pytest.mark.parametrize("order", [range(CHAIN - 1), range(CHAIN - 2, -1, -1)], ids=["down", "up"])
def test_all_of_a_chain_hear_the_end(bench: Bench, order: range) -> None:
    """Who listens anywhere along the chain is told, the nearest to the end first."""
    for i in (0, 1, 20, 39):
        bench.send("listen", i, result=None)
    for i in order:
        bench.send("follow", i, i + 1, result=None)
    bench.send("settle", CHAIN - 1, "end", result=None)
    assert bench.ask("read") == [f"{i}: end" for i in (39, 20, 1, 0)]
    assert bench.ask("status") == ["fulfilled"] * CHAIN


def test_a_fork_of_followers_hears_the_end(bench: Bench) -> None:
    """Several that follow one that follows another are told in the order in which they came to follow."""
    for i in (2, 0, 1):
        bench.send("follow", i, 3, result=None)
        bench.send("listen", i, result=None)
    bench.send("follow", 3, 4, result=None)
    bench.send("settle", 4, "end", result=None)
    assert bench.ask("read") == ["2: end", "0: end", "1: end"]


def test_what_the_kernel_knows_is_forwarded_from_anywhere_in_a_chain(bench: Bench) -> None:
    """Results that follow a chain at different depths are all forwarded when its end gets a name."""
    results = []
    for i in range(4):
        results.append(bench.send("give", i))
        bench.send("follow", i, i + 1, result=None)
    assert bench.take() == []
    last = bench.send("give_inside", 0)  # the name of the first is that of the end
    calls = bench.take()
    assert [call[1][0][:1] for call in calls] == [[vpid] for vpid in (*results, last)]
    assert all(call[1][0][2]["slots"] == ["p+5"] for call in calls)
    bench.send("settle", 4, "end", result=None)
    assert outcome(bench, "p+5") == ['#"end"']


def test_messages_along_a_chain_keep_their_order(bench: Bench) -> None:
    """A message to the end of a chain does not overtake those that were sent when the chain was shorter."""
    for i in range(10):
        bench.send("call", 0, f"to the first, {i}", result=None)
        bench.send("call", i, f"to the end, {i}", result=None)
        bench.send("follow", i, i + 1, result=None)
    me = bench.ask("me")
    bench.send("settle", 10, me, slots=("o+0",), result=None)
    assert bench.ask("read") == [f"to the {end}, {i}" for i in range(10) for end in ("first", "end")]


def test_messages_along_a_chain_leave_the_vat_in_their_order(bench: Bench) -> None:
    """When the chain comes to a promise of another vat, all that waited goes there, first things first."""
    for i in range(5):
        bench.send("call", i, f"{i}", result=None)
        bench.send("follow", i, i + 1, result=None)
    bench.take()
    bench.send("settle", 5, "&0", slots=("p-70",), result=None)
    sends = [(call[1], call[2]["methargs"]["body"]) for call in bench.take() if call[0] == "send"]
    assert sends == [("p-70", f'#["note",["{i}"]]') for i in range(5)]


def test_a_long_chain_that_comes_back_to_its_start_is_rejected(bench: Bench) -> None:
    """A ring of any length is found, and all of it is rejected."""
    for i in range(CHAIN - 1):
        bench.send("follow", i, i + 1, result=None)
    bench.send("follow", CHAIN - 1, 0, result=None)
    assert bench.ask("status") == ["rejected"] * CHAIN
