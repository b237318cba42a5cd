"""Opening and running a world: the controller and its parts, sessions, the code of vats, errors."""

from swingset.core.ahead import AheadReport
from swingset.core.device_board import DeviceError
from swingset.core.errors import KernelError, KernelPanic, NoSuchVat, VatExists, VatFault, WorkerRefused
from swingset.core.lifecycle import LeftBehind
from swingset.core.report import CrankReport
from swingset.guest.base.ended import LifeEndedError
from swingset.guest.base.errors import RemoteError
from swingset.host.base import policies
from swingset.host.base.engines import WorkerKind
from swingset.host.base.interruptions import Interruption
from swingset.host.base.outputs import Output, Outputs
from swingset.host.base.queue import RunQueue
from swingset.host.base.reports import RunReport
from swingset.host.base.requests import Outcome, PromiseStatus
from swingset.host.base.retention import Freed, Kept
from swingset.host.code.consequences import Consequences
from swingset.host.code.drafts import Draft, Drafts, StrangeDrafts
from swingset.host.code.modules import Modules, ModuleUpgrade, StrangeModules
from swingset.host.code.packages import Package, package_source
from swingset.host.code.proposals import Proposals
from swingset.host.code.rehearsal import Rehearsal
from swingset.host.code.trials import RecordsTrial, TrialReport, try_records
from swingset.host.code.upgrading import Upgraded
from swingset.host.controls.checkpoints import Checkpoint
from swingset.host.controls.devices import HostDevices
from swingset.host.controls.gc import GarbageCollection
from swingset.host.controls.history import History
from swingset.host.controls.meters import MeterRow, Meters
from swingset.host.controls.migrating import Migrated
from swingset.host.controls.moments import Moment
from swingset.host.controls.options import Options
from swingset.host.controls.own_devices import Device, DeviceCall, DeviceState, OwnDevices
from swingset.host.controls.restarting import Restart, RestartOutcome, RestartReport
from swingset.host.controls.vats import Vats
from swingset.host.controls.views import Views
from swingset.host.sessions.collecting import Collected, collect_garbage
from swingset.host.sessions.pending import StillPending
from swingset.host.sessions.references import References
from swingset.host.sessions.session import Session
from swingset.host.sessions.session_devices import SessionDevices
from swingset.host.sessions.session_names import SessionNames
from swingset.host.sessions.session_net import SessionNet
from swingset.host.sessions.undoing import LosesMoved, OthersKnow, Steps
from swingset.host.sessions.undone import Undone
from swingset.host.wires.asking import NetError
from swingset.host.wires.keys import NeedsExtra
from swingset.host.wires.networking import Networking
from swingset.host.wires.peering import Peer
from swingset.host.wires.shares import Share, Use
from swingset.host.wires.vat_moves import MoveRefused, VatMove
from swingset.host.worlds.building import bootstrap_result
from swingset.host.worlds.config import BadConfiguration, Configuration, VatConfig
from swingset.host.worlds.controller import Controller
from swingset.host.worlds.opening import open_world
from swingset.net.limits import Limits

__all__ = [
    "AheadReport",
    "BadConfiguration",
    "Checkpoint",
    "Collected",
    "Configuration",
    "Consequences",
    "Controller",
    "CrankReport",
    "Device",
    "DeviceCall",
    "DeviceError",
    "DeviceState",
    "Draft",
    "Drafts",
    "Freed",
    "GarbageCollection",
    "History",
    "HostDevices",
    "Interruption",
    "Kept",
    "KernelError",
    "KernelPanic",
    "LeftBehind",
    "LifeEndedError",
    "Limits",
    "LosesMoved",
    "MeterRow",
    "Meters",
    "Migrated",
    "ModuleUpgrade",
    "Modules",
    "Moment",
    "MoveRefused",
    "NeedsExtra",
    "NetError",
    "Networking",
    "NoSuchVat",
    "Options",
    "OthersKnow",
    "Outcome",
    "Output",
    "Outputs",
    "OwnDevices",
    "Package",
    "Peer",
    "PromiseStatus",
    "Proposals",
    "RecordsTrial",
    "References",
    "Rehearsal",
    "RemoteError",
    "Restart",
    "RestartOutcome",
    "RestartReport",
    "RunQueue",
    "RunReport",
    "Session",
    "SessionDevices",
    "SessionNames",
    "SessionNet",
    "Share",
    "Steps",
    "StillPending",
    "StrangeDrafts",
    "StrangeModules",
    "TrialReport",
    "Undone",
    "Upgraded",
    "Use",
    "VatConfig",
    "VatExists",
    "VatFault",
    "VatMove",
    "Vats",
    "Views",
    "WorkerKind",
    "WorkerRefused",
    "bootstrap_result",
    "collect_garbage",
    "open_world",
    "package_source",
    "policies",
    "try_records",
]
