"""The user's cache folder, for what is expensive to make: compiled code, baked memory, the library's archive.

Compiled code is native code that will be executed, so the folder is the user's alone (0700), the files too
(0600), and neither is used if it is somebody else's or others may write to it. Files are written under
another name and renamed into place, so none is ever seen half-written; a lock file lets the second of
two processes wait for the first instead of doing the same work. Nothing here knows what the files mean.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from swingset.workers.base import WorkerError

CACHE_VARIABLE = "SWINGSET_CACHE"

_KEPT = 8
"""How many entries of one sort stay in the cache."""

if os.name == "posix":
    import fcntl


class UntrustedCache(WorkerError):
    """The cache folder or a file in it could have been written by somebody else."""


def cache_folder() -> Path:
    """The folder, made if need be and checked to be this user's own."""
    named = os.environ.get(CACHE_VARIABLE)
    folder = Path(named) if named else Path(platformdirs.user_cache_dir("swingset-nb"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_own(folder, folder.stat())
    return folder


def trusted(path: Path) -> bool:
    """Whether the file is there, and only this user can have written it."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise UntrustedCache(f"{path} is not a plain file; delete it, or point ${CACHE_VARIABLE} elsewhere")
    _check_own(path, found)
    return True


def store(path: Path, data: bytes | bytearray) -> None:
    """Write the file whole, or not at all."""
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # made with 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def prune(folder: Path, prefix: str) -> None:
    """Delete the least recently used of the files whose names begin with a prefix, all but the last few.

    Files that differ only in their suffix belong together. Those whose lock file is held are being made or
    opened, and stay; a process that has one open already keeps it.
    """
    groups: dict[str, list[Path]] = {}
    for path in folder.glob(f"{prefix}*"):
        if path.suffix != ".lock":
            groups.setdefault(path.stem, []).append(path)
    last_used = {stem: max(_used(path) for path in paths) for stem, paths in groups.items()}
    for stem in sorted(groups, key=lambda stem: last_used[stem], reverse=True)[_KEPT:]:
        lock = folder / f"{stem}.lock"
        with _if_free(lock) as free:
            for path in (*groups[stem], lock) if free else ():
                with contextlib.suppress(OSError):
                    path.unlink()


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # gone meanwhile


@contextlib.contextmanager
def _if_free(path: Path) -> Iterator[bool]:
    """Try to hold the lock file; yields whether it is held, False if another process has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        free = True
        if os.name == "posix":
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                free = False
        yield free
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; another process that wants it waits."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "posix":
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_own(path: Path, found: os.stat_result) -> None:
    if os.name != "posix":
        return
    if found.st_uid != os.getuid():
        raise UntrustedCache(
            f"{path} belongs to user {found.st_uid}, not to you ({os.getuid()}): compiled code from it would "
            f"run with your rights; point ${CACHE_VARIABLE} at a folder of your own"
        )
    if found.st_mode & 0o022:
        raise UntrustedCache(
            f"{path} can be written by others (mode {stat.S_IMODE(found.st_mode):o}): compiled code from it "
            f"would run with your rights; chmod go-w it, or point ${CACHE_VARIABLE} elsewhere"
        )
