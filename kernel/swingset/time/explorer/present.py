"""Keeps the index of a world at its present: new records change it, and nothing is read twice.

The index stands at a commit and at the records after it that have waited for theirs. If these are still on
the line of the world, the rows of later records are applied. If the world went back, lost records or changed
more rows than a record lists, the index is read again. So is it if there are so many new records that reading
what there is costs less.
"""

from __future__ import annotations

from swingset.core.store import KernelStore
from swingset.time.explorer.index import Index
from swingset.time.explorer.reel import Reel, is_crank

_AT_LEAST, _SHARE = 200, 12
"""That many records are always applied; beyond it one for each so many objects."""


class Present:
    """The index of a world as it is now."""

    def __init__(self, store: KernelStore, reel: Reel) -> None:
        self._store = store
        self._reel = reel
        self._index: Index | None = None
        self._commit = 0
        self._waiting: list[bytes] = []
        self.read = 0
        """How often the whole index was read."""

    def index(self) -> Index:
        """The index, followed to the present."""
        self._reel.follow()
        found = self._followed()
        if found is None:
            found = Index(self._store)
            self.read += 1
        self._index, self._commit = found, self._reel.marks[-1].seq
        self._waiting = self._reel.waiting()
        return found

    def _followed(self) -> Index | None:
        """The index with what is new, or None if it has to be read again."""
        index, reel = self._index, self._reel
        place = reel.places.get(self._commit)
        if index is None or place is None or place + 1 < reel.start:
            return None
        self._index = None  # if a record cannot be read, what was applied before it is not kept
        known, at_most = self._waiting, max(_AT_LEAST, len(index.ifaces) // _SHARE)
        passed = taken = 0
        for newer in range(place + 1, len(reel.marks) + 1):
            crank = reel.before(newer).crank
            for at, line in enumerate(reel.streamed(newer)):
                if passed < len(known):
                    if line != known[passed]:
                        return None
                    passed += 1
                else:
                    rows = reel.decode(newer, at, line, crank).rows
                    taken += 1
                    if rows is None or taken > at_most:
                        return None
                    index.take(rows)
                crank += is_crank(line)
        return index if passed == len(known) else None
