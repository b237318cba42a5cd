"""What the records of a world and its file are made of: events, rows, commits, references."""

from swingset.model.capdata import CapData, Ref
from swingset.model.messages import (
    ChangeVatOptions,
    CleanUp,
    CloneVat,
    Collect,
    CreateVat,
    Message,
    Notify,
    Reap,
    Send,
    UpgradeVat,
)
from swingset.model.reports import Fault, Frame
from swingset.model.states import (
    CollectionKind,
    ConsoleLevel,
    ConsoleStream,
    CrankOutcome,
    OutputStream,
    PromiseState,
    QueuedPolicy,
    Reason,
    ResultPolicy,
    VatState,
)
from swingset.world.archive_pieces import Artifact
from swingset.world.archiving import ArchiveLevel
from swingset.world.errors import (
    ArchiveFault,
    BadArchive,
    LabelExists,
    LogAway,
    NoSuchMoment,
    TakerFailed,
    UnknownCommit,
    UnknownLabel,
    WorldError,
    WorldLocked,
    WorldMissing,
)
from swingset.world.feed import CommitFeed, ContentRow, StoredCommit
from swingset.world.history import Label
from swingset.world.prune import Pruned
from swingset.world.records import CrankRecord, DeviceAnswer, DeviceEffect, Record, RequestRecord, RowChange
from swingset.world.retention import PastPrune, PruneReason, Retention
from swingset.world.vats import VatRecord
from swingset.world.verifying import Problem

__all__ = [
    "ArchiveFault",
    "ArchiveLevel",
    "Artifact",
    "BadArchive",
    "CapData",
    "ChangeVatOptions",
    "CleanUp",
    "CloneVat",
    "Collect",
    "CollectionKind",
    "CommitFeed",
    "ConsoleLevel",
    "ConsoleStream",
    "ContentRow",
    "CrankOutcome",
    "CrankRecord",
    "CreateVat",
    "DeviceAnswer",
    "DeviceEffect",
    "Fault",
    "Frame",
    "Label",
    "LabelExists",
    "LogAway",
    "Message",
    "NoSuchMoment",
    "Notify",
    "OutputStream",
    "PastPrune",
    "Problem",
    "PromiseState",
    "PruneReason",
    "Pruned",
    "QueuedPolicy",
    "Reap",
    "Reason",
    "Record",
    "Ref",
    "RequestRecord",
    "ResultPolicy",
    "Retention",
    "RowChange",
    "Send",
    "StoredCommit",
    "TakerFailed",
    "UnknownCommit",
    "UnknownLabel",
    "UpgradeVat",
    "VatRecord",
    "VatState",
    "WorldError",
    "WorldLocked",
    "WorldMissing",
]
