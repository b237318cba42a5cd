"""One connection of a world, as the thread with the sockets has it, and how often sessions may begin."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from swingset.host.wires.wire_pulse import Pulse
from swingset.net import syrup
from swingset.net.framing import Framer
from swingset.net.limits import Limits
from swingset.net.locators import Locator
from swingset.net.sessions import ABORT
from swingset.net.values import Record
from swingset.netlayers.base import Link

AT_ONCE, PER_SECOND, CLIENTS_PER_SECOND = 50, 10.0, 100.0
"""How many sessions may begin at once, and how many in a second then: with worlds, and with web clients."""

_TOGETHER = 64 << 10
"""How many bytes of several messages are sent together at most."""


@dataclass
class Connection:
    """One connection: what is to be sent on it, and the tasks that serve it."""

    name: str
    outgoing: bool
    here: str
    wanted: Locator | None = None
    link: Link | None = None
    framing: Framer | None = None
    unsent: deque[bytes | None] = field(default_factory=deque)  # None closes
    size: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    announced: bool = False  # the vat knows of it
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    digest: str | None = None  # of the address by which a web client came
    expiry: asyncio.TimerHandle | None = None
    quiet: bool = False  # the vat has not asked for it, and need not know that it could not be made
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.say)

    def say(self, data: bytes | None) -> None:
        """Have something sent; None closes after it."""
        self.unsent.append(data)
        self.size += len(data or b"")
        self.wake.set()

    def frames(self, framing: Framer) -> bytes | None:
        """What is sent next: a message, or several where they can go together; None for the end."""
        taken: list[bytes] = []
        size, most = 0, _TOGETHER if framing.joins else 0
        while self.unsent and (data := self.unsent[0]) is not None:
            if taken and size + len(data) > most:
                break
            self.unsent.popleft()
            self.size -= len(data)
            size += len(data)
            taken.append(framing.frame(data))
        return b"".join(taken) if taken else None

    async def messages(self, link: Link, framing: Framer) -> AsyncIterator[bytes]:
        """The messages that come, but for those of the pulse."""
        while True:
            self.pulse.begin()
            data = await link.receive()
            self.pulse.came()
            if not data:
                return
            for message in framing.feed(data):
                if not (self.lasting and self.pulse.takes(message)):
                    yield message

    @property
    def lasting(self) -> bool:
        """Whether both sides are proved worlds of this library, so that it carries a link."""
        return bool(getattr(self.link, "lasting", False)) and self.proved is not None

    @property
    def proved(self) -> Locator | None:
        """Where the other side is, as far as the netlayer has proved it."""
        return None if self.link is None else self.link.location


class Turns:
    """How often sessions may begin: some at once, then so many a second."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._left, self._at, self._per_second = float(AT_ONCE), 0.0, per_second

    async def mine(self) -> None:
        """Wait for a turn."""
        while True:
            now = asyncio.get_running_loop().time()
            self._left = min(float(AT_ONCE), self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left >= 1:
                self._left -= 1
                return
            await asyncio.sleep((1 - self._left) / self._per_second)


def has_room(open_: Collection[Connection], limits: Limits, digest: str | None = None) -> bool:
    """Whether another connection may be: of a world, or of a web client that comes by an address.

    Neither takes the places of the others, and no address takes those of all.
    """
    addresses = [each.digest for each in open_ if each.digest is not None]
    if digest is None:
        return len(open_) - len(addresses) < limits.sessions
    return len(addresses) < limits.clients and addresses.count(digest) < limits.clients_of_address


async def abort(link: Link, framing: Framer | None, reason: str) -> None:
    """Tell a peer why its connection ends, if it listens."""
    if framing is not None:
        with contextlib.suppress(OSError, TimeoutError):
            said = syrup.write(Record(ABORT, (reason[:200],)))
            await asyncio.wait_for(link.send(framing.frame(said)), 2.0)


async def closed(link: Link) -> None:
    """Close a link, if that can be done at all."""
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(link.close(), 2.0)
