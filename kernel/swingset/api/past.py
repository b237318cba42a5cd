"""What is done with a past: replays, traces, branches, what-ifs, predicates, archives, mirrors, exploring."""

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
from swingset.time.looking.across import merge_causes
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

__all__ = [
    "Addition",
    "Answered",
    "Archive",
    "Arrow",
    "BadPredicate",
    "Bin",
    "Box",
    "BoxKind",
    "Branch",
    "BranchAddition",
    "BranchAnswer",
    "BranchEntry",
    "BugTest",
    "Change",
    "Code",
    "Debugged",
    "Depth",
    "Explorer",
    "Field",
    "FirstDifference",
    "Folded",
    "Fork",
    "GoneOn",
    "Hit",
    "HitKind",
    "Hits",
    "HostConnection",
    "HowStarted",
    "Inspected",
    "KernelRow",
    "Lane",
    "Link",
    "LinkSide",
    "Mark",
    "MarkKind",
    "Method",
    "Mirror",
    "MirrorError",
    "NotRepeatable",
    "NotReproduced",
    "Reached",
    "Redelivered",
    "Replayed",
    "Row",
    "RowSort",
    "SentFrom",
    "ShrinkingEnd",
    "Since",
    "Started",
    "StepKind",
    "SubjectKind",
    "Tick",
    "Timeline",
    "Trace",
    "TraceStep",
    "Tried",
    "Unlike",
    "ValueChange",
    "Verb",
    "VerbName",
    "Verified",
    "Waiting",
    "WhatIf",
    "WorldLeads",
    "WrongCrank",
    "branch",
    "bug_to_test",
    "catch_up",
    "console",
    "costs_over_time",
    "dataframe",
    "debug",
    "explore",
    "export_archive",
    "export_spans",
    "export_trace",
    "go_on",
    "import_archive",
    "keep_branch",
    "merge_causes",
    "mirror",
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
    "undo_upgrade",
    "until",
    "verify",
    "what_if",
    "when",
    "would_go_on",
]
