"""What a crank did, for those who show it."""

from __future__ import annotations

from dataclasses import dataclass

from swingset.core.lifecycle import LeftBehind
from swingset.model.messages import Event
from swingset.model.reports import Fault
from swingset.model.states import ConsoleStream, CrankOutcome


@dataclass(frozen=True)
class CrankReport:
    """One crank.

    `outcome` is one of: delivered, waiting (for a promise), parked (its vat is suspended or detached),
    rejected (no vat to deliver to), created, upgraded, refused (the crank was undone), starved (its meter
    could not pay; a crank that is over is parked or refused instead), dropped (nobody is there any more to be
    told), negated (what was to be collected is held again, or its vat has no worker), cleaned (rows of a
    terminated vat were deleted), stopped (by the host: no crank; the event waits where a vat can wait with
    it), withdrawn (a start that the host asked for and has stopped: no crank, and nothing waits). `vat` is
    the name of the vat that ran or would have. `computrons` is None where nothing ran or the worker cannot
    meter. `console` holds what the vat printed. `cleaned` counts the rows that were deleted.
    """

    number: int
    event: Event
    outcome: CrankOutcome
    vat: str | None = None
    computrons: int | None = None
    fault: Fault | None = None
    console: tuple[tuple[ConsoleStream, str], ...] = ()
    left_behind: LeftBehind | None = None
    cleaned: int = 0
