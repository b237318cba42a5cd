"""The world that is open in a notebook, with what the notebook remembers of it while it is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swingset.host.worlds.controller import Controller
from swingset.lens.present.tables import Lens
from swingset_nb.interrupts import NotebookSession
from swingset_nb.reopening import Leasing, Place

if TYPE_CHECKING:
    from swingset.cluster import LeasedWorld


@dataclass
class OpenWorld:
    """An open world, and the changed cells that were shown and not applied, by vat and part."""

    typed: str
    controller: Controller
    session: NotebookSession
    found: bool
    pending: dict[str, dict[str, str]] = field(default_factory=dict)
    fixed: dict[str, tuple[str, str]] = field(default_factory=dict)  # by vat: a cell with its fix, and before
    unsaved: str | None = None
    """Why the last changes could not be committed when it was closed."""
    fleeting: list[str] = field(default_factory=list)
    """The messages about names that could not be stored when it was closed."""
    prepared: set[str] = field(default_factory=set)
    """The kinds of worker whose engines are known to be ready."""
    awaited: bool = False
    """Whether a run has waited for the engines of the vats that the file has."""
    looked: int = 0
    """The crank up to which `%swingset` has told what went wrong."""
    leasing: Leasing | None = None
    leased: LeasedWorld | None = None
    """The world with its lease, if its truth is in a database."""
    arrived: set[str] = field(default_factory=set)
    """The ids of the vats that have come from other worlds, as far as the notebook was told of them."""
    told_lost: bool = False
    """Whether a close was refused once because the world is not in its file."""

    @property
    def halted(self) -> bool:
        """Whether nothing can be committed, for its lease or its database is gone, and nothing waits for it.

        Then a cell only looks: to have the session join again would be a commit.
        """
        leased = self.leased
        away = leased is not None and (leased.stopped is not None or leased.away is not None)
        return away and self.session.was_undone

    @property
    def path(self) -> str:
        """The path of the file: as it was typed, or in full if the working directory has changed."""
        return self.place.path()

    @property
    def place(self) -> Place:
        """Where it is, and how it is opened again."""
        return Place(self.typed, self.controller.path, self.controller.default_worker, self.leasing)

    @property
    def lens(self) -> Lens:
        """Views of the world as it is now."""
        return self.controller.lens

    def has_vat(self, name: str) -> bool:
        """Whether a vat has that name."""
        return any(vat.name == name for vat in self.controller.vats)

    def vat_names(self) -> list[str]:
        """The names of the vats other than the notebook's own."""
        return [vat.name for vat in self.controller.vats if vat.name != self.session.name]

    def waiting(self) -> int:
        """The number of events in the run-queue."""
        return len(self.controller.queue)


def arrived(world: OpenWorld) -> dict[str, str]:
    """The vats that have come from other worlds and are here, as names by id."""
    here = {vat.id for vat in world.controller.vats}
    return {
        each.vat: each.name for each in world.controller.net.vat_moves() if each.came and each.vat in here
    }


def events_wait(world: OpenWorld) -> str:
    """The number of events in the run-queue, as a clause."""
    count = world.waiting()
    return f"{count:,} {'event waits' if count == 1 else 'events wait'}"
