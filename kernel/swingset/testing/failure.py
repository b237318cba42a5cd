"""A step that fails, for tests that go on after it: the disk is full, or one write is refused.

The errors are those that SQLite and the system raise, so that the code under test cannot tell them apart.
"""

from __future__ import annotations

import errno

import apsw


class _Full(apsw.FullError, OSError):
    """The disk is full, for SQLite and for everybody else."""


class _Failed(apsw.IOError, OSError):
    """A step that fails once."""


class Failure:
    """The failure of a step: once, or, on a full disk, of each write until there is room again."""

    def __init__(self, *, full: bool) -> None:
        """`full` says that the disk is full, and not that one step fails."""
        self._for_a_while = full
        self.struck = False
        self.full = False

    def __call__(self, step: str) -> None:
        """What happens at a step."""
        first, self.struck = not self.struck, True
        if self._for_a_while:
            self.full = self.full or first
            if self.full and step == "file-write":
                raise _Full(errno.ENOSPC, "the disk of a test is full")
        elif first:
            raise _Failed(errno.EIO, "a step of a test fails")
