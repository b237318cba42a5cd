"""The savepoint around a crank or a host's request. It is released or rolled back as a whole.

The record is made last, after the counts are settled. It is kept or dropped together with the changes. A
crank or request that changed no row leaves no record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swingset.core.errors import KernelError
from swingset.core.recording import Cell, request_record, row_changes
from swingset.core.store import KernelStore
from swingset.core.verbs import check
from swingset.world.file import WorldFile


def refuse_within_crank(store: KernelStore) -> None:
    """Raise `KernelError` during a crank or request: only code that it called can get here then."""
    if store.in_crank:
        raise KernelError(
            "the world is in the middle of a delivery: what is called in it, a host function or a promise's"
            " callback, cannot run the world, commit it or change it; do that when the run has ended"
        )


class Atomic:
    """The savepoint around a crank or a request, as a context manager.

    If the body returns, the counts are settled, the record that `record` returns is appended to the journal,
    and the savepoint is released. If the body raises or calls `undo`, all of it is rolled back.
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
        if self._store.market is not None:
            self._store.market.end()
        if self._store.effects.calls or self._store.effects.other:
            self._store.effects.clear()
        self._world.begin_crank()
        self._store.in_crank = True
        return self

    def undo(self) -> None:
        """Roll back at the end of the body."""
        self._undo = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Even if the rollback fails, as on a full disk: the host then rolls back the run.
        self._store.in_crank = False
        if kind is None and not self._undo:
            try:
                self._store.settle()
                if (rows := row_changes(self._world)) is None or rows:
                    record = self._record()
                    record["rows"] = rows
                    self._world.journal.append(record)
                self._world.release_crank()
            except BaseException:
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        self._store.discard_touched()  # first, for the rollback may fail, as on a full disk
        self._world.journal.truncate(self._last)
        self._world.rollback_crank()


class Requests:
    """The one way to change a world outside of a crank: `with request(verb, ...):` and the change."""

    def __init__(self, world: WorldFile, store: KernelStore) -> None:
        self._world = world
        self._store = store
        self.cell: Callable[[], Cell | None] = lambda: None
        """Returns the notebook cell that makes the request, and the line in it, or None."""

    @contextmanager
    def made_in(self, cell: Cell | None) -> Iterator[None]:
        """Have the requests of the body made by this cell, as they were when they were made first."""
        before, self.cell = self.cell, lambda: cell
        try:
            yield
        finally:
            self.cell = before

    def __call__(self, verb: str, /, **arguments: Any) -> Atomic:
        """Return the savepoint of a request.

        `verb` and `arguments`, as JSON data, go into its record. Raises `KernelError` if they are not in the
        table of `core.verbs`.
        """
        check(verb, arguments)
        store = self._store
        return Atomic(self._world, store, lambda: request_record(store, verb, arguments, self.cell()))
