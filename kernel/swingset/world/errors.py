"""The exceptions of a world file.

The reader of such an error has a file that matters, so every message names the file or the commit, says what
was found and what was wanted, and ends with the smallest remedy. None of them is raised after the file was
changed: a refused file stays as it was, and a failed commit leaves the world at its last commit.
"""

from __future__ import annotations

from typing import Literal

from swingset.model.visible import quoted


class WorldError(Exception):
    """A world file refuses an operation; the base of all its exceptions.

    `code` says what it is in one word, if one class is raised for several reasons.
    """

    code: str | None = None

    def __str__(self) -> str:
        return quoted(super().__str__())


class NotAWorld(WorldError):
    """The file is something else, or too damaged to be read as a world."""


class DamagedWorld(NotAWorld):
    """The file is a world, but its content contradicts itself."""


class DamagedRow(DamagedWorld):
    """One row is invalid. `table` and `key` name it, and `reason` says what is wrong with it."""

    def __init__(self, world: str, table: str, key: str, reason: str) -> None:
        way_out = "go back to a copy of the file"
        if table == "queue":
            way_out += f", or give up that one event: `swingset drop-event FILE {key}`"
        super().__init__(f"{world}: table {table}, row {key}: {reason}: {way_out}")
        self.table = table
        self.key = key
        self.reason = reason


class LogMissing(NotAWorld):
    """The file was copied or moved without its log, which still held a part of the world."""


class LogAway(WorldError):
    """The world hands its commits to a log elsewhere, and nothing takes them here: this may be a copy."""


class TakerFailed(WorldError):
    """A function that takes the commits of a world has raised: `__cause__` is what. Nothing was committed."""


class OddFile(WorldError):
    """A link, a pipe, a folder, or a file of another program has the name of one of the world's files."""


class NewerFormat(WorldError):
    """A later release made this file."""


class OlderFormat(WorldError):
    """An earlier release made this file, and this one cannot migrate it."""


class WorldLocked(WorldError):
    """Another process has this world open."""


class CannotLock(WorldError):
    """The file system cannot lock files, so a second writer could not be kept out."""


class WorldMissing(WorldError):
    """There is no file at that path, and the caller did not ask to create one."""


class WorldMoved(WorldError):
    """The file, its lock or its content was replaced since it was opened, so nothing can be committed."""


class WorldOfParent(WorldError):
    """A forked child used a world that its parent has open."""


class LookOnly(WorldError):
    """A world that was opened with `look_only` cannot be changed."""


class WorldMisuse(WorldError):
    """The caller made calls in a wrong order, such as using a closed world."""


def unrecorded(world: str) -> WorldMisuse:
    """The complaint about a write of state of which no record would be made."""
    words = "state is written outside of a crank and of a request, where no record is made of it"
    return WorldMisuse(f"{world}: {words}: write it within `kernel.request`")


class UncommittedChanges(WorldMisuse):
    """There are uncommitted changes, which the call would lose or label wrongly."""


class UnknownCommit(WorldError):
    """No commit has that number."""


class NoSuchMoment(WorldError):
    """The history of a world does not lead to a moment: it is to come, or its records are not there."""


class UnknownLabel(WorldError):
    """No commit has that label."""


class LabelExists(WorldError):
    """The label already names another commit."""


class HistoryBroken(DamagedWorld):
    """A recorded change does not fit the state to which it belongs."""


ArchiveFault = Literal[
    "not an archive",
    "another format",
    "truncated",
    "altered",
    "metadata",
    "missing",
    "duplicate",
    "name",
    "hash",
    "size",
    "level",
    "content",
    "expected",
]
"""What can be wrong with an archive."""


class BadArchive(WorldError):
    """An archive is refused, and no world was made of it. `fault` is what is wrong, in one word or two."""

    def __init__(self, fault: ArchiveFault, words: str) -> None:
        super().__init__(words)
        self.fault = fault


class StorageError(WorldError):
    """The machine failed. The world was rolled back to its last commit, and the call may be tried again."""


class DiskFull(StorageError):
    """There is no room to write."""


class DiskFailed(StorageError):
    """The disk failed to read or write."""


class CannotWrite(StorageError):
    """The file, or a file beside it, may not be opened or written."""


class OutOfMemory(StorageError):
    """There is not enough memory for the content of the file."""


class ValueRefused(WorldError):
    """SQLite refused a value, because it is too large or breaks a rule of its table."""


HOST_TROUBLE = (MemoryError, OSError, WorldError)
"""The errors of the machine or the file, which do not depend on the value to be written."""
