"""A test that changes a world by hand does it as a request, for all that changes one is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swingset.core.atomic import Atomic
from swingset.core.cranks import Cranks
from swingset.world.file import WorldFile


def atomic(kernel: Cranks) -> Atomic:
    """A request of the test's own."""
    return Atomic(kernel.world, kernel.store, lambda: {"do": "meddle", "with": {}})


@contextmanager
def crank(world: WorldFile) -> Iterator[None]:
    """Keep what the body writes."""
    world.begin_crank()
    try:
        yield
    except BaseException:
        world.rollback_crank()
        raise
    world.release_crank()


def altered(world: WorldFile, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """What one statement returns that writes state; it is a request of its own where none is under way."""
    if world.memory.names:
        return world.execute(sql, params)
    with crank(world):
        return world.execute(sql, params)
