"""The parts of a kernel that carrying out a crank's consequences takes.

A delivery is judged in one module and the start of code in another. Both charge meters, tell devices, throw
workers away and roll back to the same place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swingset.core.device_board import DeviceBoard
from swingset.core.lifecycle import Lifecycle
from swingset.core.metering import Metering
from swingset.core.store import KernelStore
from swingset.core.warehouse import Warehouse


@dataclass(frozen=True)
class CrankParts:
    """What `Judge` and `Incarnations` have in common. `undo` rolls back to just before the delivery."""

    store: KernelStore
    warehouse: Warehouse
    devices: DeviceBoard
    metering: Metering
    lifecycle: Lifecycle
    undo: Callable[[], None]
