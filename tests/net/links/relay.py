"""What stands between two worlds and means no good: it cuts, delays and duplicates at random from a seed.

It knows where a frame ends, so a cut is in the middle of one as often as not, and what it says again is a
whole frame: one of this connection, or of an earlier one. It has no key, so it can say nothing of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from swingset.net.framing import framer

_KEPT = 50
_GREETING = {"in": 2, "out": 1}
"""How many messages of the greeting go each way, each with two bytes of length before it."""


@dataclass(frozen=True)
class Weather:
    """How often something happens to a frame, of one."""

    cut: float = 0.0
    delay: float = 0.0
    double: float = 0.0
    longest: float = 0.01


class Relay:
    """Listens in front of a world, and dials it for each who dials."""

    def __init__(self, front: str, behind: str, seed: int) -> None:
        self.front, self._behind, self.weather = front, behind, Weather()
        self._chance = random.Random(seed)
        self._kept: dict[str, deque[bytes]] = {"in": deque(maxlen=_KEPT), "out": deque(maxlen=_KEPT)}
        self._open: set[asyncio.StreamWriter] = set()
        self.done: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.down = False
        """Whether nobody comes through."""

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, self.front)

    def cut(self) -> None:
        """End all connections."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    async def _cut(self) -> None:
        for writer in list(self._open):
            writer.close()

    def close(self) -> None:
        """End all of it."""
        self.cut()
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        with contextlib.suppress(OSError):
            os.unlink(self.front)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.close()
            return
        try:
            theirs, ours = await asyncio.open_unix_connection(self._behind)
        except OSError:
            writer.close()
            return
        self.done["connections"] += 1
        both = {writer, ours}
        self._open |= both
        ways = [
            asyncio.ensure_future(self._carry(reader, ours, "in")),
            asyncio.ensure_future(self._carry(theirs, writer, "out")),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.close()
        await asyncio.gather(*ways, return_exceptions=True)
        self._open -= both

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        weather, chance = self.weather, self._chance
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async for frame in _frames(reader, way):
                if chance.random() < weather.delay:
                    self.done["delays"] += 1
                    await asyncio.sleep(chance.uniform(0.0, weather.longest))
                if chance.random() < weather.cut:
                    self.done["cuts"] += 1
                    writer.write(frame[: chance.randrange(len(frame) + 1)])
                    await writer.drain()
                    return
                writer.write(frame)
                self._kept[way].append(frame)
                if chance.random() < weather.double:
                    self.done["doubles"] += 1
                    writer.write(chance.choice([frame, chance.choice(self._kept[way])]))
                await writer.drain()


async def _frames(reader: asyncio.StreamReader, way: str) -> AsyncIterator[bytes]:
    """What comes, cut into the messages of the greeting and then into frames."""
    for _ in range(_GREETING[way]):
        size = await reader.readexactly(2)
        yield size + await reader.readexactly(int.from_bytes(size))
    framing = framer("prefix", 2_000_000)
    while data := await reader.read(65_536):
        for message in framing.feed(data):
            yield framing.frame(message)
