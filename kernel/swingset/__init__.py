"""The vat kernel: a library with no Jupyter in it.

    import swingset

    with swingset.open_world("my.world", "my.toml") as world:
        answer = world.queue_to_root("bank", "deposit", [100])
        world.run()
        print(world.status(answer), world.resolution(answer))

What an embedder needs is here by name, and loaded when it is first asked for: code inside a vat imports this
package too, and needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swingset.core.errors import KernelError, KernelPanic, NoSuchVat, VatExists, VatFault
    from swingset.host import policies
    from swingset.host.config import BadConfiguration, Configuration, VatConfig, bootstrap_result, open_world
    from swingset.host.controller import Checkpoint, Controller
    from swingset.host.outputs import Output
    from swingset.host.reports import RunReport
    from swingset.host.requests import Outcome, Ref
    from swingset.host.session import Session, StillPending
    from swingset.world.errors import WorldError, WorldLocked

_HOMES = {
    "BadConfiguration": "swingset.host.config",
    "Checkpoint": "swingset.host.controller",
    "Configuration": "swingset.host.config",
    "Controller": "swingset.host.controller",
    "KernelError": "swingset.core.errors",
    "KernelPanic": "swingset.core.errors",
    "NoSuchVat": "swingset.core.errors",
    "Outcome": "swingset.host.requests",
    "Output": "swingset.host.outputs",
    "Ref": "swingset.host.requests",
    "RunReport": "swingset.host.reports",
    "Session": "swingset.host.session",
    "StillPending": "swingset.host.session",
    "VatConfig": "swingset.host.config",
    "VatExists": "swingset.core.errors",
    "VatFault": "swingset.core.errors",
    "WorldError": "swingset.world.errors",
    "WorldLocked": "swingset.world.errors",
    "bootstrap_result": "swingset.host.config",
    "open_world": "swingset.host.config",
    "policies": "swingset.host",
}

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


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "policies":
        return import_module("swingset.host.policies")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
