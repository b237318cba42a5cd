"""The steps of a session: where each began, which of them count, and the last of them.

A step is what a cell did to the world, or what a program did between two calls of `session.steps.begin`. Each
begins at a commit, so to take back the last steps is to go to the commit before them. Steps that changed
nothing do not count, nor do those that only kept house: stored plain data, heap images, collected garbage,
nor those whose upgrade was refused.
A step that only bound a name to something of the world counts.

Steps of earlier sessions, and older ones than are remembered, are found in the records of the world.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from swingset.core.errors import KernelError
from swingset.core.lifecycle import LeftBehind
from swingset.host.base.lives import Life
from swingset.host.sessions import earlier_steps
from swingset.host.sessions.earlier_steps import EarlierStep, words_of_step
from swingset.host.sessions.handles import Handles, shared_by
from swingset.host.sessions.session_names import SessionNames
from swingset.host.variables.bindings import Changed
from swingset.host.worlds.controller import Controller
from swingset.lens.history.recorded import Recorded
from swingset.lens.history.taken_back import Judge, did_nothing, only_housekeeping
from swingset.lens.state.wires import Wire

MOST = 500
"""How many steps of a session are remembered; older ones are found in the records."""


class Undoable(Protocol):
    """A session, as far as its steps need it."""

    controller: Controller
    names: SessionNames

    @property
    def _now(self) -> Life:
        """Its current life."""

    def attach(self, message: str = ...) -> LeftBehind:
        """Begin an incarnation."""

    def flush(self) -> None:
        """Commit what was sent."""


@dataclass
class Mark:
    """Where a step begins, what the session had in memory there, which is not held, and its names."""

    number: int | None
    head: int
    life: weakref.ref[Life] | None
    handles: Handles
    names: Changed = field(default_factory=Changed)
    """What the step did to names."""
    from_outside: bool = False
    """Whether other worlds did what it did: it goes with the step before, and counts as none."""
    loud: bool | None = None
    """Whether the step did more than keep house, once that was looked at."""


class Marks:
    """The marks of one session, the oldest first."""

    def __init__(self, session: Undoable) -> None:
        self._session = session
        self._made: list[Mark] = []
        self._joined = session.controller.world.head
        """The commit at which the session had joined, and its first step began."""
        self.begin()

    def __iter__(self) -> Iterator[Mark]:
        return iter(self._made)

    @property
    def running(self) -> Mark:
        """The mark of the step that has not ended."""
        return self._made[-1]

    def forget_oldest(self) -> None:
        """Remember no more than `MOST`."""
        del self._made[:-MOST]

    def cut(self, place: int) -> None:
        """Remove the marks from a place on."""
        del self._made[place:]

    def put_back(self, marks: list[Mark]) -> None:
        """Have these instead of the running one, which has done nothing."""
        self._made[-1:] = marks

    def begin(self, number: int | None = None, *, from_outside: bool = False) -> None:
        """Begin a step where the world stands now; the last one is forgotten if it has changed nothing.

        What comes from other worlds in several portions is one step.
        """
        if from_outside and self._made and self._made[-1].from_outside:
            return
        life, head = self._session._now, self._session.controller.world.head
        last = self._made[-1] if self._made else None
        if last is not None and last.head == head and not (last.names.touched and head != self._joined):
            self._made.pop()  # it has changed nothing of the world
            if self._made:
                self._made[-1].names.then(last.names)
        handles = shared_by(life.liveslots)
        mark = Mark(number, head, weakref.ref(life), handles, from_outside=from_outside)
        self._session.names.bindings.changed = mark.names
        self._made.append(mark)

    def last(self, n: int, here: int) -> tuple[int, Mark, tuple[str, ...]]:
        """The place of the mark before the last `n` steps, that mark, and the steps in words."""
        history = self._session.controller.world.history
        begins = 0 if history.cut is None else history.cut.seq  # steps that began before are gone
        heads = [mark.head for mark in self._made]
        places = [at for at in range(len(heads)) if heads[at] >= begins and self._counts(at, here)]
        known = [words_of_step(self._made[at].number) for at in reversed(places)]
        if n <= len(places):
            return places[-n], self._made[places[-n]], tuple(known[:n])
        wanted, older = n - len(places), list[EarlierStep]()
        if heads[0] >= begins:
            session = self._session
            came_in = Wire(session.controller.kernel.store).came_in
            older = earlier_steps.find(history, heads[0], wanted, session._now.vat_id, came_in)
        if len(older) < wanted:
            count, gone = len(places) + len(older), Recorded(self._session.controller.world).gone
            only = f"only {count:,} can be taken back" if count else "nothing has changed the world"
            if gone is not None:
                only = f"{count:,} can be taken back, for {gone}"
            raise KernelError(f"cannot take back {n:,} {'step' if n == 1 else 'steps'}: {only}")
        words = tuple(step.words for step in older)
        return 0, Mark(None, older[-1].before, None, Handles()), (*known, *words)

    def _counts(self, at: int, here: int) -> bool:
        """Whether a step has changed the world, or bound names to something of it.

        That a session joins and stores names is no step.
        """
        mark = self._made[at]
        if mark.from_outside:
            return False
        ended = at + 1 < len(self._made)
        end = self._made[at + 1].head if ended else here
        loud = mark.loud if ended else None
        if loud is None:
            loud = mark.head != end and not self.is_quiet(mark.head, end, did_nothing)
            mark.loud = loud if ended else None
        return loud or (mark.names.touched and mark.head != self._joined)

    def way(self, first: int, last: int) -> list[int] | None:
        """The commits after `first` up to `last`, oldest first; None if `first` does not lead to `last`."""
        found: list[int] = []
        for seq in self._session.controller.world.history.ancestors(last):
            if seq <= first:
                return found[::-1] if seq == first else None
            found.append(seq)
        return None

    def is_quiet(self, first: int, last: int, judged: Judge = only_housekeeping) -> bool:
        """Whether one commit leads to another with nothing but housekeeping in between."""
        world, vat = self._session.controller.world, self._session._now.vat_id
        way = self.way(first, last)
        if way is None:
            return False
        came_in = Wire(self._session.controller.kernel.store).came_in
        records = [record for seq in way for record in world.history.records_of(seq)]
        return judged([record for record in records if not came_in(record)], vat)
