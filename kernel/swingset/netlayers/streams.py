"""Links over streams of the operating system, and the greeting between worlds of this library.

The greeting proves both sides: each signs what both have said with the key that its designator is. It is
three messages, each with its length before it: who dials, with where it can be reached; who listens, with its
signature; the signature of who dials. Nothing is hidden by it: these streams stay on one machine.

A world that has had other keys says so as it listens, with what those have signed. So who dials it by an old
key learns the new one (`Succeeded`), and dials that.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Protocol

from swingset.net import cards, locators, syrup
from swingset.net.keys import named_by
from swingset.net.locators import Locator
from swingset.net.values import Malformed
from swingset.netlayers.base import Identity, NetlayerError, Succeeded

CHUNK = 1 << 16
MOST_SAID = 4_096
"""How many bytes a message of a greeting has at most."""

_MOST_PAST = MOST_SAID - 256
_MAGIC = b"swingset-link-1\n"
_KEY, _SIGNATURE = 32, 64


@dataclass
class StreamLink:
    """A link over a stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    location: Locator | None = None
    dialect: str = "goblins"
    lasting: bool = False

    async def receive(self) -> bytes:
        """The next bytes."""
        return await self.reader.read(CHUNK)

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """Close the link."""
        self.writer.close()


class Talk(Protocol):
    """What is said before a link is there: short messages in turn."""

    async def say(self, data: bytes) -> None:
        """Say one."""
        ...

    async def hear(self) -> bytes:
        """Hear one; raises `NetlayerError`, or `OSError`, where none comes."""
        ...


async def greet(talk: Talk, identity: Identity, here: Locator, there: Locator) -> None:
    """Prove to whom we dialled who we are, and have it prove that it is there.

    Raises `NetlayerError`; that is `Succeeded` if it is the world that was dialled, with a newer key.
    """
    location = locators.uri(here).encode()
    first = _MAGIC + identity.random() + identity.public + location
    await talk.say(first)
    second = await talk.hear()
    theirs, said = second[-_SIGNATURE:], second[:-_SIGNATURE]
    public, past = said[_KEY : 2 * _KEY], said[2 * _KEY :]
    card = None
    if len(public) != _KEY or named_by(public) != there.designator:
        card = _succession(identity, past, there.designator, public)
        if card is None:
            raise NetlayerError("another world than the one that was dialled listens there")
    if not identity.verify(public, b"listener" + first + said, theirs):
        raise NetlayerError("the world that listens there did not prove that it has its key")
    if card is not None:
        raise Succeeded(card)
    await talk.say(identity.sign(b"dialler" + first + second))


async def be_greeted(talk: Talk, identity: Identity) -> Locator:
    """Prove to who dialled who we are, and have it prove where it is, which is returned.

    Raises `NetlayerError`.
    """
    first = await talk.hear()
    said = first.removeprefix(_MAGIC)
    if said == first:
        raise NetlayerError("what was said first is no greeting of a world")
    public, location = said[_KEY : 2 * _KEY], said[2 * _KEY :]
    try:
        there = locators.parse_uri(location.decode())
    except (Malformed, UnicodeDecodeError):
        raise NetlayerError("what dialled does not say where it is") from None
    if not isinstance(there, Locator) or named_by(public) != there.designator:
        raise NetlayerError("what dialled says that it is where another world is")
    mine = identity.random() + identity.public + _past(identity)
    second = mine + identity.sign(b"listener" + first + mine)
    await talk.say(second)
    if not identity.verify(public, b"dialler" + first + second, await talk.hear()):
        raise NetlayerError("what dialled did not prove that it has its key")
    return there


def _past(identity: Identity) -> bytes:
    """What the former keys of a world have signed, the newest first, as far as there is room for it."""
    said = list(identity.past)
    while said and len(syrup.write(said)) > _MOST_PAST:
        said.pop()
    return syrup.write(said) if said else b""


def _succession(identity: Identity, past: bytes, dialled: str, public: bytes) -> bytes | None:
    """The statements by which a key has succeeded the one that was dialled, and no others.

    None if there are none.
    """
    try:
        said = zip(syrup.read(past), cards.read_statements(past, identity.verify), strict=True)
        following = {each.designator: (each.next, data) for data, each in said}
    except Malformed:
        return None
    found: list[bytes] = []
    while dialled in following and len(found) < len(following):
        successor, data = following[dialled]
        found.append(data)
        if successor is None or successor == named_by(public):
            return None if successor is None else syrup.write(found)
        dialled = successor
    return None


class StreamTalk:
    """Talk over a stream: each message has its length before it."""

    def __init__(self, link: StreamLink) -> None:
        self._link = link

    async def say(self, data: bytes) -> None:
        """Say one."""
        await self._link.send(struct.pack(">H", len(data)) + data)

    async def hear(self) -> bytes:
        """Hear one."""
        reader = self._link.reader
        try:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
            if size > MOST_SAID:
                raise NetlayerError("a greeting is short")
            return await reader.readexactly(size)
        except asyncio.IncompleteReadError:
            raise NetlayerError("the other side hung up during the greeting") from None


async def greeted(link: StreamLink, identity: Identity, here: Locator, there: Locator) -> StreamLink:
    """A link that we dialled, once both sides are proved."""
    await greet(StreamTalk(link), identity, here, there)
    link.location, link.dialect, link.lasting = there, "swingset", True
    return link


async def welcomed(link: StreamLink, identity: Identity) -> StreamLink:
    """A link that was dialled from outside, once both sides are proved."""
    link.location = await be_greeted(StreamTalk(link), identity)
    link.dialect, link.lasting = "swingset", True
    return link
