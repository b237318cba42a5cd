"""What tests leave behind is freed, so that a process of many tests does not grow."""

from __future__ import annotations

import gc
from weakref import ref

from tests.conftest import leave_out_what_is_there


class _Ring:
    """Refers to itself, as an open world does in many ways."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_freed_before_what_is_there_is_left_out() -> None:
    """A ring that nothing leads to is gone; what is in use stays, and is out of the way."""
    gc.disable()
    try:
        gone, kept = ref(_Ring()), _Ring()
        leave_out_what_is_there()
        assert gone() is None
        assert kept.itself is kept
        assert not any(found is kept for found in gc.get_objects())
    finally:
        gc.enable()
