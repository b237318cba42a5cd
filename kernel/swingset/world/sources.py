"""The latest source of each vat's cells, whether the vat runs yet or not, and of the modules that vats share.

The modules are rows like the cells of a vat, under a name that no vat can have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swingset.model.modules import Parts
from swingset.world.one_table import OneTable
from swingset.world.tables import Table

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


MODULES = "%module"
"""Under which name the modules are that vats share."""


class Source(NamedTuple):
    """A cell of a vat, by the vat's name, and its position among the vat's cells."""

    vat: str
    part: str
    seq: int
    source: str


class Sources(OneTable[Source]):
    """The table `sources`: parts by vat name, kind cells before the vat's own."""

    table = Table("sources", Source, heavy=("source",))

    def __init__(self, world: WorldFile) -> None:
        super().__init__(world)
        self._by_vat = self._rows.index("vat")

    def put(self, vat_name: str, part: str, source: str) -> None:
        """Store a cell; a new part is added at the end, an existing one keeps its position."""
        others = self._rows.of(self._by_vat, vat_name)
        places = {other.part: other.seq for other in others}
        place = places.get(part, max(places.values(), default=0) + 1)
        self._rows.put(Source(vat_name, part, place, source))

    def parts(self, vat_name: str) -> Parts:
        """The vat's cells in the order in which they run: kinds as first stored, then the vat's own."""
        found = self._rows.of(self._by_vat, vat_name)
        found.sort(key=lambda source: (source.part == vat_name, source.seq))
        return tuple((source.part, source.source) for source in found)

    def replace(self, vat_name: str, parts: Parts) -> None:
        """Replace the vat's cells by these."""
        for key in self._by_vat.keys(vat_name):
            self._rows.delete(*key)
        for seq, (part, source) in enumerate(dict(parts).items(), 1):  # a file may have any number of them
            self._rows.put(Source(vat_name, part, seq, source))

    def vat_names(self) -> list[str]:
        """The names of vats that have cells, whether they run or not."""
        return [name for (name,) in self._by_vat.values() if name != MODULES]
