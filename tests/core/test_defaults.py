"""What holds where nobody has chosen anything, and sums that stay exact."""

from __future__ import annotations

import pytest

from swingset.core.delivery import Delivered
from swingset.core.kernel_options import KernelOptions
from swingset.core.lifecycle import _together
from swingset.model.reports import DeliveryResult

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
