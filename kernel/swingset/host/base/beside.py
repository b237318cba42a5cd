"""Reads what a host keeps in a file of its own beside a world: secrets, and what its owner believes.

Whoever made the file may be anybody: it is not followed if it is a link, nothing is waited for if it is a
pipe, and no more is read than it may have. Who may have written or read it is asked of the open file, so it
cannot be exchanged meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from swingset.core.errors import KernelError


def read_beside(
    path: str, named: str, anew: str, most: int, trouble: Callable[[os.stat_result], str | None]
) -> bytes:
    """The content of a file, at most `most` bytes and one more, by which a longer one is told.

    Args:
        path: the file.
        named: what it is called in an error.
        anew: what to do about a file that is not the right one.
        most: how many bytes it may have.
        trouble: says of the open file what is wrong about its owner or its mode; None for nothing.
    Raises:
        KernelError: if it cannot be read, or should not be believed.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise KernelError(f"{named} is no plain file: {anew}")
            wrong = trouble(about) if os.name == "posix" else None
            if wrong is not None:
                raise KernelError(wrong)
            return file.read(most + 1)
    except OSError as problem:  # a link is not followed, for whoever made it may read what it leads to
        why = "it is a link" if os.path.islink(path) else problem.strerror
        raise KernelError(f"{named} cannot be read ({why}): {anew}") from None
