"""Views of a world that change nothing: tables, descriptions, causes, stories, differences, costs."""

from swingset.lens.exports.merging import Arrival, MergedRecord, Passage, merge
from swingset.lens.exports.querying import Answer, BadQuery
from swingset.lens.history.across import Across, CauseAcross, StepOf
from swingset.lens.history.cause import Cause, Effect, Step
from swingset.lens.history.searching import EventKind, Found
from swingset.lens.history.story import Settlement, Story
from swingset.lens.history.timeline import Happening, Stretch
from swingset.lens.history.upgrade_steps import UpgradeStep
from swingset.lens.pictures.paper import Picture
from swingset.lens.present.cycles import Ring
from swingset.lens.present.described import Described
from swingset.lens.present.explain import Explanation, Verdict
from swingset.lens.present.rows import CListRow, Direction, ObjectRow, PromiseRow, QueueRow, VatRow
from swingset.lens.present.tables import Lens
from swingset.lens.source.audited import AuditedLibrary, audited_library, read_audited
from swingset.lens.source.difference import Difference
from swingset.lens.source.doubts import Doubt
from swingset.lens.source.fixes import Fix, fixes
from swingset.lens.source.graphs import ModuleFacts
from swingset.lens.source.judging import Finding, FindingCode, Judged, JudgedModule, Standing
from swingset.lens.source.modules import ModuleRow, ModuleUse
from swingset.lens.source.outlines import MethodOutline
from swingset.lens.source.sides import DiffRow, Piece, Side
from swingset.lens.state.proposals import Ballot, ProposalRow
from swingset.lens.state.verifying import FileDepth
from swingset.lens.state.versions import Failure, Moved, Stale
from swingset.lens.watching.console import ConsoleLine, ConsoleLines
from swingset.lens.watching.costs import Costs
from swingset.lens.watching.costs_over_time import CostsBin, CostsOverTime, MethodCosts, VatCosts
from swingset.lens.watching.storage import Storage, VatStorage

__all__ = [
    "Across",
    "Answer",
    "Arrival",
    "AuditedLibrary",
    "BadQuery",
    "Ballot",
    "CListRow",
    "Cause",
    "CauseAcross",
    "ConsoleLine",
    "ConsoleLines",
    "Costs",
    "CostsBin",
    "CostsOverTime",
    "Described",
    "DiffRow",
    "Difference",
    "Direction",
    "Doubt",
    "Effect",
    "EventKind",
    "Explanation",
    "Failure",
    "FileDepth",
    "Finding",
    "FindingCode",
    "Fix",
    "Found",
    "Happening",
    "Judged",
    "JudgedModule",
    "Lens",
    "MergedRecord",
    "MethodCosts",
    "MethodOutline",
    "ModuleFacts",
    "ModuleRow",
    "ModuleUse",
    "Moved",
    "ObjectRow",
    "Passage",
    "Picture",
    "Piece",
    "PromiseRow",
    "ProposalRow",
    "QueueRow",
    "Ring",
    "Settlement",
    "Side",
    "Stale",
    "Standing",
    "Step",
    "StepOf",
    "Storage",
    "Story",
    "Stretch",
    "UpgradeStep",
    "VatCosts",
    "VatRow",
    "VatStorage",
    "Verdict",
    "audited_library",
    "fixes",
    "merge",
    "read_audited",
]
