"""Histories of several worlds as one, in an order in which no message arrives before it is sent.

Worlds have no common clock. What ties them together are the messages that their mailboxes exchange: the
mailbox of the sender numbers each message for a peer, and that number arrives with the message. So the world
that sends, the world that receives and the number name one passage of a message, whoever carried it and how
often. This is all that a network has to keep, and both records have it already: the sender's as the effect of
a device call, the receiver's in the request `receive`.

A world may have several mailboxes, and each counts its own messages. Then each needs a name of its own, by
which the others send to it.

Each world's own order is kept. Where nothing ties two worlds together, the order between them means nothing.
What is private to one world stays in its records: nothing is copied between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from swingset.core.errors import KernelError
from swingset.world.records import Record, RequestRecord
from swingset.world.rows import MOST, RULES

_OUT = re.compile(r"out\.([A-Za-z0-9._-]{1,199})/([0-9]{15})\Z", re.ASCII)
_ID, _NAME = (list(RULES["devices"]).index(column) for column in ("id", "name"))


Mailboxes = Mapping[str, tuple[str, str]]
"""Mailboxes by the name that others have for each: the world, and the name of the device."""


class Passage(NamedTuple):
    """One message between two mailboxes, by their names: who sent it, who received it, and its number."""

    sender: str
    receiver: str
    number: int


@dataclass(frozen=True)
class Arrival:
    """A message that arrived with a record. `sent_in` is the number of the sender's record that sent it.

    It is None if that record is not among the histories, or comes later than it can. `world` is the world of
    the sender, None if its history is not among them.
    """

    passage: Passage
    sent_in: int | None
    world: str | None = None


@dataclass(frozen=True)
class MergedRecord:
    """A record of one of several worlds, with the messages that it sent to others and received from them."""

    world: str
    record: Record
    sent: tuple[Passage, ...] = ()
    received: tuple[Arrival, ...] = ()


def merge(
    histories: Mapping[str, Iterable[Record]], mailboxes: Mailboxes | None = None
) -> Iterator[MergedRecord]:
    """Merge the records of several worlds, in an order in which no message arrives before it is sent.

    Args:
        histories: the records of each world, by the name that the mailboxes of the others have for it.
        mailboxes: if worlds have several mailboxes, the world and the device of each, by the name that the
            mailboxes of the others have for it, such as `{"ann-office": ("ann", "office")}`. A mailbox that
            is not listed has the name of its world.
    Returns:
        Each record once, with the messages that it sent and received. It is made as the records are read.
    Raises:
        KernelError: for a mailbox of a world that is not among the histories, or whose name is a world's.
    Source:
        Ours, after Lamport's order of messages.
    Example:
        >>> [merged.world for merged in swingset.merge({"ann": world.history.records()})][0]
        'ann'
    """
    names = _Names(histories, mailboxes or {})
    lines = {world: _Line(world, records, names) for world, records in histories.items()}
    sent: dict[Passage, int] = {}
    while any(line.head is not None for line in lines.values()):
        ready = [line for line in lines.values() if line.head is not None and line.may_go_on(sent, lines)]
        if not ready:  # a message came before it was sent, or its sender does not say so
            ready = [next(line for line in lines.values() if line.head is not None)]
        line = ready[0]
        while line.head is not None:
            merged = line.take(sent)
            sent.update((passage, merged.record.number) for passage in merged.sent)
            yield merged
            if not line.may_go_on(sent, lines):
                break


class _Names:
    """The names of mailboxes: which world has it, and what its device is called."""

    def __init__(self, histories: Mapping[str, Iterable[Record]], mailboxes: Mailboxes) -> None:
        for name, (world, _) in mailboxes.items():
            if world not in histories:
                raise KernelError(f"mailbox {name!r}: no history is of a world {world!r}")
            if name in histories and name != world:
                raise KernelError(f"mailbox {name!r} of world {world!r} has the name of another world")
        self.worlds = {
            **{world: world for world in histories},
            **{name: mailboxes[name][0] for name in mailboxes},
        }
        self._of = {place: name for name, place in mailboxes.items()}

    def of(self, world: str, device: str | None) -> str:
        """The name of a world's mailbox, whose device is called so."""
        return self._of.get((world, device or ""), world)


class _Line:
    """The records of one world, one after the other."""

    def __init__(self, world: str, records: Iterable[Record], names: _Names) -> None:
        self._world = world
        self._records = iter(records)
        self._names = names
        self._devices: dict[str, str] = {}  # the names of devices by id, as far as records tell them
        self._seen: dict[tuple[str, str], int] = {}  # the last number that each peer sent to each mailbox
        self.head = next(self._records, None)

    def _arriving(self) -> list[Passage]:
        match self.head:
            case RequestRecord(verb="receive", arguments=given):
                peer, messages, device = given.get("peer"), given.get("messages"), given.get("device")
            case _:
                return []
        if not isinstance(peer, str) or not isinstance(messages, list):
            return []
        own = self._names.of(self._world, device if isinstance(device, str) else None)
        last = self._seen.get((peer, own), 0)
        numbers = {
            message[0]
            for message in messages
            if isinstance(message, list) and message and type(message[0]) is int and last < message[0] < MOST
        }
        return [Passage(peer, own, number) for number in sorted(numbers)]

    def may_go_on(self, sent: Mapping[Passage, int], lines: Mapping[str, _Line]) -> bool:
        """Whether the next record may come now: what arrives with it was sent, or is never seen sent."""
        worlds = self._names.worlds
        return all(
            passage in sent or passage.sender not in worlds or lines[worlds[passage.sender]].head is None
            for passage in self._arriving()
        )

    def take(self, sent: Mapping[Passage, int]) -> MergedRecord:
        """The next record."""
        record = self.head
        assert record is not None, "only a line with a next record is taken from"
        received = self._arriving()
        for passage in received:
            self._seen[passage.sender, passage.receiver] = passage.number
        for row in record.rows or ():
            if row.table == "devices" and row.after is not None:
                self._devices[str(row.after[_ID])] = str(row.after[_NAME])
        self.head = next(self._records, None)
        worlds = self._names.worlds
        arrivals = tuple(Arrival(said, sent.get(said), worlds.get(said.sender)) for said in received)
        return MergedRecord(self._world, record, tuple(self._sent(record)), arrivals)

    def _sent(self, record: Record) -> Iterator[Passage]:
        """The messages that a vat put into an outbox."""
        for call in record.calls or ():
            for effect in () if call.undone or call.method != "send" else call.effects:
                key = effect.given[0] if effect.what == "set" and effect.given[1] is not None else None
                found = _OUT.match(key) if isinstance(key, str) else None
                own = self._names.of(self._world, self._devices.get(effect.device))
                if found is not None and found[1] in self._names.worlds and found[1] != own:
                    yield Passage(own, found[1], int(found[2]))
