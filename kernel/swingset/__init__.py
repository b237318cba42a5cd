"""The vat kernel: a library with no Jupyter in it.

    import swingset

    with swingset.open_world("my.world", "my.toml") as world:
        answer = world.queue_to_root("bank", "deposit", [100])
        world.run()
        print(world.status(answer), world.resolution(answer))

What an embedder needs is here by name, and loaded when it is first asked for: code inside a vat imports this
package too, and needs none of it. `swingset.api` says where each name is from.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swingset.api import *

__all__ = [
    "BadConfiguration",
    "CListRow",
    "CapData",
    "ChangeVatOptions",
    "Checkpoint",
    "CleanUp",
    "Collect",
    "Configuration",
    "Controller",
    "CrankReport",
    "CreateVat",
    "Device",
    "DeviceCall",
    "DeviceError",
    "DeviceState",
    "Difference",
    "Draft",
    "Drafts",
    "Explanation",
    "Failure",
    "Fault",
    "Frame",
    "GarbageCollection",
    "History",
    "HostDevices",
    "KernelError",
    "KernelPanic",
    "Label",
    "LabelExists",
    "LeftBehind",
    "Lens",
    "LifeEndedError",
    "Message",
    "MeterRow",
    "Meters",
    "Migrated",
    "Moved",
    "NoSuchVat",
    "Notify",
    "ObjectRow",
    "Options",
    "Outcome",
    "Output",
    "Outputs",
    "OwnDevices",
    "Problem",
    "PromiseRow",
    "QueueRow",
    "Reap",
    "Ref",
    "Rehearsal",
    "RemoteError",
    "Ring",
    "RunQueue",
    "RunReport",
    "Send",
    "Session",
    "SessionDevices",
    "SessionNames",
    "Stale",
    "StillPending",
    "StrangeDrafts",
    "UnknownCommit",
    "UnknownLabel",
    "UpgradeVat",
    "Upgraded",
    "VatConfig",
    "VatExists",
    "VatFault",
    "VatRecord",
    "VatRow",
    "Vats",
    "WorkerRefused",
    "WorldError",
    "WorldLocked",
    "bootstrap_result",
    "open_world",
    "policies",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("swingset.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
