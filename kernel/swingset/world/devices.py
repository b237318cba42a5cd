"""Devices: the records of those a world has, and what each keeps.

What a device keeps is capdata under a key, so the references in it are plain to see, and are counted like
those of anything else that waits in the world.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from swingset.model.capdata import CapData
from swingset.world.counters import Counters

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
        return sorted((_record(row) for row in rows), key=lambda device: int(device.id[1:]))

    def load(self, device: str, key: str) -> CapData | None:
        """What the device keeps under a key, or None."""
        row = self._world.row("SELECT value from device_state where device = ? and key = ?", (device, key))
        return CapData.from_json(json.loads(row[0])) if row else None

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
        return [(device, key, CapData.from_json(json.loads(value))) for device, key, value in rows]

    def _one(self, where: str, value: str) -> DeviceRecord | None:
        row = self._world.row(f"SELECT id, name, kind, options from devices {where}", (value,))
        return _record(row) if row else None


def _record(row: tuple[str, str, str, str]) -> DeviceRecord:
    return DeviceRecord(row[0], row[1], row[2], json.loads(row[3])["root"])
