"""What a vat is told of dropped references: so much at a time, however much others drop at once."""

from __future__ import annotations

import pytest

from swingset.testing import audit
from swingset.world import gc

from .raw import RawWorld


@pytest.mark.parametrize(("most", "portions"), [(10, [7]), (7, [7]), (3, [3, 3, 1]), (1, [1] * 7)])
def test_what_was_dropped_at_once_is_told_in_portions(
    monkeypatch: pytest.MonkeyPatch, most: int, portions: list[int]
) -> None:
    """All drops are told before any retirement, each reference once, and nothing is left over."""
    monkeypatch.setattr(gc, "MOST_TOLD", most)
    world = RawWorld("A", "B")
    exports = [f"o+{number}" for number in range(5, 12)]
    krefs = [world.give("A", vref, "B") for vref in exports]
    names = [world.vref("B", kref) for kref in krefs]
    world.run_in("B", lambda ask: [ask(["dropImports", names]), ask(["retireImports", names])][0])
    reports = world.drain()
    told = world.vat("A").take_log()
    assert [delivery[0] for delivery in told] == ["dropExports"] * len(portions) + ["retireExports"] * len(
        portions
    )
    assert [len(delivery[1]) for delivery in told] == portions * 2
    for kind in ("dropExports", "retireExports"):
        assert sorted(vref for what, vrefs in told if what == kind for vref in vrefs) == sorted(exports)
    assert len(reports) == len(told)
    assert world.store.gc.all() == []
    assert [world.store.objects.get(kref) for kref in krefs] == [None] * 7
    assert audit(world.store) == []
