"""What can go wrong with a world file, each as its own exception.

A person who meets one of these has a file they care about, so every message names the file or the
commit, says what was found and what was wanted, and ends with the smallest thing that helps. None
of them is raised after the file was changed: a refused file is the file it was, and a run that
cannot be kept leaves the world at its last commit.
"""

from __future__ import annotations

from swingset.model.visible import quoted


class WorldError(Exception):
    """Anything that a world file refuses to do."""

    def __str__(self) -> str:
        return quoted(super().__str__())


class NotAWorld(WorldError):
    """The file is something else, or too damaged to be read as a world."""


class DamagedWorld(NotAWorld):
    """The file is a world, but what it holds contradicts itself."""


class DamagedRow(DamagedWorld):
    """One row holds what no world writes there. `table`, `key` and `reason` tell which row, and what."""

    def __init__(self, world: str, table: str, key: str, reason: str) -> None:
        way_out = "go back to a copy of the file"
        if table == "queue":
            way_out += f", or give up that one event: `swingset drop-event FILE {key}`"
        super().__init__(f"{world}: table {table}, row {key}: {reason}: {way_out}")
        self.table = table
        self.key = key
        self.reason = reason


class LogMissing(NotAWorld):
    """The file was copied or moved without its log, in which a part of the world still was."""


class OddFile(WorldError):
    """Where a file of the world's has to be there is a link, a pipe, a folder, or somebody else's file."""


class NewerFormat(WorldError):
    """A later release made this file."""


class OlderFormat(WorldError):
    """An earlier release made this file, and this one cannot migrate it."""


class WorldLocked(WorldError):
    """Somebody else has this world open."""


class CannotLock(WorldError):
    """The file system cannot lock files, so nothing would keep a second writer out."""


class WorldMissing(WorldError):
    """There is no file at that path, and none was to be created."""


class WorldMoved(WorldError):
    """The file, its lock or its content is not what this process opened: nothing can be committed to it."""


class WorldOfParent(WorldError):
    """A forked child used a world that its parent has open."""


class LookOnly(WorldError):
    """A world that was opened to be looked at cannot be changed."""


class WorldMisuse(WorldError):
    """The caller's steps are out of order: a savepoint unreleased, a closed world used."""


class UncommittedChanges(WorldMisuse):
    """The state holds work that no commit has, and the step would lose or misname it."""


class UnknownCommit(WorldError):
    """No commit has that number."""


class UnknownLabel(WorldError):
    """No commit has that label."""


class LabelExists(WorldError):
    """The label already names another commit."""


class HistoryBroken(DamagedWorld):
    """A recorded change does not fit the state it was recorded on."""


class StorageError(WorldError):
    """The machine under the file failed. The world is as of its last commit, and may be tried again."""


class DiskFull(StorageError):
    """There is no room to write."""


class DiskFailed(StorageError):
    """Reading or writing failed below the file system's surface."""


class CannotWrite(StorageError):
    """The file, or a file beside it, may not be opened or written."""


class OutOfMemory(StorageError):
    """There is not enough memory for what the file holds or was to hold."""


class ValueRefused(WorldError):
    """SQLite did not take a value: it is too large, or breaks a rule of its table."""


HOST_TROUBLE = (MemoryError, OSError, WorldError)
"""What is wrong with the machine or the file, whatever was about to be written; but for `ValueRefused`."""
