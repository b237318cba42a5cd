"""What can go wrong with a world file, each as its own exception.

A person who meets one of these has a file they care about, so every message names the file or the
commit, says what was found and what was wanted, and ends with the smallest thing that helps. None
of them is raised after the file was changed: a refused file is the file it was.
"""

from __future__ import annotations

import apsw

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
        super().__init__(f"{world}: table {table}, row {key}: {reason}: go back to a copy of the file")
        self.table = table
        self.key = key
        self.reason = reason


class NewerFormat(WorldError):
    """A later release made this file."""


class OlderFormat(WorldError):
    """An earlier release made this file, and this one cannot migrate it."""


class WorldLocked(WorldError):
    """Somebody else has this world open."""


class WorldMissing(WorldError):
    """There is no file at that path, and none was to be created."""


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


HOST_TROUBLE = (
    MemoryError,
    OSError,
    WorldError,
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.InterruptError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)
"""What is wrong with the machine or the file, whatever was about to be written."""
