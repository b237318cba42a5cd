"""The records of a world's devices, and the state of each.

The state of a device is capdata by key, so the references in it can be read and are counted like all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.model.capdata import CapData
from swingset.world.counters import Counters
from swingset.world.errors import DamagedRow
from swingset.world.rows import shown
from swingset.world.tables import Rows, Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

FIRST_DEVICE = 7
"""The first device id, as in the reference implementation."""


class DeviceRecord(NamedTuple):
    """One device: `kind` says which code serves it, `root` is its device node."""

    id: str
    name: str
    kind: str
    root: str


class Kept(NamedTuple):
    """One entry of a device's state."""

    device: str
    key: str
    value: CapData


_DEVICES, _STATE = (
    Table("devices", DeviceRecord, root="options"),
    Table("device_state", Kept, heavy=("value",)),
)


class Devices:
    """The tables `devices` and `device_state`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._devices = Rows(world, _DEVICES)
        self._by_name = self._devices.index("name")
        self._state = Rows(world, _STATE)
        self._counters = Counters(world)

    def new_id(self) -> str:
        """The next device id."""
        return f"d{self._counters.take('d', FIRST_DEVICE)}"

    def add(self, device: DeviceRecord) -> None:
        """Record a new device."""
        self._devices.add(device)

    def get(self, device: str) -> DeviceRecord | None:
        """The device of that id, or None."""
        return self._devices.get(device)

    def named(self, name: str) -> DeviceRecord | None:
        """The device of that name, or None."""
        found = self._devices.of(self._by_name, name)
        return found[0] if found else None

    def all(self) -> list[DeviceRecord]:
        """Every device, oldest first."""
        return sorted(self._devices.all(), key=lambda device: int(device.id[1:]))

    def load(self, device: str, key: str) -> CapData | None:
        """The value under a key of a device's state, or None."""
        kept = self._state.get(device, key)
        return None if kept is None else kept.value

    def keep(self, device: str, key: str, value: CapData | None) -> None:
        """Set a value, or delete it with None. The caller counts the references."""
        if value is None:
            self._state.delete(device, key)
        else:
            self._state.put(Kept(device, key, value))

    def keys(self, device: str, prefix: str, limit: int | None = None) -> list[str]:
        """The keys that start with an ASCII prefix, in order of their bytes."""
        rows = self._world.rows(
            "SELECT key from device_state where device = ? and key >= ? and key < ? order by key limit ?",
            (device, prefix, prefix + "\U0010ffff", -1 if limit is None else limit),
        )
        return [key for (key,) in rows]

    def kept(self) -> list[Kept]:
        """All entries of all devices."""
        return list(self._state.select("order by device, key"))

    def damaged(self, device: str, key: str, reason: str) -> DamagedRow:
        """The exception for an entry that the device's own code cannot have written."""
        return DamagedRow(self._world.name, "device_state", shown(device, key), reason)
