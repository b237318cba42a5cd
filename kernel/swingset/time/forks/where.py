"""Whether a crank can be the beginning of a fork, and which near it could be.

A reader types the number of a crank from memory. If it is not the one that was meant, the error says what
was there, and which numbers beside it would do.
"""

from __future__ import annotations

from collections.abc import Iterator

from swingset.core.errors import KernelError
from swingset.host.worlds.controller import Controller
from swingset.lens.history.cause import Causes
from swingset.model.messages import Send
from swingset.world.records import CrankRecord, Record


class WrongCrank(KernelError):
    """A crank does not do for what is asked for; `near` are the numbers of those beside it that would."""

    def __init__(self, words: str, near: tuple[int, ...]) -> None:
        super().__init__(words)
        self.near = near


def check_crank(controller: Controller, crank: int, *, message: bool) -> None:
    """Raise `WrongCrank` unless the history has a crank, and with `message` also a message in it.

    Without `message`, 0 is the empty world, if its history is there.
    """
    causes = Causes(controller.kernel.store)
    last = controller.crank
    gone = causes.recorded.gone
    first = 0 if gone is None else gone.first
    if type(crank) is not int or not first <= crank <= last:
        closest = last if type(crank) is int and crank > last else first
        near = _messages_near(causes, closest) if message else (closest,)
        lacks = "" if gone is None else f"; {gone}"
        words = f"there is no crank {crank}: the history has cranks {first:,} to {last:,}{lacks}"
        raise WrongCrank(words, near)
    if not message:
        return
    found = _crank(causes, crank)
    if found is None or not isinstance(found.event, Send):
        was = "it is the beginning" if found is None else f"it was {causes.step(found).summary}"
        near = _messages_near(causes, crank)
        beside = [
            f"{causes.step(causes.recorded.crank(number)).summary} in crank {number:,}" for number in near
        ]
        nearest = f". Near it are {' and '.join(beside)}" if beside else ""
        raise WrongCrank(f"crank {crank} delivered no message that could be dropped: {was}{nearest}", near)


def _crank(causes: Causes, crank: int) -> CrankRecord | None:
    """The record of a crank; None if there is none, as for the empty world."""
    try:
        return causes.recorded.crank(crank)
    except KernelError:
        return None


def _messages_near(causes: Causes, crank: int) -> tuple[int, ...]:
    """The numbers of the nearest cranks that delivered a message: that or the one before it, and the next."""
    recorded, found = causes.recorded, _crank(causes, crank)
    number = 0 if found is None else found.number
    earlier = recorded.before(_may_be_send, number + 1)
    later = recorded.mentioning(_may_be_send, number)
    near = (next(_sends(records), None) for records in (earlier, later))
    return tuple(found.crank for found in near if found is not None)


def _may_be_send(line: bytes) -> bool:
    return b'"type":"send"' in line


def _sends(records: Iterator[Record]) -> Iterator[CrankRecord]:
    return (found for found in records if isinstance(found, CrankRecord) and isinstance(found.event, Send))
