"""Every name that an embedder needs, imported from where it is defined.

`swingset` hands these out one by one when they are asked for. Whatever a public method takes, returns or
raises is here, and a test says so (`tests/host/test_exports.py`).
"""

from swingset.core.ahead import AheadReport
from swingset.core.device_board import DeviceError
from swingset.core.errors import KernelError, KernelPanic, NoSuchVat, VatExists, VatFault, WorkerRefused
from swingset.core.lifecycle import LeftBehind
from swingset.core.report import CrankReport
from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.errors import RemoteError
from swingset.host import policies
from swingset.host.building import bootstrap_result
from swingset.host.checkpoints import Checkpoint
from swingset.host.collecting import Collected, collect_garbage
from swingset.host.config import BadConfiguration, Configuration, VatConfig
from swingset.host.consequences import Consequences
from swingset.host.controller import Controller
from swingset.host.devices import HostDevices
from swingset.host.drafts import Draft, Drafts, StrangeDrafts
from swingset.host.engines import WorkerKind
from swingset.host.gc import GarbageCollection
from swingset.host.history import History
from swingset.host.interruptions import Interruption
from swingset.host.meters import MeterRow, Meters
from swingset.host.migrating import Migrated
from swingset.host.modules import Modules, ModuleUpgrade, StrangeModules
from swingset.host.moments import Moment
from swingset.host.opening import open_world
from swingset.host.options import Options
from swingset.host.outputs import Output, Outputs
from swingset.host.own_devices import Device, DeviceCall, DeviceState, OwnDevices
from swingset.host.packages import Package, package_source
from swingset.host.pending import StillPending
from swingset.host.queue import RunQueue
from swingset.host.references import References
from swingset.host.rehearsal import Rehearsal
from swingset.host.reports import RunReport
from swingset.host.requests import Outcome, PromiseStatus
from swingset.host.restarting import Restart, RestartOutcome, RestartReport
from swingset.host.retention import Freed, Kept
from swingset.host.session import Session
from swingset.host.session_devices import SessionDevices
from swingset.host.session_names import SessionNames
from swingset.host.trials import RecordsTrial, TrialReport, try_records
from swingset.host.undoing import Steps
from swingset.host.undone import Undone
from swingset.host.upgrading import Upgraded
from swingset.host.vats import Vats
from swingset.host.views import Views
from swingset.lens.exports.merging import Arrival, MergedRecord, Passage, merge
from swingset.lens.exports.querying import Answer, BadQuery
from swingset.lens.history.cause import Cause, Effect, Step
from swingset.lens.history.searching import EventKind, Found
from swingset.lens.history.story import Settlement, Story
from swingset.lens.history.timeline import Happening, Stretch
from swingset.lens.history.upgrade_steps import UpgradeStep
from swingset.lens.present.cycles import Ring
from swingset.lens.present.described import Described
from swingset.lens.present.explain import Explanation, Verdict
from swingset.lens.present.tables import CListRow, Direction, Lens, ObjectRow, PromiseRow, QueueRow, VatRow
from swingset.lens.source.difference import Difference
from swingset.lens.source.fixes import Fix, fixes
from swingset.lens.source.modules import ModuleRow, ModuleUse
from swingset.lens.source.outlines import MethodOutline
from swingset.lens.source.sides import DiffRow, Piece, Side
from swingset.lens.state.verifying import FileDepth
from swingset.lens.state.versions import Failure, Moved, Stale
from swingset.lens.watching.console import ConsoleLine, ConsoleLines
from swingset.lens.watching.costs import Costs
from swingset.lens.watching.costs_over_time import CostsBin, CostsOverTime, MethodCosts, VatCosts
from swingset.lens.watching.storage import Storage, VatStorage
from swingset.model.capdata import CapData, Ref
from swingset.model.messages import (
    ChangeVatOptions,
    CleanUp,
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
    Reason,
    ResultPolicy,
    VatState,
)
from swingset.time.branches.branch import Addition, Branch, BranchAddition, BranchAnswer, BranchEntry
from swingset.time.branches.branching import branch, keep_branch, shadow, undo_upgrade
from swingset.time.bugs.acts import recorded_answers
from swingset.time.bugs.bug_to_test import BugTest, NotReproduced, bug_to_test
from swingset.time.bugs.recorded_code import recorded_device, recorded_object
from swingset.time.bugs.shrinking import ShrinkingEnd, Tried
from swingset.time.copies.archives import Archive, export_archive, import_archive
from swingset.time.copies.catching_up import HowStarted, Started, WorldLeads, catch_up, rebuild, start_from
from swingset.time.copies.mirror_tables import HostConnection, MirrorError
from swingset.time.copies.mirrors import Mirror, mirror
from swingset.time.deliveries.debugging import Debugged, debug
from swingset.time.deliveries.past import NotRepeatable
from swingset.time.deliveries.sending import SentFrom, sent_from
from swingset.time.deliveries.tracing import StepKind, Trace, TraceStep, ValueChange, trace
from swingset.time.explorer.answers import (
    Arrow,
    Bin,
    Box,
    BoxKind,
    Change,
    Code,
    Field,
    Folded,
    Hit,
    HitKind,
    Hits,
    Inspected,
    KernelRow,
    Lane,
    Link,
    LinkSide,
    Mark,
    MarkKind,
    Method,
    Row,
    RowSort,
    SubjectKind,
    Tick,
    Timeline,
    Verb,
    VerbName,
    Waiting,
)
from swingset.time.explorer.exploring import Explorer, explore
from swingset.time.forks.going_on import GoneOn, go_on, would_go_on
from swingset.time.forks.redelivery import Answered, Redelivered, redeliver
from swingset.time.forks.what_if import Fork, WhatIf, what_if
from swingset.time.forks.where import WrongCrank
from swingset.time.looking.comparing import Unlike
from swingset.time.looking.exporting import export_spans, export_trace
from swingset.time.looking.monitoring import console, costs_over_time, storage
from swingset.time.looking.querying import dataframe, sql
from swingset.time.looking.searching import search
from swingset.time.predicates.predicate import BadPredicate
from swingset.time.predicates.until import Reached, until
from swingset.time.predicates.when import Since, when
from swingset.time.replaying.replay import FirstDifference, Replayed, replay
from swingset.time.replaying.verification import Depth, Verified, verify
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
    "Addition",
    "AheadReport",
    "Answer",
    "Answered",
    "Archive",
    "ArchiveFault",
    "ArchiveLevel",
    "Arrival",
    "Arrow",
    "Artifact",
    "BadArchive",
    "BadConfiguration",
    "BadPredicate",
    "BadQuery",
    "Bin",
    "Box",
    "BoxKind",
    "Branch",
    "BranchAddition",
    "BranchAnswer",
    "BranchEntry",
    "BugTest",
    "CListRow",
    "CapData",
    "Cause",
    "Change",
    "ChangeVatOptions",
    "Checkpoint",
    "CleanUp",
    "Code",
    "Collect",
    "Collected",
    "CollectionKind",
    "CommitFeed",
    "Configuration",
    "Consequences",
    "ConsoleLevel",
    "ConsoleLine",
    "ConsoleLines",
    "ConsoleStream",
    "ContentRow",
    "Controller",
    "Costs",
    "CostsBin",
    "CostsOverTime",
    "CrankOutcome",
    "CrankRecord",
    "CrankReport",
    "CreateVat",
    "Debugged",
    "Depth",
    "Described",
    "Device",
    "DeviceAnswer",
    "DeviceCall",
    "DeviceEffect",
    "DeviceError",
    "DeviceState",
    "DiffRow",
    "Difference",
    "Direction",
    "Draft",
    "Drafts",
    "Effect",
    "EventKind",
    "Explanation",
    "Explorer",
    "Failure",
    "Fault",
    "Field",
    "FileDepth",
    "FirstDifference",
    "Fix",
    "Folded",
    "Fork",
    "Found",
    "Frame",
    "Freed",
    "GarbageCollection",
    "GoneOn",
    "Happening",
    "History",
    "Hit",
    "HitKind",
    "Hits",
    "HostConnection",
    "HostDevices",
    "HowStarted",
    "Inspected",
    "Interruption",
    "Kept",
    "KernelError",
    "KernelPanic",
    "KernelRow",
    "Label",
    "LabelExists",
    "Lane",
    "LeftBehind",
    "Lens",
    "LifeEndedError",
    "Link",
    "LinkSide",
    "LogAway",
    "Mark",
    "MarkKind",
    "MergedRecord",
    "Message",
    "MeterRow",
    "Meters",
    "Method",
    "MethodCosts",
    "MethodOutline",
    "Migrated",
    "Mirror",
    "MirrorError",
    "ModuleRow",
    "ModuleUpgrade",
    "ModuleUse",
    "Modules",
    "Moment",
    "Moved",
    "NoSuchMoment",
    "NoSuchVat",
    "NotRepeatable",
    "NotReproduced",
    "Notify",
    "ObjectRow",
    "Options",
    "Outcome",
    "Output",
    "OutputStream",
    "Outputs",
    "OwnDevices",
    "Package",
    "Passage",
    "PastPrune",
    "Piece",
    "Problem",
    "PromiseRow",
    "PromiseState",
    "PromiseStatus",
    "PruneReason",
    "Pruned",
    "QueueRow",
    "Reached",
    "Reap",
    "Reason",
    "Record",
    "RecordsTrial",
    "Redelivered",
    "Ref",
    "References",
    "Rehearsal",
    "RemoteError",
    "Replayed",
    "RequestRecord",
    "Restart",
    "RestartOutcome",
    "RestartReport",
    "ResultPolicy",
    "Retention",
    "Ring",
    "Row",
    "RowChange",
    "RowSort",
    "RunQueue",
    "RunReport",
    "Send",
    "SentFrom",
    "Session",
    "SessionDevices",
    "SessionNames",
    "Settlement",
    "ShrinkingEnd",
    "Side",
    "Since",
    "Stale",
    "Started",
    "Step",
    "StepKind",
    "Steps",
    "StillPending",
    "Storage",
    "StoredCommit",
    "Story",
    "StrangeDrafts",
    "StrangeModules",
    "Stretch",
    "SubjectKind",
    "TakerFailed",
    "Tick",
    "Timeline",
    "Trace",
    "TraceStep",
    "TrialReport",
    "Tried",
    "Undone",
    "UnknownCommit",
    "UnknownLabel",
    "Unlike",
    "UpgradeStep",
    "UpgradeVat",
    "Upgraded",
    "ValueChange",
    "VatConfig",
    "VatCosts",
    "VatExists",
    "VatFault",
    "VatRecord",
    "VatRow",
    "VatState",
    "VatStorage",
    "Vats",
    "Verb",
    "VerbName",
    "Verdict",
    "Verified",
    "Views",
    "Waiting",
    "WhatIf",
    "WorkerKind",
    "WorkerRefused",
    "WorldError",
    "WorldLeads",
    "WorldLocked",
    "WorldMissing",
    "WrongCrank",
    "bootstrap_result",
    "branch",
    "bug_to_test",
    "catch_up",
    "collect_garbage",
    "console",
    "costs_over_time",
    "dataframe",
    "debug",
    "explore",
    "export_archive",
    "export_spans",
    "export_trace",
    "fixes",
    "go_on",
    "import_archive",
    "keep_branch",
    "merge",
    "mirror",
    "open_world",
    "package_source",
    "policies",
    "rebuild",
    "recorded_answers",
    "recorded_device",
    "recorded_object",
    "redeliver",
    "replay",
    "search",
    "sent_from",
    "shadow",
    "sql",
    "start_from",
    "storage",
    "trace",
    "try_records",
    "undo_upgrade",
    "until",
    "verify",
    "what_if",
    "when",
    "would_go_on",
]
