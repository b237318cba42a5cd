"""Collects garbage now: has every vat find out what it no longer holds, until nothing more is found.

A reference that a vat drops is not given back at once. The vat learns of it in its next `bringOutYourDead`,
which comes after a number of deliveries, so a small world may show things for a long while that nobody can
reach. One round is not enough either: what a vat gives back may be the last hold on something in another vat,
which that vat learns of in the next round. A round reaps only the vats that have run since the last one.

What is gone is gone for all other vats: an object that its own vat still uses lives on there, nameless.
Rings of objects in several vats that hold each other stay, for counting cannot find them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from swingset.core.errors import KernelError
from swingset.host.sessions.session import Session
from swingset.lens.present.rows import ObjectRow

MOST_ROUNDS: Final = 100
"""After so many rounds it stops: vats that send to each other for ever have new garbage for ever."""


@dataclass(frozen=True)
class Collected:
    """What a collection found: the objects that no other vat holds now, the rounds, and if that was all."""

    gone: tuple[ObjectRow, ...]
    rounds: int
    complete: bool


def collect_garbage(session: Session) -> Collected:
    """Collect garbage in all vats of a world, the session's own among them, and commit.

    It is `controller.reapAllVats` of the reference, repeated until it finds nothing new.

    Args:
        session: a session of the world. What its Python code still refers to is not garbage, nor what a
            redo would bring back. What names stood for in steps that an undo could take back is let go of.
    Returns:
        The objects that others held before, and nobody outside of their vat holds now, by number.
    Raises:
        KernelError: if the world is paused, for nothing can run then.
    Source:
        `controller.reapAllVats`, repeated until nothing more is found.
    Example:
        >>> purse = session.wait(E(bank).open_purse("alice"))
        >>> del purse
        >>> [row.label for row in swingset.collect_garbage(session).gone]
        ['Purse']
    """
    controller = session.controller
    if controller.queue.paused:
        raise KernelError("the world is paused, so nothing can be collected: unpause it first")
    with controller.lock:
        session.steps.let_go()
        before = controller.lens.objects()
        session.settle()
        since: dict[str, int] | None = None
        rounds, complete = 0, False
        while rounds < MOST_ROUNDS and not complete:
            found = controller.gc.reap_all(since)
            complete = found == since
            rounds += not complete
            since = found
            if not complete and session.settle().more:
                break
        left = {row.kref for row in controller.lens.objects()}
        return Collected(tuple(row for row in before if row.kref not in left), rounds, complete)
