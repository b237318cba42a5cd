"""The statements of an open world: each sees what waits in memory, and none can write past the history.

A world in memory may be made from another, and borrow bulk of it: heap pages, transcripts and bundles never
change, so they need not be copied.
"""

from __future__ import annotations

import re
from typing import Any

import apsw

from .edge import at_the_edge
from .lending import BULK, Lender, copy_lent
from .memory import Memory
from .rows import not_text

_LENT = frozenset((*BULK, "commits"))
_WORD = re.compile(r"\w+")


class Queries:
    """The part of a `WorldFile` that runs statements."""

    db: apsw.Connection
    name: str
    memory: Memory
    lender: Lender | None
    lends_all: bool

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
        self._whole_for(sql)
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
        self._whole_for(sql)
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
        self._whole_for(sql)
        self.memory.flush_for(sql)
        try:
            return self.db.execute(sql, params).fetchall()
        except UnicodeDecodeError as problem:
            raise not_text(self.name, sql, problem) from None

    def lookup(self, sql: str, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The row of bulk that a SELECT finds by its key, here or in the world that this was made from."""
        self.memory.flush_for(sql)
        return self.fetch(sql, params) or self.borrowed(sql, params)

    def borrowed(self, sql: str, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row of a SELECT over bulk in the world that this one was made from, or None."""
        return None if self.lender is None else self.lender.row(sql, params)

    def make_whole(self) -> None:
        """Copy all that this world borrows, before a table of bulk or of commits is read as a whole."""
        if self.lender is not None and self.lends_all:
            copy_lent(self.db, self.lender)
            if not self.db.in_transaction:
                self.lender = None

    def _whole_for(self, sql: str) -> None:
        if self.lender is not None and self.lends_all and not _LENT.isdisjoint(_WORD.findall(sql)):
            self.make_whole()

    @property
    def size(self) -> int:
        """The size of the file in bytes, with history and bulk."""
        return int(self.db.pragma("page_count")) * int(self.db.pragma("page_size"))

    @property
    def used(self) -> int:
        """How many bytes of the file are in use; the other pages are free, and filled first."""
        return self.size - int(self.db.pragma("freelist_count")) * int(self.db.pragma("page_size"))
