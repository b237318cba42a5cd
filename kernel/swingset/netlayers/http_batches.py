"""One side of a link over requests: numbered frames, kept until the other side has them.

A request is two numbers, its first frame and the last one that it has got, a byte that says what it is for,
and frames, each with its length before it. A response is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from dataclasses import dataclass, field

from swingset.net.locators import Locator
from swingset.netlayers.base import NetlayerError

BRING, FETCH, END = 0, 1, 2
"""What a request is for; a response says with the last that nothing follows."""

BATCH = 1 << 20
"""How many bytes of frames are sent at once, if there are several."""

FULL = 4 << 20
"""How many bytes of frames wait at either end before their sender has to."""

_STRANGERS = 1 << 14
_HEAD = struct.Struct(">QQB")
_SIZE = struct.Struct(">I")


@dataclass
class HttpLink:
    """One side of a link: frames that came in order, and frames that wait for the other side to have them."""

    location: Locator | None = None
    dialect: str = "swingset"
    lasting: bool = True
    got: int = 0
    """The number of the last frame that came."""
    first: int = 1
    """The number of the first frame that waits."""
    unsent: deque[bytes] = field(default_factory=deque)
    ended: bool = False
    most: int = _STRANGERS
    _came: deque[bytes] = field(default_factory=deque)
    _bytes: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def stir(self) -> None:
        """Wake all who wait for a change."""
        self.changed.set()
        self.changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether so much has come that no more should."""
        return self._bytes >= self.most

    def take(self, first: int, frames: list[bytes]) -> None:
        """Frames came. Raises `OSError` where some are missing."""
        if frames and first > self.got + 1:
            raise OSError("frames are missing")
        for number, frame in enumerate(frames, first):
            if number > self.got:
                self.got = number
                self._came.append(frame)
                self._bytes += len(frame)
        self.stir()

    def has(self, number: int) -> None:
        """The other side has all frames up to a number."""
        while self.unsent and self.first <= number:
            self.unsent.popleft()
            self.first += 1
        self.stir()

    def batch(self) -> tuple[int, list[bytes]]:
        """The frames that wait, as many as are sent at once, and the number of the first."""
        found: list[bytes] = []
        size = 0
        for frame in self.unsent:
            if found and size + len(frame) > BATCH:
                break
            found.append(frame)
            size += len(frame)
        return self.first, found

    async def receive(self) -> bytes:
        """The next frame; none once the link has ended."""
        while not self._came:
            if self.ended:
                return b""
            await self.changed.wait()
        frame = self._came.popleft()
        self._bytes -= len(frame)
        self.stir()
        return frame

    async def send(self, data: bytes) -> None:
        """Send a frame, and wait until few wait. Raises `OSError` once the link has ended."""
        if self.ended:
            raise ConnectionResetError("the link has ended")
        self.unsent.append(data)
        self.stir()
        while sum(map(len, self.unsent)) > FULL and not self.ended:
            await self.changed.wait()

    async def close(self) -> None:
        """End it, once what was sent before has arrived, or in a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while self.unsent and not self.ended:
                    await self.changed.wait()
        self.end()

    def end(self) -> None:
        """End it now."""
        self.ended = True
        self.stir()

    async def say(self, data: bytes) -> None:
        """Say something of a greeting."""
        await self.send(data)

    async def hear(self) -> bytes:
        """Hear something of a greeting; raises `NetlayerError`."""
        data = await self.receive()
        if not data:
            raise NetlayerError("the other side hung up during the greeting")
        return data


def written(link: HttpLink, what: int, *, bare: bool = False) -> bytes:
    """A request or a response, with the frames that wait unless it is `bare`."""
    first, frames = (link.first, []) if bare else link.batch()
    parts = [_HEAD.pack(first, link.got, what)]
    for frame in frames:
        parts += (_SIZE.pack(len(frame)), frame)
    return b"".join(parts)


def read(data: bytes) -> tuple[int, int, int, list[bytes]]:
    """The numbers, the byte and the frames of a request or a response. Raises `OSError`."""
    try:
        first, got, what = _HEAD.unpack_from(data)
        at, frames = _HEAD.size, []
        while at < len(data):
            (size,) = _SIZE.unpack_from(data, at)
            at += _SIZE.size
            if at + size > len(data) or not size:
                raise OSError("a frame is cut")
            frames.append(data[at : at + size])
            at += size
    except struct.error:
        raise OSError("this is no batch of frames") from None
    return first, got, what, frames
