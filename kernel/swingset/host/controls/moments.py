"""Moments of a world's past, to be looked at: each a state in memory, with the views that the present has.

Nothing is run: the state is made of the row changes in the world's history (`swingset.world.past`). No vat
has a worker there, and nothing can be changed. Bulk, such as transcripts and the code of vats, is read from
the world itself.
"""

from __future__ import annotations

import weakref
from typing import Any

from swingset.core.atomic import refuse_within_crank
from swingset.host.base.opened import Choices, Opened
from swingset.host.base.queue import RunQueue
from swingset.host.controls.meters import Meters
from swingset.host.controls.vats import Vats
from swingset.host.controls.views import Views
from swingset.world.errors import WorldMisuse
from swingset.world.file import WorldFile
from swingset.world.lending import Parent
from swingset.world.past import Target


class Moment(Views):
    """A world as it was right after a crank or a record. Use it with `with`, or `close` it.

    It has the views of a controller. Whatever would change it raises an error.

    Source:
        Ours: the reference keeps no past state.
    """

    def __init__(self, opened: Opened, record: int, leave: weakref.finalize[Any, Any]) -> None:
        super().__init__(opened)
        self._leave = leave
        self.record = record
        """The number of the last record before it, 0 for the empty world."""
        self.vats = Vats(opened)
        self.meters = Meters(opened)
        self.queue = RunQueue(opened)

    def close(self) -> None:
        """Give the memory back, for the next look. It may be called twice.

        Example:
            >>> world.at(world.crank).close()
        """
        self.world.memory.forget()
        self.world.db = _Left(self.world.name)  # type: ignore[assignment]
        self._leave()

    def __enter__(self) -> Moment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Left:
    """Stands for the state of a moment that was closed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, _: str) -> Any:
        raise WorldMisuse(f"{self._name} was closed: look again")


def moment(opened: Opened, *, crank: int | None = None, record: int | None = None) -> Moment:
    """Look at a world as it was right after a crank, or after a record. Raises `NoSuchMoment`."""
    with opened.lock:
        refuse_within_crank(opened.kernel.store)
        past = opened.past
        target: Target = past.after_crank(crank) if crank is not None else past.after_record(record or 0)
        look = past.look(target)
        what = f"crank {crank:,}" if crank is not None else f"record {record or 0:,}"
        world = WorldFile(look.db, None, None, look_only=True)
    world.name = f"{opened.world.name} after {what}"

    world.lender = Parent(opened.world)
    leave = weakref.finalize(world, past.leave, look)
    leave.atexit = False
    return Moment(Opened(world, {}, Choices()), target.record, leave)
