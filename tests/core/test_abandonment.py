"""What an upgrade does to the exports of a vat that has no guest library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]
GONE = '#{"name":"vatUpgraded","upgradeMessage":"new code","incarnationNumber":0}'


@pytest.fixture
def world() -> RawWorld:
    return RawWorld("A", "B", "C")


def upgrade(world: RawWorld, name: str) -> tuple[str, ...]:
    """Give a vat a new incarnation, and answer what it abandoned."""
    result = world.kernel.queue_upgrade(name, ((name, ""),), None, "new code", first=True)
    while (report := world.step()) is not None and report.left_behind is None:
        pass
    world.kernel.release_result(result)
    assert report is not None
    assert report.left_behind is not None
    return report.left_behind.abandoned


def test_an_abandoned_export_that_is_held_keeps_its_counts(world: RawWorld) -> None:
    """Its owner is nobody, its exporter has no name for it, its holder still has, and 1 and 1 are counted."""
    amy = world.give("A", "o+1", "B")
    assert upgrade(world, "A") == (amy,)
    assert world.counts(amy) == (None, 1, 1)
    assert world.vref("A", amy) is None
    assert world.vref("B", amy) is not None
    world.drain()
    assert world.counts(amy) == (None, 1, 1)
    assert audit(world.store) == []


def test_an_abandoned_export_that_is_only_recognized_is_deleted(world: RawWorld) -> None:
    """The kernel forgets it, and whoever could recognize it is told to retire it."""
    amy = world.give("A", "o+1", "B")
    name = world.vref("B", amy)
    world.run_in("B", lambda ask: ask(["dropImports", [name]]))
    world.drain()
    assert world.counts(amy) == ("A", 0, 1)
    world.vat("B").take_log()
    assert upgrade(world, "A") == (amy,)
    assert world.counts(amy) is None
    assert world.actions() == ["B retireImport"]
    world.drain()
    assert ["retireImports", [name]] in world.vat("B").take_log()
    assert world.vref("B", amy) is None
    assert audit(world.store) == []


def test_a_durable_export_and_the_root_are_not_abandoned(world: RawWorld) -> None:
    """The new incarnation has them under the same names, held or only recognized."""
    held, seen = world.give("A", "o+d10/1", "B"), world.give("A", "o+d10/2", "B")
    fleeting = world.give("A", "o+v11/1", "B")
    world.run_in("B", lambda ask: ask(["dropImports", [world.vref("B", seen)]]))
    world.drain()
    root = world.kernel.root_of("A")
    assert upgrade(world, "A") == (fleeting,)
    assert [world.vref("A", kref) for kref in (root, held, seen)] == ["o+0", "o+d10/1", "o+d10/2"]
    assert (world.counts(held), world.counts(seen)) == (("A", 1, 1), ("A", 0, 1))
    assert audit(world.store) == []


def test_a_vat_may_abandon_an_export_by_itself(world: RawWorld) -> None:
    """Whoever holds it keeps it as nobody's, whoever only recognizes it is told to retire it."""
    held, seen = world.give("A", "o+1", "B"), world.give("A", "o+2", "B")
    name = world.vref("B", seen)
    world.run_in("B", lambda ask: ask(["dropImports", [name]]))
    world.drain()
    world.vat("B").take_log()
    world.run_in("A", lambda ask: ask(["abandonExports", ["o+1", "o+2"]]))
    assert (world.counts(held), world.counts(seen)) == ((None, 1, 1), None)
    assert [world.vref("A", kref) for kref in (held, seen)] == [None, None]
    world.drain()
    assert world.vat("B").take_log() == [["retireImports", [name]]]
    assert audit(world.store) == []
    report = world.run_in("B", lambda ask: ask(["abandonExports", [world.vref("B", held)]]))
    assert report.fault is not None
    assert report.fault.code == "illegal-syscall"


def test_a_broken_promise_that_its_vat_waits_for_itself_is_told_to_the_next_incarnation(
    world: RawWorld,
) -> None:
    """Its name stays until it is told; the name of one that only others wait for goes with the upgrade."""
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))

    def share(ask: Ask) -> None:
        methargs = {"body": '#["take",["&0","&1"]]', "slots": ["p+5", "p+6"]}
        ask(["send", root, {"methargs": methargs, "result": None}])
        ask(["subscribe", "p+6"])

    def take(delivery: list[Any], ask: Ask) -> None:
        for name in delivery[2]["methargs"]["slots"]:
            ask(["subscribe", name])

    world.vat("B").next = take
    world.run_in("A", share)
    world.drain()
    krefs = [str(world.kref("A", name)) for name in ("p+5", "p+6")]
    names = [world.vref("B", kref) for kref in krefs]
    world.vat("B").take_log()
    upgrade(world, "A")
    assert [world.kref("A", name) for name in ("p+5", "p+6")] == [None, krefs[1]]
    world.vat("A").take_log()
    world.drain()
    gone = {"rejected": True, "data": {"body": GONE, "slots": []}}
    assert world.vat("A").take_log() == [["notify", [["p+6", gone]]]]
    assert world.vat("B").take_log() == [["notify", [[name, gone]]] for name in names]
    assert world.kref("A", "p+6") is None
    assert list(world.store.promises.all()) == []
    assert audit(world.store) == []
