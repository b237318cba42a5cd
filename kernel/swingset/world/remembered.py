"""Records that were read or written lately, so that a crank need not ask SQLite for what it has just seen.

What is remembered is always what would be read. A record is remembered when it passed its rules on the way
out of a row, or when it was written as one, and it is forgotten before its row is changed in any other way.
Answers to questions about a table, which vat has a name say, are forgotten with any change of that table. So
is all of a table when a statement changes it that nothing else is known of. Whatever undoes state forgets
everything.

Nothing is ever written from here. A world may be larger than memory, so a table that has been looked at very
widely is forgotten, too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

MOST = 20_000
"""The most records, and the most answers, that are remembered of one table."""

_WRITES = re.compile(r"\s*(?:insert(?: or \w+)? into|update|delete from|replace into)\s+(\w+)", re.IGNORECASE)


class Remembered:
    """What is remembered of the tables of one world."""

    def __init__(self) -> None:
        self._records: dict[str, dict[Any, Any]] = {}
        self._answers: dict[str, dict[Any, Any]] = {}

    def records(self, table: str) -> dict[Any, Any]:
        """The records of a table by key. It is always the same dict: keep it, and put into it by `put`."""
        return self._records.setdefault(table, {})

    def answers(self, table: str) -> dict[Any, Any]:
        """Answers to questions about a table, by question; the same dict always, too."""
        return self._answers.setdefault(table, {})

    def put(self, held: dict[Any, Any], key: Any, found: Any) -> None:
        """Remember a record or an answer."""
        if len(held) >= MOST:
            held.clear()
        held[key] = found

    def written(self, sql: str) -> None:
        """Forget what a statement may have changed."""
        table = _written(sql)
        if table is None:
            self.clear()
            return
        for held in (self._records.get(table), self._answers.get(table)):
            if held:
                held.clear()

    def clear(self) -> None:
        """Forget everything."""
        for held in (*self._records.values(), *self._answers.values()):
            held.clear()


@lru_cache(maxsize=1_000)
def _written(sql: str) -> str | None:
    """The table that a statement writes to; None where it does not say so at its beginning."""
    found = _WRITES.match(sql)
    return found[1].lower() if found else None
