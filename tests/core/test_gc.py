"""Who is told what when references are dropped and retired, step by step.

The steps are the reference implementation's scenarios for its garbage collector, without the second hop
that it makes through an acceptance queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from swingset.testing import audit

from .raw import RawWorld

Ask = Callable[[list[Any]], Any]


def drop(vref: str) -> Callable[[Ask], None]:
    return lambda ask: ask(["dropImports", [vref]])


def retire(vref: str) -> Callable[[Ask], None]:
    return lambda ask: ask(["retireImports", [vref]])


def drop_and_retire(vref: str) -> Callable[[Ask], None]:
    def both(ask: Ask) -> None:
        ask(["dropImports", [vref]])
        ask(["retireImports", [vref]])

    return both


@pytest.fixture
def world() -> RawWorld:
    return RawWorld("A", "B", "C")


def test_a_dropped_and_retired_import_is_dropped_and_then_retired_by_its_owner(world: RawWorld) -> None:
    """The owner hears dropExports in one crank and retireExports in the next, and then all is gone."""
    amy = world.give("A", "o+1", "B")
    vref = world.vref("B", amy)
    assert world.counts(amy) == ("A", 1, 1)
    world.run_in("B", drop_and_retire(str(vref)))
    assert world.counts(amy) == ("A", 0, 0)
    assert world.actions() == ["A dropExport", "A retireExport"]
    world.step()
    assert world.vat("A").take_log() == [["dropExports", ["o+1"]]]
    assert world.counts(amy) == ("A", 0, 0)
    world.step()
    assert world.vat("A").take_log() == [["retireExports", ["o+1"]]]
    assert world.counts(amy) is None
    assert world.kref("A", "o+1") is None
    assert world.step() is None
    assert audit(world.store) == []


def test_an_owner_that_retires_at_once_is_not_told_again(world: RawWorld) -> None:
    """The action that was still to come is negated: it costs one crank in which nobody is told."""
    amy = world.give("A", "o+1", "B")
    world.run_in("B", drop_and_retire(str(world.vref("B", amy))))
    world.vat("A").next = lambda _delivery, ask: ask(["retireExports", ["o+1"]])
    world.step()
    assert world.counts(amy) is None
    assert world.actions() == ["A retireExport"]
    report = world.step()
    assert report is not None
    assert report.outcome == "negated"
    assert world.vat("A").take_log() == [["dropExports", ["o+1"]]]
    assert world.step() is None


def test_a_drop_alone_leaves_the_object_recognizable(world: RawWorld) -> None:
    """The owner that retires then has the kernel tell whoever could still recognize the object."""
    amy = world.give("A", "o+1", "B")
    vref = str(world.vref("B", amy))
    world.run_in("B", drop(vref))
    assert world.counts(amy) == ("A", 0, 1)
    assert world.actions() == ["A dropExport"]
    world.vat("A").next = lambda _delivery, ask: ask(["retireExports", ["o+1"]])
    world.step()
    assert world.counts(amy) is None
    assert world.actions() == ["B retireImport"]
    world.step()
    assert world.vat("B").take_log() == [["retireImports", [vref]]]
    assert world.kref("B", vref) is None
    assert audit(world.store) == []


def test_an_owner_that_retires_later_ends_the_object(world: RawWorld) -> None:
    """It is as if it had retired at once: the record is gone, and who could recognize the object is told."""
    amy = world.give("A", "o+1", "B")
    vref = str(world.vref("B", amy))
    world.run_in("B", drop(vref))
    world.drain()
    assert world.counts(amy) == ("A", 0, 1)
    assert world.vat("A").take_log() == [["dropExports", ["o+1"]]]
    world.run_in("A", lambda ask: ask(["retireExports", ["o+1"]]))
    assert (world.counts(amy), world.actions()) == (None, ["B retireImport"])
    world.step()
    assert world.vat("B").take_log() == [["retireImports", [vref]]]
    assert world.kref("B", vref) is None
    assert audit(world.store) == []


def test_an_importer_that_retires_after_the_drop_ends_the_object(world: RawWorld) -> None:
    """When the last that could recognize it retires, the owner hears retireExports."""
    amy = world.give("A", "o+1", "B")
    vref = str(world.vref("B", amy))
    world.run_in("B", drop(vref))
    world.drain()
    world.run_in("B", retire(vref))
    assert world.actions() == ["A retireExport"]
    world.drain()
    assert world.vat("A").take_log() == [["dropExports", ["o+1"]], ["retireExports", ["o+1"]]]
    assert world.counts(amy) is None


def test_two_importers_both_have_to_let_go(world: RawWorld) -> None:
    """The first to let go causes nothing; the second ends the object, and nobody else is told."""
    amy = world.give("A", "o+1", "B")
    world.give("A", "o+1", "C")
    world.run_in("B", drop_and_retire(str(world.vref("B", amy))))
    assert world.counts(amy) == ("A", 1, 1)
    assert world.actions() == []
    world.run_in("C", drop_and_retire(str(world.vref("C", amy))))
    world.drain()
    assert world.counts(amy) is None
    assert world.vat("B").log == world.vat("C").log == []


def test_importers_that_only_drop_are_told_in_order_when_the_owner_retires(world: RawWorld) -> None:
    """One crank each, by vat."""
    amy = world.give("A", "o+1", "B")
    world.give("A", "o+1", "C")
    for name in "BC":
        world.run_in(name, drop(str(world.vref(name, amy))))
    assert world.counts(amy) == ("A", 0, 2)
    world.vat("A").next = lambda _delivery, ask: ask(["retireExports", ["o+1"]])
    world.step()
    assert world.actions() == ["B retireImport", "C retireImport"]
    first, second = world.step(), world.step()
    assert first is not None
    assert second is not None
    assert (first.vat, second.vat) == ("B", "C")
    assert world.step() is None


def test_one_vat_is_told_of_drops_then_retired_exports_then_retired_imports(world: RawWorld) -> None:
    """One crank for each kind, with all that is to be told of that kind, however it came about."""
    for number in (1, 2, 3, 4):
        world.give("A", f"o+{number}", "B")
    bert = world.give("C", "o+1", "A")
    name = world.vref("A", bert)
    names = [entry.vref for entry in world.store.clists.of(world.ids["B"]) if "-" in entry.vref]
    world.run_in("A", lambda ask: ask(["dropImports", [name]]))
    world.drain()
    world.vat("A").take_log()
    world.run_in("C", lambda ask: ask(["retireExports", ["o+1"]]))

    def let_go(ask: Ask) -> None:
        ask(["dropImports", names])
        ask(["retireImports", names[:2]])

    world.run_in("B", let_go)
    assert [action.partition(" ")[2] for action in world.actions()] == (
        ["dropExport"] * 4 + ["retireExport"] * 2 + ["retireImport"]
    )
    world.drain()
    assert world.vat("A").take_log() == [
        ["dropExports", ["o+1", "o+2", "o+3", "o+4"]],
        ["retireExports", ["o+1", "o+2"]],
        ["retireImports", [name]],
    ]
    assert audit(world.store) == []


def test_vats_are_told_in_the_order_of_their_ids_as_text() -> None:
    """v10 and v11 come before v2, as in the reference, so that every replica has the same order."""
    world = RawWorld(*"ABCDEFGHIJK")
    amy = world.give("A", "o+1", "B")
    for name in "CDEFGHIJK":
        world.give("A", "o+1", name)
    for name in "KBJC":
        world.run_in(name, drop(str(world.vref(name, amy))))
    for name in "DEFGHI":
        world.run_in(name, drop_and_retire(str(world.vref(name, amy))))
    world.vat("A").next = lambda _delivery, ask: ask(["retireExports", ["o+1"]])
    world.step()
    told = [report.vat for report in world.drain()]
    assert [world.ids[name] for name in "JKBC"] == ["v10", "v11", "v2", "v3"]
    assert told == ["J", "K", "B", "C"]


def test_retiring_what_is_still_reachable_ends_the_vat(world: RawWorld) -> None:
    """A guest that retires before it drops is broken: its crank is undone and it is terminated."""
    amy = world.give("A", "o+1", "B")
    report = world.run_in("B", retire(str(world.vref("B", amy))))
    assert report.fault is not None
    assert report.fault.code == "illegal-syscall"
    assert world.store.vats.named("B") is None
    world.drain()
    assert world.counts(amy) is None


def test_an_object_sent_again_before_the_owner_is_told_stays(world: RawWorld) -> None:
    """The drop is negated, for by then somebody can reach the object again."""
    amy = world.give("A", "o+1", "B")
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("C"))
    world.run_in("B", drop(str(world.vref("B", amy))))
    methargs = {"body": '#["take",["$0"]]', "slots": ["o+1"]}
    world.run_in("A", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    report = world.step()
    assert report is not None
    assert report.outcome == "negated"
    world.drain()
    assert world.counts(amy) == ("A", 1, 2)
    assert world.vat("A").log == []
    assert audit(world.store) == []


def test_what_only_a_promise_holds_is_kept_until_its_subscriber_has_heard(world: RawWorld) -> None:
    """An object that only the outcome of a promise mentions is not dropped before the notify."""
    amy = world.give("A", "o+1", "B")
    root = world.kernel.introduce(world.ids["B"], world.kernel.root_of("C"))
    methargs = {"body": '#["take",["&0"]]', "slots": ["p+5"]}
    world.run_in("B", lambda ask: ask(["send", root, {"methargs": methargs, "result": None}]))
    world.vat("C").next = lambda delivery, ask: ask(["subscribe", delivery[2]["methargs"]["slots"][0]])
    world.step()
    vref = str(world.vref("B", amy))

    def resolve(ask: Ask) -> None:
        ask(["resolve", [["p+5", False, {"body": '#"$0.Alleged: amy"', "slots": [vref]}]]])
        drop_and_retire(vref)(ask)

    world.run_in("B", resolve)
    assert world.counts(amy) == ("A", 1, 1)
    assert world.actions() == []
    world.drain()
    assert world.counts(amy) == ("A", 1, 1)
    assert world.vat("A").log == []
    world.run_in("C", drop_and_retire(str(world.vref("C", amy))))
    world.drain()
    assert world.counts(amy) is None
    assert audit(world.store) == []


def test_what_waits_for_a_promise_is_kept(world: RawWorld) -> None:
    """An object that only a message to an unresolved promise mentions lives until the promise rejects it."""
    amy = world.give("A", "o+1", "B")
    vref = str(world.vref("B", amy))
    root = world.kernel.introduce(world.ids["B"], world.kernel.root_of("C"))

    def ask_and_send(ask: Ask) -> None:
        ask(["send", root, {"methargs": {"body": '#["get",[]]', "slots": []}, "result": "p+5"}])
        methargs = {"body": '#["take",["$0"]]', "slots": [vref]}
        ask(["send", "p+5", {"methargs": methargs, "result": None}])
        drop_and_retire(vref)(ask)

    results: list[str] = []
    world.vat("C").next = lambda delivery, _ask: results.append(delivery[2]["result"])
    world.run_in("B", ask_and_send)
    world.drain()
    assert world.counts(amy) == ("A", 1, 1)
    rejected = {"body": '#"no"', "slots": []}
    world.run_in("C", lambda ask: ask(["resolve", [[results[0], True, rejected]]]))
    world.drain()
    assert world.counts(amy) is None
    assert audit(world.store) == []


def test_terminating_a_vat_lets_go_of_what_it_held(world: RawWorld) -> None:
    """Its imports are dropped and its exports orphaned when its state is cleaned up."""
    amy = world.give("A", "o+1", "B")
    bert = world.give("B", "o+7", "C")
    world.kernel.terminate("B", "enough")
    assert world.counts(bert) == ("B", 1, 1)
    world.drain()
    assert world.counts(amy) is None
    assert world.counts(bert) == (None, 1, 1)
    assert audit(world.store) == []


def test_clean_up_never_does_more_than_its_budget_in_one_crank(world: RawWorld) -> None:
    """A vat with many objects is deleted over many cranks, each of at most the rows it is allowed."""
    for number in range(30):
        world.give("A", f"o+{number + 1}", "B")
    before = len(world.store.clists.of(world.ids["A"]))
    world.kernel.terminate("A", "")
    report = world.kernel.cranks.step(clean_up=10)
    assert report is not None
    assert report.outcome == "cleaned"
    assert len(world.store.clists.of(world.ids["A"])) == before - 10
    assert world.kernel.cranks.step(clean_up=None) is None
    world.drain()
    assert world.store.clists.of(world.ids["A"]) == []
    assert audit(world.store) == []


def test_what_a_vat_left_is_deleted_in_phases(world: RawWorld) -> None:
    """First exports, so that who holds them hears of it, then imports, then promises, then its store."""
    for number in (1, 2, 3):
        world.give("A", f"o+{number}", "B")
        world.give("C", f"o+{number}", "A")
    root = world.kernel.introduce(world.ids["A"], world.kernel.root_of("B"))
    go = {"body": '#["go",[]]', "slots": []}

    def prepare(ask: Ask) -> None:
        for number in (5, 6):
            ask(["send", root, {"methargs": go, "result": f"p+{number}"}])
            ask(["vatstoreSet", f"key{number}", "x"])

    world.run_in("A", prepare)
    world.drain()
    vat = world.ids["A"]
    world.kernel.terminate("A", "enough")
    seen: list[str] = []
    while world.store.graveyard.next() == vat:
        before = {entry.vref for entry in world.store.clists.of(vat)}
        keys = [key for (key,) in world.world.rows("SELECT key from vatstore where vat = ?", (vat,))]
        report = world.kernel.cranks.step(clean_up=1)
        assert report is not None
        if report.outcome != "cleaned":
            continue
        seen += sorted(before - {entry.vref for entry in world.store.clists.of(vat)})
        left = [key for (key,) in world.world.rows("SELECT key from vatstore where vat = ?", (vat,))]
        seen += sorted(set(keys) - set(left))
    assert [re.sub(r"\d+$", "", name) for name in seen] == (
        ["o+"] * 4 + ["o-"] * 4 + ["p+"] * 2 + ["key"] * 2
    )
    world.drain()
    assert audit(world.store) == []
