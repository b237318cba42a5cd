"""Explanations: paths that exist, the cheapest there are, in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.present.cycles import find_rings
from swingset.lens.present.explain import ASSUMED, explain
from swingset.world.file import WorldFile
from tests.staging import Stage

from .worlds import ROOT, Sketch, sketches

COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=150, **COMMON)
@given(sketches())
def test_a_path_is_found_exactly_where_there_is_one_and_it_is_the_cheapest(sketch: Sketch) -> None:
    """For each object and promise, verdict and length of the path are those of a walk of all edges."""
    costs = sketch.costs()
    krefs = [record.kref for record in sketch.store.objects.all()]
    krefs += [record.kref for record in sketch.store.promises.all()]
    for kref in krefs:
        found = explain(sketch.store, kref)
        if kref in costs:
            assert found.verdict == "held"
            assert len(found.hops) + (ASSUMED - 1) * found.assumed == costs[kref], str(found)
        else:
            record = sketch.store.objects.get(kref) if kref.startswith("ko") else None
            reachable = record is not None and record.reachable > 0
            recognized = bool(sketch.recognizers.get(kref)) and not reachable
            assert found.verdict == ("recognized" if recognized else "unheld"), str(found)
            assert found.hops == ()
            assert str(found)


@settings(max_examples=150, **COMMON)
@given(sketches(durable_only=True))
def test_rings_are_those_of_a_brute_force_walk(sketch: Sketch) -> None:
    """Reported are exactly the groups across vats that reach themselves and that nothing living reaches."""
    alive = set(sketch.costs())
    after: dict[str, set[str]] = {}
    for holder, held in sketch.edges:
        after.setdefault(holder, set()).add(held)

    def reach(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            for held in after.get(waiting.pop(), ()):
                if held not in found:
                    found.add(held)
                    waiting.append(held)
        return found

    nodes = {node for edge in sketch.edges for node in edge} - {ROOT}
    expected = set()
    for node in nodes - alive:
        group = {other for other in reach(node) if node in reach(other)}
        if len({sketch.owner[member] for member in group if member in sketch.owner}) > 1:
            expected.add(tuple(sorted(member for member in group if "/" not in member)))
    found = {tuple(sorted(ring.krefs)) for ring in find_rings(sketch.store)}
    assert found == expected


def test_what_is_not_a_kref_is_refused_in_words() -> None:
    """A vref, or anything else, is told apart from a kref that nobody knows any more."""
    store = KernelStore(WorldFile.open(None))
    with pytest.raises(KernelError, match="is not a kref such as"):
        explain(store, "o+0")
    assert explain(store, "ko999").verdict == "gone"
    assert explain(store, "kp999").verdict == "gone"


BANK = """
    from swingset.vat import durable, remotable

    @durable
    class Purse:
        balance: int = 0

    @durable
    class Box:
        thing: object = None

        def put(self, thing):
            self.thing = thing

    @remotable
    class Bank:
        def purse(self):
            return Purse(3)

        def box(self):
            return Box()

    def build_root_object():
        return Bank()
"""

ALICE = """
    from swingset.vat import remotable

    def build_root_object(baggage):
        @remotable
        class Alice:
            def keep(self, purse):
                baggage["my purse"] = purse

            def hold(self, purse):
                self.purse = purse

        return Alice()
"""


def test_a_purse_in_a_baggage_is_explained_by_it(local: Stage) -> None:
    """The words name the vat, the key of its baggage and the kind of the object."""
    bank, alice = local.define("bank", BANK), local.define("alice", ALICE)
    purse = local.ask(bank, "purse")
    local.ask(alice, "keep", purse)
    kref = next(row.kref for row in local.lens.objects() if row.label == "Purse")
    found = explain(local.controller.kernel.store, kref)
    assert str(found) == f"vat alice keeps {kref} (Purse of bank) as o-50 in baggage['my purse']"
    assert not found.assumed


def test_a_heap_is_assumed_where_no_record_explains(local: Stage) -> None:
    """Where a vat imports something and none of its records says why, its heap must hold it."""
    bank, alice = local.define("bank", BANK), local.define("alice", ALICE)
    purse = local.ask(bank, "purse")
    local.ask(alice, "hold", purse)
    kref = next(row.kref for row in local.lens.objects() if row.label == "Purse")
    found = explain(local.controller.kernel.store, kref)
    assert found.assumed
    assert len(found.hops) == 1
    assert "its heap must be what holds it" in str(found)


def test_a_durable_object_in_a_durable_object_is_a_path_of_two_hops(local: Stage) -> None:
    """The path goes through the field of the record that holds it."""
    bank, alice = local.define("bank", BANK), local.define("alice", ALICE)
    other = local.define("other", BANK)
    box, purse = local.ask(bank, "box"), local.ask(other, "purse")
    local.ask(box, "put", purse)
    local.ask(alice, "keep", box)
    krefs = {row.label: row.kref for row in local.lens.objects()}
    found = explain(local.controller.kernel.store, krefs["Purse"])
    assert found.hops == (
        f"vat alice keeps {krefs['Box']} (Box of bank) as o-50 in baggage['my purse']",
        f"{krefs['Box']} (Box of bank) holds {krefs['Purse']} (Purse of other) as o-50 in field 'thing'",
    )


def test_the_root_of_a_vat_lives_with_it(local: Stage) -> None:
    """A root needs nobody: it is explained by its vat, or by the host that pinned it."""
    local.define("bank", BANK)
    kref = local.controller.kernel.root_of("bank")
    found = explain(local.controller.kernel.store, kref)
    assert len(found.hops) == 1
    assert not found.assumed


def test_two_durable_boxes_of_two_vats_that_hold_each_other_are_a_ring(local: Stage) -> None:
    """When nobody else holds them any more, the finder names both vats and both hops."""
    one, two = local.define("one", BANK), local.define("two", BANK)
    first, second = local.ask(one, "box"), local.ask(two, "box")
    local.ask(first, "put", second)
    local.ask(second, "put", first)
    store = local.controller.kernel.store
    assert find_rings(store) == []
    krefs = [row.kref for row in local.lens.objects() if row.label == "Box"]
    notebook = local.controller.kernel.vat("notebook").id
    for kref in krefs:  # as if the session had let go
        entry = store.clists.by_kref(notebook, kref)
        assert entry is not None
        local.controller.kernel.outside_syscall(notebook, ["dropImports", [entry.vref]])
        local.controller.kernel.outside_syscall(notebook, ["retireImports", [entry.vref]])
    (ring,) = find_rings(store)
    assert ring.krefs == tuple(krefs)
    assert ring.vats == ("one", "two")
    assert len(ring.lines) == 2
    assert "unless the heap of one or two holds" in str(ring)
