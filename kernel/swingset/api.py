"""Every name that an embedder needs, imported from where it is defined.

`swingset` hands these out one by one when they are asked for. Whatever a public method takes, returns or
raises is here, and a test says so (`tests/host/test_exports.py`).
"""

from swingset.core.errors import KernelError, KernelPanic, NoSuchVat, VatExists, VatFault
from swingset.host import policies
from swingset.host.building import bootstrap_result
from swingset.host.config import BadConfiguration, Configuration, VatConfig
from swingset.host.controller import Controller
from swingset.host.history import Checkpoint
from swingset.host.opening import open_world
from swingset.host.outputs import Output
from swingset.host.reports import RunReport
from swingset.host.requests import Outcome, Ref
from swingset.host.session import Session, StillPending
from swingset.world.errors import WorldError, WorldLocked

__all__ = [
    "BadConfiguration",
    "Checkpoint",
    "Configuration",
    "Controller",
    "KernelError",
    "KernelPanic",
    "NoSuchVat",
    "Outcome",
    "Output",
    "Ref",
    "RunReport",
    "Session",
    "StillPending",
    "VatConfig",
    "VatExists",
    "VatFault",
    "WorldError",
    "WorldLocked",
    "bootstrap_result",
    "open_world",
    "policies",
]
