"""Takes back the last steps of a session, and does them again: undo and redo.

To take back the last steps is to go to the commit before them (`marks` says which steps count).

A name that a step has bound first is unbound; any other name stands again for the object of then, which is
the one that it was (`bindings`). What a redo needs is held until it is impossible.

Going back to a checkpoint begins a new life of the session, in which all handles are dead. An undo within a
life does not: the handles that the session had at that commit go on (`handles`). If that is impossible, it is
done as if the session went back to a checkpoint, and says so. Steps of earlier sessions always end the life.

An undo adds no record and no commit, so a redo goes to the commit that the undo left. It is possible until
something is sent.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swingset.core.errors import KernelError
from swingset.guest.base import context
from swingset.guest.base.ended import Ended
from swingset.guest.base.promises import Promise
from swingset.host.base.lives import Life
from swingset.host.sessions.handles import (
    Following,
    Handles,
    handles_of,
    held_by_others,
    lasting_of,
    reading,
)
from swingset.host.sessions.marks import Mark, Marks, Undoable
from swingset.host.sessions.session_names import Rebound
from swingset.host.sessions.undone import Undone, changed_modules, modules_of
from swingset.host.variables.bindings import Changed
from swingset.lens.history.taken_back import MOST, SENT, Effects, effects
from swingset.model.modules import Parts
from swingset.model.wording import named

_FEW = 10


class OthersKnow(KernelError):
    """An undo would take back what other worlds have asked for since: they have the answers, and keep them.

    `messages` has the first of them in words.
    """

    def __init__(self, messages: tuple[str, ...]) -> None:
        count = f"{len(messages):,}" if len(messages) < MOST else f"{MOST:,} or more"
        of = "message of another world" if len(messages) == 1 else "messages of other worlds"
        super().__init__(f"this would take back {count} {of} too, and who sent them would not know of it")
        self.messages = messages


class LosesMoved(KernelError):
    """An undo would end a link, and with it may go the only references to vats that have moved."""

    def __init__(self, vats: list[str]) -> None:
        super().__init__(
            f"something has passed to or from other worlds since, and this ends the link over which it did:"
            f" references to {named(vats)}, which moved there, may end with it"
        )


@dataclass
class _Frame:
    """What an undo left: where a redo goes, and the marks of the steps."""

    head: int
    target: int
    marks: list[Mark]
    life: weakref.ref[Life]
    handles: Handles
    steps: tuple[str, ...]
    effects: Effects
    held: list[object]
    """What others held of the session, which a redo needs again."""
    kept: list[weakref.ref[Promise[Any]]] = field(default_factory=list)
    """The promises that keep a value that was taken back."""
    names: dict[str, Any] = field(default_factory=dict)
    """What the names that changed by it stood for."""


class Steps:
    """The steps of one session, as `session.steps`.

    Source:
        Ours.
    """

    def __init__(self, session: Undoable) -> None:
        self._session = session
        self._marks = Marks(session)
        self._undone: list[_Frame] = []
        self._went_on = False
        """Whether the last undo cannot be done again, because the world has gone on."""
        self._kept: weakref.WeakSet[Promise[Any]] = weakref.WeakSet()

    def begin(self, *, from_outside: bool = False) -> None:
        """Begin a step, and end the one before.

        Args:
            from_outside: whether other worlds do what it will do. It counts as no step, and is taken back
                with the step before.
        Example:
            >>> session.steps.begin()
            >>> purse = session.wait(E(bank).open_purse("alice"))
            >>> session.undo().steps
            ('the last step',)
        """
        session = self._session
        with session.controller.lock:
            self._look_for_redo(session.controller.world.head)
            self._marks.begin(from_outside=from_outside)
            self._marks.forget_oldest()

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
        self._marks.running.number = number

    def undo(self, n: int = 1, *, answered: bool = False) -> Undone:
        """Take back the last steps that changed the world; see `Session.undo`.

        Args:
            n: how many.
            answered: whether messages of other worlds are taken back too, though their senders have answers.
        Raises:
            OthersKnow: if there are such messages, and `answered` is false.
            LosesMoved: if references to vats that have moved may end, and `answered` is false.
            KernelError: if there are not so many.
        Example:
            >>> session.steps.begin()
            >>> session.controller.terminate_vat("bank")
            >>> "bank" in session.controller.vats, bool(session.steps.undo()), "bank" in world.vats
            (False, True, True)
        """
        if type(n) is not int or n < 1:
            raise KernelError(f"undo takes back a number of steps from 1, not {n!r}")
        session = self._session
        with session.controller.lock:
            here = self._here()
            place, mark, steps = self._marks.last(n, here)
            frame = self._leave(here, mark.head, list(self._marks)[place:], steps)
            session.controller._opened.refuse_across(mark.head)
            if not answered and any(words.startswith(SENT) for words in frame.effects.outside):
                gone = sorted({each.name for each in session.controller.net.vat_moves() if each.has_gone})
                if gone:
                    raise LosesMoved(gone)
            if frame.effects.by_others and not answered:
                raise OthersKnow(frame.effects.by_others)
            changed = Changed()
            for step in frame.marks:
                changed.then(step.names)
            fix = "redo brings it back, until something is sent"
            undone = self._go(mark, here, frame, fix, lambda: session.names._take_back(changed))
            self._marks.cut(place)
            newest = frame.marks[-1] if frame.marks else None
            self._marks.begin(newest.number if newest is not None and newest.head == here else None)
            self._undone.append(frame)
            self._went_on = False
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
            here = self._here()
            if self._went_on:
                raise KernelError(
                    "there is nothing to do again: something was sent or changed since the undo, and the"
                    " world has gone on from there"
                )
            if not self._undone:
                raise KernelError("there is nothing to do again: nothing was taken back")
            self._session.controller.world.history.commit(self._undone[-1].head)  # which may be pruned
            frame = self._undone.pop()
            self._kept -= {promise for ref in frame.kept if (promise := ref()) is not None}
            back = Mark(None, frame.head, frame.life, frame.handles)
            names, fix = self._session.names, "do it again, and get it from there"
            redone = self._go(back, here, frame, fix, lambda: names._do_again(frame.names))
            number = self._marks.running.number
            self._marks.put_back(frame.marks)
            self._marks.begin(number)
            return redone

    def _here(self) -> int:
        """The commit at which the world stands, with all that was sent."""
        self._session.flush()
        here = self._session.controller.world.head
        self._look_for_redo(here)
        return here

    def _look_for_redo(self, here: int) -> None:
        """Forget what was undone, if the world has gone on since, so that it cannot be done again."""
        if self._undone and not self._marks.is_quiet(self._undone[-1].target, here):
            self._undone.clear()
            self._went_on = True

    def let_go(self) -> None:
        """Hold nothing any more of what names stood for before earlier steps; the store may have it.

        What a redo needs is held until something was sent. `collect_garbage` calls this.

        Example:
            >>> session.steps.let_go()
        """
        with self._session.controller.lock:
            self._here()
            for mark in self._marks:
                mark.names.let_go()

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
            return self._marks.is_quiet(commit, self._session.controller.world.head)

    def _leave(self, here: int, target: int, marks: list[Mark], steps: tuple[str, ...]) -> _Frame:
        session = self._session
        store, way = session.controller.kernel.store, self._marks.way(target, here)
        found = effects(store, way or ())
        life = session._now
        handles = handles_of(life.liveslots)
        held = held_by_others(life.liveslots)
        return _Frame(here, target, list(marks), weakref.ref(life), handles, steps, found, held)

    def _go(self, mark: Mark, here: int, frame: _Frame, fix: str, rebind: Callable[[], Rebound]) -> Undone:
        session = self._session
        controller, opened, life = session.controller, session.controller._opened, session._now
        store, live = controller.kernel.store, life.liveslots
        opened.refuse_across(mark.head)
        steps, before = f"what {_joined(frame.steps)} did", modules_of(store)
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
            problem = "that state belongs to another session"
            controller.history.go_back_to_commit(mark.head)
        if problem is not None:
            left_behind = session.attach(f"{steps} was taken back")
            return self._undone_of(frame, before, resumed=problem, left_behind=left_behind)
        names = rebind()
        frame.names = names.were
        named = {"gone": names.gone, "back": names.back, "holding_dead": names.holding_dead}
        return self._undone_of(frame, before, **named, dead=dead, kept=kept)

    def _undone_of(self, frame: _Frame, before: Mapping[str, Parts], **found: Any) -> Undone:
        """What was done, now that the world stands where it leads."""
        controller = self._session.controller
        return Undone(
            **vars(frame.effects),
            **found,
            modules=changed_modules(before, modules_of(controller.kernel.store)),
            steps=frame.steps,
            numbers=tuple(mark.number for mark in frame.marks if mark.number is not None),
            commit=controller.world.head,
            crank=controller.crank,
        )


class CanUndo:
    """The part of a session that takes back steps."""

    steps: Steps

    def undo(self, n: int = 1, *, answered: bool = False) -> Undone:
        """Take back what the last steps did to the world, and commit nothing.

        A step is a cell, or what a program did between two calls of `steps.begin`. Those that changed nothing
        do not count. Handles of then go on, later ones are dead. `gone` and `back` of what is returned say
        which names to unbind and to bind, as far as `names.remember` knows them. Other variables, what vats
        printed, mail that was taken and calls of the host's functions stay.

        Args:
            n: how many steps.
            answered: whether messages of other worlds are taken back too, though their senders have answers.
        Returns:
            What was taken back, and what stays.
        Raises:
            OthersKnow: if there are such messages, and `answered` is false.
            LosesMoved: if references to vats that have moved may end, and `answered` is false.
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
        return self.steps.undo(n, answered=answered)

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
