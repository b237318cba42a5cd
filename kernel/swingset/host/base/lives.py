"""The life of a session in a world: when it ends, and which references continue in the next.

A session's vat has one life per incarnation. It ends when the world is closed or goes back in time, when a
commit fails and everything since the last one is rolled back, and when a delivery to the session itself is
rolled back, because the program's memory then holds what the world does not. From that moment no object of
that life reaches the world (`guest.base.ended`), because its numbers will be used again.

After a rollback, unlike after going back, the state is the last one that the program knew to be durable. So
presences whose numbers were used by then still mean the same objects, and continue in the next life. Numbers
only grow along one line of commits, so a later presence is recognized by its number. Promises do not
continue: they are rejected for all who wait for them, as at every restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from swingset.core.kernel import Kernel
from swingset.guest.base import context
from swingset.guest.base.ended import Ended
from swingset.guest.liveslots import Liveslots
from swingset.guest.passing.remotables import Presence
from swingset.model.refs import FIRST_IMPORT
from swingset.world.file import WorldFile
from swingset.world.vats import TERMINATED

UNDONE = "what it had done since the last commit was undone"
DO_AGAIN = "do again what was undone, and get it from there"
GET_AGAIN = "get it again, from the vat that has it or by a name that came back"
CLOSED = "its world was closed"
OPEN_AGAIN = "open that world again, and get it from there"


class Life:
    """One incarnation of one session's vat."""

    def __init__(self, kernel: Kernel, vat_id: str, liveslots: Liveslots, renew: Callable[[], None]) -> None:
        self._kernel = kernel
        self._renew = renew
        self.vat_id = vat_id
        self.liveslots = liveslots
        self.goes_on = False
        """Whether it ended by a rollback, so that its committed presences may continue in the next life."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.liveslots.ended is not None

    def end(self, why: str, fix: str = GET_AGAIN, *, undone: bool = False, closed: bool = False) -> None:
        """End it, unless it has ended. The owners of its objects are looked up for the errors to come."""
        if self.ended:
            return
        self.goes_on = undone
        owners: dict[str, str] = {}
        with suppress(Exception):  # they are no reason to fail, and the file may be beyond reading
            owners = self.owners()
        live = self.liveslots
        whose = f"incarnation {live.incarnation} of {live.title}"
        live.end(Ended(whose, why, fix, owners, None if closed else self._renew))

    def cut(self) -> None:
        """End it, because a delivery to its vat was rolled back, or because the vat was terminated."""
        vat = self._kernel.store.vats.get(self.vat_id)
        if vat is not None and vat.state == TERMINATED:
            self.end("the vat was terminated", "a vat that has ended stays so", closed=True)
        else:
            self.end(UNDONE, DO_AGAIN, undone=True)

    def write_back(self) -> None:
        """Store the names that this life has used, in each commit that holds its messages.

        Otherwise the next incarnation would use them again, if this one ends before it settles.
        """
        if not self.ended:
            with context.activate(self.liveslots):
                self.liveslots.counters.save()
                self.liveslots.store.flush()

    def survivors(self) -> list[Presence]:
        """The presences of this life that mean the same objects in the current state."""
        if not self.goes_on:
            return []
        store, found = self._kernel.store, []
        fresh = {
            letter: store.counters.get(f"{self.vat_id}.{letter}", first)
            for letter, first in FIRST_IMPORT.items()
        }
        for presence in self.liveslots.slots.imports.alive():
            vref = presence._vref
            entry = store.clists.by_vref(self.vat_id, vref)
            if int(vref[2:]) < fresh[vref[0]] and entry is not None and entry.reachable:
                found.append(presence)
        return found

    def save_counters(self) -> None:
        """Store the counters, so that the next incarnation uses no number that this one has used."""
        counters = self.liveslots.counters
        self._kernel.outside_syscall(self.vat_id, ["vatstoreSet", counters.KEY, counters.text()])

    def owners(self) -> dict[str, str]:
        """The names of the vats of the objects that it knows, by its own names for these."""
        store, owners = self._kernel.store, {}
        for presence in self.liveslots.slots.imports.alive():
            entry = store.clists.by_vref(self.vat_id, presence._vref)
            known = store.objects.get(entry.kref) if entry is not None else None
            vat = store.vats.get(known.owner) if known is not None and known.owner else None
            if vat is not None:
                owners[presence._vref] = vat.name
        return owners


class Lives:
    """All lives in one world. They end when the world returns to an earlier state, and when it closes."""

    def __init__(self, world: WorldFile, kernel: Kernel) -> None:
        self._kernel = kernel
        self._all: list[Life] = []
        self._why: str | None = None
        self._staying: Life | None = None
        self.closed = False
        world.rewinding = self._rewound
        self._world = world

    def add(self, life: Life) -> None:
        """Register a life, so that it is ended, and that its state is written back before each commit."""
        self._world.before_commit = self._write_back
        self._all = [known for known in self._all if not known.ended]
        self._all.append(life)

    def alive(self) -> list[Life]:
        """The lives that have not ended."""
        return [life for life in self._all if not life.ended]

    @contextmanager
    def going_back(self, why: str) -> Iterator[None]:
        """Give the reason for errors, in case the world returns to an earlier state in the body."""
        before, self._why = self._why, why
        try:
            yield
        finally:
            self._why = before

    @contextmanager
    def staying(self, life: Life) -> Iterator[None]:
        """Let one life go on, although the world goes to another state in the body.

        The caller brings it in line with that state, or ends it.
        """
        before, self._staying = self._staying, life
        try:
            yield
        finally:
            self._staying = before

    def close(self) -> None:
        """End all lives, because the world is about to be closed."""
        self.closed = True
        for life in self._all:
            life.end(CLOSED, OPEN_AGAIN, closed=True)
            context.unset_default(life.liveslots)

    def _rewound(self) -> None:
        ending, self._all = self._all, []
        for life in ending:
            if life is self._staying:
                self._all.append(life)
                continue
            if self._why is None:
                life.end(UNDONE, DO_AGAIN, undone=True)
            else:
                life.end(self._why)
            self._kernel.warehouse.detach(life.vat_id)

    def _write_back(self) -> None:
        for life in self._all:
            life.write_back()
