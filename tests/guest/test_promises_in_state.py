"""Promises in virtual state: they come back as the same object, and live as long as something holds them."""

from __future__ import annotations

import json

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from swingset.vat import BigMap, Promise, WeakBigMap, make_promise, remotable, virtual

@virtual
class Leaf:
    held: object = None

@virtual
class Ghost:
    held: Promise | None = None

@remotable
class Thing:
    pass

class Places:
    def __init__(self):
        self.leaf, self.ghost, self.key = Leaf(), Ghost(), Thing()
        self.map = BigMap("m", durable=False)
        self.shaped = BigMap("m", values=Promise, durable=False)
        self.weak = WeakBigMap("m", durable=False)

    def put(self, where, promise):
        if where == "field": self.leaf.held = promise
        if where == "inside a list": self.leaf.held = [1, {"a": promise}]
        if where == "annotated field": self.ghost.held = promise
        if where == "map": self.map["k"] = promise
        if where == "map for promises": self.shaped["k"] = promise
        if where == "weak map": self.weak[self.key] = promise

    def get(self, where):
        if where == "field": return self.leaf.held
        if where == "inside a list": return self.leaf.held[1]["a"]
        if where == "annotated field": return self.ghost.held
        if where == "map": return self.map["k"]
        if where == "map for promises": return self.shaped["k"]
        if where == "weak map": return self.weak[self.key]

    def take_away(self, where):
        if where in ("field", "inside a list"): self.leaf.held = None
        if where == "annotated field": self.ghost.held = None
        if where == "map": del self.map["k"]
        if where == "map for promises": del self.shaped["k"]
        if where == "weak map": del self.weak[self.key]

@remotable
class Root:
    def __init__(self):
        self.places = Places()
        self.resolvers = []
        self.known = []

    def put_new(self, where: str, keep: bool):
        promise, resolver = make_promise()
        self.resolvers.append(resolver)
        if keep: self.known.append(promise)
        self.places.put(where, promise)

    def put(self, where: str, items: list):
        self.known.append(items[0])
        self.places.put(where, items[0])

    def is_same(self, where: str): return self.places.get(where) is self.known[0]
    def status(self, where: str): return self.places.get(where).status
    def give(self, where: str): return [self.places.get(where)]
    def settle(self, value): self.resolvers.pop(0).resolve(value)
    def take_away(self, where: str): self.places.take_away(where)
    async def wait(self, where: str): return await self.places.get(where)

def build_root_object():
    return Root()
"""

PLACES = ("field", "inside a list", "annotated field", "map", "map for promises", "weak map")


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


@pytest.mark.parametrize("where", PLACES)
def test_a_promise_comes_back_as_the_same_object(bench: Bench, where: str) -> None:
    """Within the vat, from one delivery to the next, over a reaping, pending or settled."""
    bench.send("put_new", where, True)
    assert bench.ask("is_same", where) is True
    bench.vat.deliver(["bringOutYourDead"])
    assert bench.ask("is_same", where) is True
    bench.send("settle", 7)
    assert bench.ask("status", where) == "fulfilled"
    assert bench.ask("is_same", where) is True
    assert bench.ask("wait", where) == 7


@pytest.mark.parametrize("where", PLACES)
def test_stored_data_alone_keeps_a_promise(bench: Bench, where: str) -> None:
    """Nobody else holds it, the dead are brought out twice, and it is there and settles."""
    bench.send("put_new", where, False)
    bench.vat.deliver(["bringOutYourDead"])
    bench.vat.deliver(["bringOutYourDead"])
    waiting = bench.send("wait", where)
    bench.take()
    bench.send("settle", 7)
    [call] = [call for call in bench.take() if call[0] == "resolve" and call[1][0][0] == waiting]
    assert json.loads(call[1][0][2]["body"][1:]) == 7


def test_a_promise_that_came_in_is_the_same_when_it_is_given_back(bench: Bench) -> None:
    """It goes out under the name it came in by, and its outcome reaches the one that is stored."""
    bench.send("put", "map", ["&0"], slots=("p-10",))
    assert bench.ask("is_same", "map") is True
    bench.send("give", "map")
    assert bench.take()[-1][1][0][2] == {"body": '#["&0"]', "slots": ["p-10"]}
    waiting = bench.send("wait", "map")
    bench.notify(("p-10", False, {"body": "#5", "slots": []}))
    [call] = [call for call in bench.take() if call[0] == "resolve"]
    assert call[1] == [[waiting, False, {"body": "#5", "slots": []}]]
    assert bench.ask("is_same", "map") is True


def test_the_kernel_never_hears_of_a_promise_that_is_only_stored(bench: Bench) -> None:
    """Storing, settling and forgetting it makes no syscall but those of the store."""
    bench.take()
    for method, args in (("put_new", ("map", False)), ("settle", (1,)), ("take_away", ("map",))):
        bench.send(method, *args, result=None)
    bench.vat.deliver(["bringOutYourDead"])
    assert bench.take() == []
    assert not [key for key in bench.store if key.startswith(("vom.rc.", "vom.es."))]


def test_an_upgrade_ends_virtual_state_with_its_promises(bench: Bench) -> None:
    """The next incarnation starts, and what was stored is deleted bit by bit."""
    for where in PLACES:
        bench.send("put_new", where, False)
    after = bench.upgrade(SOURCE).up()
    after.vat.deliver(["bringOutYourDead"])
    assert not [key for key, value in after.store.items() if '"&0"' in value or key.startswith("vom.rc.")]
