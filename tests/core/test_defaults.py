"""What holds where nobody has chosen anything, and sums that stay exact."""

from __future__ import annotations

from contextlib import suppress

import pytest

from swingset.core.delivery import Delivered
from swingset.core.kernel_options import KernelOptions
from swingset.core.lifecycle import _together
from swingset.core.warehouse import _most_memory
from swingset.model.capdata import NOTHING, CapData
from swingset.model.reports import DeliveryResult
from swingset.world.vats import VatRecord
from tests.meddling import atomic

from .raw import RawWorld

OPTIONS = [
    ("reap_interval", 200),
    ("reap_gc_krefs", 20),
    ("reap_computrons", None),
    ("snapshot_interval", 500),
]


@pytest.mark.parametrize(("name", "value"), OPTIONS)
def test_a_kernel_that_was_told_nothing_has_these_options(name: str, value: int | None) -> None:
    """A new world goes by these numbers, which decide what its vats do."""
    assert KernelOptions(RawWorld().store.counters).get(name) == value


SUMS = [(None, None, None), (3, None, 3), (None, 4, 4), (3, 4, 7), (0, 4, 4), (3, 0, 3)]


@pytest.mark.parametrize(("first", "last", "both"), SUMS)
def test_two_deliveries_cost_what_both_have_spent(
    first: int | None, last: int | None, both: int | None
) -> None:
    """Computrons add up exactly, and one that cannot be measured adds none."""
    one, two = (Delivered(DeliveryResult(computrons=spent)) for spent in (first, last))
    assert _together(one, two).result.computrons == both


MEMORIES = [({}, 4096 * 65_536), ({"memory_pages": 1}, 65_536), ({"memory_pages": 100}, 6_553_600)]


@pytest.mark.parametrize(("options", "most"), MEMORIES)
def test_a_page_of_memory_has_64_kib(options: dict[str, int], most: int) -> None:
    """So large may the heap image of a vat be that chose so many pages, or none."""
    vat = VatRecord("v1", "bank", "wasm", "live", None, 0, None, NOTHING, options, 0)
    assert _most_memory(vat) == most


def test_a_request_that_fails_leaves_the_records_before_it() -> None:
    """The run goes on with them, and the next record gets the number of the one that was undone."""
    raw = RawWorld()
    kernel = raw.kernel
    with kernel.request("pause", paused=True):
        raw.store.counters.set("paused", 1)
    last, plain = raw.world.journal.last, raw.world.journal.plain()
    with suppress(RuntimeError), kernel.request("pause", paused=False):
        raw.store.counters.set("paused", 0)
        raise RuntimeError
    assert (raw.world.journal.last, raw.world.journal.plain()) == (last, plain)
    assert last > 0
    assert raw.store.counters.get("paused") == 1


@pytest.mark.parametrize("state", [None, CapData("#1", ())])
@pytest.mark.parametrize("heard", [False, True])
def test_a_device_hears_of_a_node_with_a_state(state: CapData | None, heard: bool) -> None:
    """When nothing can reach it any more, and only if the device wants to hear."""
    raw, told = RawWorld(), list[tuple[str, CapData]]()
    store = raw.store
    if heard:
        store.node_gone = lambda device, found: told.append((device, found))
    with atomic(raw.kernel):
        store.objects.add("kd30", "d7")
        store.keep_for_device("d7", "kd30", state)
        store._settle_device_node("kd30")
    assert store.objects.get("kd30") is None
    assert told == ([("d7", state)] if heard and state else [])
