"""The cells that vats are made of, as they were last given, whether they run yet or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swingset.world.file import WorldFile


class Sources:
    """The table `sources`: parts by vat name, kind cells before the vat's own."""

    def __init__(self, world: WorldFile) -> None:
        self._world = world

    def put(self, vat_name: str, part: str, source: str) -> None:
        """Store a cell; a new part goes behind the others, an old one keeps its place."""
        self._world.execute(
            "insert into sources values (?1, ?2, (select coalesce(max(seq), 0) + 1 from sources"
            " where vat = ?1), ?3) on conflict (vat, part) do update set source = excluded.source",
            (vat_name, part, source),
        )

    def parts(self, vat_name: str) -> tuple[tuple[str, str], ...]:
        """The vat's cells in the order they run in: kinds as first given, then the vat's own."""
        rows = self._world.rows(
            "SELECT part, source from sources where vat = ?1 order by part = ?1, seq", (vat_name,)
        )
        return tuple((part, source) for part, source in rows)

    def replace(self, vat_name: str, parts: tuple[tuple[str, str], ...]) -> None:
        """Make exactly these the vat's cells."""
        self._world.execute("delete from sources where vat = ?", (vat_name,))
        for part, source in parts:
            self.put(vat_name, part, source)

    def vat_names(self) -> list[str]:
        """Names that have a cell, whether a vat of the name runs or not."""
        return [name for (name,) in self._world.rows("SELECT distinct vat from sources order by vat")]
