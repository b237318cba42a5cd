"""The savepoint around a crank, or around a host's request: whole or not at all."""

from __future__ import annotations

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.world.file import WorldFile


def refuse_within_crank(store: KernelStore) -> None:
    """Raise `KernelError` while a crank is under way: only what is called in it can ask then."""
    if store.in_crank:
        raise KernelError(
            "the world is in the middle of a delivery: what is called in it, a host function or a promise's"
            " callback, cannot run the world, commit it or change it; do that when the run has ended"
        )


class Atomic:
    """The savepoint around a crank: released with the counts settled, or rolled back."""

    def __init__(self, world: WorldFile, store: KernelStore) -> None:
        self._world = world
        self._store = store
        self._undo = False

    def __enter__(self) -> Atomic:
        refuse_within_crank(self._store)
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
                self._world.release_crank()
            except BaseException:
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        self._world.rollback_crank()
        self._store.discard_touched()
