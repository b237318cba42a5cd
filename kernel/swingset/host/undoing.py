"""Takes back the last steps of a session, and does them again: undo and redo.

A step is what a cell did to the world, or what a program did between two calls of `session.steps.begin`. Each
begins at a commit, so to take back the last steps is to go to the commit before them. Steps that changed
nothing do not count.

Going back to a checkpoint begins a new life of the session, in which all handles are dead. An undo within a
life does not: the handles that the session had at that commit go on (`handles`). If that is impossible, it is
done as if the session went back to a checkpoint, and says so. Steps of earlier sessions are found in the
records of the world, and always end the life.

An undo adds no record and no commit, so a redo goes to the commit that the undo left. It is possible until
something is sent.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from swingset.core.errors import KernelError
from swingset.core.lifecycle import LeftBehind
from swingset.guest.base import context
from swingset.guest.base.ended import Ended
from swingset.guest.base.promises import Promise
from swingset.host import earlier_steps
from swingset.host.controller import Controller
from swingset.host.earlier_steps import EarlierStep, words_of_step
from swingset.host.handles import (
    Following,
    Handles,
    handles_of,
    held_by_others,
    lasting_of,
    reading,
    shared_by,
)
from swingset.host.lives import Life
from swingset.host.session_names import SessionNames
from swingset.lens.recorded import Recorded
from swingset.lens.taken_back import Effects, changed_keys, effects, is_quiet

_MOST = 500
"""How many steps of a session are remembered; older ones are found in the records."""

_FEW = 10


@dataclass(frozen=True, kw_only=True)
class Undone(Effects):
    """What an undo or a redo did.

    `steps` are the steps in words, newest first, such as `cell [5]`, and `numbers` those of this session's
    steps that have one, oldest first. `commit` and `crank` say where the world stands. `done` has what the
    steps did, in words, `more` how many lines there are beyond these, and `cranks` how many cranks they ran.
    `outside` is what stays, because it has left the world. `gone` are the stored names that this state does
    not have, and `back` the values of those that it has and that changed. `dead` is how many handles died,
    and `kept` how many promises keep a value that was taken back.
    `resumed` says why a new life of the session began; then all its handles are dead, and `left_behind` is
    what was lost. None means that the life goes on.
    """

    steps: tuple[str, ...]
    numbers: tuple[int, ...]
    commit: int
    crank: int
    gone: tuple[str, ...] = ()
    back: Mapping[str, Any] = field(default_factory=dict)
    dead: int = 0
    kept: int = 0
    resumed: str | None = None
    left_behind: LeftBehind | None = None

    def lines(self) -> list[str]:
        """What it did, as lines of text; names are left out.

        Example:
            >>> session.steps.begin()
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.undo().lines()[0]
            "open_purse('alice') to root of bank ko20"
        """
        found = list(self.done)
        if self.more:
            found.append(f"and {self.more:,} more")
        if self.resumed is not None:
            found.append(f"the session began a new life, because {self.resumed}: all its references are new")
        if self.kept:
            promises = "promise keeps its value" if self.kept == 1 else "promises keep their values"
            found.append(f"{self.kept:,} {promises}, although that was taken back")
        if self.dead and self.resumed is None:
            found.append(f"{self.dead:,} {'handle is' if self.dead == 1 else 'handles are'} dead")
        return found


@dataclass
class _Mark:
    """Where a step begins, and what the session had in memory there; it holds nothing of that."""

    number: int | None
    head: int
    life: weakref.ref[Life] | None
    handles: Handles


@dataclass
class _Frame:
    """What an undo left: where a redo goes, and the marks of the steps."""

    head: int
    target: int
    marks: list[_Mark]
    life: weakref.ref[Life]
    handles: Handles
    steps: tuple[str, ...]
    effects: Effects
    held: list[object]
    """What others held of the session, which a redo needs again."""
    kept: list[weakref.ref[Promise[Any]]] = field(default_factory=list)
    """The promises that keep a value that was taken back."""


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


class Steps:
    """The steps of one session, as `session.steps`."""

    def __init__(self, session: Undoable) -> None:
        self._session = session
        self._marks: list[_Mark] = []
        self._undone: list[_Frame] = []
        self._kept: weakref.WeakSet[Promise[Any]] = weakref.WeakSet()
        self._joined = session.controller.world.head
        """The commit at which the session had joined, and its first step began."""
        self._begin()

    def begin(self) -> None:
        """Begin a step, and end the one before.

        Example:
            >>> session.steps.begin()
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.undo().steps
            ('the last step',)
        """
        session = self._session
        with session.controller.lock:
            self._begin()
            del self._marks[:-_MOST]

    def name(self, number: int) -> None:
        """Give the running step a number for messages, such as that of a cell.

        Args:
            number: the number.
        Example:
            >>> session.steps.begin()
            >>> session.steps.name(3)
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.undo().steps
            ('cell [3]',)
        """
        self._marks[-1].number = number

    def _begin(self, number: int | None = None) -> None:
        life, head = self._session._now, self._session.controller.world.head
        if self._marks and self._marks[-1].head == head:
            self._marks.pop()  # it has changed nothing
        self._marks.append(_Mark(number, head, weakref.ref(life), shared_by(life.liveslots)))

    def undo(self, n: int = 1) -> Undone:
        """Take back the last steps that changed the world; see `Session.undo`.

        Args:
            n: how many.
        Raises:
            KernelError: if there are not so many.
        Example:
            >>> session.steps.begin()
            >>> session.controller.terminate_vat("bank")
            >>> "bank" in session.controller.vats, bool(session.steps.undo()), "bank" in world.vats
            (False, True, True)
        """
        if type(n) is not int or n < 1:
            raise KernelError(f"undo takes back a number of steps from 1, not {n!r}")
        with self._session.controller.lock:
            here, _ = self._here()
            place, mark, steps = self._last(n, here)
            frame = self._leave(here, mark.head, self._marks[place:], steps)
            undone = self._go(mark, here, frame, "redo brings it back, until something is sent")
            self._marks[place:] = []
            self._begin(frame.marks[-1].number if frame.marks and frame.marks[-1].head == here else None)
            self._undone.append(frame)
            return undone

    def redo(self) -> Undone:
        """Do again what the last undo took back; see `Session.redo`.

        Raises:
            KernelError: if nothing was taken back, or if something was sent since.
            UnknownCommit: if what was taken back was pruned.
        Example:
            >>> session.steps.begin()
            >>> session.controller.terminate_vat("bank")
            >>> undone = session.steps.undo()
            >>> "bank" in world.vats, bool(session.steps.redo()), "bank" in world.vats
            (True, True, False)
        """
        with self._session.controller.lock:
            here, went_on = self._here()
            if went_on:
                raise KernelError(
                    "there is nothing to do again: something was sent or changed since the undo, and the"
                    " world has gone on from there"
                )
            if not self._undone:
                raise KernelError("there is nothing to do again: nothing was taken back")
            self._session.controller.world.history.commit(self._undone[-1].head)  # which may be pruned
            frame = self._undone.pop()
            self._kept -= {promise for ref in frame.kept if (promise := ref()) is not None}
            back = _Mark(None, frame.head, frame.life, frame.handles)
            redone = self._go(back, here, frame, "do it again, and get it from there")
            number = self._marks[-1].number
            self._marks[-1:] = frame.marks
            self._begin(number)
            return redone

    def _here(self) -> tuple[int, bool]:
        """The commit at which the world stands, and whether it has gone on since what was undone.

        If it has, that cannot be done again, and is forgotten.
        """
        self._session.flush()
        here = self._session.controller.world.head
        went_on = bool(self._undone) and not self._may_redo(here)
        if went_on:
            self._undone.clear()
        return here, went_on

    def was_taken_back(self, promise: Promise[Any]) -> bool:
        """Whether a promise keeps a value that an undo has taken back.

        Args:
            promise: a promise of this session.
        Example:
            >>> session.steps.was_taken_back(E(bank).open_purse("alice"))
            False
        """
        return promise in self._kept

    def only_housekeeping_since(self, commit: int) -> bool:
        """Whether nothing was sent or changed since a commit, but for what a session stores of itself.

        Args:
            commit: its number.
        Example:
            >>> here = world.history.head
            >>> fleeting = session.names.remember({"bank": bank})
            >>> session.steps.only_housekeeping_since(here)
            True
        """
        with self._session.controller.lock:
            return self._is_quiet(commit, self._session.controller.world.head)

    def _last(self, n: int, here: int) -> tuple[int, _Mark, tuple[str, ...]]:
        """The place of the mark before the last `n` steps, that mark, and the steps in words."""
        ends = [mark.head for mark in self._marks[1:]] + [here]
        history = self._session.controller.world.history
        begins = 0 if history.cut is None else history.cut.seq  # steps that began before are gone
        heads = [mark.head for mark in self._marks]
        places = [at for at, end in enumerate(ends) if heads[at] >= begins and self._counts(heads[at], end)]
        known = [words_of_step(self._marks[at].number) for at in reversed(places)]
        if n <= len(places):
            return places[-n], self._marks[places[-n]], tuple(known[:n])
        wanted, older = n - len(places), list[EarlierStep]()
        if heads[0] >= begins:
            older = earlier_steps.find(history, heads[0], wanted, self._session._now.vat_id)
        if len(older) < wanted:
            count, gone = len(places) + len(older), Recorded(self._session.controller.world).gone
            only = f"only {count:,} can be taken back" if count else "nothing has changed the world"
            if gone is not None:
                only = f"{count:,} can be taken back, for {gone}"
            raise KernelError(f"cannot take back {n:,} {'step' if n == 1 else 'steps'}: {only}")
        words = tuple(step.words for step in older)
        return 0, _Mark(None, older[-1].before, None, Handles()), (*known, *words)

    def _counts(self, begin: int, end: int) -> bool:
        """Whether a step has changed the world; that a session joins and stores names is no step."""
        if begin != self._joined:
            return begin != end
        return not self._is_quiet(begin, end)

    def _leave(self, here: int, target: int, marks: list[_Mark], steps: tuple[str, ...]) -> _Frame:
        session = self._session
        store, way = session.controller.kernel.store, self._way(target, here)
        found = effects(store, way or ())
        life = session._now
        handles = handles_of(life.liveslots)
        held = held_by_others(life.liveslots)
        return _Frame(here, target, list(marks), weakref.ref(life), handles, steps, found, held)

    def _way(self, first: int, last: int) -> list[int] | None:
        """The commits after `first` up to `last`, oldest first; None if `first` does not lead to `last`."""
        found: list[int] = []
        for seq in self._session.controller.world.history.ancestors(last):
            if seq <= first:
                return found[::-1] if seq == first else None
            found.append(seq)
        return None

    def _may_redo(self, here: int) -> bool:
        """Whether nothing but housekeeping was done since the last undo."""
        return self._is_quiet(self._undone[-1].target, here)

    def _is_quiet(self, first: int, last: int) -> bool:
        """Whether one commit leads to another with nothing but housekeeping in between."""
        world, vat = self._session.controller.world, self._session._now.vat_id
        way = self._way(first, last)
        return way is not None and all(
            is_quiet(record, vat) for seq in way for record in world.history.records_of(seq)
        )

    def _go(self, mark: _Mark, here: int, frame: _Frame, fix: str) -> Undone:
        session = self._session
        controller, opened, life = session.controller, session.controller._opened, session._now
        store, live = controller.kernel.store, life.liveslots
        way = self._way(mark.head, here) or self._way(here, mark.head) or ()
        keys = changed_keys(store, way, life.vat_id)
        steps = f"what {_joined(frame.steps)} did"
        problem: str | None = None
        dead = kept = 0
        if mark.life is not None and mark.life() is life:
            with reading(live, store, life.vat_id):
                lasting = lasting_of(live)
            ended = Ended(steps, "that was taken back", fix, life.owners())
            with opened.lives.staying(life), opened.lives.going_back("it was undone"):
                opened.go_to(mark.head, here)
            opened.forget_what_ran()
            with context.activate(live):
                following = Following(store, life.vat_id, live, mark.handles, lasting)
                problem = following.why_not()
                if problem is None:
                    dead, kept = following.follow(ended), len(following.kept)
                    frame.kept = [weakref.ref(promise) for promise in following.kept]
                    self._kept.update(following.kept)
            if problem is not None:
                life.end(f"{steps} was taken back")
                controller.kernel.warehouse.detach(life.vat_id)
        else:
            problem = "that state is of another life of the session"
            controller.history.go_back_to_commit(mark.head)
        if problem is not None:
            left_behind = session.attach(f"{steps} was taken back")
            return self._undone_of(frame, resumed=problem, left_behind=left_behind)
        gone, back = session.names.changed(keys)
        return self._undone_of(frame, gone=gone, back=back, dead=dead, kept=kept)

    def _undone_of(self, frame: _Frame, **found: Any) -> Undone:
        """What was done, now that the world stands where it leads."""
        controller = self._session.controller
        return Undone(
            **vars(frame.effects),
            **found,
            steps=frame.steps,
            numbers=tuple(mark.number for mark in frame.marks if mark.number is not None),
            commit=controller.world.head,
            crank=controller.crank,
        )


class CanUndo:
    """The part of a session that takes back steps."""

    steps: Steps

    def undo(self, n: int = 1) -> Undone:
        """Take back what the last steps did to the world, and commit nothing.

        A step is a cell, or what a program did between two calls of `steps.begin`. Those that changed nothing
        do not count. Handles of then go on, later ones are dead. What the program has in its variables, what
        vats printed, mail that was taken and calls of the host's functions stay.

        Args:
            n: how many steps.
        Returns:
            What was taken back, and what stays.
        Raises:
            KernelError: if there are not so many steps, or if the state of then has local vats, and the world
                is not trusted with them.
        Example:
            >>> session.steps.begin()
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.steps.begin()
            >>> session.wait(E(purse).deposit(10))
            10
            >>> undone = session.undo()
            >>> session.wait(E(purse).deposit(1))
            1
        """
        return self.steps.undo(n)

    def redo(self) -> Undone:
        """Do again what the last undo took back: the world goes to the commit that the undo left.

        Returns:
            What was done again.
        Raises:
            KernelError: if nothing was taken back, or if something was sent since.
        Example:
            >>> session.steps.begin()
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> undone, redone = session.undo(), session.redo()
            >>> session.wait(E(purse).deposit(1))
            1
        """
        return self.steps.redo()


def _joined(words: Iterable[str]) -> str:
    listed = list(words)
    more = len(listed) - _FEW
    listed = [*listed[:_FEW], *([f"{more:,} more"] if more > 0 else [])]
    return " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)
