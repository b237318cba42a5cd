"""The journal: the records of cranks and requests since the last commit, in memory.

State changes only in a crank or in a request of the host. Each of them appends one record just before its
savepoint is released: the event or the request, the outcome, and the rows that changed. A commit stores all
records since its parent as one compressed value. So a small message costs a few bytes and no SQL statement,
and each branch of history has its own records.

Records are numbered from 1 along a line of commits. The number of a record is known before the record is
made: an event that is sent meanwhile is stored with it, so its sender can be found later.

A crank or request that is rolled back leaves no record, and the next record gets its number.
`swingset.world.record_lines` encodes and decodes records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from swingset.model.spelling import canonical

from .codec import compress
from .errors import WorldError

MOST_LIST = 8 << 20
"""The most bytes that each list of a record may have: its rows, and the calls and effects of devices."""

MOST_LINE = 1 << 26
"""The most bytes that a record may have: room for an event of ten million characters, and all lists."""

NOTHING = compress(b"")
"""The records of a commit that has none."""


class Journal:
    """The records of one world since its last commit."""

    def __init__(self, last: int) -> None:
        self._lines: list[bytes] = []
        self._before = last
        self._unlisted: int | None = None  # the number of the first record without its rows
        self.size = 0
        """How many bytes the records have."""

    @property
    def last(self) -> int:
        """The number of the last record, 0 if there is none."""
        return self._before + len(self._lines)

    @property
    def number(self) -> int:
        """The number of the next record, which is also that of the crank or request under way."""
        return self._before + len(self._lines) + 1

    @property
    def unlisted(self) -> bool:
        """Whether a record does not list the rows that it changed, because they are too many."""
        return self._unlisted is not None

    def append(self, record: dict[str, Any]) -> None:
        """Append a record, as JSON data. A list that is longer than `MOST_LIST` is stored as null.

        Raises `WorldError` if the record is still longer than `MOST_LINE`.
        """
        line = canonical(record).encode()
        if len(line) > MOST_LIST:
            record = {name: _if_short(name, part) for name, part in record.items()}
            line = canonical(record).encode()
        if len(line) > MOST_LINE:
            raise WorldError(
                f"what was asked for makes a record of {len(line):,} bytes, and at most {MOST_LINE:,} are"
                " stored: ask for less at once"
            )
        self._lines.append(line)
        self.size += len(line) + 1
        if self._unlisted is None and record.get("rows", ()) is None:
            self._unlisted = self.last

    def extend(self, lines: Iterable[bytes]) -> None:
        """Append records that are encoded already, of a past that a world takes up again."""
        for line in lines:
            self._lines.append(line)
            self.size += len(line) + 1

    def lines(self) -> list[bytes]:
        """The records, each as one line of JSON."""
        return list(self._lines)

    def truncate(self, last: int) -> None:
        """Delete the records after number `last`, because their changes were rolled back."""
        kept = max(last - self._before, 0)
        self.size -= sum(len(line) + 1 for line in self._lines[kept:])
        del self._lines[kept:]
        if self._unlisted is not None and self._unlisted > self.last:
            self._unlisted = None

    def line(self, number: int) -> bytes | None:
        """The record of a number as a JSON line; None if it is committed, or not made yet."""
        at = number - self._before - 1
        return self._lines[at] if 0 <= at < len(self._lines) else None

    def since(self, number: int) -> list[bytes]:
        """The lines of the records after that number."""
        return self._lines[max(number - self._before, 0) :]

    def plain(self) -> bytes:
        """The records as JSON lines."""
        return b"\n".join(self._lines)

    def begin(self, last: int) -> None:
        """Delete all records, and begin after the commit whose last record has the number `last`."""
        self._lines.clear()
        self._before = last
        self._unlisted = None
        self.size = 0


def _if_short(name: str, part: Any) -> Any:
    """Return a part of a record, or None for a list that is longer than `MOST_LIST`."""
    if name in ("rows", "calls", "effects") and len(canonical(part).encode()) > MOST_LIST:
        return None
    return part
