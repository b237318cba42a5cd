"""The fence of a file: it is asked before anything becomes durable, for a world whose truth is elsewhere.

A taker of the feed gets commits. The fence gets more: it is called inside the transaction of the file, just
before its commit, whenever something becomes durable. That is a commit of the world, going to another one, a
name such as a checkpoint, a prune, and bulk alone. It reads in the file's own tables what that is, and makes
it durable where the truth is. If it raises, nothing becomes durable, and its error is raised as it is.

So the file may lack the last of what the truth has, if the process ends between the two. It never has
anything that the truth lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import apsw

from .feed import ContentRow, NewContent, last_rows

Fence = Callable[[Iterable[ContentRow]], None]
"""A function that is called with the rows of bulk that were written since it last let something pass."""


class Fencing:
    """Whether a file has a fence, and which rows of bulk that has had."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._fence: Fence | None = None
        self._had: dict[str, int] = {}

    @property
    def stands(self) -> bool:
        """Whether there is a fence."""
        return self._fence is not None

    def put_up(self, fence: Fence) -> None:
        """Have nothing become durable any more that a fence does not let pass.

        A second one takes the place of the first. What the file has now, the truth must have.
        """
        self._had = last_rows(self._db)
        self._fence = fence

    def ask(self) -> None:
        """Call the fence, just before the commit of a transaction. If it raises, roll back."""
        if self._fence is not None:
            self._fence(NewContent(self._db, self._had))

    def passed(self) -> None:
        """Note that what the fence let pass is durable in the file too."""
        if self._fence is not None:
            self._had = last_rows(self._db)

    def renumbered(self) -> None:
        """Note that rows of bulk may have other positions: all of them are handed out once more."""
        self._had = {}


__all__ = ["Fence", "Fencing"]
