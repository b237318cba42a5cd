"""Counts of references, which are summed during a crank and stored at its end."""

from __future__ import annotations

import pytest

from swingset.core.store import KernelStore
from swingset.world.file import WorldFile
from tests.meddling import crank


@pytest.mark.parametrize(("undone", "held"), [(True, 2), (False, 3)])
def test_what_a_savepoint_inside_a_crank_counted_is_undone_with_it(undone: bool, held: int) -> None:
    """What was counted before it stays, and so does what comes after it."""
    with WorldFile.open(None) as world:
        store = KernelStore(world)
        with crank(world):
            kref = store.new_promise(None)
            store.hold(kref)
            store.savepoint("inner")
            store.hold(kref)
            if undone:
                store.rollback_to("inner")
            world.release("inner")
            store.hold(kref)
            store.settle()
        promise = store.promises.get(kref)
        assert promise is not None
        assert promise.refcount == held


def test_a_count_that_changes_there_and_back_changes_no_row() -> None:
    """Nothing is stored of a reference that is held and released in the same crank."""
    with WorldFile.open(None) as world:
        store = KernelStore(world)
        with crank(world):
            kref = store.new_promise(None)
            store.hold(kref)
            store.settle()
        world.begin_crank()
        store.hold(kref)
        store.release(kref)
        store.settle()
        assert list(world.changed("crank")) == []
        world.rollback_crank()
