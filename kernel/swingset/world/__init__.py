"""The world file: one SQLite database that holds the whole state of a world.

`WorldFile` opens it, guards its transactions and walks its history. Bulk that never changes is kept
in `transcripts`, `heaps` and `bundles`, addressed by content; the state is plain tables.
"""

from .errors import (
    CannotLock,
    CannotWrite,
    DamagedRow,
    DamagedWorld,
    DiskFailed,
    DiskFull,
    HistoryBroken,
    LabelExists,
    LogMissing,
    LookOnly,
    NewerFormat,
    NotAWorld,
    OddFile,
    OlderFormat,
    OutOfMemory,
    StorageError,
    UncommittedChanges,
    UnknownCommit,
    UnknownLabel,
    WorldError,
    WorldLocked,
    WorldMissing,
    WorldMisuse,
    WorldMoved,
    WorldOfParent,
)
from .file import WorldFile
from .heaps import SnapshotStats
from .history import Commit, Label
from .prune import Pruned
from .transcripts import Entry

__all__ = [
    "CannotLock",
    "CannotWrite",
    "Commit",
    "DamagedRow",
    "DamagedWorld",
    "DiskFailed",
    "DiskFull",
    "Entry",
    "HistoryBroken",
    "Label",
    "LabelExists",
    "LogMissing",
    "LookOnly",
    "NewerFormat",
    "NotAWorld",
    "OddFile",
    "OlderFormat",
    "OutOfMemory",
    "Pruned",
    "SnapshotStats",
    "StorageError",
    "UncommittedChanges",
    "UnknownCommit",
    "UnknownLabel",
    "WorldError",
    "WorldFile",
    "WorldLocked",
    "WorldMissing",
    "WorldMisuse",
    "WorldMoved",
    "WorldOfParent",
]
