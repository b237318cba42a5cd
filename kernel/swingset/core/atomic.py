"""The savepoint around a crank, or around a host's request: whole or not at all, and with its record.

The record is made when all else is done, and is kept or forgotten together with the changes. A request that
has written nothing leaves none: nothing follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.recording import Cell, request_record, row_changes
from swingset.core.store import KernelStore
from swingset.core.verbs import check
from swingset.world.file import WorldFile


def refuse_within_crank(store: KernelStore) -> None:
    """Raise `KernelError` while a crank is under way: only what is called in it can ask then."""
    if store.in_crank:
        raise KernelError(
            "the world is in the middle of a delivery: what is called in it, a host function or a promise's"
            " callback, cannot run the world, commit it or change it; do that when the run has ended"
        )


class Atomic:
    """The savepoint around a crank or a request: released with the counts settled, or rolled back.

    `record` makes the record of what was done, when it is done.
    """

    def __init__(self, world: WorldFile, store: KernelStore, record: Callable[[], dict[str, Any]]) -> None:
        self._world = world
        self._store = store
        self._record = record
        self._undo = False
        self._last = 0

    def __enter__(self) -> Atomic:
        refuse_within_crank(self._store)
        self._last = self._world.journal.last
        if self._store.effects.calls or self._store.effects.other:
            self._store.effects.clear()
        self._world.begin_crank()
        self._store.in_crank = True
        return self

    def undo(self) -> None:
        """Have the crank rolled back when it ends."""
        self._undo = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Also where not even the way back is left, as on a full disk: then the host rolls back the run.
        self._store.in_crank = False
        if kind is None and not self._undo:
            try:
                self._store.settle()
                if (rows := row_changes(self._world)) is None or rows:
                    self._world.journal.append(self._record() | {"rows": rows})
                self._world.release_crank()
            except BaseException:
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        self._world.journal.truncate(self._last)
        self._world.rollback_crank()
        self._store.discard_touched()


class Requests:
    """The one way to change a world outside of a crank. Call it for a `with` whose body is the change."""

    def __init__(self, world: WorldFile, store: KernelStore) -> None:
        self._world = world
        self._store = store
        self.cell: Callable[[], Cell | None] = lambda: None
        """Says which cell of a notebook asks for what is being asked for, and in which line, if one does."""

    def __call__(self, verb: str, /, **arguments: Any) -> Atomic:
        """A request, kept with its record or rolled back: a verb of `core.verbs`, with arguments in JSON."""
        check(verb, arguments)
        store = self._store
        return Atomic(self._world, store, lambda: request_record(store, verb, arguments, self.cell()))
