"""Devices: the records of those a world has, and what each keeps.

What a device keeps is capdata under a key, so the references in it are plain to see, and are counted like
those of anything else that waits in the world.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from swingset.model.capdata import CapData
from swingset.world.counters import Counters
from swingset.world.errors import DamagedRow
from swingset.world.rows import Reader, capdata_of, root_of, shown

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

FIRST_DEVICE = 7
"""Where device ids start, as in the reference implementation."""


class DeviceRecord(NamedTuple):
    """One device: `kind` says which code serves it, `root` is its device node."""

    id: str
    name: str
    kind: str
    root: str


class Devices:
    """The tables `devices` and `device_state`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._counters = Counters(world)

    def new_id(self) -> str:
        """The next device id."""
        return f"d{self._counters.take('d', FIRST_DEVICE)}"

    def add(self, device: DeviceRecord) -> None:
        """Record a new device."""
        options = json.dumps({"root": device.root})
        self._world.execute(
            "insert into devices values (?, ?, ?, ?)", (device.id, device.name, device.kind, options)
        )

    def get(self, device: str) -> DeviceRecord | None:
        """The device of that id, or None."""
        return self._one("where id = ?", device)

    def named(self, name: str) -> DeviceRecord | None:
        """The device of that name, or None."""
        return self._one("where name = ?", name)

    def all(self) -> list[DeviceRecord]:
        """Every device, oldest first."""
        rows = self._world.rows("SELECT id, name, kind, options from devices")
        return sorted((self._record(row) for row in rows), key=lambda device: int(device.id[1:]))

    def load(self, device: str, key: str) -> CapData | None:
        """What the device keeps under a key, or None."""
        row = self._world.row(
            "SELECT device, key, value from device_state where device = ? and key = ?", (device, key)
        )
        return self._kept(row)[2] if row else None

    def keep(self, device: str, key: str, value: CapData | None) -> None:
        """Keep a value under a key, or nothing. Counting the references is the caller's."""
        if value is None:
            self._world.execute("delete from device_state where device = ? and key = ?", (device, key))
        else:
            text = json.dumps(value.to_json(), ensure_ascii=False, separators=(",", ":"))
            self._world.execute("insert or replace into device_state values (?, ?, ?)", (device, key, text))

    def keys(self, device: str, prefix: str, limit: int | None = None) -> list[str]:
        """The keys that start with an ASCII prefix, in order of their bytes."""
        rows = self._world.rows(
            "SELECT key from device_state where device = ? and key >= ? and key < ? order by key limit ?",
            (device, prefix, prefix + "\U0010ffff", -1 if limit is None else limit),
        )
        return [key for (key,) in rows]

    def kept(self) -> list[tuple[str, str, CapData]]:
        """Everything that any device keeps, as (device, key, value)."""
        rows = self._world.rows("SELECT device, key, value from device_state order by device, key")
        return [self._kept(row) for row in rows]

    def damaged(self, device: str, key: str, reason: str) -> DamagedRow:
        """The complaint about something kept that is not what the device keeps there."""
        return DamagedRow(self._world.name, "device_state", shown(device, key), reason)

    def _kept(self, row: tuple[Any, ...]) -> tuple[str, str, CapData]:
        device, key, text = row
        _KEPT.check(self._world.name, row)
        return device, key, capdata_of(text)

    def _one(self, where: str, value: str) -> DeviceRecord | None:
        row = self._world.row(f"SELECT id, name, kind, options from devices {where}", (value,))
        return self._record(row) if row else None

    def _record(self, row: tuple[Any, ...]) -> DeviceRecord:
        _DEVICE.check(self._world.name, row)
        return DeviceRecord(row[0], row[1], row[2], root_of(row[3]))


_DEVICE = Reader("devices", "id, name, kind, options")
_KEPT = Reader("device_state", "device, key, value")
