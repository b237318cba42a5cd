"""The report of a crank."""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.lifecycle import LeftBehind
from swingset.model.cranks import Crank


@dataclass(frozen=True, kw_only=True)
class CrankReport(Crank):
    """One crank, as the host learns of it.

    `number` counts the cranks of the world. `event`, `outcome`, `vat`, `computrons`, `fault` and `console`
    are those of a `Crank`. `left_behind` is what an upgrade broke or abandoned. `cleaned` counts the rows of
    a terminated vat that were deleted.
    """

    number: int
    left_behind: LeftBehind | None = None
    cleaned: int = 0
