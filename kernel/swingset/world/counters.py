"""Named counters: where the next kref, vat id, queue position and crank number come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swingset.world.rows import Reader

if TYPE_CHECKING:
    from swingset.world.file import WorldFile

_VALUE = Reader("counters", "name, value")


class Counters:
    """Integers by name, each starting at a value given on first use."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world
        self._held: dict[str, int | None] = world.remembered.records("counters")  # None: never set

    def get(self, name: str, start: int = 0) -> int:
        """The value of `name`, `start` where it was never set."""
        if name in self._held:
            known = self._held[name]
            return start if known is None else known
        for (value,) in self._world.rows("SELECT value from counters where name = ?", (name,)):
            _VALUE.check(self._world.name, (name, value))
            self._world.remembered.put(self._held, name, int(value))
            return int(value)
        self._world.remembered.put(self._held, name, None)
        return start

    def set(self, name: str, value: int) -> None:
        """Store `value` under `name`."""
        self._held.pop(name, None)
        self._world.write(
            "insert into counters values (?, ?) on conflict (name) do update set value = excluded.value",
            (name, value),
        )
        self._held[name] = value

    def take(self, name: str, start: int) -> int:
        """The value of `name`, which is one higher the next time."""
        self._held.pop(name, None)
        rows: list[Any] = self._world.write(
            "insert into counters values (?1, ?2 + 1)"
            " on conflict (name) do update set value = value + 1 returning value - 1",
            (name, start),
        )
        value = rows[0][0]
        _VALUE.check(self._world.name, (name, value))
        self._held[name] = int(value) + 1
        return int(value)
