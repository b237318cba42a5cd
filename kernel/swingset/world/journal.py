"""The journal: what has happened since the last commit, in order, kept in memory until that is written.

Everything that changes a state is either a crank or a request of the host, and each of the two leaves one
record here just before its changes are kept: what was asked for or which event ran, what came of it, and the
rows that are others now. A commit stores the records since the one before it as one piece, packed. So a small
message costs some bytes and no statement of its own, and two branches of history never mix their records.

Records are numbered from 1 along a line of commits. The number of the record that is being made is known
while it is: an event that is sent is stored with it, which is how one finds out who has sent what.

What is rolled back leaves no record, and its number is given to the next one. How records are spelled and
read is said in `swingset.world.records`.
"""

from __future__ import annotations

from typing import Any

from swingset.model.spelling import canonical

from .codec import compress

NOTHING = compress(b"")
"""The records of a commit that has none."""


class Journal:
    """The records of one world since its last commit."""

    def __init__(self, last: int) -> None:
        self._lines: list[bytes] = []
        self._before = last
        self.size = 0
        """How many bytes the records have that no commit has yet."""

    @property
    def last(self) -> int:
        """The number of the last record, 0 where there is none."""
        return self._before + len(self._lines)

    @property
    def number(self) -> int:
        """The number of the record that is being made, or is made next."""
        return self._before + len(self._lines) + 1

    def append(self, record: dict[str, Any]) -> None:
        """Add a record."""
        line = canonical(record).encode()
        self._lines.append(line)
        self.size += len(line) + 1

    def truncate(self, last: int) -> None:
        """Forget the records after the one of this number, whose changes were rolled back."""
        kept = max(last - self._before, 0)
        self.size -= sum(len(line) + 1 for line in self._lines[kept:])
        del self._lines[kept:]

    def plain(self) -> bytes:
        """The records as text, one a line."""
        return b"\n".join(self._lines)

    def begin(self, last: int) -> None:
        """Forget all records: the state is that of a commit whose last record has this number."""
        self._lines.clear()
        self._before = last
        self.size = 0
