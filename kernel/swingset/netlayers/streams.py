"""Links over streams of the operating system, and the greeting between worlds of this library.

The greeting proves both sides: each signs what both have said with the key that its designator is. It is
three messages, each with its length before it: who dials, with where it can be reached; who listens, with its
signature; the signature of who dials. Nothing is hidden by it: these streams stay on one machine.
"""

from __future__ import annotations

import asyncio
import base64
import struct
from dataclasses import dataclass

from swingset.net import locators
from swingset.net.locators import Locator
from swingset.net.values import Malformed
from swingset.netlayers.base import Identity, NetlayerError

CHUNK = 1 << 16
_MOST = 4_096
_MAGIC = b"swingset-link-1\n"
_KEY, _SIGNATURE = 32, 64


@dataclass
class StreamLink:
    """A link over a stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    location: Locator | None = None
    dialect: str = "goblins"

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


def designator_of(public: bytes) -> str:
    """The designator of a public key: small base32."""
    return base64.b32encode(public).decode().rstrip("=").lower()


async def greet(link: StreamLink, identity: Identity, here: Locator, there: Locator) -> StreamLink:
    """Prove to whom we dialled who we are, and have it prove that it is there. Raises `NetlayerError`."""
    location = locators.uri(here).encode()
    first = _MAGIC + identity.random() + identity.public + location
    await link.send(_framed(first))
    second = await _read(link)
    theirs, nonce_and_key = second[-_SIGNATURE:], second[:-_SIGNATURE]
    public = nonce_and_key[_KEY:]
    if len(public) != _KEY or designator_of(public) != there.designator:
        raise NetlayerError("another world than the one that was dialled listens there")
    if not identity.verify(public, b"listener" + first + nonce_and_key, theirs):
        raise NetlayerError("the world that listens there did not prove that it has its key")
    await link.send(_framed(identity.sign(b"dialler" + first + second)))
    link.location, link.dialect = there, "swingset"
    return link


async def be_greeted(link: StreamLink, identity: Identity) -> StreamLink:
    """Prove to who dialled who we are, and have it prove where it is. Raises `NetlayerError`."""
    first = await _read(link)
    said = first.removeprefix(_MAGIC)
    if said == first:
        raise NetlayerError("what was said first is no greeting of a world")
    public, location = said[_KEY : 2 * _KEY], said[2 * _KEY :]
    try:
        there = locators.parse_uri(location.decode())
    except (Malformed, UnicodeDecodeError):
        raise NetlayerError("what dialled does not say where it is") from None
    if not isinstance(there, Locator) or designator_of(public) != there.designator:
        raise NetlayerError("what dialled says that it is where another world is")
    mine = identity.random() + identity.public
    second = mine + identity.sign(b"listener" + first + mine)
    await link.send(_framed(second))
    if not identity.verify(public, b"dialler" + first + second, await _read(link)):
        raise NetlayerError("what dialled did not prove that it has its key")
    link.location, link.dialect = there, "swingset"
    return link


def _framed(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


async def _read(link: StreamLink) -> bytes:
    try:
        (size,) = struct.unpack(">H", await link.reader.readexactly(2))
        if size > _MOST:
            raise NetlayerError("a greeting is short")
        return await link.reader.readexactly(size)
    except asyncio.IncompleteReadError:
        raise NetlayerError("the other side hung up during the greeting") from None
