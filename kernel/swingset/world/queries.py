"""The statements of an open world: each sees what waits in memory, and none can write past the history.

A world in memory may be made from another, and borrow bulk of it: heap pages, transcripts and bundles never
change, so they need not be copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from .edge import at_the_edge
from .memory import Memory
from .rows import not_text

Lender = Callable[[str, tuple[Any, ...]], tuple[Any, ...] | None]
"""Returns the first row of a SELECT over bulk, or None, from the world that has it."""


class Queries:
    """The part of a `WorldFile` that runs statements."""

    db: apsw.Connection
    name: str
    memory: Memory
    lender: Lender | None

    def begin(self) -> None:
        """Open a transaction unless one is open."""
        raise NotImplementedError

    def step(self, name: str) -> None:
        """Pass a step at which a crash matters."""
        raise NotImplementedError

    @at_the_edge
    def execute(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows. Any statement but a SELECT opens the run's transaction.

        All writes must use this method: a write on `db` itself would be durable at once and missing from
        history. Raises `WorldMisuse` for a write of state outside of a crank or request, because the
        journal would have no record of it.
        """
        if sql.startswith("SELECT"):
            self.memory.flush_for(sql)
            return self.db.execute(sql, params).fetchall()
        self.begin()
        self.memory.written(sql)
        self.memory.open_in_file()
        self.step("write")
        return self.db.execute(sql, params).fetchall()

    @at_the_edge
    def row(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of a SELECT, or None."""
        self.memory.flush_for(sql)
        return self.fetch(sql, params)

    @at_the_edge
    def fetch(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """As `row`, for callers that know that no row they select is still waiting in memory."""
        try:
            return self.db.execute(sql, params).fetchone()
        except UnicodeDecodeError as problem:
            raise not_text(self.name, sql, problem) from None

    @at_the_edge
    def rows(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, read at once, so that the caller may write the tables while it iterates."""
        self.memory.flush_for(sql)
        try:
            return self.db.execute(sql, params).fetchall()
        except UnicodeDecodeError as problem:
            raise not_text(self.name, sql, problem) from None

    def borrowed(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of a SELECT over bulk in the world that this one was made from, or None."""
        return None if self.lender is None else self.lender(sql, params)

    @property
    def size(self) -> int:
        """The size of the file in bytes, with history and bulk."""
        return int(self.db.pragma("page_count")) * int(self.db.pragma("page_size"))
