"""What the classes that keep one table each have in common: its rows, in one open world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from .tables import R, Rows, Table

if TYPE_CHECKING:
    from .file import WorldFile


class OneTable(Generic[R]):
    """The rows of one table. A class that derives from it says which `table`, and what its rows are for."""

    table: Table[R]

    def __init__(self, world: WorldFile) -> None:
        self._rows = Rows(world, self.table)
