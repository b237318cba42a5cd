"""What is known of a crank that has ended: its report for the host and its record in the file both say it."""

from __future__ import annotations

from dataclasses import dataclass

from swingset.model.messages import CloneVat, CreateVat, Event, UpgradeVat
from swingset.model.reports import Fault
from swingset.model.states import ConsoleStream, CrankOutcome


@dataclass(frozen=True)
class Crank:
    """One crank that has ended.

    `outcome` is one of: delivered, waiting (for a promise), parked (its vat is suspended or detached),
    rejected (there is no vat to deliver to), created, cloned, upgraded, refused (the crank was rolled back),
    starved (its meter could not pay; in a report of a finished crank it is parked or refused instead),
    dropped (there is no vat to notify any more), negated (what was to be collected is held again, or its vat
    has no worker), cleaned (rows of a terminated vat were deleted), stopped (by the host: no crank; the event
    waits if its vat can wait), withdrawn (a start that the host requested and has stopped: no crank, and
    nothing waits).
    `vat` is the name of the vat that ran or would have. `computrons` is None if nothing ran or the worker
    cannot meter. `console` holds what the vat printed.
    """

    event: Event
    outcome: CrankOutcome
    vat: str | None = None
    computrons: int | None = None
    fault: Fault | None = None
    console: tuple[tuple[ConsoleStream, str], ...] = ()

    @property
    def began(self) -> str | None:
        """The id of the vat whose code began in this crank; None if none did, as when a start is refused.

        Example:
            >>> world.upgrade_vat("bank", world.vats.parts("bank")).began == world.vats["bank"].id
            True
        """
        if isinstance(self.event, CreateVat | UpgradeVat) and self.outcome in ("created", "upgraded"):
            return self.event.vat
        if isinstance(self.event, CloneVat) and self.outcome == "cloned":
            return self.event.clone
        return None
