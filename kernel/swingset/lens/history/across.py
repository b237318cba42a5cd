"""Causes that cross from one world to another, where the histories of both are at hand.

A message between worlds is the N-th of its session, on either side: the vat that speaks the protocol counts
what it has sent and what has come, in the row of the session, which stands in the record of each crank that
changed it. Both sides derive the same identifier for their session. So the identifier, the side that sent and
the number are one crossing of a message, and nothing has to be sent along, nor do two clocks have to agree.

Numbers only grow within a session. So the crank that sent number N is the first in whose record the count is
at least N, provided that the record before it is there too; where the history begins in between, it may have
been an earlier one, and is not guessed. A world that went back in time has in its history what is true of it
now: what the other world has received of a past that was left is said to be in no record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from swingset.core.errors import KernelError
from swingset.core.store import KernelStore
from swingset.lens.history.cause import MOST_UP, Asked, Causes, Step
from swingset.lens.state.wires import Wire
from swingset.model.foreign import read_object
from swingset.model.result_lines import InLines
from swingset.model.visible import one_line
from swingset.world.records import CrankRecord, Record

_ROW = "net.s."
_LONGEST_ROW = 20_000
_KEPT = 50


@dataclass(frozen=True)
class StepOf:
    """A step of one of several worlds; `depth` counts the messages that lie between it and what was asked."""

    world: str
    step: Step
    depth: int = 0

    def __str__(self) -> str:
        return f"{one_line(self.world, 60)}: {self.step}"


@dataclass(frozen=True, repr=False)
class CauseAcross(InLines):
    """Why a step happened, and what came of it, in all of several worlds.

    `up` are the steps that led to it in message order, nearest first; `origin` says why they end. `down` is
    what came of it; what another world did stands below the step that sent it. `more` says that it goes on.

    Source:
        Ours; Causeway merges the logs of several vats in this way.
    """

    step: StepOf
    up: tuple[StepOf, ...]
    origin: str
    down: tuple[StepOf, ...]
    more: bool

    def _lines(self) -> list[str]:
        found = [str(self.step), "message order, up: what led to it"]
        found += [f"  {each}" for each in self.up]
        found += [f"  {self.origin}", "message order, down: what came of it"]
        found += [f"{'  ' * each.depth}{each}" for each in self.down] or ["  nothing"]
        return found + (["  and more"] if self.more else [])


class Crossing(NamedTuple):
    """One message between two worlds: the session, the public key of the side that sent, and the number."""

    session: str
    sender: str
    number: int


class _Count(NamedTuple):
    """What one record says of a session: how many messages were sent and came, up to it."""

    record: int
    session: str
    ours: str
    theirs: str
    sent: int
    came: int


class _World:
    """One world, with what its records say of sessions."""

    def __init__(self, name: str, store: KernelStore) -> None:
        self.name = name
        self.causes = Causes(store)
        self.wire = Wire(store)
        self._counts: dict[str, list[_Count]] = {}

    def counts_of(self, record: Record) -> list[_Count]:
        """What a record says of sessions that have begun."""
        found = []
        for row in record.rows or ():
            if row.table == "vatstore" and row.key[0] == self.wire.vat and str(row.key[1]).startswith(_ROW):
                count = None if row.after is None else _count(record.number, row.after[-1])
                if count is not None:
                    found.append(count)
        return found

    def session(self, session: str) -> list[_Count]:
        """All that the history says of a session, in order."""
        if session not in self._counts:
            if len(self._counts) >= _KEPT:
                del self._counts[next(iter(self._counts))]
            needle = session.encode()
            found = self.causes.recorded.mentioning(lambda line: needle in line)
            counts = (each for record in found for each in self.counts_of(record))
            self._counts[session] = [each for each in counts if each.session == session]
        return self._counts[session]

    def before(self, count: _Count) -> _Count | None:
        """What was said of a session just before; None if no record that is left says it."""
        earlier = [each for each in self.session(count.session) if each.record < count.record]
        return earlier[-1] if earlier else None

    def came_with(self, record: Record) -> Crossing | None:
        """The message of another world that came with a record."""
        if not isinstance(record, CrankRecord) or not self.wire.came_in(record):
            return None
        for count in self.counts_of(record):
            earlier = self.before(count)
            if earlier is not None and count.came == earlier.came + 1:
                return Crossing(count.session, count.theirs, count.came)
        return None

    def sent_with(self, record: Record) -> Iterator[Crossing]:
        """The messages to other worlds that were sent in a record."""
        for count in self.counts_of(record):
            earlier = self.before(count)
            for number in range((count.sent if earlier is None else earlier.sent) + 1, count.sent + 1):
                yield Crossing(count.session, count.ours, number)

    def sender(self, crossing: Crossing) -> Record | None:
        """The record in which a message was sent, if it is there."""
        earlier: _Count | None = None
        for count in self.session(crossing.session):
            if count.ours != crossing.sender:
                return None
            if count.sent >= crossing.number:
                known = earlier is not None and earlier.sent < crossing.number
                return self.causes.recorded.number(count.record) if known else None
            earlier = count
        return None

    def receiver(self, crossing: Crossing) -> Record | None:
        """The record with which a message came, if it is there."""
        for count in self.session(crossing.session):
            if count.theirs == crossing.sender and count.came == crossing.number:
                record = self.causes.recorded.number(count.record)
                if record is not None and self.came_with(record) == crossing:
                    return record
        return None


class Across:
    """The histories of several worlds, joined by the messages between them.

    Source:
        Ours, after Causeway.
    """

    def __init__(self, worlds: Mapping[str, KernelStore]) -> None:
        self._worlds = {name: _World(name, store) for name, store in worlds.items()}

    def cause(self, world: str, asked: Asked, *, most: int = 200) -> CauseAcross:
        """Why something happened, and what came of it, followed into the other worlds.

        Args:
            world: the name of the world that is asked about.
            asked: the number of a crank, the kref of a promise or an object, or a record of that world.
            most: how many steps that came of it are returned at most.
        Raises:
            KernelError: if there is no such world here, or if no record of it tells of what is asked.
        Example:
            >>> kref = world.queue_to_root("bank", "open_purse", ["alice"])
            >>> report = world.run()
            >>> print(swingset.merge_causes({"mine": world}).cause("mine", world.crank).step)
            mine: crank 2: open_purse('alice') to root of bank ko20
        """
        found = self._worlds.get(world)
        if found is None:
            known = ", ".join(one_line(name, 40) for name in self._worlds) or "none"
            raise KernelError(f"no history of a world {one_line(world, 60)!r} is here; there are {known}")
        record = found.causes.record(asked)
        up, origin = self._up(found, record)
        down = list(islice(self._down(found, record, 1, set()), most + 1))
        step = StepOf(world, found.causes.step(record))
        return CauseAcross(step, tuple(up), origin, tuple(down[:most]), len(down) > most)

    def _up(self, at: _World, record: Record) -> tuple[list[StepOf], str]:
        found: list[StepOf] = []
        while len(found) < MOST_UP:
            crossing = at.came_with(record)
            sender = None if crossing is None else self._sender(crossing)
            if sender is not None:
                at, record = sender
            else:
                following = at.causes.sender_of(record)
                if following is None:
                    return found, self._origin(at, record, crossing)
                record = following
            found.append(StepOf(at.name, at.causes.step(record)))
        return found, "and so on: there are more senders"

    def _origin(self, at: _World, record: Record, crossing: Crossing | None) -> str:
        if crossing is None and at.causes.words.wire.came_in(record):
            words = "it came into the world from another world, whose history here has no record of it"
            return f"{one_line(at.name, 60)}: {words}"
        return f"{one_line(at.name, 60)}: {at.causes.origin(record)}"

    def _sender(self, crossing: Crossing) -> tuple[_World, Record] | None:
        for world in self._worlds.values():
            record = world.sender(crossing)
            if record is not None:
                return world, record
        return None

    def _down(self, at: _World, record: Record, depth: int, seen: set[Crossing]) -> Iterator[StepOf]:
        yield from self._arrived(at, record, depth, seen)
        for effect in at.causes.effects_of(record):
            yield StepOf(at.name, effect.step, depth + effect.depth - 1)
            following = at.causes.recorded.number(effect.step.number)
            if following is not None:
                yield from self._arrived(at, following, depth + effect.depth, seen)

    def _arrived(self, at: _World, record: Record, depth: int, seen: set[Crossing]) -> Iterator[StepOf]:
        """What other worlds did with what was sent in a record."""
        for crossing in at.sent_with(record):
            if crossing in seen:
                continue
            seen.add(crossing)
            for world in self._worlds.values():
                received = world.receiver(crossing) if world is not at else None
                if received is not None:
                    yield StepOf(world.name, world.causes.step(received), depth)
                    yield from self._down(world, received, depth + 1, seen)


def _count(record: int, text: Any) -> _Count | None:
    row = read_object(text, longest=_LONGEST_ROW) if isinstance(text, str) else None
    if row is None:
        return None
    texts = [row.get(name) for name in ("session", "public", "theirs")]
    numbers = [row.get(name) for name in ("sent", "messages")]
    if not all(isinstance(each, str) and each.isascii() for each in texts):
        return None
    if not all(type(each) is int for each in numbers):
        return None
    return _Count(record, *texts, *numbers)  # type: ignore[arg-type]
