"""Nothing that the interpreter's collector does is seen, by vat code or in what the kernel is told."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from swingset.guest.liveslots import SyscallError
from tests.guest.guest_bench import Bench, WasmVat, host_only, wasm_only

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
import gc
import weakref
from swingset.vat import BigMap, E, durable, make_promise, remotable

@durable
class Node:
    name: str = ""
    def rename(self, name: str): self.name = name

@remotable
class Thing:
    pass

@remotable
class Root:
    def __init__(self):
        self.node = Node("fresh")
        self.rows = BigMap("rows")
        self.open, self.settle = make_promise()
        self.log, self.seen, self.things = [], [], []
    async def wait(self, bob):
        promise, resolver = make_promise()
        try:
            await promise
        finally:
            print("gone")
            E(bob).hello()
            E.send_only(self).note("by message")
            self.settle.resolve("by a call that is gone")
            self.node.rename("by a call that is gone")
    async def wait_and(self, what: str):
        promise, resolver = make_promise()
        try:
            await promise
        finally:
            if what == "read": self.log.append(self.node.name)
            if what == "make": Node("by a call that is gone")
            if what == "fill": self.rows["key"] = 1
            if what == "then": self.open.then(lambda _: self.note("by callback"))
            if what == "await": await self.open
            if what == "raise": raise ValueError("nobody hears this")
            if what == "settle": self.settle.reject(ValueError("no"))
            self.log.append("not reached")
    async def wait_for_open(self): return await self.open
    def settle_open(self, value): self.settle.resolve(value)
    def note(self, text): self.log.append(text)
    def read(self): return [self.log, self.node.name, self.open.status, len(self.rows)]
    def nothing(self): pass
    def collect_now(self): return [gc.isenabled(), gc.collect() >= 0]
    def watch(self, *things):
        self.seen += [weakref.ref(thing) for thing in things]
    def watch_own(self):
        thing, node = Thing(), Node("passing")
        self.watch(thing, node)
        self.things.append(thing)
        return [thing, node]
    def lose(self): self.things.clear()
    def alive(self): return [one() is not None for one in self.seen]
    def rings(self, count: int):
        for i in range(count):
            ring = [None] * 50
            ring[0] = ring

def build_root_object():
    return Root()
"""

BOB = ("o-50",)


@pytest.fixture
def bench() -> Bench:
    return Bench(SOURCE).up()


def test_a_call_that_can_never_go_on_is_held_until_the_dead_are_brought_out(bench: Bench) -> None:
    """Its arguments are alive until then, however often the collector works, and dropped then."""
    bench.send("wait", "$0.Alleged: Bob", slots=BOB, result=None)
    bench.take()
    bench.ask("collect_now")
    gc.collect()
    bench.send("nothing", result=None)
    assert bench.take() == []
    assert bench.reap() == {"dropImports": ["o-50"], "retireImports": ["o-50"]}


def test_nobody_hears_what_such_a_call_does_at_its_end(bench: Bench) -> None:
    """Its `finally` sends, settles, stores and prints nothing, and nobody is told of errors."""
    bench.send("wait", "$0.Alleged: Bob", slots=BOB, result=None)
    bench.everything.clear()
    assert set(bench.reap()) == {"dropImports", "retireImports"}
    assert not [call for call in bench.everything if call[0] == "vatstoreSet" and "gone" in call[2]]
    assert bench.ask("read") == [[], "fresh", "pending", 0]
    assert bench.unhandled == []


@pytest.mark.parametrize("what", ["read", "make", "fill", "await", "raise"])
def test_such_a_call_is_refused_the_store(bench: Bench, what: str) -> None:
    """State cannot be reached from there, by reading neither, and the vat goes on as if nothing was."""
    bench.send("wait_and", what, result=None)
    bench.everything.clear()
    assert bench.reap() == {}
    assert not [call for call in bench.everything if call[0] == "send" or "gone" in str(call)]
    assert bench.ask("read") == [[], "fresh", "pending", 0]
    assert bench.unhandled == []


@pytest.mark.parametrize("what", ["then", "settle"])
def test_such_a_call_leaves_promises_as_they_are(bench: Bench, what: str) -> None:
    """It settles none, and its callbacks are not called when one settles later."""
    bench.send("wait_and", what, result=None)
    assert bench.reap() == {}
    bench.send("settle_open", 5)
    assert bench.ask("read")[0] == ["not reached"]
    assert bench.ask("read")[2] == "fulfilled"


def test_a_call_that_may_go_on_is_not_let_go_of(bench: Bench) -> None:
    """What somebody can still settle is waited for, through any number of collections."""
    result = bench.send("wait_for_open")
    for _ in range(2):
        assert bench.reap() == {}
    bench.send("settle_open", "now")
    settled = {entry[0]: entry[2] for call in bench.take() if call[0] == "resolve" for entry in call[1]}
    assert settled[result]["body"] == '#"now"'


def test_a_weak_reference_sees_no_drop_before_the_dead_are_brought_out(bench: Bench) -> None:
    """What others have held and what is stored stays in memory until then, and no longer."""
    bench.send("watch", "$0.Alleged: Bob", slots=BOB, result=None)
    bench.send("watch_own")
    bench.send("lose")
    bench.vat.deliver(["dropExports", ["o+10", "o+d10/2"]])
    bench.ask("collect_now")
    assert bench.ask("alive") == [True, True, True]
    bench.reap()
    assert bench.ask("alive") == [False, False, False]


def test_only_so_much_is_held_for_having_been_touched(tune: Callable[..., None]) -> None:
    """What was touched least recently is let go of by the number of touches, so that memory is bounded."""
    tune("base.recently_used", ROOM=4)
    bench = Bench(SOURCE).up()
    names = [f"${i}.Alleged: Bob" for i in range(20)]
    bench.send("watch", *names, slots=tuple(f"o-{50 + i}" for i in range(20)), result=None)
    assert bench.ask("alive") == [False] * 16 + [True] * 4


@wasm_only
def test_a_confined_vat_collects_at_no_moment_of_its_own(bench: Bench) -> None:
    """The engine's own collector is off."""
    assert bench.ask("collect_now") == [False, True]


@wasm_only
def test_rings_of_plain_objects_do_not_fill_the_memory(bench: Bench) -> None:
    """A vat that throws away many of them in each delivery needs no more after twenty than after six."""
    assert isinstance(bench.vat, WasmVat)
    sizes = []
    for _ in range(20):
        bench.send("rings", 50_000, result=None)
        image = bench.vat.worker.snapshot()
        sizes.append(image.size if image else 0)
    assert sizes[5] == sizes[-1] > sizes[0]


@host_only
def test_a_syscall_outside_of_a_delivery_ends_none(bench: Bench) -> None:
    """It is refused on the spot, and the next delivery does not hear of it."""
    with pytest.raises(SyscallError, match="vat bank is in no delivery and has nobody to vatstoreGet to"):
        bench.vat.syscall(["vatstoreGet", "key"])
    assert bench.ask("read") == [[], "fresh", "pending", 0]


@pytest.mark.parametrize("decorator", ["", "@remotable\n", "@durable\n"])
def test_a_finaliser_is_refused_on_its_line(decorator: str) -> None:
    """A class with `__del__` does not start, and the complaint names the line and what to do instead."""
    source = f"from swingset.vat import *\n{decorator}class A:\n    def __del__(self): pass\n"
    error = Bench(source).start()["error"]
    assert "__del__ would run whenever the interpreter happens to free an object" in error["message"]
    assert error["trace"] == [["bank", source[: source.index("__del__")].count("\n") + 1, "<module>"]]


@pytest.mark.parametrize("decorator", ["remotable", "durable"])
def test_a_finaliser_that_was_put_there_is_refused_too(decorator: str) -> None:
    """However a class comes by `__del__`, its objects cannot be sent."""
    source = f"from swingset.vat import *\n{decorator}(type('A', (), {{'__del__': print}}))\n"
    assert "A.__del__: __del__ would run whenever" in Bench(source).start()["error"]["message"]


def test_a_cached_property_of_a_kind_is_refused() -> None:
    """What is kept in a stand-in would be lost with it, so it is refused where it is defined."""
    source = """
from functools import cached_property
from swingset.vat import durable
@durable
class Purse:
    @cached_property
    def double(self): return 2
"""
    error = Bench(source).start()["error"]
    assert error["message"].startswith("Purse.double, line 6 cannot be a cached_property")
