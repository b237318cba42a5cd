"""Paths of world files and archives, and how a new file gets its name.

A new file is a draft beside its place until it is complete. Then it is moved to its name in one step, and the
name is made durable. So there is never half a file of that name, and a draft that fails is deleted.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .descriptors import close_descriptor, open_descriptor, read_start, refuse_odd
from .errors import NotAWorld, OddFile, WorldError, WorldMissing

HEADER = 100
"""How many bytes at the start of a file tell what it is."""


def real(path: str | os.PathLike[str]) -> str:
    """The path without links; raises `WorldError` if it is not a valid path."""
    try:
        return os.path.realpath(os.fspath(path))
    except ValueError as problem:
        raise WorldError(f"{os.fspath(path)!r} is no path: {problem}") from None


def free(path: str | os.PathLike[str]) -> str:
    """The path without links of a file that is to be made; raises `WorldError` if it cannot be made there."""
    where = real(path)
    if os.path.lexists(where):
        raise WorldError(f"{where} exists already: choose another path")
    check_folder(where)
    return where


def check_folder(path: str) -> None:
    """Raise `WorldMissing` if the folder of a path does not exist."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise WorldMissing(f"there is no folder {folder}: create it first")


def check_kind(path: str) -> None:
    """Raise `NotAWorld` if something other than a file is there, before anything is opened or made."""
    try:
        refuse_odd(path)
    except OddFile as problem:
        raise NotAWorld(f"{path} cannot be read as a world: {problem}") from None


@contextmanager
def new_file(path: str, kind: str, is_draft: Callable[[bytes], bool]) -> Iterator[tuple[str, int]]:
    """Make a file, as a whole or not at all; yields the path of its draft and a descriptor of that.

    What a crash left of a draft is overwritten: a file that is empty, or whose header `is_draft` accepts. For
    anything else in its place this raises `OddFile`, which says `kind`, such as `a world`.
    """
    draft = path + "-new"
    fd = _open_draft(draft, kind, is_draft)
    try:
        yield draft, fd
        os.fsync(fd)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    finally:
        close_descriptor(fd)
    sync_folder(path)


def replace_text(path: str, text: str) -> None:
    """Put a text in the place of a file, as a whole, for its owner alone; raises `OSError`."""
    replace_file(path, text.encode())


def replace_file(path: str, content: bytes, *, sync: bool = True) -> None:
    """Put bytes in the place of a file, as a whole, for its owner alone; raises `OSError`.

    Without `sync` a power cut may leave half of it.
    """
    number, name = tempfile.mkstemp(prefix=".swingset-", dir=os.path.dirname(os.path.abspath(path)))
    try:
        with open(number, "wb") as file:  # it was made with mode 0600
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _open_draft(draft: str, kind: str, is_draft: Callable[[bytes], bool]) -> int:
    for _ in range(2):
        try:
            return open_descriptor(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            refuse_odd(draft, alone=True)
            start = read_start(draft, HEADER)
            if start and not is_draft(start):
                break
            os.unlink(draft)
    raise OddFile(f"{draft} is in the way, and is not {kind} that was being made: move it away")


def sync_folder(path: str) -> None:
    """Make the name of a file durable."""
    if sys.platform != "win32":
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
