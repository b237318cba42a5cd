"""File descriptors for the files of a world: of plain files only, and of this process only.

A world is in a folder that others may write to, so anything may have the name of one of its files: a link to
another file, a pipe without a writer, a folder. Nothing here follows a link at the end of a path, blocks in
an open, or returns a descriptor of anything but a plain file.

A forked child inherits descriptors with their locks, and would keep a world locked after its parent died. So
a child closes the descriptors that are kept here as soon as it begins.
"""

from __future__ import annotations

import os
import stat
import struct
import sys

from .errors import OddFile

BESIDE = ("-wal", "-shm", "-journal")
"""What the names of the files end with that SQLite puts beside a world, or looks for."""

_CAREFULLY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_descriptors: set[int] = set()


def open_descriptor(path: str, flags: int) -> int:
    """Open a descriptor that no child keeps. Raises `OddFile` if it is no plain file, and `OSError`."""
    refuse_odd(path)
    fd = os.open(path, flags | _CAREFULLY, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        refuse_odd(path)
        raise OddFile(f"{path} was something else a moment ago: try again")
    _descriptors.add(fd)
    return fd


def close_descriptor(fd: int) -> None:
    """Close such a descriptor, unless this process is a child that has closed it already."""
    if fd in _descriptors:
        _descriptors.remove(fd)
        os.close(fd)


def is_open(fd: int | None) -> bool:
    """Whether the descriptor is open in this process, and not only in its parent."""
    return fd in _descriptors


def read_start(path: str, size: int) -> bytes:
    """The first bytes of a plain file."""
    fd = open_descriptor(path, os.O_RDONLY)
    try:
        return os.read(fd, size)
    finally:
        close_descriptor(fd)


def same_file(fd: int, path: str) -> bool:
    """Whether a path leads to the file of a descriptor, without a link."""
    try:
        there = os.lstat(path)
    except OSError:
        return False
    return os.path.samestat(os.fstat(fd), there)


def refuse_odd(path: str, *, alone: bool = False) -> None:
    """Raise `OddFile` if something other than a plain file is there; with `alone`, also for a hard link."""
    try:
        found = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise OddFile(f"{path} is {_kind(found.st_mode)}, not a file: move it away, or choose another path")
    if alone and found.st_nlink > 1:
        raise OddFile(f"{path} is a file that has another name as well: move it away, or choose another path")


def refuse_odd_beside(path: str) -> None:
    """Raise `OddFile` if SQLite would take something else for a file of this world's."""
    for end in BESIDE:
        refuse_odd(path + end, alone=True)
    journal = path + "-journal"
    try:
        size = os.lstat(journal).st_size
    except OSError:
        return
    # A world has a log and no journal. SQLite would write an abandoned one back over the file.
    if size:
        raise OddFile(f"{journal} is a journal of another program, not of the world: move it away")


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")


def _forget_all() -> None:
    while _descriptors:
        os.close(_descriptors.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


# Every process sees the locks of an open file description, also the same process, and closing another
# descriptor of the file does not release them. On Windows all locks belong to descriptors.

if sys.platform == "win32":
    HAS_LOCKS = False

    def lock_bytes(_fd: int, _start: int, _length: int, *, alone: bool = False) -> None:
        """Do nothing."""

    def unlock_bytes(_fd: int, _start: int, _length: int) -> None:
        """Do nothing."""

    def bytes_are_locked(_fd: int, _start: int, _length: int) -> bool:
        """Return False, because this system cannot tell."""
        return False

else:
    import fcntl

    HAS_LOCKS = hasattr(fcntl, "F_OFD_SETLK")
    _FLOCK = "hhqqi0q"

    def lock_bytes(fd: int, start: int, length: int, *, alone: bool = False) -> None:
        """Lock bytes of a file, shared or `alone`. Raises `OSError` at once if others hold them."""
        if HAS_LOCKS:
            kind = fcntl.F_WRLCK if alone else fcntl.F_RDLCK
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0))

    def unlock_bytes(fd: int, start: int, length: int) -> None:
        """Unlock bytes."""
        if HAS_LOCKS:
            words = struct.pack(_FLOCK, fcntl.F_UNLCK, os.SEEK_SET, start, length, 0)
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, words)

    def bytes_are_locked(fd: int, start: int, length: int) -> bool:
        """Whether any process, this one included, holds a lock on one of these bytes."""
        if not HAS_LOCKS:
            return False
        words = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        found = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, words))
        return bool(found[0] != fcntl.F_UNLCK)
