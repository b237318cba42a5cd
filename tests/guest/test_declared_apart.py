"""Interfaces that several classes declare for one function: each class has its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

SOURCE = """
from typing import Protocol
from swingset.vat import Cohort, Interface, durable, facet, implements, remotable

IntI = Interface("IntI", {"put": "(x: int) -> int"})
StrI = Interface("StrI", {"put": "(x: str) -> str"})

class Base:
    def put(self, x): return x

@remotable
@implements(IntI)
class A(Base): pass

@remotable
@implements(StrI)
class B(Base): pass

@remotable
class C(Base): pass

@remotable
class D(A):
    def put(self, x): return x

@durable
@implements(IntI)
class Both(Cohort):
    @facet("one")
    def put(self, x): return x

@remotable
class Root:
    def make(self): return [A(), B(), C(), D(), Both().facets.one]
def build_root_object(): return Root()
"""


@pytest.fixture
def made(engine: str) -> tuple[Bench, list[str]]:
    bench = Bench(SOURCE).up()
    bench.send("make")
    return bench, bench.take()[-1][1][0][2]["slots"]


@pytest.mark.parametrize(
    ("index", "good", "bad", "told"),
    [
        (0, 5, "s", "A.put(x): wanted int, got str 's'"),
        (1, "s", 5, "B.put(x): wanted str, got int 5"),
        (3, 5, "s", "D.put(x): wanted int, got str 's'"),
        (4, 5, "s", "Both one.put(x): wanted int, got str 's'"),
    ],
)
def test_declared_interface_guards_its_class(
    made: tuple[Bench, list[str]], index: int, good: Any, bad: Any, told: str
) -> None:
    """It guards the class that declares it, its subclasses and its facets, by its own interface."""
    bench, slots = made
    assert bench.ask("put", good, target=slots[index]) == good
    assert bench.ask("put", bad, target=slots[index])["#error"] == told


def test_class_that_declares_nothing_is_not_guarded(made: tuple[Bench, list[str]]) -> None:
    """A class that has the same function of a common base takes anything."""
    bench, slots = made
    assert [bench.ask("put", x, target=slots[2]) for x in (5, "s")] == [5, "s"]
