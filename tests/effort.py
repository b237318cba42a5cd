"""How much work something is, on any machine: calls of functions, and steps of the database's machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from swingset.world.file import WorldFile
from swingset.world.held import PATIENCE
from swingset.world.tables import TABLES


class Effort:
    """What was counted."""

    def __init__(self) -> None:
        self.calls = 0
        self.steps = 0

    @property
    def total(self) -> int:
        """Both."""
        return self.calls + self.steps


@contextmanager
def measured(world: WorldFile) -> Iterator[Effort]:
    """Count what the body does in this thread and in the database of `world`, where nothing waits."""
    effort = Effort()
    for table in TABLES.values():
        rows = world.memory.of(table)
        for _ in range(PATIENCE + 1):
            rows.is_whole() or rows.asked()
    world.flush()

    def called(_frame: object, event: str, _what: object) -> None:
        if event in ("call", "c_call"):
            effort.calls += 1

    def stepped() -> bool:
        effort.steps += 1
        return False

    world.db.set_progress_handler(stepped, 1)
    sys.setprofile(called)
    try:
        yield effort
    finally:
        sys.setprofile(None)
        world.db.set_progress_handler(None, 1)
