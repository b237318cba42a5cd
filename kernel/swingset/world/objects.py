"""Kernel objects: who owns each kref, and how many hold it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from swingset.world.rows import Reader

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class ObjectRecord(NamedTuple):
    """One object. `owner` is None once orphaned, and `fate` then says why: a code and words.

    `reachable` counts the imports and kernel-held references that could send to it; `recognizable`
    those that could at least tell it apart. The owner's own export is not counted. `iface` is what its
    owner called it when it first let it out: words for people, on which nothing depends.
    """

    kref: str
    owner: str | None
    reachable: int
    recognizable: int
    fate: str | None
    iface: str | None = None


class Objects:
    """The table `objects`."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def add(self, kref: str, owner: str) -> None:
        """Record a new object that nobody holds yet."""
        self._world.execute("insert into objects values (?, ?, 0, 0, null, null)", (kref, owner))

    def get(self, kref: str) -> ObjectRecord | None:
        """The object of that name, or None."""
        for row in self._world.rows(f"SELECT {_COLUMNS} from objects where kref = ?", (kref,)):
            return self._record(row)
        return None

    def count(self, kref: str, reachable: int, recognizable: int) -> None:
        """Add to both counts (negative to subtract)."""
        self._world.execute(
            "update objects set reachable = reachable + ?, recognizable = recognizable + ? where kref = ?",
            (reachable, recognizable, kref),
        )

    def orphan(self, kref: str, fate: str) -> None:
        """Take the owner away, and remember why."""
        self._world.execute("update objects set owner = null, fate = ? where kref = ?", (fate, kref))

    def call(self, kref: str, iface: str) -> None:
        """Note what the owner calls the object."""
        self._world.execute("update objects set iface = ? where kref = ?", (iface, kref))

    def delete(self, kref: str) -> None:
        """Forget the object."""
        self._world.execute("delete from objects where kref = ?", (kref,))

    def all(self) -> Iterator[ObjectRecord]:
        """Every object."""
        for row in self._world.rows(f"SELECT {_COLUMNS} from objects"):
            yield self._record(row)

    def _record(self, row: tuple[Any, ...]) -> ObjectRecord:
        _ROW.check(self._world.name, row)
        return ObjectRecord(*row)


_COLUMNS = "kref, owner, reachable, recognizable, fate, iface"
_ROW = Reader("objects", _COLUMNS)
