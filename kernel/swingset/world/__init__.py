"""The world file: one SQLite database that remembers everything a world is.

`WorldFile` opens it, guards its transactions and walks its history. Bulk that never changes is kept
in `transcripts`, `heaps` and `bundles`, addressed by content; the state is plain tables.
"""

from .errors import (
    DamagedRow,
    DamagedWorld,
    HistoryBroken,
    LabelExists,
    NewerFormat,
    NotAWorld,
    OlderFormat,
    UncommittedChanges,
    UnknownCommit,
    UnknownLabel,
    WorldError,
    WorldLocked,
    WorldMissing,
    WorldMisuse,
)
from .file import WorldFile
from .heaps import SnapshotStats
from .history import Commit, Label
from .prune import Pruned
from .transcripts import Entry

__all__ = [
    "Commit",
    "DamagedRow",
    "DamagedWorld",
    "Entry",
    "HistoryBroken",
    "Label",
    "LabelExists",
    "NewerFormat",
    "NotAWorld",
    "OlderFormat",
    "Pruned",
    "SnapshotStats",
    "UncommittedChanges",
    "UnknownCommit",
    "UnknownLabel",
    "WorldError",
    "WorldFile",
    "WorldLocked",
    "WorldMissing",
    "WorldMisuse",
]
